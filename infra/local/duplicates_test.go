package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/embedded"
)

// TestEverythingComesTwice has each message handled by two at once and by a third
// one later, behind others, and each step of the job taken twice at once. The job
// comes to what it comes to without that.
func TestEverythingComesTwice(t *testing.T) {
	t.Parallel()
	rows := 1500
	if drillFull() {
		rows = 20_000
	}
	list := drillList(rows)
	once, _ := inside(t, list, func(*work, *sync.WaitGroup) {})
	once.exact(t)
	twice, to := inside(t, list, func(w *work, late *sync.WaitGroup) {
		for i := range w.pollers {
			w.pollers[i].handle = repeated(w.pollers[i].handle, late)
		}
		for name, task := range w.tasks {
			w.tasks[name] = taken(task)
		}
	})
	twice.alike(t, once)
	t.Logf("%d rows; the webhook came %d times", rows, len(to.all()))
}

type queueFunction = func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

// repeated handles each event three times, some of them late.
func repeated(handle queueFunction, late *sync.WaitGroup) queueFunction {
	return func(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
		var other sync.WaitGroup
		other.Go(func() { _, _ = handle(ctx, e) }) // what comes twice is done when it is done once
		answer, err := handle(ctx, e)
		other.Wait()
		after := context.WithoutCancel(ctx)
		late.Go(func() {
			wait(after, rand.N(2*time.Second))
			_, _ = handle(after, e)
		})
		return answer, err
	}
}

// taken takes a step of the job twice at once; who comes first may be either.
func taken(task embedded.Function) embedded.Function {
	return func(ctx context.Context, input []byte) (output []byte, err error) {
		var outputs [2][]byte
		var errs [2]error
		var both sync.WaitGroup
		for i := range outputs {
			both.Go(func() { outputs[i], errs[i] = task(ctx, input) })
		}
		both.Wait()
		return outputs[rand.N(2)], errors.Join(errs[:]...)
	}
}

// inside runs a job in a product within this process, so that the test can stand
// between its parts, and returns what it came to and who was told.
func inside(t *testing.T, list string, disturb func(*work, *sync.WaitGroup)) (outcome, *receiver) {
	t.Helper()
	var late sync.WaitGroup
	p, end := startInside(t, func(w *work) { disturb(w, &late) })
	to := newReceiver(t, func(http.ResponseWriter, *http.Request, int) {})
	d := &trial{product: p, to: to, body: `{"upload_id":"` + p.upload(t, "list.csv", list) + `","webhook_url":"` + to.URL + `"}`}
	var err error
	if d.job, err = d.submit(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := p.outcome(t, d.job)
	d.told(t)
	late.Wait()
	if again := p.outcome(t, d.job); again.job.ID != o.job.ID || again.usage["total"] != o.usage["total"] {
		t.Errorf("after late messages usage is %v, before %v", again.usage, o.usage)
	}
	to.one(t, p.env.WebhookSecret)
	if err := errors.Join(end(), p.indiscretion()); err != nil {
		t.Error(err)
	}
	return o, to
}

// startInside is run, with somebody who changes its parts.
func startInside(t *testing.T, change func(*work)) (p *product, end func() error) {
	t.Helper()
	p = &product{log: newTranscript(), ended: make(chan struct{})}
	m, closeSim := openInside(t, p.log)
	handle, err := functions(m.cfg, m.ports)
	ok(t, err)
	listener, err := net.Listen("tcp", m.cfg.Addr)
	ok(t, err)
	m.url = "http://" + listener.Addr().String()
	p.env, err = ready(t.Context(), filepath.Join(m.cfg.Data, "env"), m.url, app.Keys(m.ports))
	ok(t, err)
	w, err := newWork(t.Context(), m, p.env)
	ok(t, err)
	change(w)
	endWork := begin(context.WithoutCancel(t.Context()), w.run)
	server := &http.Server{Handler: withFiles(m.db.BlobLinks(), gateway{function: handle, now: time.Now, bodies: new(bodies)}, time.Now)}
	go func() { _ = server.Serve(listener) }() // ends with Close
	return p, func() error {
		err := server.Close()
		endWork()
		closeSim()
		return errors.Join(err, m.db.Close())
	}
}

// openInside opens what a product consists of, in a new folder.
func openInside(t *testing.T, logs io.Writer) (m *machine, closeSim func()) {
	t.Helper()
	settings := map[string]string{
		"RCPT_ADDR": "127.0.0.1:0", "RCPT_DATA": filepath.Join(t.TempDir(), "data"), "RCPT_DNS": nowhere, "RCPT_WEBHOOK_ALLOW": "127.0.0.1/32",
	}
	cfg, err := config.Read(func(name string) string { return settings[name] }, "localhost")
	ok(t, err)
	cfg.PublicURL = "" // requests say how they were addressed
	m = &machine{cfg: cfg}
	m.db, err = embedded.Open(cfg.Data, embedded.Options{BlobURL: func() string { return m.url + filesPath }})
	ok(t, err)
	m.ports, closeSim, err = open(cfg, m.db, slog.New(slog.NewJSONHandler(logs, nil)))
	ok(t, err)
	m.jobs, err = openQueues(&m.ports, m.db)
	ok(t, err)
	m.ports.Vendors = app.Vendors(cfg, m.ports)
	return m, closeSim
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
