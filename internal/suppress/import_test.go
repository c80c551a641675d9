package suppress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rcpt/internal/batch/intake"
)

func list(text string) intake.Source {
	return func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader([]byte(text)[offset:])), nil
	}
}

func TestListsOfAnyFormAreImported(t *testing.T) {
	for name, text := range map[string]string{
		"plain text":           "a@example.org\nb@example.org\n",
		"csv":                  "name,email\nAnn,a@example.org\nBob,b@example.org\n",
		"csv with semicolons":  "Email;Grund\r\na@example.org;x\r\nb@example.org;y\r\n",
		"array of strings":     `["a@example.org","b@example.org"]`,
		"array of objects":     `[{"email":"a@example.org","reason":"x"},{"email":"b@example.org"}]`,
		"json lines":           `{"email":"a@example.org"}` + "\n" + `{"email":"b@example.org"}`,
		"utf-8 with byte mark": "\ufeffemail\na@example.org\nb@example.org",
	} {
		w := open(t)
		o, err := w.Import(t.Context(), acme, list(text), Origin{Reason: Imported, Note: "old system"})
		if want := (Outcome{Rows: 2, Added: 2}); err != nil || !reflect.DeepEqual(o, want) {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
		got := w.all(t, acme, Filter{Reason: Imported}, 10)
		slices.Sort(got)
		if !reflect.DeepEqual(got, []string{"a@example.org", "b@example.org"}) {
			t.Errorf("%s: imported are %v", name, got)
		}
	}
}

func TestEveryRowOfAListIsAccountedFor(t *testing.T) {
	w := open(t)
	w.add(t, acme, Complaint, "", "known@example.org")
	o, err := w.Import(t.Context(), acme, list("email\na@example.org\nA@example.org\nknown@example.org\nnot an address\nb@@example.org\n"), Origin{Reason: Unsubscribe})
	if err != nil || o.Rows != 5 || o.Added != 1 || o.Unchanged != 1 || o.Duplicates != 1 || o.Invalid != 2 {
		t.Errorf("%+v, %v", o, err)
	}
	if len(o.Faults) != 2 || o.Faults[0].Row != 4 || o.Faults[1].Row != 5 || o.Faults[0].Problem == "" {
		t.Errorf("faults are %+v", o.Faults)
	}
	if got := w.says(t, acme.ID, "known@example.org"); got != Complaint {
		t.Errorf("the import made a complaint %q", got)
	}
	many, err := w.Import(t.Context(), acme, list("email\nx@example.org\n"+strings.Repeat("wrong\n", 100)), Origin{Reason: Imported})
	if err != nil || many.Invalid != 100 || len(many.Faults) != maxFaults {
		t.Errorf("%d faults of %d: %v", len(many.Faults), many.Invalid, err)
	}
}

func TestUnreadableListsChangeNothing(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "a picture": "\x89PNG\r\n\x1a\n\x00\x00\x00", "broken json": `["a@example.org","b@`, "open quote": "email,name\na@example.org,Ann\n\"b@example.org,Bob\n",
		"no addresses": "name,age\nAnn,7\nBob,8\n",
	} {
		w := open(t)
		if o, err := w.Import(t.Context(), acme, list(text), Origin{Reason: Imported}); !errors.Is(err, ErrList) {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
		if got := w.all(t, acme, Filter{}, 10); len(got) != 0 {
			t.Errorf("%s left %v", name, got)
		}
	}
}

// Whoever dies in the middle, or is late: the same list again goes on.
func TestAnImportThatBrokeOffIsSentAgain(t *testing.T) {
	w := open(t)
	var text strings.Builder
	const rows = 20 * perWrite
	for n := range rows {
		fmt.Fprintf(&text, "user%d@example.org\n", n)
	}
	w.table.left.Store(5)
	if _, err := w.Import(t.Context(), acme, list(text.String()), Origin{Reason: Imported}); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	w.table.left.Store(0)
	o, err := w.Import(t.Context(), acme, list(text.String()), Origin{Reason: Imported})
	if err != nil || o.Added+o.Unchanged != rows || o.Unchanged == 0 || o.Unchanged > 5*perWrite {
		t.Errorf("%+v, %v", o, err)
	}
	if got := w.all(t, acme, Filter{}, 1000); len(got) != rows {
		t.Errorf("%d of %d are suppressed", len(got), rows)
	}
}
