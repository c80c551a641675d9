package vendors

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// Transactions are lost, or carried out without anybody learning of it: what
// returns with an answer is counted once.
func TestCountsAreExactUnderFaults(t *testing.T) {
	for seed := range uint64(12) {
		w := open(t)
		w.key(t, MillionVerifier, "down")
		w.key(t, Hunter, "good")
		w.cfg.Ledger.pause = time.Millisecond
		chance := rand.New(rand.NewPCG(seed, 1))
		w.control.broken = func(int64) fate { return fate(chance.IntN(5) % 3) }
		var answered int64
		for i := range 12 {
			w.clock.Advance(time.Second) // which Hunter's rate is counted by
			r := w.request(t, fmt.Sprintf("ok%d@buyer.example", i))
			r.Cap = Cap{Name: "month", Max: 12 * 9800}
			got, err := w.Verify(within(t, 10*time.Second), r)
			switch {
			case err == nil && got.Cost == 9800:
				answered++
			case err == nil || !errors.Is(err, errDied):
				t.Fatalf("seed %d: %+v, %v", seed, got, err)
			}
		}
		w.control.broken = nil
		checkBooks(t, w, seed, answered)
	}
}

// checkBooks compares usage, log and cap with the calls that were answered. The
// end of an answered call may have stayed unwritten to the last try: then its
// entry is open, and the cap still holds its money.
func checkBooks(t *testing.T, w *world, seed uint64, answered int64) {
	t.Helper()
	counted, open := map[State]int64{}, int64(0)
	for _, e := range w.entries(t, Filter{}) {
		counted[e.State]++
		if e.State == Open {
			open += w.priceOf(e.Vendor)
		}
	}
	day := w.spent(t)
	if day.All.Calls != counted[Answered] || day.All.Cost != 9800*counted[Answered] || counted[Answered] > answered || counted[Answered]+counted[Open] < answered {
		t.Errorf("seed %d: %d answered, log %v, usage %+v", seed, answered, counted, day.All)
	}
	spent, err := w.cfg.Ledger.Spent(t.Context(), account, "month")
	if err != nil || spent != day.All.Cost+open {
		t.Errorf("seed %d: cap says %d, %v, want %d counted and %d open", seed, spent, err, day.All.Cost, open)
	}
}

func (w *world) priceOf(name Name) int64 { v, _ := w.catalog.Find(name); return v.Price }

// A write that is carried out unheard is repeated and counted once.
func TestRepeatedWritesCountOnce(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	w.control.broken = func(n int64) fate { return fate(n%2) * unheard }
	w.verify(t, "ok@buyer.example")
	w.control.broken = nil
	if day := w.spent(t); day.All != (Tally{1, 4900}) {
		t.Errorf("got %+v", day.All)
	}
	if entries := w.entries(t, Filter{}); len(entries) != 1 || entries[0].State != Answered {
		t.Errorf("got %+v", entries)
	}
}

// A process that dies between a call and its end leaves the entry open: it shows
// whom it was asking, and its money stays reserved.
func TestDeathLeavesAnOpenEntry(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	w.control.broken = func(n int64) fate {
		if n > 1 { // the second key writes nothing yet
			return lost
		}
		return carriedOut
	}
	w.control.writes = 0
	r := w.request(t, "ok@buyer.example")
	r.Cap = Cap{Name: "month", Max: 10_000}
	if _, err := w.Verify(within(t, 5*time.Second), r); err != nil {
		t.Fatal(err)
	}
	w.control.broken = nil
	entries := w.entries(t, Filter{State: Open})
	if len(entries) != 1 || entries[0].Vendor != MillionVerifier || w.spent(t).All.Calls != 0 {
		t.Errorf("got %+v, usage %+v", entries, w.spent(t))
	}
	if spent, err := w.cfg.Ledger.Spent(t.Context(), account, "month"); spent != 4900 || err != nil {
		t.Errorf("got %d reserved, %v", spent, err)
	}
	if !strings.Contains(w.log.String(), "count paid verification") {
		t.Error("the log says nothing of it")
	}
}

