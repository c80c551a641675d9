package pace

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
)

// crowd runs sessions of fifty goroutines through five Pacers, as a fleet would,
// and checks what the operator sees of them.
func crowd(t *testing.T, table store.Table) {
	const fleet, sessions = 5, 50
	pacers := make([]*Pacer, fleet)
	for i := range pacers {
		pacers[i] = New(Config{Mode: On, Table: table})
	}
	var (
		open, most atomic.Int64
		mu         sync.Mutex
		starts     []time.Time
		all        sync.WaitGroup
	)
	for i := range sessions {
		all.Go(func() {
			x, err := pacers[i%fleet].Admit(t.Context(), small)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			starts = append(starts, time.Now())
			most.Store(max(most.Load(), open.Add(1)))
			mu.Unlock()
			time.Sleep(1500 * time.Millisecond)
			open.Add(-1)
			if _, err := x.Done(t.Context(), Report{Asked: 1}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(starts) != sessions || most.Load() != 2 {
		t.Errorf("%d sessions, %d at once, want %d, 2 at once", len(starts), most.Load(), sessions)
	}
	slices.SortFunc(starts, time.Time.Compare)
	for i := burst; i < len(starts); i++ {
		for j := range i - burst + 1 {
			// Stored in whole ms, and started a little after it was entered.
			if least := time.Duration(i-j-burst+1)*time.Second - 10*time.Millisecond; starts[i].Sub(starts[j]) < least {
				t.Fatalf("start %d came %v after start %d, want at least %v", i, starts[i].Sub(starts[j]), j, least)
			}
		}
	}
	if got := stateOf(t, pacers[0]); got.Asked != sessions || got.Slots[0] != 0 || got.Slots[1] != 0 {
		t.Errorf("state %+v, want every report and free slots", got)
	}
}

func TestFiftyGoroutinesShareAnOperator(t *testing.T) {
	t.Run("table in memory", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { crowd(t, newTable()) })
	})
	t.Run("table on disk", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			db, err := embedded.Open(t.TempDir(), embedded.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			crowd(t, db.Cache())
		})
	})
}

func TestOneOfFiftyGoroutinesTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Config{Mode: On, Table: newTable()})
		done(t, admit(t, p), Report{Refused: true})
		time.Sleep(firstRest)
		var admitted, kept atomic.Int64
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				_, err := p.Admit(t.Context(), small)
				var e *HeldError
				switch {
				case err == nil:
					admitted.Add(1)
				case errors.As(err, &e) && e.Why == Breaker:
					kept.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if admitted.Load() != 1 || kept.Load() != 49 {
			t.Errorf("%d admitted, %d held, want 1 and 49", admitted.Load(), kept.Load())
		}
	})
}

// Who cannot be served in time is told so in time, however many there are.
func TestACrowdWithDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Config{Mode: On, Table: newTable()})
		ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
		defer cancel()
		began := time.Now()
		var admitted, busy atomic.Int64
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				x, err := p.Admit(ctx, small)
				var e *HeldError
				switch {
				case err == nil:
					admitted.Add(1)
					done(t, x, Report{Asked: 1})
				case errors.As(err, &e) && e.Why == Busy:
					busy.Add(1)
				default:
					t.Error(err)
				}
				if took := time.Since(began); took > 4500*time.Millisecond {
					t.Errorf("answered after %v", took)
				}
			})
		}
		all.Wait()
		if got := admitted.Load(); got < 5 || got > 6 || got+busy.Load() != 50 { // two at once and one a second, less jitter
			t.Errorf("%d admitted, %d busy, want 5 or 6 of 50", got, busy.Load())
		}
	})
}
