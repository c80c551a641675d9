package overlay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Many processes report the same addresses at the same time.
func TestReportsAtOnceAllCount(t *testing.T) {
	w := open(t)
	key := keyOf("key")
	key.ReportsPerDay = 0
	const workers, posts = 8, 12
	var all sync.WaitGroup
	var recorded, duplicates atomic.Int64
	for worker := range workers {
		book := New(w.cfg)
		book.cfg.Forget = func(context.Context, string, ...address.Address) (int, error) { return 0, nil }
		all.Go(func() {
			for post := range posts {
				var events []Event
				for i := range 10 { // every event is delivered by two workers
					events = append(events, bounce(fmt.Sprintf("user%d@d%d.example", i%4, i%3), (worker/2*posts+post)*10+i))
				}
				o, err := book.Record(t.Context(), key, events, noon(), Terms{})
				if err != nil {
					t.Errorf("record: %v", err)
				}
				recorded.Add(int64(o.Recorded))
				duplicates.Add(int64(o.Duplicates))
			}
		})
	}
	all.Wait()
	const want = workers / 2 * posts * 10
	var count int64
	for _, e := range w.all(t, key) {
		count += e.Count
	}
	if recorded.Load() != want || duplicates.Load() != want || count != want {
		t.Errorf("%d recorded, %d duplicates, %d counted, want %d of each", recorded.Load(), duplicates.Load(), count, want)
	}
}

func TestWithoutPauseIsAConflict(t *testing.T) {
	w := open(t)
	w.table.Table = refusing{w.table.Table}
	if _, err := w.Record(t.Context(), keyOf("key"), bounces("ok.example", 1), noon(), Terms{}); !errors.Is(err, ErrConflict) {
		t.Errorf("error %v", err)
	}
	if n := w.vault.sealed.Load(); n != 1 {
		t.Errorf("sealed %d times", n)
	}
}

type refusing struct{ store.Table }

func (refusing) Transact(context.Context, []store.Op) error { return &store.TransactError{} }
