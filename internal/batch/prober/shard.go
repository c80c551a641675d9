package prober

import (
	"context"
	"errors"
	"fmt"

	"rcpt/internal/batch"
)

// shard makes an attempt at a shard, unless it is marked, and sees to what follows.
func (w *Worker) shard(ctx context.Context, m batch.Message) error {
	job, mark, marked, err := w.Book.Look(ctx, m.Job, m.Shard, m.Attempt)
	switch {
	case errors.Is(err, batch.ErrJob):
		return nil // deleted
	case err != nil:
		return err
	case !job.Open():
		return nil // nobody waits for it
	case marked:
		return w.resume(ctx, job, mark)
	case m.Wait(w.Now()) > 0:
		return w.Book.Send(ctx, job, m)
	}
	items, err := w.items(ctx, m)
	if err != nil {
		return err
	}
	found, err := w.ask(ctx, job, items)
	if err != nil {
		return err
	}
	mark, err = w.keep(ctx, job, m, found)
	switch {
	case errors.Is(err, batch.ErrEnded):
		return nil
	case err != nil:
		return err
	}
	return w.follow(ctx, job, mark)
}

// resume goes on from a mark that somebody else left, who may have died since.
// Who marked the attempt after it has its message.
func (w *Worker) resume(ctx context.Context, job batch.Job, mark batch.Mark) error {
	if mark.Rest != "" {
		_, passed, err := w.Book.Marked(ctx, job.ID, mark.Shard, mark.Attempt+1)
		if err != nil || passed {
			return err
		}
	}
	return w.follow(ctx, job, mark)
}

// follow sends what the attempt left, or looks whether the job is complete.
func (w *Worker) follow(ctx context.Context, job batch.Job, mark batch.Mark) error {
	if mark.Rest == "" {
		return w.Book.Settle(ctx, job.ID)
	}
	return w.Book.Send(ctx, job, batch.Message{
		Kind: batch.KindShard, Job: job.ID, Shard: mark.Shard, Attempt: mark.Attempt + 1,
		Items: mark.Rest, NotBefore: mark.NotBefore.UnixMilli(),
	})
}

// items reads what an attempt is about.
func (w *Worker) items(ctx context.Context, m batch.Message) (items []item, err error) {
	file, err := w.Book.Open(ctx, m.Items)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	read := readLeft
	if m.Attempt == 0 {
		read = readPlanned
	}
	if items, err = read(file); err != nil {
		return nil, fmt.Errorf("read %s: %w", m.Items, err)
	}
	return items, nil
}
