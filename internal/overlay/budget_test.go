package overlay

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rcpt/internal/store"
)

func TestBudgetIsExactWhoeverReports(t *testing.T) {
	for _, limit := range []int64{1, 7, 200, 1000} {
		w := open(t)
		key := keyOf("key")
		key.ReportsPerDay = limit
		var all sync.WaitGroup
		var recorded, refused atomic.Int64
		for worker := range 50 {
			all.Go(func() {
				for post := range 3 {
					var events []Event
					for i := range 10 {
						n := (worker*3+post)*10 + i
						events = append(events, bounce(fmt.Sprintf("user%d@free.example", n), n))
					}
					o, err := w.plain().Record(t.Context(), key, events, noon(), Terms{})
					if err != nil {
						t.Errorf("record: %v", err)
					}
					recorded.Add(int64(o.Recorded))
					refused.Add(int64(o.Refused))
				}
			})
		}
		all.Wait()
		if recorded.Load() != limit || refused.Load() != 1500-limit || int64(w.count(t, key)) != limit {
			t.Errorf("budget of %d: %d recorded, %d refused, %d there", limit, recorded.Load(), refused.Load(), w.count(t, key))
		}
	}
}

// plain is a Book without a cache to forget.
func (w *world) plain() *Book {
	cfg := w.cfg
	cfg.Forget = nil
	return New(cfg)
}