func TestNothingIsAskedThatCannotBeLogged(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	w.control.broken = func(int64) fate { return lost }
	if _, err := w.Verify(within(t, 5*time.Second), w.request(t, "ok@buyer.example")); !errors.Is(err, errDied) || errors.Is(err, ErrFailed) {
		t.Errorf("got %v", err)
	}
	if n := w.checks(MillionVerifier); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestCapIsNeverPassed(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "delay20")
	w.key(t, Hunter, "good")
	var all sync.WaitGroup
	var mu sync.Mutex
	answered, refused := 0, 0
	chains := []*Chain{w.Chain, w.another(), w.another()}
	for i := range 30 {
		all.Go(func() {
			r := w.request(t, fmt.Sprintf("ok%d@buyer.example", i))
			r.Cap = Cap{Name: "2026-11", Max: 10 * 4900}
			_, err := chains[i%3].Verify(within(t, 20*time.Second), r)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				answered++
			case errors.Is(err, ErrCap):
				refused++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	spent, err := w.cfg.Ledger.Spent(t.Context(), account, "2026-11")
	if answered != 10 || refused != 20 || spent != 10*4900 || err != nil || w.spent(t).All != (Tally{10, 49_000}) {
		t.Errorf("%d answered, %d refused, %d spent, %v, usage %+v", answered, refused, spent, err, w.spent(t).All)
	}
}

// A cap counts what is asked, before it is asked: the dearer vendor behind one
// that fails, too, and a list of addresses.
func TestCapStopsBeforeTheCall(t *testing.T) {
	for _, tt := range []struct {
		claim, first string
		max, spent   int64
		want         error
		checks       int
	}{
		{"nothing may be spent", "good", 0, 0, ErrCap, 0},
		{"a little less than the price", "good", 4899, 0, ErrCap, 0},
		{"the price", "good", 4900, 4900, nil, 1},
		{"less than the price of the next vendor", "down", 9799, 0, ErrCap, 0},
		{"the price of the next vendor", "down", 9800, 9800, nil, 1},
	} {
		w := open(t)
		w.key(t, MillionVerifier, tt.first)
		w.key(t, Hunter, "good")
		r := w.request(t, "ok@buyer.example")
		r.Cap = Cap{Name: "m", Max: tt.max}
		_, err := w.Verify(within(t, 5*time.Second), r)
		spent, _ := w.cfg.Ledger.Spent(t.Context(), account, "m")
		if !errors.Is(err, tt.want) || spent != tt.spent || w.checks(MillionVerifier)+w.checks(Hunter) != tt.checks {
			t.Errorf("%s: got %v, %d spent", tt.claim, err, spent)
		}
	}
	w := open(t)
	w.key(t, MillionVerifier, "good")
	r := w.request(t, "ok@buyer.example")
	r.Cap = Cap{Name: "m", Max: 7*4900 + 1}
	outcomes, err := w.VerifyAll(within(t, 5*time.Second), r, users(t, 40))
	answered := 0
	for _, o := range outcomes {
		if o.Err == nil {
			answered++
		} else if !errors.Is(o.Err, ErrCap) {
			t.Error(o.Err)
		}
	}
	if err != nil || answered != 7 || w.spent(t).All != (Tally{7, 7 * 4900}) {
		t.Errorf("a list: %d answered, %v, usage %+v", answered, err, w.spent(t).All)
	}
}

func TestWhatCostsNothingComesBack(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	for i, email := range []string{"unknown1@buyer.example", "catchall1@buyer.example", "ok1@buyer.example"} {
		r := w.request(t, email)
		r.Cap = Cap{Name: "m", Max: 4900}
		if _, err := w.Verify(within(t, 5*time.Second), r); err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if spent, _ := w.cfg.Ledger.Spent(t.Context(), account, "m"); spent != 4900 {
		t.Errorf("got %d", spent)
	}
}

func TestLogCanBeReadBack(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	for i := range 10 {
		r := w.request(t, fmt.Sprintf("ok%d@buyer.example", i))
		if i%2 == 0 {
			r.Address, r.Action, r.Subject = mustParse(t, fmt.Sprintf("invalid%d@buyer.example", i)), Enrolment, "seq1"
		}
		if _, err := w.Verify(within(t, 5*time.Second), r); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(time.Hour)
	}
	w.verify(t, "ok1@buyer.example")
	for _, tt := range []struct {
		claim  string
		filter Filter
		want   int
	}{
		{"all", Filter{}, 11},
		{"by action", Filter{Action: Enrolment}, 5},
		{"by subject", Filter{Subject: "seq1"}, 5},
		{"by status", Filter{Status: Invalid}, 5},
		{"by deliverability", Filter{Deliverability: Deliverable}, 6},
		{"by vendor", Filter{Vendor: Hunter}, 0},
		{"by state", Filter{State: Cached}, 1},
		{"by address", Filter{Address: mustParse(t, "ok1@buyer.example")}, 2},
		{"since", Filter{Since: noon().Add(8 * time.Hour)}, 3},
		{"until", Filter{Until: noon().Add(2 * time.Hour)}, 2},
		{"within", Filter{Since: noon().Add(time.Hour), Until: noon().Add(3 * time.Hour)}, 2},
	} {
		if got := w.entries(t, tt.filter); len(got) != tt.want {
			t.Errorf("%s: got %d entries, want %d", tt.claim, len(got), tt.want)
		}
	}
	var seen []string
	next := ""
	for {
		page, more, err := w.cfg.Ledger.Log(t.Context(), account, Filter{}, next, 3)
		if err != nil || len(page) > 3 {
			t.Fatal(len(page), err)
		}
		for _, e := range page {
			seen = append(seen, e.Email)
		}
		if next = more; next == "" {
			break
		}
	}
	if len(seen) != 11 || seen[0] != "ok1@buyer.example" || seen[10] != "invalid0@buyer.example" {
		t.Errorf("pages hold %v", seen)
	}
	for _, bad := range []string{"x", "20261122T120000.000000Z-", "20261122T120000.000000Z-aaaaaaaaaaaaaaa!"} {
		if _, _, err := w.cfg.Ledger.Log(t.Context(), account, Filter{}, bad, 3); !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %q: %v", bad, err)
		}
	}
}

func TestUsageIsByDay(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	for i := range 5 {
		w.verify(t, fmt.Sprintf("ok%d@buyer.example", i))
		w.clock.Advance(24 * time.Hour)
	}
	days, err := w.cfg.Ledger.Usage(t.Context(), account, noon().Add(24*time.Hour), noon().Add(72*time.Hour))
	if err != nil || len(days) != 3 || days[0].Day != "2026-11-23" || days[2].Day != "2026-11-25" || days[1].All != (Tally{1, 4900}) {
		t.Errorf("got %+v, %v", days, err)
	}
}
