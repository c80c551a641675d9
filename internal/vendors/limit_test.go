package vendors

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/embedded"
)

// Reoon takes five at once, whatever process they come from: two chains share a
// table and nothing else.
func TestLimitIsTheFleets(t *testing.T) {
	for _, tt := range []struct {
		name  Name
		limit int
	}{{Reoon, 5}, {NeverBounce, 5}, {MillionVerifier, 10}} {
		w := open(t)
		w.key(t, tt.name, "delay50")
		list := users(t, 60)
		chains := []*Chain{w.Chain, w.another(), w.another()}
		got := make([][]Outcome, len(chains))
		var all sync.WaitGroup
		for i, c := range chains {
			all.Go(func() {
				var err error
				if got[i], err = c.VerifyAll(within(t, 20*time.Second), w.request(t, "ok@buyer.example"), list[i*20:i*20+20]); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for i := range got {
			for _, o := range got[i] {
				if o.Err != nil || path(o.Answer.Trace) != string(tt.name)+":answered" {
					t.Errorf("%s: got %s, %v", tt.name, path(o.Answer.Trace), o.Err)
				}
			}
		}
		if c := w.double.Counts(string(tt.name)); c.AtOnce > tt.limit || c.AtOnce < 2 || c.Checks != 60 {
			t.Errorf("%s: got %+v, want at most %d at once", tt.name, c, tt.limit)
		}
	}
}

// One account's calls are not another's.
func TestLimitsAreTheAccounts(t *testing.T) {
	w := open(t)
	places := newPlaces(w.db.Cache(), w.clock.Now)
	v := Vendor{Name: Reoon, AtOnce: 5}
	for _, account := range []string{"acme", "other"} {
		for i := range 5 {
			if _, err := places.take(within(t, 5*time.Second), account, v); err != nil {
				t.Fatalf("%s, call %d: %v", account, i, err)
			}
		}
	}
	if _, err := places.take(within(t, 200*time.Millisecond), "acme", v); err == nil {
		t.Error("a sixth call at once")
	}
}

// Hunter is asked five times in a second of the clock, whatever process asks.
func TestRateIsTheFleets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := embedded.Open(t.TempDir(), embedded.Options{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		v, _ := Defaults().Find(Hunter)
		fleet := []*places{newPlaces(db.Cache(), time.Now), newPlaces(db.Cache(), time.Now)}
		var mu sync.Mutex
		seconds := map[int64]int64{}
		var all sync.WaitGroup
		for i := range 23 {
			all.Go(func() {
				leave, err := fleet[i%2].take(within(t, time.Minute), account, v)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seconds[time.Now().Unix()]++
				mu.Unlock()
				leave()
			})
		}
		all.Wait()
		var calls int64
		for second, n := range seconds {
			if calls += n; n > v.PerSecond {
				t.Errorf("%d calls in second %d, want at most %d", n, second, v.PerSecond)
			}
		}
		if calls != 23 {
			t.Errorf("%d calls, want 23", calls)
		}
	})
}

// A process that dies holding places gives them back at the end of their term.
func TestPlacesOfTheDeadComeBack(t *testing.T) {
	w := open(t)
	v := Vendor{Name: Reoon, AtOnce: 5}
	dead := newPlaces(w.db.Cache(), w.clock.Now)
	for range 5 {
		if _, err := dead.take(within(t, 5*time.Second), account, v); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.Advance(31 * time.Second)
	alive := newPlaces(w.db.Cache(), w.clock.Now)
	for i := range 5 {
		leave, err := alive.take(within(t, 5*time.Second), account, v)
		if err != nil {
			t.Fatal(fmt.Sprint("place ", i), err)
		}
		defer leave()
	}
}
