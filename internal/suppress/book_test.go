package suppress

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/store"
)

func TestOneMailboxIsSuppressedHoweverItIsWritten(t *testing.T) {
	w := open(t)
	w.add(t, acme, Unsubscribe, "", "Alice@Example.ORG")
	for email, want := range map[string]Reason{
		"alice@example.org": Unsubscribe, "ALICE@EXAMPLE.ORG.": Unsubscribe, "alice+tag@example.org": "", "alice@sub.example.org": "", "bob@example.org": "",
	} {
		if got := w.says(t, acme.ID, email); got != want {
			t.Errorf("%s is suppressed for %q, want %q", email, got, want)
		}
	}
}

func TestSuppressionsAreTheKeysOwn(t *testing.T) {
	w := open(t)
	other := Key{ID: "key2", Account: "acme"}
	w.add(t, acme, Manual, "", "alice@example.org")
	if got := w.says(t, other.ID, "alice@example.org"); got != "" {
		t.Errorf("another key sees %q", got)
	}
	if got := w.all(t, other, Filter{}, 10); len(got) != 0 {
		t.Errorf("another key lists %v", got)
	}
	entries, _, _ := w.List(t.Context(), acme, Filter{}, "", 10)
	if err := w.Delete(t.Context(), other, entries[0].ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("another key deletes: %v", err)
	}
	if _, err := w.Find(t.Context(), other, entries[0].ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("another key finds: %v", err)
	}
	w.add(t, other, Manual, "", "alice@example.org")
	others, _, _ := w.List(t.Context(), other, Filter{}, "", 10)
	if others[0].ID == entries[0].ID {
		t.Error("two keys can compare their entries")
	}
}

// What is there stays: a list imported over a complaint must not hide it.
func TestAddingAgainChangesNothing(t *testing.T) {
	w := open(t)
	if c := w.add(t, acme, Complaint, "ticket 7", "alice@example.org", "ALICE@example.org"); c != (Change{Added: 1}) {
		t.Errorf("adding comes to %+v", c)
	}
	before, _, _ := w.List(t.Context(), acme, Filter{}, "", 10)
	w.clock.Advance(time.Hour)
	if c := w.add(t, acme, Imported, "x", "alice@example.org", "bob@example.org"); c != (Change{Added: 1, Unchanged: 1}) {
		t.Errorf("adding again comes to %+v", c)
	}
	after, err := w.Find(t.Context(), acme, before[0].ID)
	want := Entry{ID: before[0].ID, Email: "alice@example.org", Reason: Complaint, Note: "ticket 7", AddedAt: noon()}
	if err != nil || after != want {
		t.Errorf("the entry is %+v, %v; want %+v", after, err, want)
	}
}

func TestRemovedIsAsIfNeverAdded(t *testing.T) {
	w := open(t)
	w.add(t, acme, Manual, "", "a@example.org", "b@example.org", "c@example.org")
	c, err := w.Remove(t.Context(), acme, parse(t, "A@example.org", "a@example.org", "nobody@example.org")...)
	if err != nil || c != (Change{Removed: 1, Unchanged: 1}) {
		t.Errorf("removing comes to %+v, %v", c, err)
	}
	entries, _, _ := w.List(t.Context(), acme, Filter{Address: parse(t, "b@example.org")[0]}, "", 10)
	if err := w.Delete(t.Context(), acme, entries[0].ID); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{entries[0].ID, "", "x", strings.Repeat("a", 32), strings.Repeat("A", 32)} {
		if err := w.Delete(t.Context(), acme, id); !errors.Is(err, ErrNotFound) {
			t.Errorf("delete %q: %v", id, err)
		}
		if _, err := w.Find(t.Context(), acme, id); !errors.Is(err, ErrNotFound) {
			t.Errorf("find %q: %v", id, err)
		}
	}
	if got := w.all(t, acme, Filter{}, 10); !reflect.DeepEqual(got, []string{"c@example.org"}) {
		t.Errorf("left are %v", got)
	}
}

func TestPagesHoldEveryEntryOnce(t *testing.T) {
	w := open(t)
	var emails []string
	for n := range 250 {
		emails = append(emails, fmt.Sprintf("user%03d@example.org", n))
	}
	w.add(t, acme, Manual, "", emails[:100]...)
	w.clock.Advance(time.Hour)
	w.add(t, acme, Unsubscribe, "", emails[100:]...)
	early, late := Filter{Until: noon().Add(time.Minute)}, Filter{Since: noon().Add(time.Minute)}
	for _, c := range []struct {
		f    Filter
		want []string
	}{
		{Filter{}, emails}, {Filter{Reason: Manual}, emails[:100]}, {early, emails[:100]}, {late, emails[100:]},
		{Filter{Reason: Manual, Since: noon().Add(time.Minute)}, nil}, {Filter{Address: parse(t, emails[7])[0]}, emails[7:8]},
		{Filter{Address: parse(t, emails[7])[0], Reason: Unsubscribe}, nil},
	} {
		for _, limit := range []int{1, 7, 50, 250} {
			got := w.all(t, acme, c.f, limit)
			slices.Sort(got)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v by %d: %d entries, want %d", c.f, limit, len(got), len(c.want))
			}
		}
	}
	for _, after := range []string{"x", strings.Repeat("!", 32)} {
		if _, _, err := w.List(t.Context(), acme, Filter{}, after, 10); !errors.Is(err, ErrCursor) {
			t.Errorf("after %q: %v", after, err)
		}
	}
}

func TestManyAreLookedUpWithOneRead(t *testing.T) {
	w := open(t)
	w.add(t, acme, Manual, "", "user7@example.org")
	var emails []string
	for n := range 500 {
		emails = append(emails, fmt.Sprintf("user%d@example.org", n))
	}
	before := w.table.reads.Load()
	sights, err := w.Look(t.Context(), acme.ID, parse(t, append(emails, "USER7@example.org")...)...)
	if err != nil || w.table.reads.Load() != before+1 {
		t.Fatalf("%d reads, %v", w.table.reads.Load()-before, err)
	}
	for i, s := range sights {
		if s.Suppressed != (i == 7 || i == 500) {
			t.Errorf("number %d: %+v", i, s)
		}
	}
}

// What is stored gives no address and no note away.
func TestAddressesAreSealed(t *testing.T) {
	w := open(t)
	w.add(t, acme, Manual, "called on Friday", "alice@example.org")
	page, err := w.table.Query(t.Context(), store.Query{Part: itemKey(acme.ID, "").Part})
	if err != nil || len(page.Items) != 1 {
		t.Fatal(page, err)
	}
	for name, value := range page.Items[0].Attrs {
		text := []byte(fmt.Sprint(value))
		if octets, ok := value.([]byte); ok {
			text = octets
		}
		for _, secret := range []string{"alice", "example", "Friday"} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s shows %s", name, secret)
			}
		}
	}
}
