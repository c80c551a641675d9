package planner

import (
	"context"
	"errors"
	"fmt"

	"rcpt/internal/batch"
	"rcpt/internal/batch/plan"
	"rcpt/internal/store"
	"rcpt/internal/usage"
)

// charge charges checks of a job to its key, once however often it is called: its
// rows, or, folded, its addresses. usage.ErrQuota; batch.ErrEnded.
func (p *Planner) charge(ctx context.Context, job batch.Job, checks int64, folded bool) error {
	once, note := p.Book.Charge(job, checks, folded)
	err := p.Meter.Charge(ctx, job.Key, job.CreatedAt, checks, job.Options.Monthly, once, note)
	if errors.Is(err, store.ErrCondition) {
		return batch.ErrEnded
	}
	return err
}

// ingested charges the key for all rows; what turns out to be the same address
// is given back by the passes, what is not checked in the end by Book.Finish. Rows
// that are more than the month has left may be few enough addresses: see count.
func (p *Planner) ingested(ctx context.Context, job batch.Job, total int64) (batch.Next, error) {
	if err := p.charge(ctx, job, total, false); err != nil && !errors.Is(err, usage.ErrQuota) {
		return batch.Next{}, err
	}
	return p.next(job, nextPlan, ""), nil
}

// count goes through all passes of a list that is not charged yet, charges the
// addresses in it, and goes on to planning them.
func (p *Planner) count(ctx context.Context, job batch.Job, from place, span batch.Span) (batch.Next, error) {
	at, done, err := p.walk(ctx, job, from, span, func(at place, of int) (int64, error) {
		items, err := plan.Distinct(plan.Partition(p.chunks(ctx, job), at.partition, plan.Pass{Number: at.pass, Of: of}))
		return int64(len(items)), err
	})
	if err != nil {
		return batch.Next{}, err
	}
	if !done {
		return p.next(job, nextPlan, at.cursor(counting)), nil
	}
	err = p.charge(ctx, job, at.sum, true)
	if errors.Is(err, usage.ErrQuota) {
		return p.fail(ctx, job, fmt.Sprintf("the list has %d addresses, more than is left of the key's limit of %d checks a month", at.sum, job.Options.Monthly))
	}
	if err != nil {
		return batch.Next{}, err
	}
	if job, err = p.Book.Load(ctx, job.ID); err != nil { // which knows what is charged
		return batch.Next{}, err
	}
	return p.passes(ctx, job, place{}, span)
}
