package vendors

import (
	"errors"
	"testing"
	"time"
)

func TestBulkAsksTenAtATime(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "delay30")
	got, err := w.VerifyAll(within(t, 20*time.Second), w.request(t, "ok@buyer.example"), users(t, 60))
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range got {
		if o.Err != nil || o.Answer.Status != Valid || o.Answer.Cached {
			t.Errorf("address %d: %+v, %v", i, o.Answer, o.Err)
		}
	}
	if c := w.double.Counts("millionverifier"); c.AtOnce > atOnce || c.AtOnce < 2 || c.Checks != 60 || w.spent(t).All.Calls != 60 {
		t.Errorf("got %+v, counted %d", c, w.spent(t).All.Calls)
	}
}

func TestBulkPaysForAnAddressOnce(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	list := users(t, 3)
	list = append(list, list[0], list[0], list[2])
	got, err := w.VerifyAll(within(t, 20*time.Second), w.request(t, "ok@buyer.example"), list)
	if err != nil || len(got) != 6 {
		t.Fatal(len(got), err)
	}
	var cost int64
	for _, o := range got {
		cost += o.Answer.Cost
	}
	if w.checks(MillionVerifier) != 3 || cost != 3*4900 || !got[3].Answer.Cached || got[0].Answer.Cached {
		t.Errorf("asked %d times, cost %d", w.checks(MillionVerifier), cost)
	}
}

func TestBulkFromTheCache(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	list := users(t, 20)
	for range 2 {
		if _, err := w.VerifyAll(within(t, 20*time.Second), w.request(t, "ok@buyer.example"), list); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.entries(t, Filter{State: Cached})); w.checks(MillionVerifier) != 20 || n != 20 {
		t.Errorf("asked %d times, %d logged as known", w.checks(MillionVerifier), n)
	}
}

// What the deadline does not let begin is not asked about, and what began is
// finished and kept.
func TestBulkEndsInTime(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "delay500")
	began := time.Now()
	list := users(t, 200)
	got, err := w.VerifyAll(within(t, 3*time.Second), w.request(t, "ok@buyer.example"), list)
	if err != nil {
		t.Fatal(err)
	}
	took, answered, late := time.Since(began), 0, 0
	for _, o := range got {
		switch {
		case o.Err == nil:
			answered++
		case errors.Is(o.Err, ErrLate):
			late++
		default:
			t.Errorf("got %v", o.Err)
		}
	}
	if answered+late != 200 || answered < 20 {
		t.Errorf("%d answered, %d late, after %v", answered, late, took)
	}
	if n := w.checks(MillionVerifier); n != answered {
		t.Errorf("%d paid, %d answered", n, answered)
	}
}

// Who waits for a place among a vendor's calls until the deadline has not been
// asked about: whether another process holds the places, or the vendor takes so
// many in a second. Such an address is left for later, it has not failed.
func TestBulkLeavesWhoWaitedForLater(t *testing.T) {
	w := open(t)
	w.key(t, Hunter, "good")
	got, err := w.VerifyAll(within(t, 2500*time.Millisecond), w.request(t, "ok@buyer.example"), users(t, 40))
	if err != nil {
		t.Fatal(err)
	}
	answered, late := 0, 0
	for _, o := range got {
		switch {
		case o.Err == nil:
			answered++
		case errors.Is(o.Err, ErrLate):
			late++
		default:
			t.Errorf("got %v", o.Err)
		}
	}
	if answered+late != 40 || answered == 0 || late == 0 || w.checks(Hunter) != answered {
		t.Errorf("%d answered, %d late, %d paid", answered, late, w.checks(Hunter))
	}

	w.key(t, Reoon, "good") // cheaper, but all its places are taken
	v, _ := w.catalog.Find(Reoon)
	places := newPlaces(w.db.Cache(), w.clock.Now)
	for range v.AtOnce {
		if _, err := places.take(within(t, 5*time.Second), "acme", v); err != nil {
			t.Fatal(err)
		}
	}
	w.clock.Advance(time.Second) // in which Hunter takes further calls
	one, err := w.VerifyAll(within(t, 2500*time.Millisecond), w.request(t, "ok@buyer.example"), users(t, 41)[40:])
	if err != nil || one[0].Err != nil || path(one[0].Answer.Trace) != "reoon:busy hunter:answered" {
		t.Errorf("got %s, %v, %v", path(one[0].Answer.Trace), one[0].Err, err)
	}
}

func TestBulkWithFailures(t *testing.T) {
	w := open(t)
	if _, err := w.VerifyAll(t.Context(), w.request(t, "ok@buyer.example"), users(t, 3)); !errors.Is(err, ErrNone) {
		t.Errorf("without a key: %v", err)
	}
	w.key(t, Hunter, "few2")
	got, err := w.VerifyAll(within(t, 20*time.Second), w.request(t, "ok@buyer.example"), users(t, 5))
	if err != nil {
		t.Fatal(err)
	}
	answered := 0
	for _, o := range got {
		if o.Err == nil {
			answered++
		} else if !errors.Is(o.Err, ErrFailed) || o.Err.Error()[:len("hunter: ")] != "hunter: " {
			t.Errorf("got %v", o.Err)
		}
	}
	if answered != 2 {
		t.Errorf("%d answered, want 2", answered)
	}
}
