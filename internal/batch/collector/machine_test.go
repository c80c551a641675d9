package collector_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/collector"
	"rcpt/internal/batch/planner"
	"rcpt/internal/batch/prober"
	"rcpt/internal/batch/results"
	"rcpt/internal/embedded"
	"rcpt/internal/notify"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// machine carries out a job as the state machine and its functions do: a step that
// fails is tried again, a message that fails comes again. It is meant for a bubble
// of synctest.
type machine struct {
	t         *testing.T
	table     store.Table // without faults, as plain
	plain     *batch.Book
	meter     *usage.Meter
	queue     store.Queue
	faults    *faults
	book      *batch.Book
	planner   *planner.Planner
	worker    *prober.Worker
	collector *collector.Collector

	store.Workflow
	started  map[string]bool
	token    string // alive
	tokens   int
	posted   []notify.Draft
	attempts int
}

func open(t *testing.T) *embedded.DB {
	t.Helper()
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newMachine(t *testing.T, db *embedded.DB) *machine {
	m := &machine{
		t: t, table: db.Control(), queue: db.Queue("probe", embedded.DeadLetters{}), faults: &faults{}, started: make(map[string]bool),
	}
	log := slog.New(slog.DiscardHandler)
	table := faultyTable{m.table, m.faults}
	m.meter = usage.NewMeter(table, nil, nil)
	config := batch.Config{
		Table: table, Blob: faultyBlob{db.Blob(), m.faults}, Probes: faultyQueue{m.queue, m.faults}, Flow: m,
		Now: time.Now, GiveBack: m.meter.GiveBack, Log: log,
	}
	m.book = batch.NewBook(config)
	config.Table, config.Blob, config.Probes = db.Control(), db.Blob(), m.queue
	m.plain = batch.NewBook(config)
	m.planner = planner.New(planner.Config{Book: m.book, Meter: m.meter, Verifier: halfKnown{}, Now: time.Now, Log: log})
	m.worker = prober.New(prober.Config{Book: m.book, Meter: m.meter, Verifier: allValid{}, Now: time.Now, Log: log})
	m.collector = collector.New(collector.Config{Book: m.book, Now: time.Now, Log: log, Base: "https://rcpt.example",
		Post: func(_ context.Context, d notify.Draft) error {
			return m.faults.call("post", func() error { m.posted = append(m.posted, d); return nil })
		},
		Forget: func(context.Context, string, string) error { return nil },
	})
	return m
}

// allValid says VALID of everybody.
type allValid struct{}

func (allValid) VerifyAll(_ context.Context, requests iter.Seq[verify.Request], _ verify.Flow) iter.Seq2[int, verdict.Verdict] {
	return func(yield func(int, verdict.Verdict) bool) {
		n := 0
		for range requests {
			if !yield(n, verdict.Verdict{Status: verdict.Valid, Reason: verdict.SMTPVerified, Score: 96}) {
				return
			}
			n++
		}
	}
}

func (m *machine) Start(_ context.Context, name string, _ []byte) error {
	return m.faults.call("start", func() error { m.started[name] = true; return nil })
}

func (m *machine) Succeed(_ context.Context, token string, _ []byte) error {
	return m.faults.call("succeed", func() error {
		if token == "" || token != m.token {
			return store.ErrFinished
		}
		m.token = ""
		return nil
	})
}

func (m *machine) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// create submits a list under a name, and again while that fails.
func (m *machine) create(list string, o batch.Options) (job batch.Job) {
	m.t.Helper()
	o.Mode, o.Policy, o.WebhookURL = verify.Full, verify.DefaultPolicy(), "https://hooks.example/"
	m.try("create", func() (err error) {
		job, err = m.book.Create(m.t.Context(), batch.Draft{
			Account: "acme", Key: "key1", Options: o, Input: strings.NewReader(list), Deadline: time.Hour, Once: "once", Body: []byte("body"),
		})
		return err
	})
	for range 10 { // its message begins it if nobody did
		if m.started[job.ID] {
			return job
		}
		time.Sleep(time.Minute)
		m.messages()
	}
	m.t.Fatal("the job is not begun")
	return job
}

// try repeats what fails, as the state machine does.
func (m *machine) try(what string, do func() error) {
	m.t.Helper()
	for range 4 {
		m.attempts++
		err := do()
		if err == nil {
			return
		}
		if m.faults.err == nil {
			m.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(2 * time.Second)
	}
	m.t.Fatalf("%s fails again and again", what)
}

// messages deals with what lies in the queue of probes, once.
func (m *machine) messages() (n int) {
	m.t.Helper()
	ctx := m.t.Context()
	got, err := m.queue.Receive(ctx, store.MaxReceive, 0, 18*time.Minute)
	m.must(err)
	for _, d := range got {
		var message batch.Message
		m.must(json.Unmarshal([]byte(d.Body), &message))
		if m.worker.Handle(ctx, message) == nil {
			m.must(m.queue.Delete(ctx, d.Receipt))
		}
	}
	return len(got)
}

// step carries out one call of a step.
func (m *machine) step(do func(context.Context, batch.Step) (batch.Next, error), s batch.Step) (next batch.Next) {
	m.t.Helper()
	m.try(s.Step, func() (err error) { next, err = do(m.t.Context(), s); return err })
	return next
}

// run carries out a job from one step until another one is to come; the last is
// done. early is called when all shards are sent, and none is worked on; whether
// they are afterwards is lazy.
func (m *machine) run(job batch.Job, from, until string, lazy bool, early func()) batch.Job {
	m.t.Helper()
	at := batch.Step{Step: from, Job: job.ID}
	for steps := 0; at.Step != until; steps++ {
		if steps == 50 {
			m.t.Fatalf("the job goes round in circles at %+v", at)
		}
		var next batch.Next
		switch at.Step {
		case "ingest", "plan":
			next = m.step(m.planner.Step, at)
		case "drain":
			if early != nil {
				early()
			}
			next.Next = m.drain(at, lazy)
		case "close":
			m.step(m.collector.Step, at)
			next.Next = "collect"
		case "collect":
			next = m.step(m.collector.Step, at)
		case "fail", "finish":
			at.Step = "finish"
			m.step(m.collector.Step, at)
			next.Next = "done"
		}
		at = batch.Step{Step: next.Next, Job: job.ID, Cursor: next.Cursor}
	}
	loaded, err := m.plain.Load(m.t.Context(), job.ID)
	m.must(err)
	return loaded
}

// drain waits until the task is finished, or the deadline passes.
func (m *machine) drain(s batch.Step, lazy bool) (next string) {
	m.t.Helper()
	m.try("drain", func() error {
		m.tokens++
		m.token = fmt.Sprint("token", m.tokens)
		s.Token = m.token
		_, err := m.collector.Step(m.t.Context(), s)
		return err
	})
	for until := time.Now().Add(time.Hour); m.token != ""; time.Sleep(10 * time.Second) {
		if time.Now().After(until) {
			return "close"
		}
		if !lazy {
			m.messages()
		}
	}
	return "collect"
}

// charged is how many checks of the month are used up.
func (m *machine) charged() (n int64) {
	m.t.Helper()
	item, err := m.table.Get(m.t.Context(), store.Key{Part: "RT#key1"})
	if !errors.Is(err, store.ErrNotFound) {
		m.must(err)
	}
	for name := range item.Attrs {
		n += item.Int(name)
	}
	return n
}

// outcome is all that anybody sees of a job, but for its id.
func (m *machine) outcome(job batch.Job) string {
	m.t.Helper()
	ctx := m.t.Context()
	var out strings.Builder
	fmt.Fprintf(&out, "%s %q, %d rows: %v\n", job.Status, job.Error, job.Total, job.Done)
	jobs, _, err := m.plain.List(ctx, "acme", "", 10)
	m.must(err)
	fmt.Fprintf(&out, "%d jobs\n", len(jobs))
	days, err := m.meter.Usage(ctx, "key1", job.CreatedAt, time.Now())
	m.must(err)
	fmt.Fprintf(&out, "usage %v, %d of the month\n", days, m.charged())
	if len(m.posted) == 0 {
		m.t.Error("no webhook")
	}
	for _, d := range m.posted {
		if d.ID != m.posted[0].ID || string(d.Body) != string(m.posted[0].Body) {
			m.t.Errorf("webhooks %s: %s and %s: %s", d.ID, d.Body, m.posted[0].ID, m.posted[0].Body)
		}
	}
	fmt.Fprintf(&out, "%s\n", strings.ReplaceAll(string(m.posted[0].Body), job.ID, "ID"))
	for _, format := range []results.Format{results.JSON, results.CSV} {
		name, err := m.collector.Results(ctx, job, format, nil)
		if errors.Is(err, collector.ErrNoResults) {
			continue
		}
		m.must(err)
		file, err := m.plain.Open(ctx, name)
		m.must(err)
		text, err := io.ReadAll(file)
		m.must(errors.Join(err, file.Close()))
		fmt.Fprintf(&out, "%s\n", strings.ReplaceAll(string(text), job.ID, "ID"))
	}
	return out.String()
}
