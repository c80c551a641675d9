package overlay

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rcpt/internal/embedded"
)

// BenchmarkRecord measures POSTs of ten events, from so many callers at once, on
// a table that is synced at each commit, as one machine has it.
func BenchmarkRecord(b *testing.B) {
	db, err := embedded.Open(b.TempDir(), embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	book := New(Config{
		Table: db.Control(), Vault: db.Vault(), Secret: []byte("secret"), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	var number atomic.Int64
	for _, callers := range []int{1, 8, 64} {
		for _, limit := range []int64{0, 1_000_000_000} {
			b.Run(fmt.Sprintf("callers=%d/budget=%d", callers, limit), func(b *testing.B) {
				key := Key{ID: "key", Account: "account", ReportsPerDay: limit}
				var left atomic.Int64
				left.Store(int64(b.N))
				took := make([][]time.Duration, callers)
				var all sync.WaitGroup
				b.ResetTimer()
				for caller := range callers {
					all.Go(func() {
						for left.Add(-1) >= 0 {
							events := make([]Event, 10)
							for i := range events {
								n := int(number.Add(1))
								events[i] = bounce(fmt.Sprintf("user%d@d%d.example", n%200_000, n%500), n)
							}
							began := time.Now()
							if o, err := book.Record(b.Context(), key, events, time.Time{}, Terms{}); err != nil || o.Recorded != 10 {
								b.Errorf("%+v, %v", o, err)
								return
							}
							took[caller] = append(took[caller], time.Since(began))
						}
					})
				}
				all.Wait()
				sorted := slices.Sorted(slices.Values(slices.Concat(took...)))
				b.ReportMetric(float64(10*b.N)/b.Elapsed().Seconds(), "events/s")
				b.ReportMetric(float64(sorted[len(sorted)*99/100].Microseconds())/1000, "p99-ms")
			})
		}
	}
}
