package keys

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"rcpt/internal/store"
)

// audited writes the entries of an account's log as "act fields", the latest
// first.
func (w *world) audited(t *testing.T, account string) []string {
	t.Helper()
	entries, _, err := w.Audit(context.WithoutCancel(t.Context()), account, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range entries {
		lines = append(lines, strings.TrimSpace(string(e.Act)+" "+strings.Join(e.Fields, " ")))
	}
	return lines
}

func TestAuditLogTellsWhoDidWhat(t *testing.T) {
	w := open(t, rand.Reader)
	key, _ := w.create(t, Draft{Account: "acme"})
	ctx := ActingAs(t.Context(), "adminkey")
	w.create(t, Draft{Account: "acme2"})
	for _, act := range []func() error{
		func() error { _, err := w.Change(ctx, key.ID, Patch{Label: new("x"), Plan: new("p")}); return err },
		func() error { _, _, err := w.Rotate(ctx, key.ID, time.Hour); return err },
		func() error { return w.Revoke(ctx, key.ID) },
	} {
		w.clock = w.clock.Add(time.Second)
		if err := act(); err != nil {
			t.Fatal(err)
		}
	}
	first := noon.Truncate(time.Millisecond)
	want := []Entry{
		{At: first.Add(3 * time.Second), Account: "acme", Key: key.ID, By: "adminkey", Act: Revoked},
		{At: first.Add(2 * time.Second), Account: "acme", Key: key.ID, By: "adminkey", Act: Rotated},
		{At: first.Add(time.Second), Account: "acme", Key: key.ID, By: "adminkey", Act: Changed, Fields: []string{"label", "plan"}},
		{At: first, Account: "acme", Key: key.ID, Act: Created},
	}
	var got []Entry
	for after, pages := "", 0; ; pages++ {
		page, next, err := w.Audit(t.Context(), "acme", after, 2)
		if err != nil || len(page) > 2 || pages > 3 {
			t.Fatalf("page %d: %d entries, error %v", pages, len(page), err)
		}
		if got, after = append(got, page...), next; next == "" {
			break
		}
	}
	for i := range got {
		if len(got[i].Fields) == 0 {
			got[i].Fields = nil
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the log is\n%+v want\n%+v", got, want)
	}
}

func TestAuditLogHoldsNoSecretsAndNoValues(t *testing.T) {
	w := open(t, rand.Reader)
	key, created := w.create(t, Draft{Account: "acme", Label: "valueone"})
	if _, err := w.Change(t.Context(), key.ID, Patch{Label: new("valuetwo")}); err != nil {
		t.Fatal(err)
	}
	rotated, _, err := w.Rotate(t.Context(), key.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	page, err := w.table.Query(t.Context(), store.Query{Part: "AUD#acme"})
	if err != nil || len(page.Items) != 3 {
		t.Fatalf("%d entries, error %v", len(page.Items), err)
	}
	text, err := json.Marshal(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, no := range []string{created.API[17:], created.Hook[12:], rotated.API[17:], rotated.Hook[12:], "valueone", "valuetwo", "whsec"} {
		if strings.Contains(string(text), no) {
			t.Errorf("the log holds %q", no)
		}
	}
}

func TestManyChangesWithinAMillisecondAreAllLogged(t *testing.T) {
	w := open(t, rand.Reader)
	key, _ := w.create(t, Draft{Account: "acme"})
	for i := range 12 {
		if _, err := w.Change(t.Context(), key.ID, Patch{Label: new(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(w.audited(t, "acme")); n != 13 {
		t.Errorf("%d entries, want 13", n)
	}
}

func TestStrangeCursorsAreRefused(t *testing.T) {
	w := open(t, rand.Reader)
	w.create(t, Draft{Account: "acme"})
	for _, after := range []string{"x", "\x00", "2026-11-13T12:00:00.123Z", "2026-11-13T12:00:00.123Z#nosuchid", "2026-13-13T12:00:00.123Z#nosuchid#000001",
		"2026-11-13T12:00:00.123Z#nosuchid#1x0000", "2026-11-13T12:00:00.123Z#nosuchid#" + strings.Repeat("0", 2000)} {
		if _, _, err := w.Audit(t.Context(), "acme", after, 1); !errors.Is(err, ErrCursor) {
			t.Errorf("audit after %.40q: %v, want ErrCursor", after, err)
		}
		if _, _, err := w.List(t.Context(), "acme", after, 1); !errors.Is(err, ErrCursor) {
			t.Errorf("list after %.40q: %v, want ErrCursor", after, err)
		}
	}
}

// What another package changes for a key stands among the rest, also when it
// happens within one millisecond.
func TestNotesStandInTheLog(t *testing.T) {
	w := open(t, rand.Reader)
	key, _ := w.create(t, Draft{Account: "acme"})
	note := w.Note(ActingAs(t.Context(), "adminkey"), key, "lists.deny")
	for number := range int64(3) {
		if err := w.table.Transact(t.Context(), []store.Op{note(number)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Change(t.Context(), key.ID, Patch{Label: new("x")}); err != nil {
		t.Fatal(err)
	}
	want := []string{"changed lists.deny", "changed lists.deny", "changed lists.deny", "changed label", "created"}
	if got := w.audited(t, "acme"); !reflect.DeepEqual(got, want) {
		t.Errorf("the log is %v, want %v", got, want)
	}
	page, next, err := w.Audit(t.Context(), "acme", "", 2)
	if err != nil || len(page) != 2 || page[0].By != "adminkey" || page[0].Key != key.ID {
		t.Fatalf("%v, error %v", page, err)
	}
	if rest, _, err := w.Audit(t.Context(), "acme", next, 5); err != nil || len(rest) != 3 {
		t.Errorf("behind %q there are %v, error %v", next, rest, err)
	}
}
