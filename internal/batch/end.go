package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"rcpt/internal/store"
)

// Wait keeps the token of the task that waits for the shards, and has a message
// look afterwards whether the job is complete or closed already: workers may
// have been done before the token existed. The message, and not Wait itself,
// finishes the task, because a token counts only when its function has returned.
func (b *Book) Wait(ctx context.Context, id, token string) error {
	item, err := b.Table.Update(ctx, store.Update{
		Key: jobKey(id), Set: store.Attrs{tokenAttr: token}, If: []store.Cond{store.Exists()},
	})
	if err != nil {
		return closedOr(err, "keep token of job %s", id)
	}
	job, err := jobOf(item)
	if err != nil {
		return err
	}
	if job.Complete() || !job.Open() {
		return b.send(ctx, job.Account, Message{Kind: KindSettle, Job: id, NotBefore: b.Now().UnixMilli() + 1000})
	}
	return nil
}

// Settle finishes the task that waits for the shards, if the job is complete or
// closed. It may be called at any time.
func (b *Book) Settle(ctx context.Context, id string) error {
	job, err := b.Load(ctx, id)
	if errors.Is(err, ErrJob) {
		return nil
	}
	if err != nil {
		return err
	}
	if job.Token == "" || job.Open() && !job.Complete() {
		return nil
	}
	output, err := json.Marshal(map[string]bool{"ok": true})
	if err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	if err := b.Flow.Succeed(ctx, job.Token, output); err != nil && !errors.Is(err, store.ErrFinished) {
		return fmt.Errorf("finish wait of job %s: %w", id, err)
	}
	return nil
}

// Beat keeps the task alive that waits for the shards.
func (b *Book) Beat(ctx context.Context, job Job) error {
	if job.Token == "" {
		return nil
	}
	if err := b.Flow.Heartbeat(ctx, job.Token); err != nil && !errors.Is(err, store.ErrFinished) {
		return fmt.Errorf("keep job %s waiting: %w", job.ID, err)
	}
	return nil
}

// Close makes the job take no more answers, for a reason; the first one stands.
// It returns the job as it is then. ErrEnded when it had ended.
func (b *Book) Close(ctx context.Context, id string, why Closing) (Job, error) {
	item, err := b.Table.Update(ctx, store.Update{Key: jobKey(id), Set: store.Attrs{closingAttr: string(why)}, If: open()})
	if err != nil && !errors.Is(err, store.ErrCondition) {
		return Job{}, fmt.Errorf("close job %s: %w", id, err)
	}
	if !item.Present() {
		return Job{}, ErrJob
	}
	job, err := jobOf(item)
	if err == nil && job.Status.Ended() {
		return job, ErrEnded
	}
	return job, err
}

// Cancel ends a job early: what was found by then is in its results, the rest is
// UNKNOWN. ErrJob; ErrEnded.
func (b *Book) Cancel(ctx context.Context, account, id string) (Job, error) {
	if _, err := b.Find(ctx, account, id); err != nil {
		return Job{}, err
	}
	job, err := b.Close(ctx, id, ByCaller)
	if err != nil {
		return job, err
	}
	if err := b.Settle(ctx, id); err != nil {
		// The execution may be between two steps; a message looks again.
		b.Log.WarnContext(ctx, "job not settled yet", "job", id, "error", err)
		err = b.send(ctx, job.Account, Message{Kind: KindSettle, Job: id, NotBefore: b.Now().UnixMilli() + 1000})
		return job, err
	}
	return job, nil
}

// Finish ends a job: the exact counts, the status, and why it failed if it did.
// A job that has ended stays as it is. It returns the job as it is then.
func (b *Book) Finish(ctx context.Context, id string, status Status, exact *Tally, why string) (Job, error) {
	set := store.Attrs{statusAttr: string(status), finishedAttr: b.Now().UnixMilli()}
	if why != "" {
		set[errorAttr] = why
	}
	job, err := b.Load(ctx, id)
	if err != nil {
		return Job{}, err
	}
	var remove []string
	if exact != nil {
		for name := range counters(job.Done) {
			remove = append(remove, name)
		}
		set[doneAttr], remove = exact.Rows, without(remove, doneAttr)
		for name, n := range counters(*exact) {
			set[name], remove = n, without(remove, name)
		}
	}
	item, err := b.Table.Update(ctx, store.Update{
		Key: jobKey(id), Set: set, Remove: remove, If: []store.Cond{store.Exists(), store.Missing(finishedAttr)},
	})
	if err != nil && !errors.Is(err, store.ErrCondition) {
		return Job{}, fmt.Errorf("finish job %s: %w", id, err)
	}
	if !item.Present() {
		return Job{}, ErrJob
	}
	return jobOf(item)
}

func without(names []string, name string) []string {
	for i, n := range names {
		if n == name {
			return append(names[:i], names[i+1:]...)
		}
	}
	return names
}

// Fail notes why the job cannot go on, for the caller, and closes it.
func (b *Book) Fail(ctx context.Context, id, why string) error {
	_, err := b.Table.Update(ctx, store.Update{
		Key: jobKey(id), Set: store.Attrs{closingAttr: string(ByFailure), errorAttr: why}, If: open(),
	})
	return closedOr(err, "fail job %s", id)
}

// Delete forgets a job that has ended: its files, its items, its execution.
// ErrJob; ErrRunning.
func (b *Book) Delete(ctx context.Context, account, id string) error {
	job, err := b.Find(ctx, account, id)
	if err != nil {
		return err
	}
	if !job.Status.Ended() {
		return ErrRunning
	}
	if err := b.Flow.Stop(ctx, id, "deleted"); err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrFinished) {
		return fmt.Errorf("stop execution of job %s: %w", id, err)
	}
	return b.Forget(ctx, job)
}

// Forget removes files and items of a job, the job itself last: it may be called
// again until it succeeds. An uploaded list goes with the first job that was made
// of it. The results of a dropped file stay: they lie in the key's own folder.
func (b *Book) Forget(ctx context.Context, job Job) error {
	if strings.HasPrefix(job.Source.Blob, UploadPrefix) {
		if err := b.Blob.Delete(ctx, job.Source.Blob); err != nil {
			return fmt.Errorf("delete upload of job %s: %w", job.ID, err)
		}
	}
	if err := b.remove(ctx, string(FilesOf(job.ID))); err != nil {
		return fmt.Errorf("delete files of job %s: %w", job.ID, err)
	}
	// Markers expire by themselves: there may be fifty thousand of them.
	err := b.Table.Transact(ctx, []store.Op{
		store.DeleteOp(listKey(job.Account, job.CreatedAt, job.ID)), store.DeleteOp(jobKey(job.ID)),
	})
	if err != nil {
		return fmt.Errorf("delete job %s: %w", job.ID, err)
	}
	return nil
}

// Tidy removes the files that nobody needs after the end of a job: what is left
// are its rows, answers and documents.
func (b *Book) Tidy(ctx context.Context, id string) error {
	for _, prefix := range FilesOf(id).passing() {
		if err := b.remove(ctx, prefix); err != nil {
			return fmt.Errorf("tidy job %s: %w", id, err)
		}
	}
	return nil
}

// remove deletes all blobs whose names begin with prefix.
func (b *Book) remove(ctx context.Context, prefix string) error {
	for after := ""; ; {
		page, err := b.Blob.List(ctx, prefix, after, store.MaxBlobPage)
		if err != nil {
			return err
		}
		names := make([]string, len(page.Blobs))
		for i, blob := range page.Blobs {
			names[i] = blob.Name
		}
		if err := b.Blob.Delete(ctx, names...); err != nil {
			return err
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}
