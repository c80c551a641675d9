package vendors

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/store"
)

func draft(name Name, secret string) Draft {
	return Draft{Account: account, Vendor: name, Secret: secret, Label: "label"}
}

func TestKeyIsKeptAfterItWasProved(t *testing.T) {
	w := open(t)
	for i, v := range Defaults() {
		k, err := w.book().Add(t.Context(), draft(v.Name, "good-0123456789abcdef"), nil)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if k.ID != int64(i+1) || k.Preview != "good…cdef" || !k.Active || k.Credits == nil || *k.Credits != 10_000 || k.ValidatedAt != noon() || k.LastError != "" {
			t.Errorf("%s: got %+v", v.Name, k)
		}
		found, err := w.book().Find(t.Context(), account, k.ID)
		if err != nil || *found.Credits != 10_000 || found.Preview != k.Preview || found.CreatedAt != noon() {
			t.Errorf("%s: found %+v, %v", v.Name, found, err)
		}
	}
	if keys, err := w.book().List(t.Context(), account); err != nil || len(keys) != 5 {
		t.Errorf("got %d keys, %v", len(keys), err)
	}
}

func TestPreviewOfShortKeys(t *testing.T) {
	for secret, want := range map[string]string{
		"good-0123456789": "go…89", "good-0123456789a": "good…789a", "good-012": "go…12",
	} {
		if got := preview(newSecret(secret)); got != want {
			t.Errorf("%s: got %s, want %s", secret, got, want)
		}
	}
}

func TestDraftsThatAreNotAccepted(t *testing.T) {
	w := open(t)
	for claim, d := range map[string]Draft{
		"7 characters":     draft(Hunter, "good-01"),
		"513 characters":   draft(Hunter, "good-"+strings.Repeat("x", 508)),
		"unknown provider": draft("acme", "good-0123456789"),
		"a line end":       draft(Hunter, "good-0123\r\n456789"),
		"a space":          draft(Hunter, "good-0123 456789"),
		"not ASCII":        draft(Hunter, "good-0123ä456789"),
		"a label too long": {Account: account, Vendor: Hunter, Secret: "good-0123456789", Label: strings.Repeat("x", 101)},
	} {
		if _, err := w.book().Add(t.Context(), d, nil); !errors.Is(err, ErrDraft) {
			t.Errorf("%s: got %v", claim, err)
		}
	}
	for _, secret := range []string{"good-012", "good-" + strings.Repeat("x", 507)} {
		if _, err := w.book().Add(t.Context(), draft(Hunter, secret), nil); err != nil {
			t.Errorf("%d characters: %v", len(secret), err)
		}
	}
}

// A key that fails is never kept, and only a refusal says that it is wrong.
func TestKeyThatFailsIsNotKept(t *testing.T) {
	w := open(t)
	for _, v := range Defaults() {
		_, err := w.book().Add(t.Context(), draft(v.Name, "bad-0123456789abcdef"), nil)
		var problem *Error
		if !errors.As(err, &problem) || problem.Class != Auth || !strings.HasPrefix(err.Error(), string(v.Name)+": HTTP ") {
			t.Errorf("%s: got %v", v.Name, err)
		}
	}
	for i := range w.catalog {
		w.catalog[i].Base = "http://127.0.0.1:1"
	}
	_, err := w.another().cfg.Book.Add(t.Context(), draft(Hunter, "good-0123456789abcdef"), nil)
	var problem *Error
	if !errors.As(err, &problem) || problem.Class != Server || problem.Code != 0 {
		t.Errorf("unreachable: got %v", err)
	}
	if keys, _ := w.book().List(t.Context(), account); len(keys) != 0 {
		t.Errorf("kept %+v", keys)
	}
}

func TestZeroCreditsAreAKey(t *testing.T) {
	w := open(t)
	for _, v := range Defaults() {
		if k := w.key(t, v.Name, "empty"); k.Credits == nil || *k.Credits != 0 {
			t.Errorf("%s: got %+v", v.Name, k)
		}
	}
	if k := w.key(t, NeverBounce, "metered"); k.Credits != nil {
		t.Errorf("a metered account has %d credits", *k.Credits)
	}
}

