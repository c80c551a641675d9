// Package collector brings a job to its end: the steps drain, close, collect and
// finish of package batch, and what comes after them.
//
//	collector.go  the steps; drain: the execution waits until every shard is closed
//	scatter.go    the answers that were marked are divided by the rows they answer
//	join.go       the answers of a chunk meet its rows; its part of each output
//	output.go     the parts become documents
//	finish.go     exact counts, the end of the job, its webhook
//	filter.go     documents with some statuses only, when somebody asks for them
//
// Only answers with a marker are collected, so that an answer that comes late or
// twice changes nothing, and every step gives the same files when it is repeated.
// A row without answer gets one that says why it has none.
package collector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/notify"
)

// Config joins a Collector to its surroundings.
type Config struct {
	Book *batch.Book

	// Post has a webhook delivered. Drafts with one ID are one delivery.
	Post func(ctx context.Context, d notify.Draft) error

	// Forget removes the deliveries of an account about a job. It may be repeated.
	Forget func(ctx context.Context, account, job string) error

	// Base is how the outside reaches us, for jobs that came without a request.
	Base string

	Now func() time.Time
	Log *slog.Logger
}

// Collector carries out steps. It is safe for concurrent use.
type Collector struct{ Config }

// New returns a Collector over its parts.
func New(c Config) *Collector { return &Collector{c} }

// What comes next, as the state machine has it.
const (
	nextCollect = "collect"
	nextFinish  = "finish"
)

// Step carries out a step. An error means that the same step may be tried again.
func (c *Collector) Step(ctx context.Context, s batch.Step) (batch.Next, error) {
	switch s.Step {
	case "drain":
		return batch.Next{}, c.drain(ctx, s)
	case "close":
		_, err := c.Book.Close(ctx, s.Job, batch.ByDeadline)
		return batch.Next{}, ended(err)
	case "collect":
		return c.collect(ctx, s)
	case "finish":
		return c.finish(ctx, s.Job)
	case "abandon":
		return c.abandon(ctx, s)
	case "forget":
		return batch.Next{}, c.forget(ctx, s.Job)
	}
	return batch.Next{}, fmt.Errorf("the collector has no step %q", s.Step)
}

// ended forgives that a job has ended: a step is being repeated.
func ended(err error) error {
	if errors.Is(err, batch.ErrEnded) {
		return nil
	}
	return err
}

func (c *Collector) drain(ctx context.Context, s batch.Step) error {
	if s.Token == "" {
		return errors.New("drain without a token")
	}
	return c.Book.Wait(ctx, s.Job, s.Token)
}

// forget removes the job, and first what was told of it: without the job nobody
// would find it again. That it is gone already is what was wanted.
func (c *Collector) forget(ctx context.Context, id string) error {
	job, err := c.Book.Load(ctx, id)
	if errors.Is(err, batch.ErrJob) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := c.Forget(ctx, job.Account, job.ID); err != nil {
		return fmt.Errorf("forget deliveries of job %s: %w", job.ID, err)
	}
	return c.Book.Forget(ctx, job)
}

// Cursors of collect: "scatter:<batch>:<marker>", "join:<chunk>",
// "output:<format>".
const (
	scattering = "scatter:"
	joining    = "join:"
	writing    = "output:"
)

// collect goes on where its cursor says, while there is time.
func (c *Collector) collect(ctx context.Context, s batch.Step) (batch.Next, error) {
	job, err := c.Book.Load(ctx, s.Job)
	if err != nil {
		return batch.Next{}, err
	}
	if job.Status.Ended() || job.Chunks == 0 || job.Closing == batch.ByFailure {
		return batch.Next{Next: nextFinish, Seconds: 1}, nil
	}
	cursor := s.Cursor
	if cursor == "" {
		cursor = scattering + "0:"
	}
	for span := batch.NewSpan(ctx, c.Now); ; {
		cursor, err = c.piece(ctx, job, cursor)
		if errors.Is(err, batch.ErrEnded) {
			return batch.Next{Next: nextFinish, Seconds: 1}, nil
		}
		if err != nil {
			return batch.Next{}, fmt.Errorf("collect job %s: %w", job.ID, err)
		}
		if cursor == "" {
			return batch.Next{Next: nextFinish, Seconds: 1}, nil
		}
		if span.Over() {
			return batch.Next{Next: nextCollect, Cursor: cursor, Seconds: 1}, nil
		}
	}
}

// piece does what the cursor says and returns the next one, which is empty
// behind the last.
func (c *Collector) piece(ctx context.Context, job batch.Job, cursor string) (string, error) {
	stage, at, _ := strings.Cut(cursor, ":")
	number, after, _ := strings.Cut(at, ":")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 {
		return "", fmt.Errorf("cursor %q is none", cursor)
	}
	switch stage + ":" {
	case scattering:
		return c.scatter(ctx, job, n, after)
	case joining:
		if err := c.join(ctx, job, n); err != nil {
			return "", err
		}
		if n+1 < job.Chunks {
			return fmt.Sprintf("%s%d", joining, n+1), nil
		}
		return writing + "0", nil
	case writing:
		if err := c.output(ctx, job, n); err != nil {
			return "", err
		}
		if int(n+1) < len(formats()) {
			return fmt.Sprintf("%s%d", writing, n+1), nil
		}
		return "", nil
	}
	return "", fmt.Errorf("cursor %q is none", cursor)
}
