// Package planner makes of a list the work of a job: the steps ingest and plan of
// package batch.
//
//	ingest.go    the list becomes numbered rows
//	charge.go    how many there are is charged, or how many addresses
//	deal.go      rows are dealt into partitions by their domains
//	walk.go      one pass over the partitions after the other
//	pass.go      a partition at a time: duplicates folded, what is known answered,
//	             the rest cut into shards
//	send.go      what a pass came to is counted, its shards are sent
//	estimate.go  the same for a look ahead, keeping nothing
//
// Each call of Step does as much as its time allows and says where to go on. A
// call that is repeated, or made twice at once, does the same work again and
// comes to the same end: files of rows are the same octets, a pass goes by the
// first outcome that was written, and counters by their markers.
package planner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/intake"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verify"
)

// Recaller tells what is known of addresses without asking anybody.
type Recaller interface {
	Recall(ctx context.Context, requests []verify.Request) ([]verify.Known, error)
}

// Meter counts checks of jobs.
type Meter interface {
	Batch(key string, shard int64, checks map[usage.Check]int64) (store.Op, error)
	Charge(ctx context.Context, key string, at time.Time, n, monthly int64, once store.Item, also ...store.Op) error
	GiveBack(key string, at time.Time, n int64) store.Op
}

// Config joins a Planner to its surroundings.
type Config struct {
	Book  *batch.Book
	Meter Meter

	Verifier     Recaller
	TestVerifier Recaller // for jobs of test keys

	// Operator names who runs the exchanger of a domain, asking DNS; "" if that
	// cannot be told. Nil: nobody is asked.
	Operator func(ctx context.Context, domain string) string

	Now func() time.Time
	Log *slog.Logger
}

// Planner carries out steps. It is safe for concurrent use.
type Planner struct{ Config }

// New returns a Planner over its parts.
func New(c Config) *Planner { return &Planner{c} }

// What comes next, as the state machine has it.
const (
	nextIngest  = "ingest"
	nextPlan    = "plan"
	nextDrain   = "drain"
	nextCollect = "collect"
	nextFail    = "fail"
)

// Step carries out ingest or plan. An error means that the same step may be tried
// again; what is wrong with the list ends the job with Next "fail".
func (p *Planner) Step(ctx context.Context, s batch.Step) (batch.Next, error) {
	job, err := p.Book.Load(ctx, s.Job)
	if err != nil {
		return batch.Next{}, err
	}
	switch {
	case job.Closing == batch.ByFailure:
		return p.next(job, nextFail, ""), nil
	case job.Status.Ended(), !job.Open() && s.Step != nextIngest: // the rows of a cancelled job are in its results, too
		return p.next(job, nextCollect, ""), nil
	}
	var next batch.Next
	switch s.Step {
	case nextIngest:
		next, err = p.ingest(ctx, job, s.Cursor)
	case nextPlan:
		next, err = p.plan(ctx, job, s.Cursor)
	default:
		return batch.Next{}, fmt.Errorf("the planner has no step %q", s.Step)
	}
	if errors.Is(err, batch.ErrEnded) {
		return p.next(job, nextCollect, ""), nil
	}
	return next, err
}

// inTime closes the job when its deadline has passed: what is not planned by then
// is UNKNOWN. batch.ErrEnded when it is closed.
func (p *Planner) inTime(ctx context.Context, job batch.Job) error {
	if p.Now().Before(job.Deadline) {
		return nil
	}
	if _, err := p.Book.Close(ctx, job.ID, batch.ByDeadline); err != nil {
		return err
	}
	return batch.ErrEnded
}

// next says what comes next. The state machine takes no wait of less than a
// second.
func (p *Planner) next(job batch.Job, next, cursor string) batch.Next {
	left := job.Deadline.Sub(p.Now())
	return batch.Next{Cursor: cursor, Next: next, Seconds: max(1, int64(left/time.Second))}
}

// fail ends the job for a reason that the caller is told.
func (p *Planner) fail(ctx context.Context, job batch.Job, why string) (batch.Next, error) {
	if err := p.Book.Fail(ctx, job.ID, why); err != nil {
		return batch.Next{}, err
	}
	return p.next(job, nextFail, ""), nil
}

// listFault tells what is wrong with the list from what went wrong with us.
func listFault(err error) (why string, ok bool) {
	var fault *intake.Error
	switch {
	case errors.As(err, &fault):
		return "the list cannot be read: " + fault.Error(), true
	case errors.Is(err, intake.ErrReplaced):
		return "the list was replaced after the job was submitted; submit it again", true
	case errors.Is(err, intake.ErrForbidden):
		return "rcpt is not allowed to read the list; give it the right to, and submit the list again", true
	case errors.Is(err, store.ErrNotFound):
		return "the list is not there; upload it and submit it again", true
	}
	return "", false
}

// numbers reads a cursor of numbers.
func numbers(cursor string, n int) ([]int64, error) {
	fields := strings.Split(cursor, ":")
	if len(fields) != n {
		return nil, fmt.Errorf("cursor %q has no %d numbers", cursor, n)
	}
	values := make([]int64, n)
	for i, field := range fields {
		value, err := strconv.ParseInt(field, 10, 64)
		if err != nil || value < 0 {
			return nil, fmt.Errorf("cursor %q: %q is no number", cursor, field)
		}
		values[i] = value
	}
	return values, nil
}