func TestChange(t *testing.T) {
	w := open(t)
	k := w.key(t, MillionVerifier, "few9")
	w.clock.Advance(time.Hour)
	k, err := w.book().Change(t.Context(), account, k.ID, Patch{Label: new("new"), Active: new(false)}, nil)
	if err != nil || k.Label != "new" || k.Active || k.UpdatedAt != noon().Add(time.Hour) || k.ValidatedAt != noon() {
		t.Errorf("label: got %+v, %v", k, err)
	}
	if _, err := w.book().Change(t.Context(), account, k.ID, Patch{Secret: new("bad-0123456789abcdef")}, nil); err == nil {
		t.Error("a bad key replaced a good one")
	}
	if k, _ = w.book().Find(t.Context(), account, k.ID); k.Preview != "few9…cdef" || k.LastError != "" {
		t.Errorf("after a bad one: got %+v", k)
	}
	k, err = w.book().Change(t.Context(), account, k.ID, Patch{Secret: new("good-fedcba9876543210"), Active: new(true)}, nil)
	if err != nil || k.Preview != "good…3210" || *k.Credits != 10_000 || k.ValidatedAt != noon().Add(time.Hour) || !k.Active {
		t.Errorf("replaced: got %+v, %v", k, err)
	}
	w.clock.Advance(time.Hour)
	if k, err = w.book().Change(t.Context(), account, k.ID, Patch{Revalidate: true}, nil); err != nil || k.ValidatedAt != noon().Add(2*time.Hour) {
		t.Errorf("revalidated: got %+v, %v", k, err)
	}
	if _, err := w.book().Change(t.Context(), "other", k.ID, Patch{}, nil); !errors.Is(err, ErrKey) {
		t.Errorf("as another account: %v", err)
	}
	if _, err := w.book().Find(t.Context(), account, -1); !errors.Is(err, ErrKey) {
		t.Errorf("a negative id: %v", err)
	}
}

func TestRevalidationShowsARefusal(t *testing.T) {
	w := open(t)
	k := w.key(t, Hunter, "good")
	if _, err := w.db.Control().Update(t.Context(), spoil(t, w, k)); err != nil {
		t.Fatal(err)
	}
	var problem *Error
	if _, err := w.book().Change(t.Context(), account, k.ID, Patch{Revalidate: true}, nil); !errors.As(err, &problem) || problem.Class != Auth {
		t.Errorf("got %v", err)
	}
	if k, _ = w.book().Find(t.Context(), account, k.ID); !k.Rejected() || k.LastError == "" {
		t.Errorf("got %+v", k)
	}
}

