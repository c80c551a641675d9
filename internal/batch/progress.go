package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rcpt/internal/store"
)

// Read tells how much of the list has been read, 1 chunk at least. The first
// chunk makes the job run. Less than is known already changes nothing: it comes
// from a step that is being repeated, or that somebody else went on with. A job
// that is cancelled is read to its end all the same: each of its rows has a place in
// the results. ErrEnded when the job is neither open nor cancelled.
func (b *Book) Read(ctx context.Context, job Job, total, chunks int64) error {
	set := store.Attrs{statusAttr: string(Running), totalAttr: total, chunksAttr: chunks}
	if job.StartedAt.IsZero() && chunks == 1 {
		set[startedAttr] = b.Now().UnixMilli()
	}
	item, err := b.Table.Update(ctx, store.Update{
		Key: jobKey(job.ID), Set: set, If: append(readable(), store.AtMost(chunksAttr, chunks-1)),
	})
	if errors.Is(err, store.ErrCondition) && item.Int(chunksAttr) >= chunks && store.AllHold(readable(), item) {
		return nil
	}
	return closedOr(err, "note rows of job %s", job.ID)
}

// open are the conditions under which a job takes more.
func open() []store.Cond {
	return []store.Cond{store.Exists(), store.Missing(closingAttr), store.Missing(finishedAttr)}
}

// readable are the conditions under which its list is read.
func readable() []store.Cond {
	return []store.Cond{
		store.Exists(), store.Any(store.Missing(closingAttr), store.Equal(closingAttr, string(ByCaller))), store.Missing(finishedAttr),
	}
}

// closedOr turns a refused condition into ErrEnded.
func closedOr(err error, format string, args ...any) error {
	switch {
	case errors.Is(err, store.ErrCondition):
		return ErrEnded
	case err != nil:
		return fmt.Errorf(format+": %w", append(args, err)...)
	}
	return nil
}

// Charge is what is written along when checks of a job are charged: the marker
// that makes it happen once, and the note by which Finish gives back those that
// were not made. folded says that they are those of its addresses, so that nothing is
// given back for rows that repeat one. The operation is refused when the job is not
// open.
func (b *Book) Charge(job Job, checks int64, folded bool) (once store.Item, note store.Op) {
	once = store.Item{Key: store.Key{Part: jobKey(job.ID).Part, Sort: "CHARGE"}, Expires: forgottenBy(job)}
	return once, store.UpdateOp(store.Update{
		Key: jobKey(job.ID), Set: store.Attrs{foldedAttr: folded}, Add: map[string]int64{chargedAttr: checks}, If: open(),
	})
}

// Pass counts the answers that planning a pass found, once however often it is
// called. ErrEnded when the job is not open and the pass not counted.
func (b *Book) Pass(ctx context.Context, job Job, partition, pass int, found Tally, also ...store.Op) error {
	marker := store.Item{Key: passKey(job.ID, partition, pass), Expires: forgottenBy(job)}
	_, err := b.once(ctx, job, marker, counters(found), also)
	return err
}

// Plan tells how many shards there are in all.
func (b *Book) Plan(ctx context.Context, job Job, shards int64) error {
	_, err := b.Table.Update(ctx, store.Update{
		Key: jobKey(job.ID), Set: store.Attrs{shardsAttr: shards, plannedAttr: true}, If: open(),
	})
	return closedOr(err, "note plan of job %s", job.ID)
}

// Mark is what became of an attempt at a shard.
type Mark struct {
	Shard, Attempt int64
	Answers        string // blob; empty: none
	Rest           string // blob with what is to be asked again; empty: the shard is closed
	NotBefore      time.Time
}

// Mark counts the answers of an attempt, once however often and by whomever it
// is called: the first mark counts. It returns the mark that stands. ErrEnded
// when the job is not open and the attempt not marked. also is written with the
// first mark.
func (b *Book) Mark(ctx context.Context, job Job, m Mark, found Tally, also ...store.Op) (Mark, error) {
	marker := store.Item{Key: markKey(job.ID, m.Shard, m.Attempt), Expires: forgottenBy(job), Attrs: store.Attrs{
		"answers": m.Answers, "rest": m.Rest, "rows": found.Rows,
	}}
	if !m.NotBefore.IsZero() {
		marker.Attrs["not_before"] = m.NotBefore.UnixMilli()
	}
	add := counters(found)
	if m.Rest == "" {
		add[closedAttr] = 1
	}
	counted, err := b.once(ctx, job, marker, add, also)
	if err != nil || counted {
		return m, err
	}
	stands, _, err := b.Marked(ctx, job.ID, m.Shard, m.Attempt)
	return stands, err
}

