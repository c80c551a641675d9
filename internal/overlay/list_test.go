package overlay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rcpt/internal/address"
)

func TestListPagesAndFilters(t *testing.T) {
	w := open(t)
	key := keyOf("key")
	var events []Event
	for i := range 100 {
		e := bounce(fmt.Sprintf("user%02d@ok.example", i), i)
		e.OccurredAt = noon().Add(-day*100).Add(day*0).AddDate(0, 0, i)
		if i%10 == 0 {
			e.Reason = Complaint
		}
		events = append(events, e)
	}
	w.record(t, key, events...)
	w.record(t, keyOf("other"), bounces("other.example", 30)...)
	since, until := events[20].OccurredAt, events[30].OccurredAt
	for claim, tt := range map[string]struct {
		filter Filter
		want   []Event
	}{
		"all":             {Filter{}, events},
		"a reason":        {Filter{Reason: HardBounce}, slices.DeleteFunc(slices.Clone(events), func(e Event) bool { return e.Reason == Complaint })},
		"since":           {Filter{Since: since}, events[20:]},
		"until":           {Filter{Until: until}, events[:30]},
		"both":            {Filter{Since: since, Until: until, Reason: Complaint}, events[20:21]},
		"an address":      {Filter{Address: mustParse(t, "USER07@ok.example")}, events[7:8]},
		"it and a reason": {Filter{Address: mustParse(t, "user07@ok.example"), Reason: Complaint}, nil},
		"none":            {Filter{Reason: SoftBounce}, nil},
		"another's":       {Filter{Address: mustParse(t, "user00001@other.example")}, nil},
	} {
		for _, limit := range []int{1, 7, 100, 1000} {
			var got []string
			after, pages := "", 0
			for ; pages < 200; pages++ {
				entries, next, err := w.List(t.Context(), key, tt.filter, after, limit)
				if err != nil || len(entries) > limit {
					t.Fatalf("%s: %d entries, %v", claim, len(entries), err)
				}
				for _, e := range entries {
					got = append(got, e.Email)
				}
				if after = next; after == "" {
					break
				}
			}
			slices.Sort(got)
			var want []string
			for _, e := range tt.want {
				want = append(want, e.Email)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %d a page: got %v, want %v", claim, limit, got, want)
			}
			if most := len(want)/limit + 1; pages > most {
				t.Errorf("%s, %d a page: %d pages", claim, limit, pages)
			}
		}
	}
	for _, after := range []string{"x", strings.Repeat("A", 32), strings.Repeat("a", 33), "\x00"} {
		if _, _, err := w.List(t.Context(), key, Filter{}, after, 10); !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %q: %v", after, err)
		}
	}
}

func TestAllStopsWhenTheCallerDoes(t *testing.T) {
	w := open(t)
	w.record(t, keyOf("key"), bounces("ok.example", 450)...)
	if n := len(w.all(t, keyOf("key"))); n != 450 {
		t.Errorf("%d entries", n)
	}
	n := 0
	for _, err := range w.All(t.Context(), keyOf("key"), Filter{}) {
		if n++; n == 3 || err != nil {
			break
		}
	}
	_ = w.db.Close()
	for _, err := range w.All(t.Context(), keyOf("key"), Filter{}) {
		if err == nil {
			t.Error("no error from a table that is closed")
		}
	}
}

