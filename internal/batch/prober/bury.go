package prober

import (
	"context"
	"errors"

	"rcpt/internal/batch"
	"rcpt/internal/batch/record"
	"rcpt/internal/store"
	"rcpt/internal/verify"
)

// Bury deals with a message that was received too often: nobody could. The
// addresses of a shard become UNKNOWN internal, and its shard is closed; they are
// no checks in the usage of the key. An error means that the message must come
// again.
func (w *Worker) Bury(ctx context.Context, m batch.Message) error {
	switch m.Kind {
	case batch.KindShard:
		return w.buryShard(ctx, m)
	case batch.KindRecheck:
		if w.Rechecks != nil {
			return w.Rechecks.Bury(ctx, m)
		}
	case batch.KindStart, batch.KindSettle:
		return w.look(ctx, m)
	}
	return nil
}

func (w *Worker) buryShard(ctx context.Context, m batch.Message) error {
	job, mark, marked, err := w.Book.Look(ctx, m.Job, m.Shard, m.Attempt)
	switch {
	case errors.Is(err, batch.ErrJob):
		return nil
	case err != nil:
		return err
	case !job.Open():
		return nil
	case marked:
		return w.resume(ctx, job, mark)
	}
	w.Log.ErrorContext(ctx, "shard given up", "job", m.Job, "shard", m.Shard, "attempt", m.Attempt)
	items, err := w.items(ctx, m)
	if err != nil && !unreadable(err) {
		return err
	}
	// A file that cannot be read gives no answers; the collector fills in what is
	// missing, with the same reason.
	var all found
	var tally batch.Tally
	for _, i := range items {
		v := unasked(job, i, verify.LostInternal, w.Now())
		all.final = append(all.final, answered{i, v})
		tally.Add(v.Status, v.Reason, int64(i.rows.Len()))
	}
	if mark, err = w.write(ctx, job, m, all); err != nil {
		return err
	}
	mark, err = w.mark(ctx, job, mark, tally, nil)
	switch {
	case errors.Is(err, batch.ErrEnded):
		return nil
	case err != nil:
		return err
	}
	w.Metric(attemptsMetric, 1, "outcome", "buried")
	return w.follow(ctx, job, mark)
}

// unreadable reports a file that will not be read another time either.
func unreadable(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrValue) || errors.Is(err, record.ErrDamaged)
}
