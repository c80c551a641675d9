package vendors

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// cut says what becomes of writes from the one of a number on, as when a process
// is killed there, or of that one alone.
type cut struct {
	claim string
	fate  func(n, at int64) fate
	death bool
}

func cuts() []cut {
	only := func(f fate) func(n, at int64) fate {
		return func(n, at int64) fate {
			if n == at {
				return f
			}
			return carriedOut
		}
	}
	from := func(f fate) func(n, at int64) fate {
		return func(n, at int64) fate {
			switch {
			case n < at:
				return carriedOut
			case n == at:
				return f
			}
			return lost
		}
	}
	return []cut{
		{"one write is lost", only(lost), false}, {"one write is not heard of", only(unheard), false},
		{"killed before the write", from(lost), true}, {"killed after the write", from(unheard), true},
	}
}

// Every write of a verification is cut off in turn; then another process makes
// the same request. No call is counted that was not paid, none that was answered
// and written down is lost, and the cap holds at least what was paid.
func TestEveryWriteIsCut(t *testing.T) {
	for _, c := range cuts() {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			for at := int64(1); ; at++ {
				w := open(t)
				if !cutAt(t, w, c, at) {
					if at < 7 {
						t.Errorf("only %d writes were cut", at-1)
					}
					return
				}
				checkAfterCut(t, w, c, at)
			}
		})
	}
}

// cutAt verifies an address with a cut and then, later and elsewhere, again. It
// reports whether there were so many writes.
func cutAt(t *testing.T, w *world, c cut, at int64) bool {
	t.Helper()
	w.key(t, MillionVerifier, "down")
	w.key(t, Hunter, "good")
	w.cfg.Ledger.pause = time.Microsecond
	w.control.all, w.cache.all = true, true
	w.control.writes, w.control.broken = 0, func(n int64) fate { return c.fate(n, at) }
	r := w.request(t, "ok@buyer.example")
	r.Cap = Cap{Name: "month", Max: 100_000}
	_, _ = w.Verify(within(t, 10*time.Second), r)
	reached := w.control.writes >= at
	w.control.broken = nil
	w.clock.Advance(openLife + time.Second)
	w.Chain = w.another()
	if _, err := w.Verify(within(t, 10*time.Second), r); err != nil {
		t.Errorf("write %d: the repeat: %v", at, err)
	}
	return reached
}

func checkAfterCut(t *testing.T, w *world, c cut, at int64) {
	t.Helper()
	charged := int64(w.double.Counts("hunter").Charged)
	day := w.spent(t)
	var answered, given, reserved int64
	for _, e := range w.entries(t, Filter{}) {
		switch {
		case e.State == Open:
			t.Errorf("write %d: still open: %+v", at, e)
		case e.State == Answered:
			answered++
		case strings.Contains(e.Error, "may have been"):
			given++
			reserved += w.priceOf(e.Vendor)
		}
	}
	if day.All != (Tally{answered, 9800 * answered}) || answered > charged || charged > answered+given {
		t.Errorf("write %d: %d paid, %d in the log, %d given up, usage %+v", at, charged, answered, given, day.All)
	}
	if !c.death && answered != charged {
		t.Errorf("write %d: %d paid, %d counted", at, charged, answered)
	}
	spent, err := w.cfg.Ledger.Spent(t.Context(), account, "month")
	if err != nil || spent != day.All.Cost+reserved || spent < 9800*charged {
		t.Errorf("write %d: the cap holds %d, %v; %d counted, %d given up, %d paid", at, spent, err, day.All.Cost, reserved, 9800*charged)
	}
}

// leaveOpen is a verification whose process dies when the verdict was kept, or
// before.
func leaveOpen(t *testing.T, w *world, email string, kept bool) {
	t.Helper()
	w.cfg.Ledger.pause = time.Microsecond
	w.control.writes, w.control.broken = 0, func(n int64) fate {
		if n > 1 {
			return lost
		}
		return carriedOut
	}
	w.cache.all = !kept
	if !kept {
		w.cache.breaker = &breaker{broken: func(int64) fate { return lost }}
		w.places.meter = newPlaces(w.db.Cache(), w.clock.Now).meter
	}
	r := w.request(t, email)
	r.Cap = Cap{Name: "month", Max: 100_000}
	if _, err := w.Verify(within(t, 5*time.Second), r); err != nil {
		t.Fatal(err)
	}
	w.control.broken, w.cache.all = nil, false
}

// An entry that nothing is known of is shown as open with the reason, then given
// up; its money stays spent, for a call may have been paid.
func TestOpenEntryIsGivenUp(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	leaveOpen(t, w, "ok@buyer.example", false)
	if e := w.entries(t, Filter{})[0]; e.State != Open || e.Error != "" {
		t.Errorf("at once: got %+v", e)
	}
	w.clock.Advance(openLife + time.Second)
	reader := NewLedger(w.control, w.db.Vault(), []byte("secret"), w.clock.Now, nil) // without a Chain
	if all, _, err := reader.Log(t.Context(), account, Filter{}, "", 10); err != nil || len(all) != 1 || all[0].State != Open || !strings.Contains(all[0].Error, "a call to millionverifier may have been made and paid") {
		t.Errorf("to who cannot sweep: got %+v, %v", all, err)
	}
	if e := w.entries(t, Filter{State: Failed})[0]; !strings.Contains(e.Error, "a call to millionverifier may have been made and paid") || e.Email != "ok@buyer.example" {
		t.Errorf("swept: got %+v", e)
	}
	if spent, err := w.cfg.Ledger.Spent(t.Context(), account, "month"); spent != 4900 || err != nil || w.spent(t).All.Calls != 0 {
		t.Errorf("the cap holds %d, %v, usage %+v", spent, err, w.spent(t).All)
	}
}

