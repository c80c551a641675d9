package enroll

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/embedded"
	"rcpt/internal/lists"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/overlay"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
	"rcpt/internal/suppress"
	"rcpt/internal/vendors"
	"rcpt/internal/verdict"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

var acme = Key{ID: "key1", Account: "acme"}

// world is a Gate with what surrounds it.
type world struct {
	*Gate
	clock   *storetest.Clock
	table   *watched
	chain   *chain
	tenant  *tenant.Book
	overlay *overlay.Book
	book    *suppress.Book
	log     *bytes.Buffer

	mu      sync.Mutex
	pending []Pending
	refuse  error // of Later
}

func open(t testing.TB) *world {
	w := &world{clock: storetest.NewClock(noon()), chain: &chain{}, log: &bytes.Buffer{}}
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	secret := []byte("secret")
	w.table = &watched{Table: db.Cache()} // not synced: what a sync is worth is package embedded's to show
	w.tenant = tenant.NewBook(db.Cache(), w.clock.Now)
	w.overlay = overlay.New(overlay.Config{Table: db.Cache(), Vault: db.Vault(), Secret: secret, Now: w.clock.Now})
	w.book = suppress.New(suppress.Config{Table: db.Cache(), Vault: db.Vault(), Secret: secret, Now: w.clock.Now})
	w.Gate = New(Config{
		Table: w.table, Vault: db.Vault(), Secret: secret, Now: w.clock.Now, Random: rand.Reader, Lists: lists.NewLive(lists.New()),
		Tenant: w.tenant, Overlay: w.overlay, Suppression: w.book, Vendors: w.chain,
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
		Later: func(_ context.Context, p Pending, delay time.Duration) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if delay <= 25*time.Second {
				t.Errorf("members are verified after %v, when they may not be written yet", delay)
			}
			if w.refuse == nil {
				w.pending = append(w.pending, p)
			}
			return w.refuse
		},
	})
	return w
}

// chain answers by the local part: what stands before a dot or a digit.
type chain struct {
	mu    sync.Mutex
	asked []string
	fail  error // of the whole call
	each  error // of every address
}

func (c *chain) VerifyAll(_ context.Context, r vendors.Request, addresses []address.Address) ([]vendors.Outcome, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Action != vendors.Enrolment || r.Account == "" || r.Key == "" || r.Subject == "" {
		return nil, fmt.Errorf("asked as %+v", r)
	}
	if c.fail != nil {
		return nil, c.fail
	}
	outcomes := make([]vendors.Outcome, len(addresses))
	for i, a := range addresses {
		c.asked = append(c.asked, a.String())
		outcomes[i] = c.outcome(strings.TrimRight(a.Local(), "0123456789"))
	}
	return outcomes, nil
}

func (c *chain) outcome(mood string) vendors.Outcome {
	if c.each != nil {
		return vendors.Outcome{Err: c.each}
	}
	yes := true
	say := func(s vendors.Status, d vendors.Deliverability, disposable *bool) vendors.Outcome {
		return vendors.Outcome{Answer: vendors.Answer{
			Result: vendors.Result{Status: s, Deliverability: d, Disposable: disposable, Raw: "raw " + mood}, Vendor: vendors.Hunter,
		}}
	}
	switch mood {
	case "invalid":
		return say(vendors.Invalid, vendors.Undeliverable, nil)
	case "misread":
		o := say(vendors.Invalid, vendors.Undeliverable, nil)
		o.Answer.Doubt = vendors.Form
		return o
	case "trap":
		return say(vendors.Invalid, vendors.Uncertain, nil)
	case "undeliverable":
		return say(vendors.Risky, vendors.Undeliverable, nil)
	case "burner":
		return say(vendors.Risky, vendors.Uncertain, &yes)
	case "risky":
		return say(vendors.Risky, vendors.Uncertain, nil)
	case "unsure":
		return say(vendors.Valid, vendors.Uncertain, nil)
	case "unknown":
		return say(vendors.Unknown, vendors.Undecided, nil)
	case "late":
		return vendors.Outcome{Err: vendors.ErrLate}
	case "cutoff":
		return vendors.Outcome{Err: &vendors.FailedError{Trace: []vendors.Step{{Vendor: vendors.Hunter, Outcome: "deadline", Error: "deadline: not asked"}}}}
	case "failing":
		return vendors.Outcome{Err: &vendors.FailedError{Trace: []vendors.Step{{Vendor: vendors.Hunter, Outcome: "rate", Error: "hunter: HTTP 429: slow down"}}}}
	case "odd":
		return vendors.Outcome{Err: &vendors.FailedError{Trace: []vendors.Step{{Vendor: vendors.Hunter, Outcome: "request", Error: "hunter: HTTP 400: odd"}}}}
	case "broke":
		return vendors.Outcome{Err: vendors.ErrCap}
	case "ours":
		return vendors.Outcome{Err: errors.New("read lease: host 10.0.0.7 is down")}
	}
	return say(vendors.Valid, vendors.Deliverable, nil)
}