func TestBudgetRefillsEvenly(t *testing.T) {
	w := open(t)
	key := keyOf("key")
	number := 0
	report := func(n int, terms Terms) Outcome {
		var events []Event
		for range n {
			events = append(events, bounce("alice@free.example", number))
			number++
		}
		o, err := w.Record(t.Context(), key, events, w.clock.Now(), terms)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	for i, step := range []struct {
		after time.Duration
		n     int
		terms Terms
		limit int64 // new; 0: as before
		want  Outcome
	}{
		{n: 999, want: Outcome{Recorded: 999}},
		{n: 3, want: Outcome{Recorded: 1, Refused: 2, RetryAfter: 86400 * time.Millisecond}},
		{after: 86400*time.Millisecond - 1, n: 1, want: Outcome{Refused: 1, RetryAfter: 86400 * time.Millisecond}},
		{after: 1, n: 2, want: Outcome{Recorded: 1, Refused: 1, RetryAfter: 86400 * time.Millisecond}},
		{after: 12 * time.Hour, n: 600, want: Outcome{Recorded: 500, Refused: 100, RetryAfter: 86400 * time.Millisecond}},
		{after: 300 * day, n: 1001, want: Outcome{Recorded: 1000, Refused: 1, RetryAfter: 86400 * time.Millisecond}},
		// What is charged later makes a debt, of a day at most.
		{n: 100, terms: Terms{ChargeLater: true}, want: Outcome{Recorded: 100}},
		{n: 1, want: Outcome{Refused: 1, RetryAfter: 101 * 86400 * time.Millisecond}},
		{n: 5000, terms: Terms{ChargeLater: true}, want: Outcome{Recorded: 5000}},
		{n: 1, want: Outcome{Refused: 1, RetryAfter: 1001 * 86400 * time.Millisecond}},
		{after: day, n: 1, want: Outcome{Refused: 1, RetryAfter: 86400 * time.Millisecond}},
		{after: day, n: 1001, want: Outcome{Recorded: 1000, Refused: 1, RetryAfter: 86400 * time.Millisecond}},
		// A limit that is changed holds at once and makes no debt.
		{limit: 1500, n: 501, want: Outcome{Recorded: 500, Refused: 1, RetryAfter: 57600 * time.Millisecond}},
		{limit: 10, n: 1, want: Outcome{Refused: 1, RetryAfter: 8640 * time.Second}},
		{after: day, n: 11, want: Outcome{Recorded: 10, Refused: 1, RetryAfter: 8640 * time.Second}},
	} {
		w.clock.Advance(step.after)
		if step.limit != 0 {
			key.ReportsPerDay = step.limit
		}
		if got := report(step.n, step.terms); got != step.want {
			t.Errorf("step %d: got %+v, want %+v", i, got, step.want)
		}
	}
	key.ReportsPerDay = 0
	if got := report(3000, Terms{}); got != (Outcome{Recorded: 3000}) {
		t.Errorf("without a limit: %+v", got)
	}
}

// exact is the bucket in fractions.
type exact struct {
	level *big.Rat
	at    int64
}

func (e *exact) to(now, limit int64) {
	if now > e.at {
		back := big.NewRat(now-e.at, budgetDay.Milliseconds())
		e.level.Sub(e.level, back.Mul(back, new(big.Rat).SetInt64(limit)))
		if e.level.Sign() < 0 {
			e.level.SetInt64(0)
		}
	}
	e.at = now
}

// Whatever is charged when, the bucket grants what one that is kept in fractions
// grants, but for one report that is still flowing back.
func TestBucketAgreesWithFractions(t *testing.T) {
	for seed := range uint64(200) {
		chance := rand.New(rand.NewPCG(seed, 3))
		limit := []int64{1, 3, 7, 1000, 99_991, 1_000_000_000_000}[chance.IntN(6)]
		key := Key{ID: "key", ReportsPerDay: limit}
		now, model := noon(), exact{new(big.Rat), noon().UnixMilli()}
		var item store.Item
		for step := range 300 {
			now = now.Add(time.Duration(chance.Int64N(int64([]time.Duration{1, time.Second, time.Hour, 3 * day}[chance.IntN(4)]))))
			if item.Expired(now) {
				item = store.Item{}
			}
			b := newBucket(item, key, now)
			model.to(b.now, limit)
			room := new(big.Rat).Sub(new(big.Rat).SetInt64(limit), model.level)
			left, _ := room.Float64()
			if got := float64(b.left()); got > left+1e-3 || got < left-1-1e-3 {
				t.Fatalf("seed %d, step %d: %v left of %d, want %v", seed, step, got, limit, left)
			}
			if b.left() == 0 {
				if later := newBucket(item, key, now.Add(b.wait())); later.left() < 1 {
					t.Fatalf("seed %d, step %d: nothing left after %v", seed, step, b.wait())
				}
				continue
			}
			n := 1 + chance.Int64N(min(b.left(), []int64{1, 10, b.left()}[chance.IntN(3)]))
			op := b.charge(n, false)
			if err := op.Check(); err != nil || !store.AllHold(op.If, item) {
				t.Fatalf("seed %d, step %d: charge %+v of %+v: %v", seed, step, op, item, err)
			}
			item, _ = op.Update.Apply(item)
			model.level.Add(model.level, new(big.Rat).SetInt64(n))
		}
	}
}

func TestChargeHoldsOnlyWhileThereIsRoom(t *testing.T) {
	key := keyOf("key")
	for claim, tt := range map[string]struct {
		seen, stands store.Attrs
		later        bool
		want         bool
	}{
		"as seen":              {seen: attrs(500, 0, 1000), stands: attrs(500, 0, 1000), want: true},
		"others took some":     {seen: attrs(500, 0, 1000), stands: attrs(990, 0, 1000), want: true},
		"others took too much": {seen: attrs(500, 0, 1000), stands: attrs(991, 0, 1000)},
		"too much, but later":  {seen: attrs(500, 0, 1000), stands: attrs(1400, 0, 1000), later: true, want: true},
		"begun again":          {seen: attrs(500, 0, 1000), stands: attrs(10, time.Second, 1000)},
		"another limit":        {seen: attrs(500, 0, 1000), stands: attrs(500, 0, 2000)},
		"none, and now one":    {stands: attrs(1, 0, 1000)},
		"one, and now none":    {seen: attrs(500, 0, 1000)},
		"drained, and taken from, and drained": {
			seen: attrs(500, -12*time.Hour, 1000), stands: attrs(490, -12*time.Hour, 1000), want: true,
		},
		"drained, and taken from": {seen: attrs(500, -12*time.Hour, 1000), stands: attrs(501, -12*time.Hour, 1000)},
		"limit lowered":           {seen: attrs(5000, 0, 9000), stands: attrs(5000, 0, 9000), want: true},
		"the clock stepped back":  {seen: attrs(500, 48*time.Hour, 1000), stands: attrs(500, 48*time.Hour, 1000), want: true},
	} {
		op := newBucket(holding(tt.seen), key, noon()).charge(10, tt.later)
		if got := store.AllHold(op.If, holding(tt.stands)); got != tt.want {
			t.Errorf("%s: got %v", claim, got)
		}
	}
}

func attrs(used int64, at time.Duration, limit int64) store.Attrs {
	return store.Attrs{"used": used, "at": noon().Add(at).UnixMilli(), "limit": limit}
}

func holding(a store.Attrs) store.Item {
	if a == nil {
		return store.Item{}
	}
	return store.Item{Key: budgetKey("key"), Attrs: a}
}

func TestAClockThatWasAheadDoesNotFreezeTheBudget(t *testing.T) {
	key := keyOf("key")
	b := newBucket(holding(attrs(1000, 90*day, 1000)), key, noon())
	if b.left() != 0 {
		t.Errorf("%d left", b.left())
	}
	op := b.charge(5, true)
	item, _ := op.Update.Apply(holding(attrs(1000, 90*day, 1000)))
	if got := newBucket(item, key, noon().Add(day)).left(); got != 995 {
		t.Errorf("%d left a day later, want 995", got)
	}
}
