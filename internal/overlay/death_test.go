package overlay

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// stream are events in POSTs, with some addresses, domains and ids more than
// once.
func stream(chance *rand.Rand, posts int) [][]Event {
	var all [][]Event
	for post := range posts {
		var events []Event
		for range 1 + chance.IntN(60) {
			n := post*60 + chance.IntN(60)
			e := bounce(fmt.Sprintf("user%d@d%d.example", n%37, n%5), n)
			e.Reason = []Reason{HardBounce, SoftBounce, Complaint, Unsubscribe}[n%4]
			events = append(events, e)
		}
		all = append(all, events)
	}
	return all
}

// A process dies at any write, before or after it: whoever gets the POST again
// brings it to the same end.
func TestDeathAtAnyWrite(t *testing.T) {
	for seed := range uint64(30) {
		w := open(t)
		key := keyOf("key")
		chance := rand.New(rand.NewPCG(seed, 1))
		posts := stream(chance, 12)
		ids := make(map[string]bool)
		w.table.broken = func(int64) fate { return fate(chance.IntN(4) % 3) }
		deaths := 0
		for _, events := range posts {
			for _, e := range events {
				ids[e.ID] = true
			}
			book := w.Book
			for {
				o, err := book.Record(t.Context(), key, events, w.clock.Now(), Terms{})
				if err == nil {
					if o.Recorded+o.Duplicates != len(events) {
						t.Fatalf("seed %d: %+v of %d events", seed, o, len(events))
					}
					break
				}
				if !errors.Is(err, errDied) {
					t.Fatalf("seed %d: %v", seed, err)
				}
				deaths++
				book = w.another()
			}
			if chance.IntN(3) == 0 { // the answer is lost, and the POST comes again
				w.table.broken, book = nil, w.another()
				if o, err := book.Record(t.Context(), key, events, w.clock.Now(), Terms{}); err != nil || o.Recorded > 0 {
					t.Fatalf("seed %d, again: %+v, %v", seed, o, err)
				}
				w.table.broken = func(int64) fate { return fate(chance.IntN(4) % 3) }
			}
		}
		var count int64
		for _, e := range w.all(t, key) {
			count += e.Count
		}
		if used := w.used(t, key); count != int64(len(ids)) || used != count || deaths == 0 {
			t.Errorf("seed %d, %d deaths: %d counted, %d charged, want %d", seed, deaths, count, used, len(ids))
		}
	}
}

// What is short of budget is recorded in part, and the rest when it comes again.
func TestDeathWhileTheBudgetEnds(t *testing.T) {
	for seed := range uint64(6) {
		w := open(t)
		key := keyOf("key")
		key.ReportsPerDay = 100
		chance := rand.New(rand.NewPCG(seed, 2))
		w.table.broken = func(int64) fate { return fate(chance.IntN(4) % 3) }
		events := bounces("ok.example", 250)
		deliveries := 0
		for left := true; left; deliveries++ {
			o, err := w.another().Record(t.Context(), key, events, w.clock.Now(), Terms{})
			if err != nil && !errors.Is(err, errDied) {
				t.Fatal(err)
			}
			left = err != nil || o.Refused > 0
			if n := w.count(t, key); int64(n) > 100+refill(w.clock.Now().Sub(noon()).Milliseconds(), 100) {
				t.Fatalf("seed %d: %d recorded after %v", seed, n, w.clock.Now().Sub(noon()))
			}
			if err == nil && left {
				if o.RetryAfter <= 0 {
					t.Fatalf("seed %d: refused without a time: %+v", seed, o)
				}
				w.clock.Advance(o.RetryAfter)
			}
		}
		if n, took := w.count(t, key), w.clock.Now().Sub(noon()); n != 250 || took != day*3/2 {
			t.Errorf("seed %d: %d recorded in %v and %d deliveries, want 250 in 36h", seed, n, took, deliveries)
		}
	}
}
