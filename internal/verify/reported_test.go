package verify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/embedded"
	"rcpt/internal/overlay"
)

// overlayBook is an overlay that some keys cannot read.
type overlayBook struct {
	*overlay.Book
	unreadable map[string]bool
}

func (o *overlayBook) Look(ctx context.Context, key string, addresses ...address.Address) ([]overlay.Sight, error) {
	if o.unreadable[key] {
		return nil, errors.New("table is gone")
	}
	return o.Book.Look(ctx, key, addresses...)
}

// reported reads the reported section, an event a line:
//
//	key hard_bounce alice@ok.example 48h    so long before the scenario begins
//	key unreadable                          what the key reported cannot be read
//
// A key is its own account.
func reported(t *testing.T, text string, now func() time.Time) *overlayBook {
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	o := &overlayBook{unreadable: make(map[string]bool), Book: overlay.New(overlay.Config{
		Table: db.Cache(), Vault: db.Vault(), Secret: []byte("scenario"), Now: now,
	})}
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 2 {
			o.unreadable[fields[0]] = fields[1] == "unreadable"
			continue
		}
		if len(fields) != 4 {
			t.Fatalf("reported line %q", line)
		}
		ago, err := time.ParseDuration(fields[3])
		if err != nil {
			t.Fatalf("reported line %q: %v", line, err)
		}
		e := overlay.Event{Email: fields[2], Reason: overlay.Reason(fields[1]), OccurredAt: now().Add(-ago), ID: fmt.Sprint("test:", number), Source: "test"}
		got, err := o.Record(t.Context(), overlay.Key{ID: fields[0], Account: fields[0]}, []overlay.Event{e}, now(), overlay.Terms{})
		if err != nil || got.Recorded != 1 {
			t.Fatalf("reported line %q: %+v, %v", line, got, err)
		}
	}
	return o
}
