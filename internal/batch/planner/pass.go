package planner

import (
	"context"
	"errors"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"rcpt/internal/batch"
	"rcpt/internal/batch/plan"
	"rcpt/internal/batch/record"
	"rcpt/internal/batch/results"
	"rcpt/internal/store"
	"rcpt/internal/verify"
)

// passes plans one pass after the other.
func (p *Planner) passes(ctx context.Context, job batch.Job, from place, span batch.Span) (batch.Next, error) {
	at, done, err := p.walk(ctx, job, from, span, func(at place, of int) (int64, error) { return p.pass(ctx, job, at, of) })
	if err != nil {
		return batch.Next{}, err
	}
	if !done {
		return p.next(job, nextPlan, at.cursor(passing)), nil
	}
	if err := p.Book.Plan(ctx, job, at.sum); err != nil {
		return batch.Next{}, err
	}
	if at.sum == 0 {
		return p.next(job, nextCollect, ""), nil
	}
	return p.next(job, nextDrain, ""), nil
}

// pass plans one pass and returns how many shards it gave.
func (p *Planner) pass(ctx context.Context, job batch.Job, at place, of int) (shards int64, err error) {
	done, err := p.outcome(ctx, job, at, of)
	if err != nil {
		return 0, err
	}
	return int64(len(done.Shards)), p.carryOut(ctx, job, at, done)
}

// outcome returns what the pass came to, working it out if nobody has.
func (p *Planner) outcome(ctx context.Context, job batch.Job, at place, of int) (outcome, error) {
	name := batch.FilesOf(job.ID).Pass(at.partition, at.pass)
	var done outcome
	err := p.Book.ReadJSON(ctx, name, &done)
	if !errors.Is(err, store.ErrNotFound) {
		return done, err
	}
	if done, err = p.workOut(ctx, job, at, of); err != nil {
		return outcome{}, err
	}
	err = p.Book.WriteJSON(ctx, name, done, store.Once())
	if errors.Is(err, store.ErrCondition) || errors.Is(err, store.ErrUnknown) {
		done = outcome{}
		if read := p.Book.ReadJSON(ctx, name, &done); read != nil { // somebody was faster, or it was us
			return outcome{}, errors.Join(err, read)
		}
		err = nil
	}
	return done, err
}

// workOut folds the rows of a pass, answers what is known, and cuts the rest.
func (p *Planner) workOut(ctx context.Context, job batch.Job, at place, of int) (outcome, error) {
	items, err := plan.Distinct(plan.Partition(p.chunks(ctx, job), at.partition, plan.Pass{Number: at.pass, Of: of}))
	if err != nil {
		return outcome{}, err
	}
	done := outcome{Unique: int64(len(items))}
	for _, i := range items {
		done.Rows += int64(i.Rows.Len())
	}
	rest, operators, err := p.answerKnown(ctx, job, at, items, &done)
	if err != nil {
		return outcome{}, err
	}
	if job.Options.Mode != verify.Soft && !job.Test { // neither asks an operator over the network
		p.findOperators(ctx, operators)
	}
	pool(rest, operators)
	done.Shards, err = p.keepShards(ctx, job, at.sum, slices.Collect(plan.Cut(rest, func(domain string) string { return operators[domain] })))
	return done, err
}

// chunks opens what the chunks were dealt into.
func (p *Planner) chunks(ctx context.Context, job batch.Job) []record.Opener {
	openers := make([]record.Opener, job.Chunks)
	for chunk := range openers {
		name := batch.FilesOf(job.ID).Split(int64(chunk))
		openers[chunk] = func(offset, length int64) (io.ReadCloser, error) {
			file, _, err := p.Book.Blob.Open(ctx, name, offset, length, "")
			return file, err
		}
	}
	return openers
}

// answerKnown writes the answers that are known and counts them. It returns the
// items that are left, and who runs the exchangers of their domains as far as
// that is known.
func (p *Planner) answerKnown(ctx context.Context, job batch.Job, at place, items []*plan.Item, done *outcome) (rest []*plan.Item, operators map[string]string, err error) {
	unique, err := p.Book.Unique()
	if err != nil {
		return nil, nil, err
	}
	name, t := batch.FilesOf(job.ID).Known(at.partition, at.pass, unique), newTally(job.Options.Mode)
	operators = make(map[string]string)
	err = p.Book.Write(ctx, name, func(to io.Writer) error {
		w := results.NewWriter(to)
		for window := range slices.Chunk(items, recallAtOnce*recallers) {
			known, err := p.recall(ctx, job, window)
			if err != nil {
				return err
			}
			for i, item := range window {
				v := known[i].Verdict
				if v == nil {
					rest, operators[item.Domain()] = append(rest, item), known[i].Operator
					continue
				}
				t.add(*v, int64(item.Rows.Len()))
				if err := w.Write(results.Of(*v), item.Rows); err != nil {
					return err
				}
			}
		}
		return w.Close()
	})
	if len(t.found) > 0 {
		done.Known = name
	}
	done.Found, done.Checks = t.counts()
	return rest, operators, err
}

// Tables are asked for so many addresses at a time, several times at once: the
// verdicts of that many are in memory.
const (
	recallAtOnce = 1000
	recallers    = 8
)

// recall tells what is known of items.
func (p *Planner) recall(ctx context.Context, job batch.Job, items []*plan.Item) ([]verify.Known, error) {
	recaller := p.Verifier
	if job.Test {
		recaller = p.TestVerifier
	}
	known := make([]verify.Known, len(items))
	var readers errgroup.Group
	for from := 0; from < len(items); from += recallAtOnce {
		part := items[from:min(from+recallAtOnce, len(items))]
		readers.Go(func() error {
			requests := make([]verify.Request, len(part))
			for i, item := range part {
				requests[i] = verify.Request{
					Scope: job.Key, Email: item.Email, Mode: job.Options.Mode, Policy: job.Options.Policy, Received: p.Now(),
				}
			}
			found, err := recaller.Recall(ctx, requests)
			copy(known[from:], found)
			return err
		})
	}
	return known, readers.Wait()
}

// keepShards writes shards and returns the names of their files.
func (p *Planner) keepShards(ctx context.Context, job batch.Job, first int64, shards []plan.Shard) ([]string, error) {
	unique, err := p.Book.Unique()
	if err != nil {
		return nil, err
	}
	names := make([]string, len(shards))
	writers, ctx := errgroup.WithContext(ctx)
	writers.SetLimit(16)
	for i, shard := range shards {
		names[i] = batch.FilesOf(job.ID).Shard(first+int64(i), 0, unique)
		writers.Go(func() error { return p.Book.Write(ctx, names[i], shard.Write) })
	}
	return names, writers.Wait()
}
