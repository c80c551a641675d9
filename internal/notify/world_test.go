package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// Secrets of the tests, the second one newer.
const (
	oldSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

// received is one request as a receiver sees it.
type received struct {
	at     time.Time
	method string
	url    string
	header http.Header
	body   string
}

// receiver is the Transport of the tests and what is behind it.
type receiver struct {
	now    func() time.Time
	answer func(n int, r *http.Request) (*http.Response, error) // n counts the requests, from 1

	mu  sync.Mutex
	got []received
}

func (x *receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	x.got = append(x.got, received{x.now(), r.Method, r.URL.String(), r.Header, string(body)})
	n := len(x.got)
	x.mu.Unlock()
	return x.answer(n, r)
}

// status answers with a status and a body; headers are pairs.
func status(code int, body string, headers ...string) *http.Response {
	h := make(http.Header)
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// always answers every request the same way.
func always(code int) func(int, *http.Request) (*http.Response, error) {
	return func(int, *http.Request) (*http.Response, error) { return status(code, ""), nil }
}

// world is a Book with what surrounds it.
type world struct {
	*Book
	cfg     Config
	clock   *storetest.Clock
	db      *embedded.DB
	web     *receiver
	secrets []string
	counts  map[string]int
	died    func(n int, call string) fate // what becomes of the n-th write to any store, from 1; nil: all are carried out
	calls   int
}

type fate int

const (
	carriedOut fate = iota
	lost            // nothing is written
	unheard         // all is written, and nobody learns of it
)

var errDied = errors.New("died")

// open opens a Book on a table that is not synced: what a sync is worth is
// package embedded's to show.
func open(t *testing.T) *world {
	w := &world{clock: storetest.NewClock(noon()), secrets: []string{oldSecret}, counts: make(map[string]int)}
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.db, w.web = db, &receiver{now: w.clock.Now, answer: always(204)}
	w.cfg = Config{
		Table: &mortalTable{db.Cache(), w}, Blob: &mortalBlob{db.Blob(), w}, Queue: &mortalQueue{db.Queue("deliveries", embedded.DeadLetters{}), w},
		Secrets:   func(context.Context, string) ([]string, error) { return w.secrets, nil },
		Transport: w.web, Now: w.clock.Now, Rand: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler),
		Metric: func(name string, _ float64, _ ...string) { w.counts[name]++ },
	}
	w.Book = New(w.cfg)
	return w
}

// fate is what becomes of the next write.
func (w *world) fate(call string) fate {
	w.calls++
	if w.died == nil {
		return carriedOut
	}
	return w.died(w.calls, call)
}

// mortal carries a write out as its fate is.
func mortal(w *world, call string, write func() error) error {
	end := w.fate(call)
	if end == lost {
		return errDied
	}
	err := write()
	if err == nil && end == unheard {
		return errDied
	}
	return err
}

type mortalTable struct {
	store.Table
	w *world
}

func (m *mortalTable) Put(ctx context.Context, item store.Item, conds ...store.Cond) error {
	return mortal(m.w, "put", func() error { return m.Table.Put(ctx, item, conds...) })
}

func (m *mortalTable) Update(ctx context.Context, u store.Update) (item store.Item, err error) {
	err = mortal(m.w, "update", func() error { item, err = m.Table.Update(ctx, u); return err })
	return item, err
}

type mortalBlob struct {
	store.Blob
	w *world
}

func (m *mortalBlob) Put(ctx context.Context, name string, r io.Reader, opts ...store.PutOption) (info store.BlobInfo, err error) {
	err = mortal(m.w, "blob", func() error { info, err = m.Blob.Put(ctx, name, r, opts...); return err })
	return info, err
}

type mortalQueue struct {
	store.Queue
	w *world
}

func (m *mortalQueue) Send(ctx context.Context, messages ...store.Message) error {
	return mortal(m.w, "send", func() error { return m.Queue.Send(ctx, messages...) })
}

// draft is a delivery of a job.
func draft() Draft {
	return Draft{
		Account: "acme & sons/1", Key: "abcdefgh", Subject: "job_1", ID: "msg_job_1", URL: "https://hook.example/x?token=s3cret",
		Body: []byte(`{"job_id":"job_1","note":"<&> é","n":1e21}` + "\n "),
	}
}

func (w *world) post(t *testing.T, d Draft) {
	t.Helper()
	if err := w.Post(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

// work handles the messages that are due, as the trigger of a queue does: those
// that fail stay until their lease ends. It returns how many there were.
func (w *world) work(t *testing.T) int {
	t.Helper()
	all, err := w.cfg.Queue.Receive(t.Context(), 10, 0, 3*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		var m Message
		if err := json.Unmarshal([]byte(d.Body), &m); err != nil {
			t.Fatal(err)
		}
		if err := w.Handle(t.Context(), m); err != nil {
			if !errors.Is(err, errDied) {
				t.Errorf("message %s: %v", d.Body, err)
			}
			continue
		}
		if err := w.cfg.Queue.Delete(t.Context(), d.Receipt); err != nil {
			t.Fatal(err)
		}
	}
	return len(all)
}

// run works for a time, in steps, and returns how many messages there were.
func (w *world) run(t *testing.T, d, step time.Duration) (messages int) {
	t.Helper()
	for end := w.clock.Now().Add(d); w.clock.Now().Before(end); w.clock.Advance(step) {
		for n := w.work(t); n > 0; n = w.work(t) {
			messages += n
		}
	}
	return messages
}

func (w *world) find(t *testing.T, d Draft) Delivery {
	t.Helper()
	found, err := w.Find(t.Context(), d.Account, d.Subject, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// history is the attempts of a delivery in short: round.number status error.
func history(d Delivery) string {
	lines := make([]string, len(d.Attempts))
	for i, a := range d.Attempts {
		lines[i] = strings.TrimSpace(fmt.Sprintf("%d.%d %d %s", a.Round, a.Number, a.Status, a.Error))
	}
	return strings.Join(lines, "; ")
}

// logging is a Config that logs to a text.
func logging(cfg Config, to io.Writer) Config {
	cfg.Log = slog.New(slog.NewJSONHandler(to, nil))
	return cfg
}