// rules are those of the default policy.
func rules() Rules {
	return Rules{SoftBounced: verdict.Warn, SoftBouncedRepeated: verdict.Review, SpamTrap: verdict.Review, DisposableSuspected: verdict.Warn}
}

func request(emails ...string) Request {
	return Request{Key: acme, Sequence: "seq-1", Emails: emails, Rules: rules()}
}

// named is a request with an Idempotency-Key.
func named(name string, emails ...string) Request {
	r := request(emails...)
	r.Once = Once{Name: name, Body: sha256.Sum256([]byte(strings.Join(emails, " ")))}
	return r
}

func (w *world) enroll(t testing.TB, r Request) Result {
	t.Helper()
	result, err := w.Enroll(t.Context(), r)
	if err != nil {
		t.Fatalf("enroll %v: %v", r.Emails, err)
	}
	return result
}

// lines is a Result in few words: "email verification state findings" and "email
// reason".
func lines(r Result) (enrolled, skipped string) {
	var in, out []string
	for _, m := range r.Enrolled {
		in = append(in, strings.TrimSpace(fmt.Sprint(m.Email, " ", m.Verification, " ", m.State, " ", strings.Trim(fmt.Sprint(m.Findings), "[]"))))
	}
	for _, s := range r.Skipped {
		out = append(out, s.Email+" "+string(s.Reason))
	}
	return strings.Join(in, "; "), strings.Join(out, "; ")
}

// all returns every member of a sequence.
func (w *world) all(t testing.TB, sequence string, f Filter) []Member {
	t.Helper()
	members, next, err := w.List(t.Context(), acme, sequence, f, "", 1000)
	if err != nil || next != "" {
		t.Fatal(next, err)
	}
	return members
}

// bounce reports something of an address for the key acme.
func (w *world) bounce(t testing.TB, email string, reason overlay.Reason, times int) {
	t.Helper()
	for n := range times {
		e := overlay.Event{Email: email, Reason: reason, Source: "api", ID: fmt.Sprint("api:", email, reason, n)}
		if _, err := w.overlay.Record(t.Context(), overlay.Key{ID: acme.ID, Account: acme.Account}, []overlay.Event{e}, w.clock.Now(), overlay.Terms{}); err != nil {
			t.Fatal(err)
		}
	}
}

func parse(t testing.TB, email string) address.Address {
	t.Helper()
	a, err := address.Parse(email)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// watched breaks some of the writes of a Table.
type watched struct {
	store.Table
	writes atomic.Int64

	// broken says what becomes of the write of this number, from 1. Nil: all are
	// carried out.
	broken func(n int64) fate
}

type fate int

const (
	carriedOut fate = iota
	lost            // nothing is written
	unheard         // all is written, and nobody learns of it
	unsure          // all is written, and the store says that it does not know
)

var errDied = errors.New("died")

func (w *watched) through(write func() error) error {
	n, end := w.writes.Add(1), carriedOut
	if w.broken != nil {
		end = w.broken(n)
	}
	if end == lost {
		return errDied
	}
	err := write()
	switch {
	case err != nil || end == carriedOut:
		return err
	case end == unsure:
		return fmt.Errorf("%w: connection reset", store.ErrUnknown)
	}
	return errDied
}

func (w *watched) Transact(ctx context.Context, ops []store.Op) error {
	return w.through(func() error { return w.Table.Transact(ctx, ops) })
}

func (w *watched) Put(ctx context.Context, item store.Item, conds ...store.Cond) error {
	return w.through(func() error { return w.Table.Put(ctx, item, conds...) })
}

func (w *watched) Update(ctx context.Context, u store.Update) (item store.Item, err error) {
	err = w.through(func() (err error) {
		item, err = w.Table.Update(ctx, u)
		return err
	})
	return item, err
}
