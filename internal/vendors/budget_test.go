package vendors

import (
	"errors"
	"testing"
	"time"
)

func (w *world) budget(t *testing.T) Budget {
	t.Helper()
	b, err := w.Budget(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (w *world) setBudget(t *testing.T, most *int64) {
	t.Helper()
	if err := w.SetBudget(t.Context(), account, most, nil); err != nil {
		t.Fatal(err)
	}
}

// A budget holds for every way to the vendors, counts what was spent before it,
// and begins anew with the month. What is known costs nothing.
func TestBudget(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	w.verify(t, "ok1@buyer.example")
	w.verify(t, "ok2@buyer.example")
	if b := w.budget(t); b.Max != nil || b.Spent != 2*4900 || b.Month != w.clock.Now().UTC().Format("2006-01") {
		t.Errorf("without one: %+v", b)
	}
	w.setBudget(t, new(int64(3*4900+100)))
	w.verify(t, "ok3@buyer.example")
	if b := w.budget(t); b.Max == nil || *b.Max != 3*4900+100 || b.Spent != 3*4900 {
		t.Errorf("under one: %+v", b)
	}
	if _, err := w.Verify(within(t, 5*time.Second), w.request(t, "ok4@buyer.example")); !errors.Is(err, ErrCap) {
		t.Errorf("one beyond it: %v", err)
	}
	list := append(users(t, 1), mustParse(t, "ok1@buyer.example"))
	got, err := w.VerifyAll(within(t, 5*time.Second), w.request(t, "ok@buyer.example"), list)
	if err != nil || !errors.Is(got[0].Err, ErrCap) || got[1].Err != nil {
		t.Errorf("many beyond it: %+v, %v", got, err)
	}
	if _, err := w.another().Verify(within(t, 5*time.Second), w.request(t, "ok5@buyer.example")); !errors.Is(err, ErrCap) {
		t.Errorf("in another process: %v", err)
	}
	if n := w.checks(MillionVerifier); n != 3 {
		t.Errorf("%d checks were made, want 3", n)
	}

	w.clock.Advance(32 * 24 * time.Hour)
	w.verify(t, "ok6@buyer.example")
	if b := w.budget(t); b.Spent != 4900 {
		t.Errorf("in the next month: %+v", b)
	}

	w.setBudget(t, nil)
	for _, email := range []string{"ok7@buyer.example", "ok8@buyer.example", "ok9@buyer.example"} {
		w.verify(t, email)
	}
	w.setBudget(t, new(int64(4*4900)))
	if b := w.budget(t); b.Spent != 4*4900 {
		t.Errorf("taken away and set again: %+v", b)
	}
	if _, err := w.Verify(within(t, 5*time.Second), w.request(t, "ok10@buyer.example")); !errors.Is(err, ErrCap) {
		t.Errorf("set again: %v", err)
	}
}

// A budget is no key: lists of keys do not show it, and it is the account's own.
func TestBudgetIsTheAccountsOwn(t *testing.T) {
	w := open(t)
	w.setBudget(t, new(int64(0)))
	w.key(t, MillionVerifier, "good")
	if all, err := w.book().List(t.Context(), account); err != nil || len(all) != 1 {
		t.Errorf("got %+v, %v", all, err)
	}
	if b, err := w.Budget(t.Context(), "other"); err != nil || b.Max != nil {
		t.Errorf("another account: %+v, %v", b, err)
	}
	if _, err := w.Verify(within(t, 5*time.Second), w.request(t, "ok@buyer.example")); !errors.Is(err, ErrCap) {
		t.Errorf("nothing may be spent: %v", err)
	}
	if n := w.checks(MillionVerifier); n != 0 {
		t.Errorf("%d checks were made", n)
	}
}
