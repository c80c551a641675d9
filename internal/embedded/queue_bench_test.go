package embedded_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
)

// BenchmarkQueue sends, receives and deletes messages of 4 kB, ten at a time,
// among 10,000 that are held back in 100 groups. The sync of the disk is in it.
func BenchmarkQueue(b *testing.B) {
	db := mustOpen(b, b.TempDir(), embedded.Options{})
	q := db.Queue("work", embedded.DeadLetters{Queue: "dead", Receives: 5})
	batch := func(n int, delay time.Duration) (messages []store.Message) {
		for i := range n {
			messages = append(messages, store.Message{Body: strings.Repeat("x", 4000), Group: fmt.Sprint("account-", i%100), Delay: delay})
		}
		return messages
	}
	if err := q.Send(b.Context(), batch(10_000, store.MaxDelay)...); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := q.Send(b.Context(), batch(10, 0)...); err != nil {
			b.Fatal(err)
		}
		got, err := q.Receive(b.Context(), 10, 0, time.Minute)
		if err != nil || len(got) != 10 {
			b.Fatalf("Receive: %d, %v", len(got), err)
		}
		var receipts []string
		for _, d := range got {
			receipts = append(receipts, d.Receipt)
		}
		if err := q.Delete(b.Context(), receipts...); err != nil {
			b.Fatal(err)
		}
	}
}
