package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/record"
	"rcpt/internal/batch/results"
	"rcpt/internal/batch/rows"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
)

// formats are the outputs of every job.
func formats() []results.Format {
	return []results.Format{results.JSON, results.JSONL, results.CSV}
}

// everything is the filter that keeps all rows, in names of files.
const everything = "all"

// join writes the part of a chunk of each output, its answers in the order of
// its rows, for whoever wants them filtered, and its counts.
func (c *Collector) join(ctx context.Context, job batch.Job, chunk int64) error {
	files := batch.FilesOf(job.ID)
	columns, err := c.columns(ctx, job)
	if err != nil {
		return err
	}
	gathered, err := c.gather(ctx, job, chunk)
	if err != nil {
		return err
	}
	names := []string{files.Answers(chunk)}
	for _, format := range formats() {
		names = append(names, c.part(job, everything, chunk, format))
	}
	var tally batch.Tally
	err = c.sinks(ctx, names, nil, func(to []io.Writer) error {
		answers := results.NewWriter(to[0])
		outputs := make([]*results.Output, len(formats()))
		for i, format := range formats() {
			outputs[i] = results.NewPart(to[i+1], results.Output{
				Format: format, Job: job.ID, Columns: columns, First: chunk == 0, Last: chunk == job.Chunks-1,
			})
		}
		err := c.rows(ctx, job, chunk, func(reader *rows.Reader) error {
			return results.Join(reader, gathered, c.missing(job), func(row rows.Row, a *results.Answer) error {
				tally.Add(a.Status, a.Reason, 1)
				return errors.Join(write(outputs, row, a), answers.Write(*a, only(row.Number)))
			})
		})
		for _, o := range outputs {
			err = errors.Join(err, o.Close())
		}
		return errors.Join(err, answers.Close())
	})
	if err != nil {
		return err
	}
	return c.Book.WriteJSON(ctx, files.Tally(chunk), tally)
}

// underWay is ErrEnded once the job has ended: somebody else carries out the same
// step and was faster, and the answers may have been tidied away while they were
// gathered. ErrJob when it was deleted, too.
func (c *Collector) underWay(ctx context.Context, id string) error {
	job, err := c.Book.Load(ctx, id)
	if err == nil && job.Status.Ended() {
		return batch.ErrEnded
	}
	return err
}

func write(outputs []*results.Output, row rows.Row, a *results.Answer) error {
	for _, o := range outputs {
		if err := o.Write(row, a); err != nil {
			return err
		}
	}
	return nil
}

func only(row int64) (n rows.Numbers) {
	n.Add(row)
	return n
}

// missing answers the rows that have no answer.
func (c *Collector) missing(job batch.Job) results.Answer {
	reason := job.Closing.Missing()
	v := verdict.Verdict{Status: verdict.Unknown, Reason: reason, CheckedAt: job.CreatedAt}
	a := results.Of(v)
	a.Action, a.CheckedAt = job.Options.Policy.Action(v), time.Time{}
	return a
}

// part names the part of an output that a chunk gives: the document itself if
// there is only one chunk.
func (c *Collector) part(job batch.Job, filter string, chunk int64, f results.Format) string {
	if job.Chunks == 1 {
		return batch.FilesOf(job.ID).Output(filter, string(f))
	}
	return batch.FilesOf(job.ID).Part(filter, chunk, string(f))
}

func (c *Collector) columns(ctx context.Context, job batch.Job) (results.Columns, error) {
	var layout rows.Layout
	if err := c.Book.ReadJSON(ctx, batch.FilesOf(job.ID).Layout(job.Chunks), &layout); err != nil {
		return results.Columns{}, err
	}
	return results.NewColumns(layout), nil
}

// sinks opens a blob for each name and has them filled together.
func (c *Collector) sinks(ctx context.Context, names []string, to []io.Writer, fill func(to []io.Writer) error) error {
	if len(names) == 0 {
		return fill(to)
	}
	return c.Book.Write(ctx, names[0], func(w io.Writer) error {
		return c.sinks(ctx, names[1:], append(to, w), fill)
	})
}

// rows reads a chunk of the list.
func (c *Collector) rows(ctx context.Context, job batch.Job, chunk int64, read func(*rows.Reader) error) (err error) {
	file, err := c.Book.Open(ctx, batch.FilesOf(job.ID).Rows(chunk))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	reader, err := rows.NewReader(file)
	if err != nil {
		return err
	}
	return read(reader)
}

// gather reads the answers for the rows of a chunk from all that were scattered.
func (c *Collector) gather(ctx context.Context, job batch.Job, chunk int64) (*results.Range, error) {
	first := chunk * rows.PerChunk
	gathered := results.NewRange(first, int(min(rows.PerChunk, job.Total-first)))
	for after := ""; ; {
		page, err := c.Book.Blob.List(ctx, batch.FilesOf(job.ID).Scattered(), after, store.MaxBlobPage)
		if err != nil {
			return nil, fmt.Errorf("list answers: %w", err)
		}
		for _, blob := range page.Blobs {
			if err := c.gatherFile(ctx, gathered, blob.Name, int(chunk)); err != nil {
				return nil, fmt.Errorf("read %s: %w", blob.Name, err)
			}
		}
		if after = page.Next; after == "" {
			return gathered, c.underWay(ctx, job.ID)
		}
	}
}

func (c *Collector) gatherFile(ctx context.Context, to *results.Range, name string, chunk int) (err error) {
	section, err := record.OpenSection(func(offset, length int64) (io.ReadCloser, error) {
		file, _, err := c.Book.Blob.Open(ctx, name, offset, length, "")
		return file, err
	}, chunk)
	if err != nil || section == nil {
		return err
	}
	defer func() { err = errors.Join(err, section.Close()) }()
	reader, err := results.NewReader(section)
	if err != nil {
		return err
	}
	return to.Read(reader)
}
