package collector

import (
	"context"
	"errors"
	"io"

	"rcpt/internal/batch"
	"rcpt/internal/batch/results"
)

// output puts the parts of one format one behind the other, and what belongs
// into the drop folder there.
func (c *Collector) output(ctx context.Context, job batch.Job, n int64) error {
	format, name := formats()[n], batch.FilesOf(job.ID).Output(everything, string(formats()[n]))
	if job.Chunks > 1 {
		parts := make([]string, job.Chunks)
		for chunk := range parts {
			parts[chunk] = c.part(job, everything, int64(chunk), format)
		}
		if err := c.concatenate(ctx, name, parts); err != nil {
			return err
		}
	}
	if job.Options.Drop == "" || format == results.JSON {
		return nil
	}
	return c.concatenate(ctx, batch.Delivered(job.Key, job.Options.Drop, string(format)), []string{name})
}

// concatenate writes blobs one behind the other into one.
func (c *Collector) concatenate(ctx context.Context, name string, parts []string) error {
	return c.Book.Write(ctx, name, func(to io.Writer) error {
		for _, part := range parts {
			if err := c.copyTo(ctx, to, part); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *Collector) copyTo(ctx context.Context, to io.Writer, name string) (err error) {
	file, err := c.Book.Open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.Copy(to, file)
	return err
}
