package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"rcpt/infra/statemachine"
	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/embedded/asl"
	"rcpt/internal/store"
	"rcpt/internal/trigger"
)

// Calls of a function at once, and those beside them that have come to wait for
// mail servers or for the targets of webhooks.
const (
	probersAtOnce   = 16
	probersAtRest   = 512 // as many as come to rest in the 15 s that a silent exchanger is waited for
	notifiersAtOnce = 8
	notifiersAtRest = 64
	othersAtOnce    = 2
)

// Timeouts of functions, as in template.yaml.
const (
	proberTimeout = 180 * time.Second
	taskTimeout   = 15 * time.Minute // planner, collector
	otherTimeout  = 60 * time.Second
)

// probeDead is the queue of messages that the prober could not deal with.
const probeDead = "probe-dead"

// openQueues gives the ports the queues and the state machine of jobs.
func openQueues(p *app.Ports, db *embedded.DB) (*embedded.Workflow, error) {
	machine, err := asl.Load(statemachine.Job, map[string]string{"PlannerArn": "planner", "CollectorArn": "collector"})
	if err != nil {
		return nil, fmt.Errorf("load the state machine of jobs: %w", err)
	}
	jobs := db.Workflow("job", machine)
	p.Jobs = jobs
	p.ProbeQueue = db.Queue("probe", embedded.DeadLetters{Queue: probeDead, Receives: receives})
	p.DeliveryQueue = db.Queue("delivery", embedded.DeadLetters{Queue: "delivery-dead", Receives: receives})
	p.VendorQueue = db.Queue("vendor", embedded.DeadLetters{Queue: "vendor-dead", Receives: receives})
	return jobs, nil
}

// work is what goes on without a request.
type work struct {
	pollers []poller
	jobs    *embedded.Workflow
	tasks   map[string]embedded.Function
	drop    *dropFolder
	log     *slog.Logger
}

// newWork builds the functions that queues and the state machine call, and the
// drop folder of the key in env.
func newWork(ctx context.Context, m *machine, env environment) (*work, error) {
	cfg, p := m.cfg, m.ports
	cfg.PublicURL = m.url // no request says how it was addressed
	key, err := app.Keys(p).Authenticate(ctx, env.Key)
	if err != nil {
		return nil, fmt.Errorf("look up RCPT_KEY: %w", err)
	}
	w := &work{jobs: m.jobs, log: p.Log, drop: &dropFolder{
		blob: p.Blob, table: p.Control, queue: m.db.Queue("drop", embedded.DeadLetters{Queue: "drop-dead", Receives: receives}),
		folder: filepath.Join(cfg.Data, filesFolder, filepath.FromSlash(dropPrefix)), key: key.ID, now: p.Now, log: p.Log,
	}}
	if err := w.drop.open(); err != nil {
		return nil, err
	}
	if w.tasks, err = tasks(cfg, p); err != nil {
		return nil, err
	}
	return w, w.serve(cfg, p, m.db.Queue(probeDead, embedded.DeadLetters{}))
}

// tasks are the functions of the state machine.
func tasks(cfg config.Config, p app.Ports) (map[string]embedded.Function, error) {
	planner, err := app.Planner(cfg, p)
	if err != nil {
		return nil, err
	}
	collector, err := app.Collector(cfg, p)
	if err != nil {
		return nil, err
	}
	return map[string]embedded.Function{"planner": task(trigger.Task(planner, p.Log)), "collector": task(trigger.Task(collector, p.Log))}, nil
}

// serve puts the functions of queues behind them.
func (w *work) serve(cfg config.Config, p app.Ports, dead store.Queue) error {
	prober, err := app.Prober(cfg, p)
	if err != nil {
		return err
	}
	buried, err := app.DeadLetter(cfg, p)
	if err != nil {
		return err
	}
	notifier, err := app.Notifier(cfg, p)
	if err != nil {
		return err
	}
	vendor, err := app.ProvidersQueue(cfg, p)
	if err != nil {
		return err
	}
	dropped, err := app.DropFolder(cfg, p)
	if err != nil {
		return err
	}
	w.pollers = []poller{
		{queue: p.ProbeQueue, name: "probe", handle: trigger.Queue(prober, p.Log), atOnce: probersAtOnce, atRest: probersAtRest, limit: proberTimeout, log: p.Log},
		{queue: dead, name: probeDead, handle: trigger.Queue(buried, p.Log), atOnce: othersAtOnce, limit: otherTimeout, log: p.Log},
		{queue: p.DeliveryQueue, name: "delivery", handle: trigger.Queue(notifier, p.Log), atOnce: notifiersAtOnce, atRest: notifiersAtRest, limit: otherTimeout, log: p.Log},
		{queue: p.VendorQueue, name: "vendor", handle: trigger.Queue(vendor, p.Log), atOnce: othersAtOnce, limit: otherTimeout, log: p.Log},
		{queue: w.drop.queue, name: "drop", handle: trigger.Object(dropped, p.Log), atOnce: othersAtOnce, limit: otherTimeout, log: p.Log},
	}
	return nil
}

// run works until ctx ends, and returns when nothing is under way any more.
func (w *work) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, p := range w.pollers {
		all.Go(func() { p.run(ctx) })
	}
	all.Go(func() { w.drop.watch(ctx) })
	all.Go(func() {
		for ; ctx.Err() == nil; wait(ctx, time.Second) {
			if err := w.jobs.Run(ctx, w.tasks); err != nil {
				w.log.Error("carry out jobs", "error", err.Error())
			}
		}
	})
	all.Wait()
}

// task is a function as the state machine calls it: JSON in and out, and no
// longer than its timeout.
func task[Out any](handle func(context.Context, json.RawMessage) (Out, error)) embedded.Function {
	return func(ctx context.Context, input []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, taskTimeout)
		defer cancel()
		out, err := handle(ctx, input)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}

const (
	filesPath   = "/blob"   // where links to files lead
	filesFolder = "blob"    // where embedded keeps them in the data folder
	longFiles   = time.Hour // how long one may take on its way
)

// withFiles serves the links to files beside the functions: on AWS they lead to
// S3, past the gateway and its limits.
func withFiles(files, next http.Handler, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !under(r.URL.Path, filesPath) {
			next.ServeHTTP(w, r)
			return
		}
		line := http.NewResponseController(w)
		_ = line.SetReadDeadline(now().Add(longFiles)) // else the limits of requests hold
		_ = line.SetWriteDeadline(now().Add(longFiles))
		files.ServeHTTP(w, r)
	})
}
