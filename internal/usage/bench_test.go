package usage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"rcpt/internal/embedded"
)

// BenchmarkMeter measures a request in and out, one after the other and from 64
// goroutines at once: with the disk that holds the table of one machine synced
// at each commit, and without. Refusals are those that need no table.
func BenchmarkMeter(b *testing.B) {
	db, err := embedded.Open(b.TempDir(), embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	limits := Limits{Concurrency: 100, Monthly: 1 << 40}
	inOut := func(m *Meter, key string) error {
		ticket, err := m.Admit(b.Context(), key, limits)
		if err != nil {
			return err
		}
		return ticket.Done(context.Background(), valid)
	}
	synced, unsynced := NewMeter(db.Control(), nil, nil), NewMeter(db.Cache(), nil, nil)
	for _, workers := range []int{1, 64} {
		b.Run(fmt.Sprint("synced/", workers), func(b *testing.B) {
			spread(b, workers, func(int64) error { return inOut(synced, "k1") })
		})
		b.Run(fmt.Sprint("unsynced/", workers), func(b *testing.B) {
			spread(b, workers, func(int64) error { return inOut(unsynced, "k1") })
		})
		b.Run(fmt.Sprint("unsynced keys/", workers), func(b *testing.B) {
			spread(b, workers, func(n int64) error { return inOut(unsynced, fmt.Sprint("k", n%100)) })
		})
	}
	for range 10 {
		if _, err := unsynced.Admit(b.Context(), "busy", Limits{Concurrency: 10}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("refused", func(b *testing.B) {
		spread(b, 64, func(int64) error {
			if _, err := unsynced.Admit(b.Context(), "busy", Limits{Concurrency: 10}); !errors.Is(err, ErrBusy) {
				return fmt.Errorf("got %w, want ErrBusy", err)
			}
			return nil
		})
	})
}

// spread makes b.N calls from so many goroutines.
func spread(b *testing.B, workers int, call func(n int64) error) {
	var next atomic.Int64
	var all sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range workers {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := call(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
