package planner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"rcpt/internal/batch"
	"rcpt/internal/batch/plan"
	"rcpt/internal/batch/rows"
)

// Cursors of plan: "deal:<chunk>", then for a list that is not charged yet
// "count:<partition>:<pass>:<addresses>" with how many were found, then
// "pass:<partition>:<pass>:<shard>" with the number of the next shard.
const (
	dealing  = "deal:"
	counting = "count:"
	passing  = "pass:"
)

// plan goes on where its cursor says.
func (p *Planner) plan(ctx context.Context, job batch.Job, cursor string) (batch.Next, error) {
	span := batch.NewSpan(ctx, p.Now)
	if cursor == "" {
		cursor = dealing + "0"
	}
	if at, ok := strings.CutPrefix(cursor, dealing); ok {
		from, err := numbers(at, 1)
		if err != nil {
			return batch.Next{}, err
		}
		next, err := p.deal(ctx, job, from[0], span)
		if err != nil || next != "" {
			return p.next(job, nextPlan, next), err
		}
		if cursor = passing + "0:0:0"; job.Charged == 0 {
			cursor = counting + "0:0:0"
		}
	}
	counted, uncharged := strings.CutPrefix(cursor, counting)
	at, err := numbers(strings.TrimPrefix(counted, passing), 3)
	if err != nil {
		return batch.Next{}, err
	}
	from := place{int(at[0]), int(at[1]), at[2]}
	if uncharged {
		return p.count(ctx, job, from, span)
	}
	return p.passes(ctx, job, from, span)
}

// deal deals chunks from one on into partitions; the cursor it returns is empty
// when all are dealt.
func (p *Planner) deal(ctx context.Context, job batch.Job, chunk int64, span batch.Span) (cursor string, err error) {
	files, counts := batch.FilesOf(job.ID), make([]int64, plan.Partitions(job.Total))
	if chunk > 0 {
		if err := p.Book.ReadJSON(ctx, files.Counts(chunk), &counts); err != nil {
			return "", err
		}
	}
	for from := chunk; chunk < job.Chunks; chunk++ {
		if err := p.inTime(ctx, job); err != nil {
			return "", err
		}
		if span.Over() && chunk > from { // each call comes further, however little time it has
			return fmt.Sprintf("%s%d", dealing, chunk), nil
		}
		more, err := p.split(ctx, files, chunk, len(counts))
		if err != nil {
			return "", err
		}
		for i, n := range more {
			counts[i] += n
		}
		if err := p.Book.WriteJSON(ctx, files.Counts(chunk+1), counts); err != nil {
			return "", err
		}
	}
	return "", nil
}

// split deals one chunk into n partitions and returns how many rows each got.
func (p *Planner) split(ctx context.Context, files batch.Files, chunk int64, n int) (counts []int64, err error) {
	file, err := p.Book.Open(ctx, files.Rows(chunk))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	reader, err := rows.NewReader(file)
	if err != nil {
		return nil, err
	}
	err = p.Book.Write(ctx, files.Split(chunk), func(to io.Writer) error {
		counts, err = plan.Split(reader, n, to)
		return err
	})
	return counts, err
}
