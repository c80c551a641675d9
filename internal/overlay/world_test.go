package overlay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/embedded"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

const day = 24 * time.Hour

// world is a Book with what surrounds it.
type world struct {
	*Book
	clock *storetest.Clock
	table *watched
	vault *counted
	db    *embedded.DB

	forgotten []string // "key address", in order
}

// open opens a Book on a table that is not synced: what a sync is worth is
// package embedded's to show.
func open(t testing.TB) *world {
	w := &world{clock: storetest.NewClock(noon())}
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.db, w.table, w.vault = db, &watched{Table: db.Cache()}, &counted{Vault: db.Vault()}
	w.Book = w.another()
	return w
}

// another is the Book of another process.
func (w *world) another() *Book {
	return New(Config{
		Table: w.table, Vault: w.vault, Secret: []byte("secret"), Now: w.clock.Now, Log: slog.New(slog.DiscardHandler),
		Free: func(domain string) bool { return domain == "free.example" },
		Forget: func(_ context.Context, key string, addresses ...address.Address) (int, error) {
			for _, a := range addresses {
				w.forgotten = append(w.forgotten, key+" "+a.String())
			}
			return len(addresses), nil
		},
	})
}

// watched counts the calls of a Table and breaks some of its writes.
type watched struct {
	store.Table
	reads, writes atomic.Int64

	// broken says what becomes of the write of this number, from 1. Nil: all
	// are carried out.
	broken func(n int64) fate
}

type fate int

const (
	carriedOut fate = iota
	lost            // nothing is written
	unheard         // all is written, and nobody learns of it
)

var errDied = errors.New("died")

func (w *watched) BatchGet(ctx context.Context, keys []store.Key) ([]store.Item, error) {
	w.reads.Add(1)
	return w.Table.BatchGet(ctx, keys)
}

func (w *watched) Transact(ctx context.Context, ops []store.Op) error {
	n := w.writes.Add(1)
	end := carriedOut
	if w.broken != nil {
		end = w.broken(n)
	}
	if end == lost {
		return errDied
	}
	err := w.Table.Transact(ctx, ops)
	if err == nil && end == unheard {
		return errDied
	}
	return err
}

// counted counts what a Vault seals, by context.
type counted struct {
	store.Vault
	sealed   atomic.Int64
	contexts atomic.Value // of string: the last one
}

func (c *counted) Seal(ctx context.Context, text []byte, context map[string]string) ([]byte, error) {
	c.sealed.Add(1)
	c.contexts.Store(fmt.Sprint(context))
	return c.Vault.Seal(ctx, text, context)
}

func keyOf(id string) Key { return Key{ID: id, Account: "acc-" + id, ReportsPerDay: 1000} }

// bounce is a hard bounce of an address; its id is the number.
func bounce(email string, number int) Event {
	return Event{Email: email, Reason: HardBounce, ID: fmt.Sprint("test:", number), Source: "test"}
}

// bounces returns n of them, each of another address of the domain.
func bounces(domain string, n int) []Event {
	events := make([]Event, n)
	for i := range events {
		events[i] = bounce(fmt.Sprintf("user%05d@%s", i, domain), i)
	}
	return events
}

func (w *world) record(t testing.TB, key Key, events ...Event) Outcome {
	t.Helper()
	o, err := w.Record(t.Context(), key, events, w.clock.Now(), Terms{})
	if err != nil {
		t.Fatalf("record: %v", err)
	}
	return o
}

func mustParse(t testing.TB, email string) address.Address {
	t.Helper()
	a, err := address.Parse(email)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (w *world) look(t testing.TB, key, email string) Sight {
	t.Helper()
	sights, err := w.Look(t.Context(), key, mustParse(t, email))
	if err != nil || len(sights) != 1 {
		t.Fatalf("look: %v, error %v", sights, err)
	}
	return sights[0]
}

// says is a Sight in one line.
func says(s Sight) string {
	words := []string{"nothing"}
	if h := s.History; h.Matched {
		words = []string{h.PreviousReason, h.OccurredAt.Format(time.DateOnly), fmt.Sprint(h.Recent)}
		if h.Count != int64(h.Recent) {
			words = append(words, fmt.Sprintf("of %d", h.Count))
		}
	}
	if s.Trap {
		words = append(words, "trap")
	}
	return strings.Join(words, " ")
}

// all returns every entry of a key.
func (w *world) all(t testing.TB, key Key) (entries []Entry) {
	t.Helper()
	for e, err := range w.All(t.Context(), key, Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, e)
	}
	return entries
}

// count counts the entries of a key.
func (w *world) count(t testing.TB, key Key) int {
	t.Helper()
	items, next, err := w.find(t.Context(), key, Filter{}, "", store.MaxPageItems)
	if err != nil || next != "" {
		t.Fatalf("count: %q, %v", next, err)
	}
	return len(items)
}

// used is how much of its budget a key has used.
func (w *world) used(t testing.TB, key Key) int64 {
	t.Helper()
	item, err := w.table.Get(t.Context(), budgetKey(key.ID))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return newBucket(item, key, w.clock.Now()).level
}
