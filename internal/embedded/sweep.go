package embedded

import (
	"context"
	"fmt"
	"slices"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// How much of a table one Sweep looks at and removes: a few milliseconds, in
// which no other writer gets its turn.
const (
	sweepReads   = 10_000
	sweepRemoves = 1_000
)

// sweeper remembers the key to go on with; nil: from the start.
type sweeper struct {
	mu       sync.Mutex
	position []byte
}

// Sweep removes a bounded number of expired items from both tables and returns
// how many. Each call goes on where the one before ended, and round again; the
// caller decides how often. Nobody sees the difference but the disk.
func (db *DB) Sweep(ctx context.Context) (removed int, err error) {
	for _, t := range []*table{db.control, db.cache} {
		n, err := t.sweepOnce(ctx)
		removed += n
		if err != nil {
			return removed, fmt.Errorf("sweep: %w", err)
		}
	}
	return removed, nil
}

func (t *table) sweepOnce(ctx context.Context) (removed int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	t.sweep.mu.Lock()
	defer t.sweep.mu.Unlock()
	var old [][]byte
	err = t.bolt.View(func(tx *bolt.Tx) error {
		old = t.sweep.collect(items(tx).Cursor(), t.now().Unix())
		return nil
	})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	err = t.commit(ctx, func(e *edit) error {
		for _, key := range old {
			// It may have been written anew since it was collected.
			if value := e.bucket.Get(key); value == nil || !expired(value, e.now) {
				continue
			}
			if err := e.set(key, nil); err != nil {
				return err
			}
			removed++
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

func (s *sweeper) collect(cursor *bolt.Cursor, now int64) (old [][]byte) {
	key, value := cursor.Seek(s.position)
	for range sweepReads {
		if key == nil || len(old) == sweepRemoves {
			break
		}
		if expired(value, now) {
			old = append(old, slices.Clone(key))
		}
		key, value = cursor.Next()
	}
	s.position = slices.Clone(key)
	return old
}
