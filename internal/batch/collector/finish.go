package collector

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/jsonjs"
	"rcpt/internal/batch/results"
	"rcpt/internal/notify"
	"rcpt/internal/store"
)

// finish ends a job: counts from what was written, status, and who is told. Every
// part of it bears repetition.
func (c *Collector) finish(ctx context.Context, id string) (batch.Next, error) {
	job, err := c.Book.Load(ctx, id)
	if err != nil {
		return batch.Next{}, err
	}
	if !job.Status.Ended() {
		status, exact := batch.Completed, (*batch.Tally)(nil)
		switch job.Closing {
		case batch.ByFailure:
			status = batch.Failed
		case batch.ByCaller:
			status = batch.Cancelled
		}
		if status != batch.Failed {
			if exact, err = c.count(ctx, job); err != nil {
				return batch.Next{}, err
			}
		}
		if job, err = c.Book.Finish(ctx, id, status, exact, job.Error); err != nil {
			return batch.Next{}, err
		}
	}
	next, err := c.tell(ctx, job)
	if err == nil {
		err = c.Book.Tidy(ctx, job.ID)
	}
	return next, err
}

// abandon ends a job whose execution cannot go on. What went wrong is in the
// logs; the caller cannot mend it.
func (c *Collector) abandon(ctx context.Context, s batch.Step) (batch.Next, error) {
	c.Log.ErrorContext(ctx, "job abandoned", "job", s.Job, "error", s.Error)
	job, err := c.Book.Load(ctx, s.Job)
	if errors.Is(err, batch.ErrJob) {
		return batch.Next{Seconds: 1}, nil // deleted: there is nothing to end
	}
	if err != nil {
		return batch.Next{}, err
	}
	why := cmp.Or(job.Error, "something went wrong on our side; submit the list again")
	if job, err = c.Book.Finish(ctx, s.Job, batch.Failed, nil, why); err != nil {
		return batch.Next{}, err
	}
	return c.tell(ctx, job)
}

// count adds up what the chunks came to.
func (c *Collector) count(ctx context.Context, job batch.Job) (*batch.Tally, error) {
	var all batch.Tally
	for chunk := range job.Chunks {
		var part batch.Tally
		if err := c.Book.ReadJSON(ctx, batch.FilesOf(job.ID).Tally(chunk), &part); err != nil {
			return nil, err
		}
		all.Join(part)
	}
	return &all, nil
}

// tell puts the summary into the drop folder and the webhook into its queue.
func (c *Collector) tell(ctx context.Context, job batch.Job) (batch.Next, error) {
	if job.Options.Drop != "" {
		if err := c.summarize(ctx, job); err != nil {
			return batch.Next{}, err
		}
	}
	if job.Options.WebhookURL != "" {
		body, err := c.body(ctx, job)
		if err != nil {
			return batch.Next{}, err
		}
		err = c.Post(ctx, notify.Draft{
			Account: job.Account, Key: job.Key, Subject: job.ID, ID: "msg_" + job.ID, URL: job.Options.WebhookURL, Body: body,
			Keep: job.Keep,
		})
		switch {
		case errors.Is(err, notify.ErrURL), errors.Is(err, notify.ErrDraft):
			// It was good when the job was submitted; the job has ended all the same.
			c.Log.WarnContext(ctx, "webhook cannot be sent", "job", job.ID, "error", err)
		case err != nil:
			return batch.Next{}, fmt.Errorf("post webhook of job %s: %w", job.ID, err)
		}
	}
	left := job.KeptUntil().Sub(c.Now())
	return batch.Next{Seconds: max(1, int64(left/time.Second))}, nil
}

// summarize says beside the results what came of a dropped file. What an earlier
// file of this name has left and this one does not replace goes: nobody shall take
// it for the answer.
func (c *Collector) summarize(ctx context.Context, job batch.Job) error {
	if outdated, err := c.outdated(ctx, job); err != nil || outdated {
		return err
	}
	ending, stale := "summary.json", []string{"error.json"}
	if job.Status == batch.Failed {
		ending, stale = "error.json", []string{"csv", "jsonl", "summary.json"}
	}
	for i, old := range stale {
		stale[i] = batch.Delivered(job.Key, job.Options.Drop, old)
	}
	if err := c.Book.Blob.Delete(ctx, stale...); err != nil {
		return fmt.Errorf("remove what an earlier file left: %w", err)
	}
	return c.Book.Write(ctx, batch.Delivered(job.Key, job.Options.Drop, ending), func(to io.Writer) error {
		_, err := to.Write(append(c.summary(job), '\n'))
		return err
	})
}

