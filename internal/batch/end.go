package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rcpt/internal/store"
)

// Wait keeps the token of the task that waits for the shards, and has a message
// look afterwards whether the job is complete or closed already: workers may
// have been done before the token existed. The message, and not Wait itself,
// finishes the task, because a token counts only when its function has returned.
//
// A task that is tried again has another token, and the try before may still be
// under way: so the last few tokens are kept. ErrJob; store.ErrThrottled when
// another call came in between, with another token.
func (b *Book) Wait(ctx context.Context, id, token string) error {
	job, err := b.Load(ctx, id)
	if err != nil {
		return err
	}
	tokens := append(slices.DeleteFunc(job.tokens(), func(t string) bool { return t == token }), token)
	before := store.Missing(tokenAttr)
	if job.Token != "" {
		before = store.Equal(tokenAttr, job.Token)
	}
	item, err := b.Table.Update(ctx, store.Update{
		Key: jobKey(id), If: []store.Cond{store.Exists(), before},
		Set: store.Attrs{tokenAttr: strings.Join(tokens[max(0, len(tokens)-maxTokens):], "\n")},
	})
	refused := errors.Is(err, store.ErrCondition)
	switch {
	case refused && !item.Present():
		return ErrJob
	case err != nil && !refused:
		return fmt.Errorf("keep token of job %s: %w", id, err)
	}
	if job, err = jobOf(item); err != nil {
		return err
	}
	if refused && !slices.Contains(job.tokens(), token) { // the other call may have had the same one
		return fmt.Errorf("keep token of job %s: %w", id, store.ErrThrottled)
	}
	if job.Complete() || !job.Open() {
		return b.send(ctx, job.Account, Message{Kind: KindSettle, Job: id, NotBefore: b.Now().UnixMilli() + 1000})
	}
	return nil
}

// maxTokens bounds what the job's item grows by: each is up to store.MaxToken.
const maxTokens = 3

func (j Job) tokens() []string {
	return strings.FieldsFunc(j.Token, func(r rune) bool { return r == '\n' })
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
	for _, token := range job.tokens() {
		if err := b.Flow.Succeed(ctx, token, output); err != nil && !errors.Is(err, store.ErrFinished) {
			return fmt.Errorf("finish wait of job %s: %w", id, err)
		}
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
// Checks that were charged and not made are given back, all of them if the job
// has failed. A job that has ended stays as it is. It returns the job as it is
// then.
func (b *Book) Finish(ctx context.Context, id string, status Status, exact *Tally, why string) (Job, error) {
	if status == Failed { // from now on nobody counts anything
		if _, err := b.Close(ctx, id, ByFailure); err != nil && !errors.Is(err, ErrEnded) {
			return Job{}, err
		}
	}
	job, err := b.Load(ctx, id)
	if err != nil || job.Status.Ended() {
		return job, err
	}
	end := ending(job, exact)
	end.Set[statusAttr], end.Set[finishedAttr] = string(status), b.Now().UnixMilli()
	if why != "" {
		end.Set[errorAttr] = why
	}
	ops := []store.Op{store.UpdateOp(end)}
	back := job.Charged
	if status != Failed {
		back -= job.Checks
	}
	if back > 0 && b.GiveBack != nil {
		ops = append(ops, b.GiveBack(job.Key, job.CreatedAt, back))
	}
	if err := b.Table.Transact(ctx, ops); err != nil && !errors.Is(err, store.ErrCondition) {
		return Job{}, fmt.Errorf("finish job %s: %w", id, err)
	}
	return b.Load(ctx, id)
}

// ending puts the exact counts, if there are any, in the place of those so far.
func ending(job Job, exact *Tally) store.Update {
	u := store.Update{
		Key: jobKey(job.ID), Set: make(store.Attrs), If: []store.Cond{store.Exists(), store.Missing(finishedAttr)},
	}
	if exact == nil {
		return u
	}
	u.Set[doneAttr] = exact.Rows
	for name, n := range counters(*exact) {
		u.Set[name] = n
	}
	for name := range counters(job.Done) {
		if _, again := u.Set[name]; !again {
			u.Remove = append(u.Remove, name)
		}
	}
	return u
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
		if len(names) > 0 {
			if err := b.Blob.Delete(ctx, names...); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}
