// Package prober works on the queue of probes: shards of jobs, and what is sent
// beside them.
//
//	prober.go   a message: what it asks for, and whether its time has come
//	shard.go    an attempt at a shard, and what follows its mark
//	ask.go      its addresses are asked; final answers are told from those to wait for
//	left.go     the file of addresses that are asked again
//	keep.go     what was found is kept and counted, once
//	bury.go     messages that nobody could deal with
//
// An attempt asks the addresses that are due and ends with a mark (batch.Mark):
// the first one counts, with its answers, counters and what it leaves to a further
// attempt. Whoever finds the mark there goes on from it, so that a message may come
// twice, late, and to two workers at once; what dies before the mark is asked
// again, most of it from the cache, and what dies after it is not.
//
// What is asked again, and when, package retry says. Each address has its own
// time; an attempt begins when the first are due and leaves the others alone.
//
// A waiting message hops through the queue, which holds it back for 15 minutes at
// most. Nothing here waits.
//
// Calls of an attempt, beside those of package verify: one read of job and mark,
// the file of addresses read, the file of answers written, one transaction, one
// read to see whether that was the last shard; with addresses left, one file and
// one message more and that read less.
package prober

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// Verifier answers many requests at once. See verify.Verifier, which is one.
type Verifier interface {
	VerifyAll(ctx context.Context, requests iter.Seq[verify.Request], f verify.Flow) iter.Seq2[int, verdict.Verdict]
}

// Meter counts checks of jobs. See usage.Meter, which is one.
type Meter interface {
	Batch(key string, shard int64, checks map[usage.Check]int64) (store.Op, error)
}

// Rechecks deals with messages of KindRecheck. See package recheck.
type Rechecks interface {
	Handle(ctx context.Context, m batch.Message) error
	Bury(ctx context.Context, m batch.Message) error
}

// Config joins a Worker to its surroundings.
type Config struct {
	Book  *batch.Book
	Meter Meter

	Verifier     Verifier
	TestVerifier Verifier // for jobs of test keys

	Rechecks Rechecks // nil: their messages are dropped

	Now func() time.Time
	Log *slog.Logger

	// Metric counts by the names in keep.go. Default: nothing is counted.
	Metric func(name string, value float64, labels ...string)
}

// Worker deals with messages of the queue of probes. It is safe for concurrent
// use; a shard costs one or two megabytes while it is worked on.
type Worker struct{ Config }

// New returns a Worker over its parts.
func New(c Config) *Worker {
	if c.Metric == nil {
		c.Metric = func(string, float64, ...string) {}
	}
	return &Worker{c}
}

// Handle deals with one message. An error means that it must come again.
func (w *Worker) Handle(ctx context.Context, m batch.Message) error {
	switch m.Kind {
	case batch.KindShard:
		return w.shard(ctx, m)
	case batch.KindRecheck:
		if w.Rechecks != nil {
			return w.Rechecks.Handle(ctx, m)
		}
	case batch.KindStart, batch.KindSettle:
		if m.Wait(w.Now()) > 0 {
			return w.Book.PutOff(ctx, "", m)
		}
		return w.look(ctx, m)
	}
	w.Log.WarnContext(ctx, "message of unknown kind", "kind", string(m.Kind))
	return nil
}

// look does for the execution of a job what its message asks for.
func (w *Worker) look(ctx context.Context, m batch.Message) error {
	if m.Kind == batch.KindStart {
		return w.Book.Start(ctx, m.Job)
	}
	return w.Book.Settle(ctx, m.Job)
}

// steady repeats a write that the table was too busy for. A message that comes
// again does so after its lease only, a quarter of an hour later.
func steady(ctx context.Context, write func() error) error {
	for pause := firstPause; ; pause *= 2 {
		err := write()
		if err == nil || !errors.Is(err, store.ErrThrottled) || pause > lastPause {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// The job's counters are one item, which shards that end together all write.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)
