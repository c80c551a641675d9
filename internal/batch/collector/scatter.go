package collector

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"rcpt/internal/batch"
	"rcpt/internal/batch/results"
	"rcpt/internal/store"
)

const (
	// perBatch is how many files of answers are scattered together. A batch is
	// repeated as a whole, so that its files have the same names again.
	perBatch = 500

	// scatterMemory bounds the answers that are in memory, in octets.
	scatterMemory = 16 << 20

	// readers is how many files are read at once.
	readers = 16
)

// scatter divides one batch of answers by chunk. The first are those that
// planning found, then come those of the shards, in the order of their marks
// behind one.
func (c *Collector) scatter(ctx context.Context, job batch.Job, number int64, after string) (string, error) {
	var names []string
	var next string
	var err error
	if number == 0 {
		names, err = c.known(ctx, job)
	} else {
		names, next, err = c.found(ctx, job, after)
	}
	if err != nil {
		return "", err
	}
	files := batch.FilesOf(job.ID)
	scatter := results.NewScatter(int(job.Chunks), scatterMemory, func(part int, file []byte) error {
		_, err := c.Book.Blob.Put(ctx, files.Scatter(number, int64(part)), bytes.NewReader(file))
		return err
	})
	if err := c.readInto(ctx, scatter, names); err != nil {
		return "", err
	}
	if err := scatter.Flush(); err != nil {
		return "", err
	}
	if number > 0 && next == "" {
		return joining + "0", nil
	}
	return fmt.Sprintf("%s%d:%s", scattering, number+1, next), nil
}

// known names the files of answers that planning found.
func (c *Collector) known(ctx context.Context, job batch.Job) (names []string, err error) {
	for after := ""; ; {
		passes, next, err := c.Book.Passes(ctx, job.ID, after, store.MaxPageItems)
		if err != nil {
			return nil, err
		}
		for _, blob := range passes {
			var pass struct {
				Known string `json:"known"`
			}
			if err := c.Book.ReadJSON(ctx, blob, &pass); err != nil {
				return nil, err
			}
			if pass.Known != "" {
				names = append(names, pass.Known)
			}
		}
		if after = next; after == "" {
			return names, nil
		}
	}
}

// found names the files of answers of a batch of marks.
func (c *Collector) found(ctx context.Context, job batch.Job, after string) (names []string, next string, err error) {
	marks, next, err := c.Book.Marks(ctx, job.ID, after, perBatch)
	for _, mark := range marks {
		if mark.Answers != "" {
			names = append(names, mark.Answers)
		}
	}
	return names, next, err
}

// readInto adds all answers of files to a scatter, in their order. The files are
// small, but there are many, so that several are fetched at once.
func (c *Collector) readInto(ctx context.Context, scatter *results.Scatter, names []string) error {
	for ; len(names) > 0; names = names[min(readers, len(names)):] {
		part := names[:min(readers, len(names))]
		files := make([]io.ReadCloser, len(part))
		group, groupCtx := errgroup.WithContext(ctx)
		for i, name := range part {
			group.Go(func() (err error) {
				files[i], err = c.fetch(groupCtx, name)
				return err
			})
		}
		err := group.Wait()
		for _, file := range files {
			if file != nil {
				if err == nil {
					err = addAll(scatter, file)
				}
				_ = file.Close() // only read
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fetched is a file that is in memory if it is small.
type fetched struct {
	io.Reader
	io.Closer
}

// fetch opens a file and reads its beginning: all of it, for that of a shard.
func (c *Collector) fetch(ctx context.Context, name string) (io.ReadCloser, error) {
	// The file outlives ctx, which ends with the group.
	file, err := c.Book.Open(context.WithoutCancel(ctx), name)
	if err != nil {
		return nil, err
	}
	begin := make([]byte, 64<<10)
	n, err := io.ReadFull(file, begin)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		_ = file.Close() // the error to tell is there
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return fetched{io.MultiReader(bytes.NewReader(begin[:n]), file), file}, nil
}

func addAll(scatter *results.Scatter, file io.Reader) error {
	reader, err := results.NewReader(file)
	if err != nil {
		return err
	}
	for {
		answer, numbers, err := reader.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := scatter.Add(answer, numbers); err != nil {
			return err
		}
	}
}
