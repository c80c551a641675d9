package suppress

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/embedded"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// world is a Book with what surrounds it.
type world struct {
	*Book
	clock *storetest.Clock
	table *watched
}

func open(t testing.TB) *world {
	w := &world{clock: storetest.NewClock(noon())}
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.table = &watched{Table: db.Cache()} // not synced: what a sync is worth is package embedded's to show
	w.Book = New(Config{Table: w.table, Vault: db.Vault(), Secret: []byte("secret"), Now: w.clock.Now})
	return w
}

// watched counts the calls of a Table and breaks writes.
type watched struct {
	store.Table
	reads  atomic.Int64
	writes atomic.Int64
	left   atomic.Int64 // writes until they fail; 0: never
}

var errDied = errors.New("died")

func (w *watched) BatchGet(ctx context.Context, keys []store.Key) ([]store.Item, error) {
	w.reads.Add(1)
	return w.Table.BatchGet(ctx, keys)
}

func (w *watched) BatchPut(ctx context.Context, items []store.Item) error {
	if n := w.writes.Add(1); w.left.Load() > 0 && n > w.left.Load() {
		return errDied
	}
	return w.Table.BatchPut(ctx, items)
}

var acme = Key{ID: "key1", Account: "acme"}

func parse(t testing.TB, emails ...string) []address.Address {
	t.Helper()
	all := make([]address.Address, len(emails))
	for i, email := range emails {
		a, err := address.Parse(email)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = a
	}
	return all
}

func (w *world) add(t testing.TB, key Key, reason Reason, note string, emails ...string) Change {
	t.Helper()
	c, err := w.Add(t.Context(), key, reason, note, parse(t, emails...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// says tells of one address whether, and why, a key suppresses it.
func (w *world) says(t testing.TB, key, email string) Reason {
	t.Helper()
	sights, err := w.Look(t.Context(), key, parse(t, email)...)
	if err != nil || len(sights) != 1 {
		t.Fatal(sights, err)
	}
	if sights[0].Suppressed != (sights[0].Reason != "") {
		t.Errorf("%s: %+v", email, sights[0])
	}
	return sights[0].Reason
}

// all returns the addresses of every entry of a key, page by page.
func (w *world) all(t testing.TB, key Key, f Filter, limit int) (emails []string) {
	t.Helper()
	for after, pages := "", 0; ; pages++ {
		entries, next, err := w.List(t.Context(), key, f, after, limit)
		if err != nil || len(entries) > limit || pages > 1000 {
			t.Fatal(len(entries), pages, err)
		}
		for _, e := range entries {
			emails = append(emails, e.Email)
		}
		if after = next; after == "" {
			return emails
		}
	}
}
