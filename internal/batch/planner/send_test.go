package planner

import (
	"testing"

	"rcpt/internal/batch"
)

// TestShardsAreMixed: shards of like domains have neighboring numbers. If they
// were neighbors in the queue, those who ask would all come to wait for the same
// slow operator at the same time.
func TestShardsAreMixed(t *testing.T) {
	const shards, alike, window = 2000, 120, 16
	messages := make([]batch.Message, shards)
	for i := range messages {
		messages[i].Shard = int64(i)
	}
	mix(messages)
	seen := make(map[int64]bool)
	for from := range messages {
		seen[messages[from].Shard] = true
		groups := make(map[int64]int)
		for _, m := range messages[from:min(from+window, shards)] {
			if groups[m.Shard/alike]++; groups[m.Shard/alike] > window/2 {
				t.Fatalf("of %d shards in a row from %d on, %d are among %d neighbors", window, from, groups[m.Shard/alike], alike)
			}
		}
	}
	if len(seen) != shards {
		t.Errorf("%d shards of %d are there", len(seen), shards)
	}
}
