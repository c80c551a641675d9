// Package jobs drives batch jobs for measuring.
//
//	list.go      lists whose rows are computed
//	client.go    a job over HTTP, as whoever uses the product has it
//	fleet.go     the functions of a job in this process, one stage after the other
//	counting.go  what they ask of their ports
package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"rcpt/internal/app"
	"rcpt/internal/batch"
	"rcpt/internal/batch/prober"
	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/sim"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// Fleet is the functions of a job over embedded storage. Nobody carries out its
// state machine: the caller goes from stage to stage.
type Fleet struct {
	Counter
	World *sim.World

	db       *embedded.DB
	cfg      config.Config
	ports    app.Ports
	book     *batch.Book
	progress *batch.Book // the same, not counted
	planner  func(context.Context, batch.Step) (batch.Next, error)
	collect  func(context.Context, batch.Step) (batch.Next, error)
	messages store.Queue
}

// Open opens the fleet of a folder.
func Open(folder string) (f *Fleet, err error) {
	f = &Fleet{}
	f.cfg, err = config.Read(func(name string) string {
		return map[string]string{"RCPT_DATA": folder, "RCPT_PUBLIC_URL": "https://rcpt.example", "RCPT_DNS": "127.0.0.1:1"}[name]
	}, "probe.rcpt.example")
	if err != nil {
		return nil, err
	}
	if f.db, err = embedded.Open(folder, embedded.Options{}); err != nil {
		return nil, err
	}
	if f.World, err = sim.Start(sim.Options{}); err != nil {
		return nil, errors.Join(err, f.db.Close())
	}
	f.messages = f.Queue(f.db.Queue("probe", embedded.DeadLetters{}))
	f.ports = app.Ports{
		Control: f.Table(f.db.Control()), Cache: f.Table(f.db.Cache()), Vault: f.db.Vault(), Blob: f.Blob(f.db.Blob()), Sim: f.World,
		Log: slog.New(slog.DiscardHandler), Secret: []byte("a secret of the bench"), Version: "bench", Now: time.Now,
		Jobs: noFlow{}, ProbeQueue: f.messages, DeliveryQueue: f.db.Queue("delivery", embedded.DeadLetters{}),
	}
	f.book, f.progress = app.Batch(f.ports), app.Batch(app.Ports{Control: f.db.Control(), Now: time.Now})
	planner, err := app.Planner(f.cfg, f.ports)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	collector, err := app.Collector(f.cfg, f.ports)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	f.planner, f.collect = planner, collector
	return f, nil
}

// Close ends the fleet.
func (f *Fleet) Close() error { return errors.Join(f.World.Close(), f.db.Close()) }

// noFlow starts nothing: stages are gone through by hand.
type noFlow struct{ store.Workflow }

// Start does nothing.
func (noFlow) Start(context.Context, string, []byte) error { return nil }

// Create makes a job of a list.
func (f *Fleet) Create(ctx context.Context, list io.Reader, mode verify.Mode, deadline time.Duration) (id string, err error) {
	job, err := f.book.Create(ctx, batch.Draft{
		Account: "bench", Key: "bench", Input: list, Deadline: deadline,
		Options: batch.Options{Mode: mode, Policy: verify.DefaultPolicy()},
	})
	return job.ID, err
}

// Plan reads and plans the job.
func (f *Fleet) Plan(ctx context.Context, id string) error {
	return f.steps(ctx, f.planner, id, "ingest", "drain")
}

// Collect gathers the answers of the job and ends it.
func (f *Fleet) Collect(ctx context.Context, id string) error {
	return f.steps(ctx, f.collect, id, "collect", "")
}

// steps goes from step to step as the state machine does, until one that is the
// last or calls for what is not known here.
func (f *Fleet) steps(ctx context.Context, do func(context.Context, batch.Step) (batch.Next, error), id, step, last string) error {
	cursor := ""
	for step != last {
		next, err := do(ctx, batch.Step{Step: step, Job: id, Cursor: cursor})
		if err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
		if next.Next == "fail" {
			return fmt.Errorf("%s: the job has failed", step)
		}
		if next.Next != step {
			next.Cursor = ""
		}
		step, cursor = next.Next, next.Cursor
	}
	return nil
}

// Ask has the shards of the job asked, so many at once, until all are closed.
func (f *Fleet) Ask(ctx context.Context, id string, atOnce int) error {
	handle, err := app.Prober(f.cfg, f.ports)
	if err != nil {
		return err
	}
	return f.work(ctx, id, atOnce, handle)
}

// Answer has the shards of the job answered at once and alike, by nobody.
func (f *Fleet) Answer(ctx context.Context, id string) error {
	worker := prober.New(prober.Config{
		Book: f.book, Meter: app.Meter(f.ports), Verifier: nobody{}, Now: time.Now, Log: f.ports.Log,
	})
	return f.work(ctx, id, 8, worker.Handle)
}

// nobody takes every domain for one that takes mail.
type nobody struct{}

// VerifyAll answers each request at once.
func (nobody) VerifyAll(_ context.Context, requests iter.Seq[verify.Request], _ verify.Flow) iter.Seq2[int, verdict.Verdict] {
	return func(yield func(int, verdict.Verdict) bool) {
		n := 0
		for r := range requests {
			if !yield(n, verdict.Verdict{
				Email: r.Email, Status: verdict.Unknown, Reason: verdict.SoftOK, Score: 60, MXFound: true, CheckedAt: r.Received,
			}) {
				return
			}
			n++
		}
	}
}

// work hands the messages of the queue to handle until the job is complete.
func (f *Fleet) work(ctx context.Context, id string, atOnce int, handle func(context.Context, batch.Message) error) error {
	all, ctx := errgroup.WithContext(ctx)
	for range atOnce {
		all.Go(func() error {
			for ctx.Err() == nil {
				got, err := f.messages.Receive(ctx, 1, time.Second, time.Hour)
				if err != nil {
					return err
				}
				for _, d := range got {
					var m batch.Message
					if err := json.Unmarshal([]byte(d.Body), &m); err != nil {
						return err
					}
					if err := handle(ctx, m); err != nil {
						return err
					}
					if err := f.messages.Delete(ctx, d.Receipt); err != nil {
						return err
					}
					switch job, err := f.progress.Load(ctx, id); {
					case err != nil:
						return err
					case job.Complete():
						return errComplete
					}
				}
			}
			return ctx.Err()
		})
	}
	if err := all.Wait(); !errors.Is(err, errComplete) {
		return err
	}
	return nil
}

// errComplete ends the workers.
var errComplete = errors.New("complete")