// inline is the longest webhook body that has the results in it, in octets.
const inline = 90 << 10

// body is what the webhook says: the same octets each time.
func (c *Collector) body(ctx context.Context, job batch.Job) ([]byte, error) {
	rows, err := c.inline(ctx, job)
	if err != nil {
		return nil, err
	}
	if body := c.message(job, rows); len(body) <= inline {
		return body, nil
	}
	return c.message(job, []byte("[]")), nil
}

func (c *Collector) message(job batch.Job, rows []byte) []byte {
	to := jsonjs.AppendString([]byte(`{"job_id":`), job.ID)
	to = jsonjs.AppendString(append(to, `,"status":`...), string(job.Status))
	to = append(append(to, `,"results":`...), rows...)
	to = jsonjs.AppendString(append(to, `,"results_url":`...), c.resultsURL(job))
	if job.Error != "" {
		to = jsonjs.AppendString(append(to, `,"error":`...), job.Error)
	}
	return append(appendMetadata(append(to, `,"metadata":`...), job.Options.Metadata), '}')
}

// inline returns the rows of the JSON document if it is small.
func (c *Collector) inline(ctx context.Context, job batch.Job) (rows []byte, err error) {
	none := []byte("[]")
	if job.Status == batch.Failed || job.Chunks == 0 {
		return none, nil
	}
	file, info, err := c.Book.Blob.Open(ctx, batch.FilesOf(job.ID).Output(everything, string(results.JSON)), 0, -1, "")
	if errors.Is(err, store.ErrNotFound) {
		return none, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if info.Size > inline {
		return none, nil
	}
	document, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	before := len(jsonjs.AppendString([]byte(`{"job_id":`), job.ID)) + len(`,"results":`)
	if len(document) <= before+1 {
		return nil, fmt.Errorf("results of job %s are cut short", job.ID)
	}
	return document[before : len(document)-1], nil
}

// resultsURL is where the results are; empty if there are none, or nobody knows
// how the outside reaches us.
func (c *Collector) resultsURL(job batch.Job) string {
	if job.Status == batch.Failed {
		return ""
	}
	base := job.Options.Base
	if base == "" {
		base = c.Base
	}
	if base == "" {
		return ""
	}
	return base + "/v1/jobs/" + job.ID + "/results"
}

// summary is a job as the drop folder shows it.
func (c *Collector) summary(job batch.Job) []byte {
	to := jsonjs.AppendString([]byte(`{"job_id":`), job.ID)
	to = jsonjs.AppendString(append(to, `,"file":`...), job.Options.Drop)
	to = jsonjs.AppendString(append(to, `,"status":`...), string(job.Status))
	if job.Error != "" {
		to = jsonjs.AppendString(append(to, `,"error":`...), job.Error)
	}
	to = fmt.Appendf(to, `,"total":%d,"done":%d,"by_status":`, job.Total, job.Done.Rows)
	to = appendCounts(to, job.Done.ByStatus)
	to = appendCounts(append(to, `,"by_reason":`...), job.Done.ByReason)
	to = fmt.Appendf(to, `,"created_at":%q,"finished_at":%q}`, stamp(job.CreatedAt), stamp(job.FinishedAt))
	return to
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z07:00") }

func appendCounts[W ~string](to []byte, counts map[W]int64) []byte {
	to = append(to, '{')
	for i, word := range slices.Sorted(maps.Keys(counts)) {
		if i > 0 {
			to = append(to, ',')
		}
		to = fmt.Appendf(jsonjs.AppendString(to, string(word)), ":%d", counts[word])
	}
	return append(to, '}')
}

// appendMetadata writes the caller's own words, in the order in which JavaScript
// would.
func appendMetadata(to []byte, metadata map[string]string) []byte {
	names := slices.SortedFunc(maps.Keys(metadata), byJavaScript)
	to = append(to, '{')
	for i, name := range names {
		if i > 0 {
			to = append(to, ',')
		}
		to = jsonjs.AppendString(append(jsonjs.AppendString(to, name), ':'), metadata[name])
	}
	return append(to, '}')
}

// byJavaScript orders keys: array indices first, by their numbers.
func byJavaScript(a, b string) int {
	x, index := jsonjs.Index(a)
	y, other := jsonjs.Index(b)
	switch {
	case index && other:
		return cmp.Compare(x, y)
	case index:
		return -1
	case other:
		return 1
	}
	return strings.Compare(a, b)
}
