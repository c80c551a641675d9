package planner

import (
	"context"
	"errors"
	"fmt"

	"rcpt/internal/batch"
	"rcpt/internal/batch/plan"
)

// place is where planning stands: the next pass, and what those before it gave
// together: shards, so that it is the next shard's number, or addresses.
type place struct {
	partition, pass int
	sum             int64
}

func (at place) cursor(kind string) string {
	return fmt.Sprintf("%s%d:%d:%d", kind, at.partition, at.pass, at.sum)
}

// walk does something for one pass after the other, of so many, from a place on. It
// ends early, and done is false, when the time is over, or something fails after it
// has come further: what is done before is not done again, for its messages would
// be sent twice. batch.ErrEnded.
func (p *Planner) walk(ctx context.Context, job batch.Job, at place, span batch.Span, do func(at place, of int) (int64, error)) (_ place, done bool, err error) {
	var counts []int64
	if err := p.Book.ReadJSON(ctx, batch.FilesOf(job.ID).Counts(job.Chunks), &counts); err != nil {
		return at, false, err
	}
	for from := at; at.partition < len(counts); at.partition, at.pass = at.partition+1, 0 {
		of := plan.Passes(counts[at.partition])
		for ; at.pass < of; at.pass++ {
			if err := p.inTime(ctx, job); err != nil {
				return at, false, err
			}
			if span.Over() && at != from { // as in deal
				return at, false, nil
			}
			n, err := do(at, of)
			if err != nil && at != from && !errors.Is(err, batch.ErrEnded) {
				p.Log.WarnContext(ctx, "plan goes on from where it failed", "job", job.ID, "error", err.Error())
				return at, false, nil
			}
			if err != nil {
				return at, false, fmt.Errorf("pass %d of partition %d: %w", at.pass, at.partition, err)
			}
			at.sum += n
		}
	}
	return at, true, nil
}