// An entry whose verdict was kept is counted by it, once, whoever sweeps.
func TestOpenEntryIsCountedByItsVerdict(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	leaveOpen(t, w, "ok@buyer.example", true)
	w.clock.Advance(openLife + time.Second)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := w.another().cfg.Ledger.Sweep(t.Context(), account); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	e := w.entries(t, Filter{})[0]
	if e.State != Answered || e.Cost != 4900 || inWords(e.Result) != "valid/deliverable no no no 0.9 ok free" || path(e.Trace) != "millionverifier:answered" || e.Error != "" {
		t.Errorf("got %+v", e)
	}
	if spent, _ := w.cfg.Ledger.Spent(t.Context(), account, "month"); spent != 4900 || w.spent(t).All != (Tally{1, 4900}) {
		t.Errorf("the cap holds %d, usage %+v", spent, w.spent(t).All)
	}
}

// The writes of a sweep are cut off in turn, too.
func TestSweepIsCut(t *testing.T) {
	for _, c := range cuts() {
		for at := range int64(4) {
			w := open(t)
			w.key(t, MillionVerifier, "good")
			leaveOpen(t, w, "ok1@buyer.example", true)
			w.clock.Advance(time.Second)
			leaveOpen(t, w, "ok2@buyer.example", false)
			w.clock.Advance(openLife + time.Second)
			w.control.all, w.control.writes, w.control.broken = true, 0, func(n int64) fate { return c.fate(n, at+1) }
			_, _ = w.cfg.Ledger.Sweep(t.Context(), account)
			w.control.broken = nil
			if _, err := w.another().cfg.Ledger.Sweep(t.Context(), account); err != nil {
				t.Fatal(err)
			}
			spent, err := w.cfg.Ledger.Spent(t.Context(), account, "month")
			if len(w.entries(t, Filter{State: Answered})) != 1 || len(w.entries(t, Filter{State: Failed})) != 1 || w.spent(t).All != (Tally{1, 4900}) || spent != 9800 || err != nil {
				t.Errorf("%s %d: usage %+v, the cap holds %d, %v", c.claim, at+1, w.spent(t).All, spent, err)
			}
		}
	}
}

// A process that was only slow writes its end over what a sweep thought.
func TestSlowProcessIsNotLost(t *testing.T) {
	for claim, onward := range map[string]bool{"it ends": false, "it asks another vendor and ends": true} {
		w := open(t)
		k := w.key(t, MillionVerifier, "good")
		l, r := w.cfg.Ledger, w.request(t, "ok@buyer.example")
		r.Cap = Cap{Name: "month", Max: 100_000}
		p, err := l.start(r, r.Address)
		if err == nil {
			err = l.ask(t.Context(), p, k, 4900)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(openLife + time.Second)
		if n, err := l.Sweep(t.Context(), account); n != 1 || err != nil {
			t.Fatalf("%s: closed %d, %v", claim, n, err)
		}
		price := int64(4900)
		if onward {
			price = 9800
			if err := l.ask(t.Context(), p, k, price); err != nil {
				t.Fatalf("%s: %v", claim, err)
			}
		}
		p.State, p.Cost, p.Vendor, p.Result = Answered, price, MillionVerifier, Result{Status: Valid, Deliverability: Deliverable}
		for range 2 {
			if err := l.settle(t.Context(), p); err != nil {
				t.Fatalf("%s: %v", claim, err)
			}
		}
		e := w.entries(t, Filter{})[0]
		spent, err := l.Spent(t.Context(), account, "month")
		days, _ := l.Usage(t.Context(), account, noon(), noon())
		if e.State != Answered || e.Error != "" || spent != price || err != nil || len(days) != 1 || days[0].All != (Tally{1, price}) {
			t.Errorf("%s: got %+v, cap %d, %v, usage %+v", claim, e, spent, err, days)
		}
	}
}

// Nothing is looked at twice, and what is young is left alone.
func TestSweepGoesOn(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	for i := range 3 {
		leaveOpen(t, w, fmt.Sprintf("ok%d@buyer.example", i), false)
		w.clock.Advance(openLife / 2)
	}
	for i, want := range []int{1, 0, 1, 1, 0} { // the third was left half a term ago
		if n, err := w.cfg.Ledger.Sweep(t.Context(), account); n != want || err != nil {
			t.Errorf("sweep %d: closed %d, %v, want %d", i, n, err, want)
		}
		if i > 0 {
			w.clock.Advance(openLife / 2)
		}
	}
	if n, err := w.cfg.Ledger.Sweep(t.Context(), "other"); n != 0 || err != nil {
		t.Errorf("another account: closed %d, %v", n, err)
	}
}
