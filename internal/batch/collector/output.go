package collector

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rcpt/internal/batch"
	"rcpt/internal/batch/results"
	"rcpt/internal/store"
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
	if outdated, err := c.outdated(ctx, job); err != nil || outdated {
		return err
	}
	return c.concatenate(ctx, batch.Delivered(job.Key, job.Options.Drop, string(format)), []string{name})
}

// outdated reports that another file of the same name was dropped since: what its
// owner finds under that name is to be of the later one, whichever ends first. A
// file that was taken away has its results all the same.
func (c *Collector) outdated(ctx context.Context, job batch.Job) (bool, error) {
	info, err := c.Book.Blob.Stat(ctx, job.Source.Blob)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look at the dropped file: %w", err)
	}
	return info.Version != job.Source.Version, nil
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
