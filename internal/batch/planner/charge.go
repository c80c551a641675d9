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

// count goes through all passes of a list that is not charged yet, from one on,
// charges the addresses in it, and goes on to the passes themselves. found is how
// many addresses those before had.
func (p *Planner) count(ctx context.Context, job batch.Job, at place, found int64, span batch.Span) (batch.Next, error) {
	var counts []int64
	if err := p.Book.ReadJSON(ctx, batch.FilesOf(job.ID).Counts(job.Chunks), &counts); err != nil {
		return batch.Next{}, err
	}
	for from := at; at.partition < len(counts); at.partition, at.pass = at.partition+1, 0 {
		of := plan.Passes(counts[at.partition])
		for ; at.pass < of; at.pass++ {
			if err := p.inTime(ctx, job); err != nil {
				return batch.Next{}, err
			}
			if span.Over() && at != from { // as in deal
				return p.next(job, nextPlan, fmt.Sprintf("%s%d:%d:%d", counting, at.partition, at.pass, found)), nil
			}
			items, err := plan.Distinct(plan.Partition(p.chunks(ctx, job), at.partition, plan.Pass{Number: at.pass, Of: of}))
			if err != nil {
				return batch.Next{}, fmt.Errorf("count pass %d of partition %d: %w", at.pass, at.partition, err)
			}
			found += int64(len(items))
		}
	}
	err := p.charge(ctx, job, found, true)
	if errors.Is(err, usage.ErrQuota) {
		return p.fail(ctx, job, fmt.Sprintf("the list has %d addresses, more than is left of the key's limit of %d checks a month", found, job.Options.Monthly))
	}
	if err != nil {
		return batch.Next{}, err
	}
	if job, err = p.Book.Load(ctx, job.ID); err != nil { // which knows what is charged
		return batch.Next{}, err
	}
	return p.passes(ctx, job, place{}, span)
}
