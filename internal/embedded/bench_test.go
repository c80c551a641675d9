package embedded_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
)

// BenchmarkTable measures calls one after the other, and from 64 goroutines at
// once. Writes to control include the sync of the disk it runs on.
func BenchmarkTable(b *testing.B) {
	db := mustOpen(b, b.TempDir(), embedded.Options{})
	ctx := b.Context()
	key := func(n int64) store.Key {
		return store.Key{Part: fmt.Sprint("KEY#", n%100), Sort: fmt.Sprint("hash", n%5000)}
	}
	attrs := store.Attrs{"reason": "hard_bounce", "count": int64(3), "source": "postmark", "sealed": make([]byte, 120)}
	for _, table := range []struct {
		name string
		store.Table
	}{{"control", db.Control()}, {"cache", db.Cache()}} {
		var stock []store.Item
		for n := range int64(5000) {
			stock = append(stock, store.Item{Key: key(n), Attrs: attrs})
		}
		if err := table.BatchPut(ctx, stock); err != nil {
			b.Fatal(err)
		}
		for _, call := range []struct {
			name string
			run  func(n int64) error
		}{
			{"get", func(n int64) error { _, err := table.Get(ctx, key(n)); return err }},
			{"put", func(n int64) error { return table.Put(ctx, store.Item{Key: key(n), Attrs: attrs}) }},
			{"update", func(n int64) error {
				u := store.Update{Key: key(n), Add: map[string]int64{"count": 1}, If: []store.Cond{store.AtMost("count", 1<<40)}}
				_, err := table.Update(ctx, u)
				return err
			}},
		} {
			for _, workers := range []int{1, 64} {
				b.Run(fmt.Sprintf("%s/%s/%d", table.name, call.name, workers), func(b *testing.B) {
					spread(b, workers, call.run)
				})
			}
		}
	}
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
