package prober

import (
	"context"
	"errors"
	"io"

	"rcpt/internal/batch"
	"rcpt/internal/batch/results"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
)

// What is counted: attempts by how they ended, and addresses answered.
const (
	attemptsMetric  = "job_attempts" // outcome: closed, left, buried, late
	addressesMetric = "job_addresses"
)

// keep writes what an attempt found and marks the attempt. It returns the mark
// that stands, which is somebody else's if that came first. batch.ErrEnded when
// the job takes no more answers.
func (w *Worker) keep(ctx context.Context, job batch.Job, m batch.Message, all found) (batch.Mark, error) {
	mark, err := w.write(ctx, job, m, all)
	if err != nil {
		return batch.Mark{}, err
	}
	var tally batch.Tally
	checks := make(map[usage.Check]int64)
	for _, a := range all.final {
		tally.Add(a.verdict.Status, a.verdict.Reason, int64(a.rows.Len()))
		if givenUp(a.verdict.Reason) {
			continue
		}
		tally.Checks++
		checks[usage.Check{Kind: batch.CheckKind(a.verdict, job.Options.Mode), Outcome: string(a.verdict.Status)}]++
	}
	var also []store.Op
	if len(checks) > 0 {
		op, err := w.Meter.Batch(job.Key, m.Shard, checks)
		if err != nil {
			return batch.Mark{}, err
		}
		also = append(also, op)
	}
	stands, err := w.mark(ctx, job, mark, tally, also)
	w.tell(err, stands, mark, len(all.final))
	return stands, err
}

// givenUp reports the reasons of addresses that nobody was asked about, for want of
// time or for a fault of ours. They are no checks: the customer is not charged for
// what we did not do.
func givenUp(r verdict.Reason) bool {
	return r == verdict.Deadline || r == verdict.Cancelled || r == verdict.Internal
}

// write writes answers and addresses left under names that nobody else has.
func (w *Worker) write(ctx context.Context, job batch.Job, m batch.Message, all found) (batch.Mark, error) {
	mark, files := batch.Mark{Shard: m.Shard, Attempt: m.Attempt}, batch.FilesOf(job.ID)
	unique, err := w.Book.Unique()
	if err != nil {
		return batch.Mark{}, err
	}
	if len(all.final) > 0 {
		mark.Answers = files.Found(m.Shard, m.Attempt, unique)
		if err := w.Book.Write(ctx, mark.Answers, func(to io.Writer) error { return writeAnswers(to, all.final) }); err != nil {
			return batch.Mark{}, err
		}
	}
	if len(all.left) > 0 {
		mark.Rest, mark.NotBefore = files.Shard(m.Shard, m.Attempt+1, unique), dueAt(all.left, w.Now())
		if err := w.Book.Write(ctx, mark.Rest, func(to io.Writer) error { return writeLeft(to, all.left) }); err != nil {
			return batch.Mark{}, err
		}
	}
	return mark, nil
}

func writeAnswers(to io.Writer, all []answered) error {
	answers := results.NewWriter(to)
	for _, a := range all {
		if err := answers.Write(results.Of(a.verdict), a.rows); err != nil {
			return err
		}
	}
	return answers.Close()
}

// mark marks the attempt; the table may be busy with the job's counters.
func (w *Worker) mark(ctx context.Context, job batch.Job, m batch.Mark, tally batch.Tally, also []store.Op) (stands batch.Mark, err error) {
	err = steady(ctx, func() error {
		stands, err = w.Book.Mark(ctx, job, m, tally, also...)
		return err
	})
	return stands, err
}

// tell counts the attempt, if it was the one that counts.
func (w *Worker) tell(err error, stands, ours batch.Mark, answers int) {
	switch {
	case errors.Is(err, batch.ErrEnded), err == nil && (stands.Answers != ours.Answers || stands.Rest != ours.Rest):
		w.Metric(attemptsMetric, 1, "outcome", "late")
		return
	case err != nil:
		return
	case ours.Rest == "":
		w.Metric(attemptsMetric, 1, "outcome", "closed")
	default:
		w.Metric(attemptsMetric, 1, "outcome", "left")
	}
	w.Metric(addressesMetric, float64(answers))
}
