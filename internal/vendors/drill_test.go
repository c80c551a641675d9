package vendors

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// The drill of the issue: 429, 500, out of credits, silence, an answer.
func TestFaultDrill(t *testing.T) {
	w := open(t)
	for i, mood := range []string{"throttled", "down", "empty", "hang", "good"} {
		w.key(t, w.catalog[i].Name, mood)
	}
	r := w.request(t, "ok@buyer.example")
	r.Cap = Cap{Name: "month", Max: 9800}
	got, err := w.Verify(within(t, 3*time.Second), r)
	if err != nil {
		t.Fatal(err)
	}
	if want := "millionverifier:rate reoon:server neverbounce:quota zerobounce:server hunter:answered"; path(got.Trace) != want {
		t.Errorf("got  %s\nwant %s", path(got.Trace), want)
	}
	for i, want := range []string{
		"millionverifier: HTTP 429: Rate limit exceeded", "reoon: HTTP 500: internal",
		"neverbounce: HTTP 200: general_failure: Insufficient credit balance.", "zerobounce: timeout", "",
	} {
		if !strings.HasPrefix(got.Trace[i].Error, want) || want == "" && got.Trace[i].Error != "" {
			t.Errorf("step %d: got %q, want %q", i, got.Trace[i].Error, want)
		}
	}
	w.checkOneCharge(t, got)
	entries := w.entries(t, Filter{})
	if len(entries) != 1 || entries[0].State != Answered || path(entries[0].Trace) != path(got.Trace) || entries[0].Email != "ok@buyer.example" || entries[0].Cost != 9800 {
		t.Errorf("got log %+v", entries)
	}
	again, err := w.Verify(within(t, 3*time.Second), r)
	if err != nil || !again.Cached || again.Cost != 0 {
		t.Errorf("again: got %+v, %v", again, err)
	}
	w.checkOneCharge(t, got)
}

// checkOneCharge fails unless Hunter alone charged, once, and the books say so.
func (w *world) checkOneCharge(t *testing.T, got Answer) {
	t.Helper()
	for _, v := range w.catalog {
		if want := map[bool]int{true: 1}[v.Name == Hunter]; w.double.Counts(string(v.Name)).Charged != want {
			t.Errorf("%s charged %d times, want %d", v.Name, w.double.Counts(string(v.Name)).Charged, want)
		}
	}
	day := w.spent(t)
	once := Tally{1, 9800}
	if got.Vendor != Hunter || got.Status != Valid || got.Cost != 9800 || day.All != once || day.ByVendor[Hunter] != once || len(day.ByVendor) != 1 ||
		day.ByAction[Manual] != once || day.ByDeliverability[Deliverable] != once {
		t.Errorf("got %+v, usage %+v", got, day)
	}
	if spent, err := w.cfg.Ledger.Spent(t.Context(), account, "month"); err != nil || spent != 9800 {
		t.Errorf("the cap holds %d, %v", spent, err)
	}
}

// Each vendor plays each part.
func TestFaultDrillInEveryOrder(t *testing.T) {
	parts := []string{"throttled", "down", "empty", "hang"}
	for shift := range parts {
		t.Run(strings.Join(append(parts[shift:len(parts):len(parts)], parts[:shift]...), " "), func(t *testing.T) {
			t.Parallel()
			w := open(t)
			for i, v := range w.catalog[:4] {
				w.key(t, v.Name, parts[(i+shift)%len(parts)])
			}
			w.key(t, Hunter, "good")
			r := w.request(t, "ok@buyer.example")
			r.Cap = Cap{Name: "month", Max: 9800}
			got, err := w.Verify(within(t, 3*time.Second), r)
			if err != nil || len(got.Trace) != 5 {
				t.Fatalf("got %s, %v", path(got.Trace), err)
			}
			w.checkOneCharge(t, got)
		})
	}
}

// A list during the drill: each address is paid once, and vendors that cannot
// are not asked about each of them.
func TestFaultDrillOverAList(t *testing.T) {
	w := open(t)
	for i, mood := range []string{"down", "empty", "plan", "good"} {
		w.key(t, w.catalog[i].Name, mood)
	}
	got, err := w.VerifyAll(within(t, 20*time.Second), w.request(t, "ok@buyer.example"), users(t, 100))
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range got {
		if o.Err != nil || o.Answer.Vendor != ZeroBounce || o.Answer.Cost != 8000 || len(o.Answer.Trace) != 4 {
			t.Errorf("address %d: %s, %v", i, path(o.Answer.Trace), o.Err)
		}
	}
	if w.spent(t).All != (Tally{100, 800_000}) || w.double.Counts("zerobounce").Charged != 100 {
		t.Errorf("usage %+v, charged %d", w.spent(t).All, w.double.Counts("zerobounce").Charged)
	}
	for _, name := range []Name{MillionVerifier, Reoon, NeverBounce} {
		if n := w.double.Counts(string(name)).Requests; n > 2*atOnce {
			t.Errorf("%s was asked %d times although it cannot", name, n)
		}
	}
}

func TestAllVendorsDown(t *testing.T) {
	for _, moods := range [][]string{{"down", "down", "down", "down", "down"}, {"throttled", "html", "empty", "cut", "forbidden"}} {
		w := open(t)
		for i, v := range w.catalog {
			w.key(t, v.Name, moods[i])
		}
		_, err := w.Verify(within(t, 10*time.Second), w.request(t, "ok@buyer.example"))
		var failed *FailedError
		if !errors.As(err, &failed) || !errors.Is(err, ErrFailed) || errors.Is(err, ErrRequest) || len(failed.Trace) != 5 {
			t.Fatalf("%v: got %v", moods, err)
		}
		for i, v := range w.catalog {
			if s := failed.Trace[i]; s.Vendor != v.Name || !strings.HasPrefix(s.Error, string(v.Name)+": HTTP ") || !strings.Contains(err.Error(), s.Error) {
				t.Errorf("%v: step %d is %+v of %v", moods, i, s, err)
			}
		}
		if day := w.spent(t); day.All.Calls != 0 {
			t.Errorf("%v: got usage %+v", moods, day)
		}
		if entries := w.entries(t, Filter{State: Failed}); len(entries) != 1 || entries[0].Error != err.Error() || len(entries[0].Trace) != 5 {
			t.Errorf("%v: got log %+v", moods, entries)
		}
	}
}
