package planner_test

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/collector"
	"rcpt/internal/batch/planner"
	"rcpt/internal/embedded"
	"rcpt/internal/notify"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is the surroundings of a planner. Nobody answers its shards.
type world struct {
	t         *testing.T
	book      *batch.Book
	planner   *planner.Planner
	collector *collector.Collector
	late      time.Duration // by which the planner's clock goes on each time it is looked at
	looked    atomic.Int64
}

// byHand is a state machine that the test itself carries out.
type byHand struct{ store.Workflow }

func (byHand) Start(context.Context, string, []byte) error   { return nil }
func (byHand) Succeed(context.Context, string, []byte) error { return nil }

// syntax knows what is no address, who is at a domain called known, and that
// nobody is asked at one called disposable.
type syntax struct{}

func (syntax) Recall(_ context.Context, requests []verify.Request) ([]verify.Known, error) {
	known := make([]verify.Known, len(requests))
	for i, r := range requests {
		switch _, domain, ok := strings.Cut(r.Email, "@"); {
		case !ok:
			known[i].Verdict = &verdict.Verdict{Status: verdict.Invalid, Reason: verdict.InvalidSyntax, CheckedAt: noon}
		case domain == "known.example":
			known[i].Verdict = &verdict.Verdict{Status: verdict.Valid, Reason: verdict.SMTPVerified, Cached: true, CheckedAt: noon}
		case domain == "disposable.example":
			known[i].Unprobed = r.Mode == verify.Full
		}
	}
	return known, nil
}

func newWorld(t *testing.T, wrap func(store.Blob) store.Blob) *world {
	t.Helper()
	w := &world{t: t}
	now := func() time.Time { return noon }
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	blob := db.Blob()
	if wrap != nil {
		blob = wrap(blob)
	}
	log := slog.New(slog.DiscardHandler)
	w.book = batch.NewBook(batch.Config{
		Table: db.Control(), Blob: blob, Probes: db.Queue("probe", embedded.DeadLetters{}), Flow: byHand{}, Now: now, Log: log,
	})
	w.planner = planner.New(planner.Config{
		Book: w.book, Meter: usage.NewMeter(db.Control(), now, nil), Verifier: syntax{}, TestVerifier: syntax{}, Log: log,
		Now: func() time.Time { return noon.Add(time.Duration(w.looked.Add(1)) * w.late) },
	})
	w.collector = collector.New(collector.Config{
		Book: w.book, Now: now, Log: log, Post: func(context.Context, notify.Draft) error { return nil },
	})
	return w
}

// create makes a job of a list that was uploaded.
func (w *world) create(list io.Reader, o batch.Options) batch.Job {
	w.t.Helper()
	info, err := w.book.Blob.Put(w.t.Context(), "uploads/x/list", list)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.of(batch.Source{Blob: info.Name, Version: info.Version}, o)
}

func (w *world) of(s batch.Source, o batch.Options) batch.Job {
	w.t.Helper()
	o.Mode, o.Policy = verify.Full, verify.DefaultPolicy()
	job, err := w.book.Create(w.t.Context(), batch.Draft{Account: "acme", Key: "key1", Options: o, Source: s})
	if err != nil {
		w.t.Fatal(err)
	}
	return job
}

// most is how many calls of a step any list may take.
const most = 200

// steps carries out a step until another one is to come; how many calls that
// took is added to calls.
func (w *world) steps(step func(context.Context, batch.Step) (batch.Next, error), name, job string, calls *int) string {
	w.t.Helper()
	for cursor := ""; ; {
		if *calls++; *calls > most {
			w.t.Fatalf("%s goes round in circles at %q", name, cursor)
		}
		next, err := step(w.t.Context(), batch.Step{Step: name, Job: job, Cursor: cursor})
		if err != nil {
			w.t.Fatalf("%s: %v", name, err)
		}
		if next.Next != name {
			return next.Next
		}
		if next.Cursor == cursor {
			w.t.Fatalf("%s stays at %q", name, cursor)
		}
		cursor = next.Cursor
	}
}

// run carries a job to its end as the state machine does, but that its deadline
// comes before anybody has answered, and returns it with the number of calls.
func (w *world) run(id string) (job batch.Job, calls int) {
	w.t.Helper()
	next := w.steps(w.planner.Step, "ingest", id, &calls)
	if next == "plan" {
		next = w.steps(w.planner.Step, "plan", id, &calls)
	}
	if next == "drain" {
		if _, err := w.collector.Step(w.t.Context(), batch.Step{Step: "close", Job: id}); err != nil {
			w.t.Fatal(err)
		}
		next = "collect"
	}
	if next == "collect" {
		next = w.steps(w.collector.Step, "collect", id, &calls)
	}
	if next != "finish" && next != "fail" {
		w.t.Fatalf("next comes %q", next)
	}
	if _, err := w.collector.Step(w.t.Context(), batch.Step{Step: "finish", Job: id}); err != nil {
		w.t.Fatal(err)
	}
	job, err := w.book.Load(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return job, calls
}
