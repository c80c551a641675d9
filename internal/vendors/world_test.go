package vendors

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/embedded"
	"rcpt/internal/sim/vendordouble"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

const account = "acme"

// world is a Chain with what surrounds it: the vendors' doubles on a loopback
// port, and tables that are not synced.
type world struct {
	*Chain
	double  *vendordouble.Double
	clock   *storetest.Clock
	db      *embedded.DB
	control *watched
	cache   *watched
	log     *safeBuffer
	base    string
	dir     string
	catalog Catalog
}

func open(t testing.TB) *world {
	w := &world{clock: storetest.NewClock(noon()), log: &safeBuffer{}, dir: t.TempDir()}
	w.double = vendordouble.New(vendordouble.Options{Slow: 20 * time.Second, Now: w.clock.Now})
	db, err := embedded.Open(w.dir, embedded.Options{Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if w.base, err = w.double.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.double.Close() })
	writes := &breaker{}
	w.db, w.control, w.cache = db, &watched{Table: db.Control(), breaker: writes}, &watched{Table: db.Cache(), breaker: writes}
	w.catalog = Defaults()
	for i := range w.catalog {
		w.catalog[i].Base = w.base
	}
	w.Chain = w.another()
	return w
}

// another is the Chain of another process.
func (w *world) another() *Chain {
	client := NewClient(&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 50}}, w.clock.Now)
	catalogs := NewCatalogs(w.control, w.catalog, w.clock.Now)
	secret := []byte("secret")
	return New(Config{
		Cache: w.cache, Secret: secret, Now: w.clock.Now, Client: client, Catalog: catalogs,
		Book:   NewBook(w.control, w.db.Vault(), client, catalogs, w.clock.Now),
		Ledger: NewLedger(w.control, w.db.Vault(), secret, w.clock.Now, rand.Reader),
		Log:    slog.New(slog.NewTextHandler(w.log, nil)),
	})
}

func (w *world) book() *Book { return w.cfg.Book }

// key adds a vendor key whose name says how the double behaves.
func (w *world) key(t testing.TB, name Name, mood string) Key {
	t.Helper()
	k, err := w.book().Add(t.Context(), Draft{Account: account, Vendor: name, Secret: mood + "-0123456789abcdef", Label: mood}, nil)
	if err != nil {
		t.Fatalf("add %s key %s: %v", name, mood, err)
	}
	return k
}

func (w *world) request(t testing.TB, email string) Request {
	t.Helper()
	return Request{Account: account, Key: "k1", Address: mustParse(t, email), Action: Manual}
}

func (w *world) verify(t testing.TB, email string) Answer {
	t.Helper()
	answer, err := w.Verify(within(t, 10*time.Second), w.request(t, email))
	if err != nil {
		t.Fatalf("verify %s: %v", email, err)
	}
	return answer
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func mustParse(t testing.TB, email string) address.Address {
	t.Helper()
	a, err := address.Parse(email)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// path is a trace in one line.
func path(trace []Step) string {
	var steps []string
	for _, s := range trace {
		steps = append(steps, string(s.Vendor)+":"+s.Outcome)
	}
	return strings.Join(steps, " ")
}

// spent is what the account's usage comes to today.
func (w *world) spent(t testing.TB) Day {
	t.Helper()
	days, err := w.cfg.Ledger.Usage(t.Context(), account, w.clock.Now(), w.clock.Now())
	if err != nil || len(days) > 1 {
		t.Fatalf("usage: %v, %v", days, err)
	}
	if len(days) == 0 {
		return Day{}
	}
	return days[0]
}

// entries is the account's whole log, the latest first.
func (w *world) entries(t testing.TB, f Filter) []Entry {
	t.Helper()
	entries, next, err := w.cfg.Ledger.Log(t.Context(), account, f, "", 1000)
	if err != nil || next != "" {
		t.Fatalf("log: next %q, %v", next, err)
	}
	return entries
}

// checks is how many verdicts a vendor's double has given.
func (w *world) checks(name Name) int { return w.double.Counts(string(name)).Checks }

// watched breaks some of the writes of a Table.
type watched struct {
	store.Table
	*breaker
	all bool // of whatever kind; else transactions only
}

// breaker counts the writes of the tables it watches.
type breaker struct {
	mu     sync.Mutex
	writes int64

	// broken says what becomes of the write of this number, from 1. Nil: all are
	// carried out.
	broken func(n int64) fate
}

type fate int

const (
	carriedOut fate = iota
	lost            // nothing is written
	unheard         // all is written, and nobody learns of it
)

var errDied = errors.New("died")

// fate is that of the next write.
func (b *breaker) fate() fate {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writes++
	if b.broken == nil {
		return carriedOut
	}
	return b.broken(b.writes)
}

// write carries out a write, or not.
func (b *breaker) write(do func() error) error {
	end := b.fate()
	if end == lost {
		return errDied
	}
	if err := do(); err != nil || end == carriedOut {
		return err
	}
	return errDied
}

func (w *watched) Transact(ctx context.Context, ops []store.Op) error {
	return w.write(func() error { return w.Table.Transact(ctx, ops) })
}

func (w *watched) Put(ctx context.Context, item store.Item, conds ...store.Cond) error {
	if !w.all {
		return w.Table.Put(ctx, item, conds...)
	}
	return w.write(func() error { return w.Table.Put(ctx, item, conds...) })
}

func (w *watched) Update(ctx context.Context, u store.Update) (item store.Item, err error) {
	if !w.all {
		return w.Table.Update(ctx, u)
	}
	err = w.write(func() (err error) {
		item, err = w.Table.Update(ctx, u)
		return err
	})
	return item, err
}

func (w *watched) BatchPut(ctx context.Context, items []store.Item) error {
	if !w.all {
		return w.Table.BatchPut(ctx, items)
	}
	return w.write(func() error { return w.Table.BatchPut(ctx, items) })
}

// safeBuffer is a log that several write to.
type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func users(t testing.TB, n int) []address.Address {
	t.Helper()
	var all []address.Address
	for i := range n {
		all = append(all, mustParse(t, fmt.Sprintf("ok%03d@list.example", i)))
	}
	return all
}

// spoil puts a secret under a key that its vendor does not know.
func spoil(t *testing.T, w *world, k Key) store.Update {
	t.Helper()
	return spoilAs(t, w, k, "bad-0123456789abcdef")
}

func spoilAs(t *testing.T, w *world, k Key, text string) store.Update {
	t.Helper()
	sealed, err := w.db.Vault().Seal(t.Context(), []byte(text), sealContext(k.Account, k.Vendor))
	if err != nil {
		t.Fatal(err)
	}
	return store.Update{Key: itemKey(k.Account, k.ID), Set: store.Attrs{"sealed": sealed}}
}