func TestFindAndDeleteAreTheKeysOwn(t *testing.T) {
	w := open(t)
	one, two := keyOf("one"), keyOf("two")
	w.record(t, one, bounce("alice@ok.example", 1))
	w.record(t, two, bounce("alice@ok.example", 1))
	mine, theirs := w.all(t, one)[0], w.all(t, two)[0]
	if mine.ID == theirs.ID {
		t.Error("one id for two keys")
	}
	if e, err := w.Find(t.Context(), one, mine.ID); err != nil || e.Email != "alice@ok.example" {
		t.Errorf("found %+v, %v", e, err)
	}
	for _, id := range []string{theirs.ID, "", "x", strings.ToUpper(mine.ID), strings.Repeat("a", 32)} {
		if _, err := w.Find(t.Context(), one, id); !errors.Is(err, ErrNotFound) {
			t.Errorf("find %q: %v", id, err)
		}
		if err := w.Delete(t.Context(), one, id); !errors.Is(err, ErrNotFound) {
			t.Errorf("delete %q: %v", id, err)
		}
	}
	if err := w.Delete(t.Context(), one, mine.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), one, mine.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if got := says(w.look(t, "one", "alice@ok.example")) + ", " + says(w.look(t, "two", "alice@ok.example")); got != "nothing, hard_bounce 2026-11-22 1" {
		t.Errorf("after deletion: %s", got)
	}
	if o := w.record(t, one, bounce("alice@ok.example", 1)); o.Duplicates != 1 || w.look(t, "one", "alice@ok.example").History.Matched {
		t.Errorf("a late delivery brings it back: %+v", o)
	}
	if w.record(t, one, bounce("alice@ok.example", 2)); !w.look(t, "one", "alice@ok.example").History.Matched {
		t.Error("a new event does not")
	}
}

// A writer that read an entry which is then removed and made again with the same
// version must not write over it.
func TestAnEntryMadeAgainIsAnother(t *testing.T) {
	w := open(t)
	key := keyOf("key")
	w.record(t, key, bounce("alice@ok.example", 1))
	id := w.all(t, key)[0].ID
	p := &post{book: w.Book, key: key, received: noon(), sealed: map[string][]byte{}, free: map[string]bool{}}
	reports, _ := p.read([]Event{bounce("alice@ok.example", 2)})
	planned, err := p.plan(t.Context(), reports)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), key, id); err != nil {
		t.Fatal(err)
	}
	w.record(t, key, bounce("alice@ok.example", 3))
	if err := w.table.Transact(t.Context(), planned.ops); err == nil {
		t.Error("written over the new entry")
	}
	// Nor may an event count again because its entry is gone.
	reports, _ = p.read([]Event{bounce("bob@ok.example", 4)})
	if planned, err = p.plan(t.Context(), reports); err != nil {
		t.Fatal(err)
	}
	w.record(t, key, bounce("bob@ok.example", 4))
	if err := w.Delete(t.Context(), key, w.entryID(key.ID, mustParse(t, "bob@ok.example"))); err != nil {
		t.Fatal(err)
	}
	if err := w.table.Transact(t.Context(), planned.ops); err == nil {
		t.Error("an event counted twice")
	}
}

func TestEraseTakesAnAddressFromTheKeysGiven(t *testing.T) {
	w := open(t)
	var ids []string
	for n := range 150 {
		key := keyOf(fmt.Sprint("key", n))
		w.record(t, key, bounce("alice@ok.example", 1), bounce("bob@ok.example", 2))
		if n < 120 {
			ids = append(ids, key.ID)
		}
	}
	w.forgotten = nil
	got, err := w.Erase(t.Context(), append(ids, "without"), mustParse(t, "Alice@ok.example"))
	if err != nil || got != (Erased{Reports: 120, Evidence: 121}) || len(w.forgotten) != 121 {
		t.Errorf("got %+v, %v, %d forgotten", got, err, len(w.forgotten))
	}
	for n := range 150 {
		key := fmt.Sprint("key", n)
		if alice, bob := w.look(t, key, "alice@ok.example").History.Matched, w.look(t, key, "bob@ok.example").History.Matched; alice != (n >= 120) || !bob {
			t.Errorf("%s: alice %v, bob %v", key, alice, bob)
		}
	}
	if got, err := w.Erase(t.Context(), ids, mustParse(t, "alice@ok.example")); err != nil || got.Reports != 0 {
		t.Errorf("again: %+v, %v", got, err)
	}
	w.cfg.Forget = func(context.Context, string, ...address.Address) (int, error) { return 0, errDied }
	if _, err := w.Erase(t.Context(), ids, mustParse(t, "bob@ok.example")); !errors.Is(err, errDied) {
		t.Errorf("evidence that stays is no error: %v", err)
	}
}
