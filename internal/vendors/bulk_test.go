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
