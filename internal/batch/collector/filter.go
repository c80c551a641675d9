package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"rcpt/internal/batch"
	"rcpt/internal/batch/results"
	"rcpt/internal/batch/rows"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
)

// What a caller may test with errors.Is.
var (
	// ErrNoResults: the job has not ended, or has failed.
	ErrNoResults = errors.New("the job has no results; if it has failed, its error says why")

	// ErrPreparing: there was not enough time to write the document. What was
	// written is kept, so that the same call comes further next time.
	ErrPreparing = errors.New("the results are being prepared; ask again")
)

// Results returns the blob of a job's results in a format, with the rows of some
// statuses only if the filter is not empty. A document that nobody has asked for
// yet is written first. ErrNoResults; ErrPreparing when ctx ends before that.
func (c *Collector) Results(ctx context.Context, job batch.Job, f results.Format, keep results.Filter) (name string, err error) {
	if !job.Status.Ended() || job.Status == batch.Failed {
		return "", ErrNoResults
	}
	filter := filterName(keep)
	name = batch.FilesOf(job.ID).Output(filter, string(f))
	_, err = c.Book.Blob.Stat(ctx, name)
	switch {
	case err == nil:
		return name, nil
	case !errors.Is(err, store.ErrNotFound):
		return "", fmt.Errorf("find results of job %s: %w", job.ID, err)
	case job.Chunks == 0:
		return name, c.empty(ctx, job, f, name)
	case filter == everything:
		return "", ErrNoResults // forgotten just now
	}
	err = c.filtered(ctx, job, f, keep, filter)
	switch {
	case err != nil && ctx.Err() != nil:
		return "", ErrPreparing
	case errors.Is(err, store.ErrNotFound):
		return "", ErrNoResults // forgotten just now
	}
	return name, err
}

// empty writes the document of a job that ended before a row of its list was read.
func (c *Collector) empty(ctx context.Context, job batch.Job, f results.Format, name string) error {
	return c.Book.Write(ctx, name, func(to io.Writer) error {
		return results.NewOutput(to, f, job.ID, results.NewColumns(rows.Layout{})).Close()
	})
}

// filterName is the statuses in one word, the same for the same set.
func filterName(keep results.Filter) string {
	if len(keep) == 0 {
		return everything
	}
	words := make([]string, len(keep))
	for i, status := range keep {
		words[i] = strings.ToLower(string(status))
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), "+")
}

// filtered writes the parts that are not there yet, and then the document.
func (c *Collector) filtered(ctx context.Context, job batch.Job, f results.Format, keep results.Filter, filter string) error {
	var parts []string
	first := true
	for chunk := range job.Chunks {
		kept, err := c.kept(ctx, job, chunk, keep)
		if err != nil {
			return err
		}
		last := chunk == job.Chunks-1
		if kept == 0 && !last {
			continue
		}
		name := c.part(job, filter, chunk, f)
		if err := c.filterPart(ctx, job, chunk, name, results.Output{Format: f, Job: job.ID, First: first, Last: last}, keep); err != nil {
			return err
		}
		parts, first = append(parts, name), false
	}
	if job.Chunks == 1 {
		return nil
	}
	return c.concatenate(ctx, batch.FilesOf(job.ID).Output(filter, string(f)), parts)
}

// kept counts the rows of a chunk that pass.
func (c *Collector) kept(ctx context.Context, job batch.Job, chunk int64, keep results.Filter) (n int64, err error) {
	var tally batch.Tally
	if err := c.Book.ReadJSON(ctx, batch.FilesOf(job.ID).Tally(chunk), &tally); err != nil {
		return 0, err
	}
	for _, status := range keep {
		n += tally.ByStatus[status]
	}
	return n, nil
}

// filterPart writes the part of a chunk, unless it is there.
func (c *Collector) filterPart(ctx context.Context, job batch.Job, chunk int64, name string, o results.Output, keep results.Filter) error {
	if _, err := c.Book.Blob.Stat(ctx, name); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	var err error
	if o.Columns, err = c.columns(ctx, job); err != nil {
		return err
	}
	first := chunk * rows.PerChunk
	answers := results.NewRange(first, int(min(rows.PerChunk, job.Total-first)))
	if err := c.answers(ctx, job, chunk, answers); err != nil {
		return err
	}
	return c.Book.Write(ctx, name, func(to io.Writer) error {
		out := results.NewPart(to, o)
		err := c.rows(ctx, job, chunk, func(reader *rows.Reader) error {
			return results.Join(reader, answers, c.missing(job), func(row rows.Row, a *results.Answer) error {
				if err := ctx.Err(); err != nil || !keep.Keep(a) {
					return err
				}
				return out.Write(row, a)
			})
		})
		return errors.Join(err, out.Close())
	})
}

// answers reads what join kept of a chunk.
func (c *Collector) answers(ctx context.Context, job batch.Job, chunk int64, to *results.Range) (err error) {
	file, err := c.Book.Open(ctx, batch.FilesOf(job.ID).Answers(chunk))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	reader, err := results.NewReader(file)
	if err != nil {
		return err
	}
	return to.Read(reader)
}

// Statuses reads a filter: statuses with commas between.
func Statuses(text string) (results.Filter, error) {
	if text == "" {
		return nil, nil
	}
	var keep results.Filter
	for word := range strings.SplitSeq(text, ",") {
		status := verdict.Status(strings.ToUpper(strings.TrimSpace(word)))
		switch status {
		case verdict.Valid, verdict.Invalid, verdict.Disposable, verdict.CatchAll, verdict.Risky, verdict.Unknown:
			keep = append(keep, status)
		default:
			return nil, fmt.Errorf("no status %q", word)
		}
	}
	return keep, nil
}