func TestDeletedKeyIsGone(t *testing.T) {
	w := open(t)
	k := w.key(t, Hunter, "good")
	if err := w.book().Delete(t.Context(), account, k.ID, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.book().Delete(t.Context(), account, k.ID, nil); !errors.Is(err, ErrKey) {
		t.Errorf("again: %v", err)
	}
	if _, err := w.db.Control().Get(t.Context(), itemKey(account, k.ID)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the row is still there: %v", err)
	}
}

// A row moved to another account does not open.
func TestMovedRowDoesNotOpen(t *testing.T) {
	w := open(t)
	k := w.key(t, Hunter, "good")
	item, err := w.db.Control().Get(t.Context(), itemKey(account, k.ID))
	if err != nil {
		t.Fatal(err)
	}
	item.Key = itemKey("thief", k.ID)
	if err := w.db.Control().Put(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	r := w.request(t, "ok@buyer.example")
	r.Account = "thief"
	if _, err := w.Verify(within(t, 5*time.Second), r); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
	if n := w.checks(Hunter); n != 0 {
		t.Errorf("the key was used %d times", n)
	}
	if _, err := w.book().Change(t.Context(), "thief", k.ID, Patch{Revalidate: true}, nil); !errors.Is(err, store.ErrSealed) {
		t.Errorf("revalidated: %v", err)
	}
}

// Neither does one that says it is of another vendor: a key of one would be sent
// to the other.
func TestRowOfAnotherVendorDoesNotOpen(t *testing.T) {
	w := open(t)
	k := w.key(t, Hunter, "good")
	w.key(t, ZeroBounce, "good")
	change := store.Update{Key: itemKey(account, k.ID), Set: store.Attrs{"vendor": string(MillionVerifier)}}
	if _, err := w.db.Control().Update(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	w.Chain = w.another()
	if got := w.verify(t, "ok@buyer.example"); path(got.Trace) != "zerobounce:answered" || w.double.Counts("millionverifier").Requests != 0 {
		t.Errorf("got %s", path(got.Trace))
	}
}

// Nor the address of a log entry.
func TestMovedLogEntryShowsNoAddress(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	w.verify(t, "ok@buyer.example")
	page, err := w.db.Control().Query(t.Context(), store.Query{Part: logPart + account})
	if err != nil || len(page.Items) != 1 {
		t.Fatal(len(page.Items), err)
	}
	item := page.Items[0]
	item.Key.Part = logPart + "thief"
	if err := w.db.Control().Put(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	if all, _, err := w.cfg.Ledger.Log(t.Context(), "thief", Filter{}, "", 10); err != nil || len(all) != 1 || all[0].Email != "" {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestIdsAreDistinctWhoeverAdds(t *testing.T) {
	w := open(t)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if _, err := w.another().cfg.Book.Add(t.Context(), draft(MillionVerifier, "good-0123456789abcdef"), nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	keys, err := w.book().List(t.Context(), account)
	if err != nil || len(keys) != 10 || keys[9].ID != 10 {
		t.Errorf("got %d keys, %v", len(keys), err)
	}
}

func TestAccountMayHaveSoManyKeys(t *testing.T) {
	w := open(t)
	for range MaxKeys {
		w.key(t, MillionVerifier, "good")
	}
	if _, err := w.book().Add(t.Context(), draft(Hunter, "good-0123456789abcdef"), nil); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v", err)
	}
	if err := w.book().Delete(t.Context(), account, 1, nil); err != nil {
		t.Fatal(err)
	}
	if k := w.key(t, Hunter, "good"); k.ID != MaxKeys+1 {
		t.Errorf("got id %d", k.ID)
	}
}

func TestCreditsAreRefreshed(t *testing.T) {
	w := open(t)
	w.key(t, Reoon, "few50")
	w.key(t, MillionVerifier, "few50")
	w.verify(t, "ok1@buyer.example")
	w.clock.Advance(creditsAge)
	w.verify(t, "ok2@buyer.example")
	keys, err := w.book().List(t.Context(), account)
	if err != nil || *keys[1].Credits != 48 || *keys[0].Credits != 50 {
		t.Errorf("from answers: %+v, %v", keys, err)
	}
	if err := w.book().Delete(t.Context(), account, 2, nil); err != nil {
		t.Fatal(err)
	}
	w.verify(t, "ok3@buyer.example")
	if keys, err = w.book().Refresh(t.Context(), account, time.Second); err != nil || *keys[0].Credits != 49 {
		t.Errorf("by asking: %+v, %v", keys, err)
	}
}

// Each change is in the audit exactly once.
func TestChangesAreAudited(t *testing.T) {
	w := open(t)
	audit := func(n int64) store.Op {
		return store.UpdateOp(store.Update{Key: store.Key{Part: "AUDIT"}, Add: map[string]int64{"n": 1}})
	}
	k, err := w.book().Add(t.Context(), draft(Hunter, "good-0123456789abcdef"), audit)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.book().Change(t.Context(), account, k.ID, Patch{Label: new("x")}, audit); err != nil {
		t.Fatal(err)
	}
	if err = w.book().Delete(t.Context(), account, k.ID, audit); err != nil {
		t.Fatal(err)
	}
	if item, _ := w.db.Control().Get(t.Context(), store.Key{Part: "AUDIT"}); item.Int("n") != 3 {
		t.Errorf("got %d audit entries", item.Int("n"))
	}
}