// Marked returns the mark of an attempt, if there is one.
func (b *Book) Marked(ctx context.Context, job string, shard, attempt int64) (Mark, bool, error) {
	item, err := b.Table.Get(ctx, markKey(job, shard, attempt))
	if errors.Is(err, store.ErrNotFound) {
		return Mark{}, false, nil
	}
	if err != nil {
		return Mark{}, false, fmt.Errorf("read mark of job %s: %w", job, err)
	}
	return markOf(item), true, nil
}

// Look returns a job and, if there is one, the mark of an attempt, with one call.
// ErrJob when there is no such job.
func (b *Book) Look(ctx context.Context, id string, shard, attempt int64) (job Job, m Mark, marked bool, err error) {
	if !isJob(id) {
		return Job{}, Mark{}, false, ErrJob
	}
	items, err := b.Table.BatchGet(ctx, []store.Key{jobKey(id), markKey(id, shard, attempt)})
	if err != nil {
		return Job{}, Mark{}, false, fmt.Errorf("read job %s: %w", id, err)
	}
	err = ErrJob
	for _, item := range items {
		if item.Key.Sort != "" {
			m, marked = markOf(item), true
			continue
		}
		if job, err = jobOf(item); err != nil {
			return Job{}, Mark{}, false, err
		}
	}
	return job, m, marked, err
}

// Marks returns a page of the marks of a job, by shard and attempt, behind
// after; next is empty when there are no more.
func (b *Book) Marks(ctx context.Context, job, after string, limit int) (marks []Mark, next string, err error) {
	page, err := b.Table.Query(ctx, store.Query{Part: jobKey(job).Part, Prefix: markPrefix, After: after, Limit: limit})
	if err != nil {
		return nil, "", fmt.Errorf("list marks of job %s: %w", job, err)
	}
	for _, item := range page.Items {
		marks = append(marks, markOf(item))
	}
	return marks, page.Next, nil
}

func markOf(item store.Item) Mark {
	m := Mark{Answers: item.Str("answers"), Rest: item.Str("rest"), NotBefore: timeOf(item, "not_before")}
	m.Shard, m.Attempt = markNumbers(item.Key.Sort)
	return m
}

// Passes returns a page of the files of those passes that are counted, behind
// after; next is empty when there are no more. When the job is closed there will
// be no others.
func (b *Book) Passes(ctx context.Context, job, after string, limit int) (names []string, next string, err error) {
	page, err := b.Table.Query(ctx, store.Query{Part: jobKey(job).Part, Prefix: passPrefix, After: after, Limit: limit})
	if err != nil {
		return nil, "", fmt.Errorf("list passes of job %s: %w", job, err)
	}
	for _, item := range page.Items {
		var partition, pass int
		if _, err := fmt.Sscanf(item.Key.Sort, passPrefix+"%d#%d", &partition, &pass); err != nil {
			return nil, "", fmt.Errorf("read pass %s of job %s: %w", item.Key.Sort, job, err)
		}
		names = append(names, FilesOf(job).Pass(partition, pass))
	}
	return names, page.Next, nil
}

// once writes a marker and adds to the job, unless the marker is there. counted
// is false then.
func (b *Book) once(ctx context.Context, job Job, marker store.Item, add map[string]int64, also []store.Op) (counted bool, err error) {
	ops := []store.Op{store.PutOp(marker, store.Absent())}
	if len(add) == 0 {
		ops = append(ops, store.CheckOp(jobKey(job.ID), open()...))
	} else {
		ops = append(ops, store.UpdateOp(store.Update{Key: jobKey(job.ID), Add: add, If: open()}))
	}
	err = b.Table.Transact(ctx, append(ops, also...))
	var refused *store.TransactError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &refused) && refused.Index == 0:
		return false, nil
	case errors.Is(err, store.ErrCondition):
		return false, b.refused(ctx, marker.Key)
	}
	return false, fmt.Errorf("count answers of job %s: %w", job.ID, err)
}

// refused tells a job that is closed from a marker that came in between.
func (b *Book) refused(ctx context.Context, marker store.Key) error {
	_, err := b.Table.Get(ctx, marker)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrEnded
	case err != nil:
		return fmt.Errorf("read marker: %w", err)
	}
	return nil
}
