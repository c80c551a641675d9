package planner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"rcpt/internal/batch"
	"rcpt/internal/batch/intake"
	"rcpt/internal/batch/rows"
)

// ingest reads the list from a chunk on, whose number is the cursor.
func (p *Planner) ingest(ctx context.Context, job batch.Job, cursor string) (batch.Next, error) {
	var chunk int64
	if cursor != "" {
		at, err := numbers(cursor, 1)
		if err != nil {
			return batch.Next{}, err
		}
		chunk = at[0]
	}
	reader, err := p.list(ctx, job, chunk)
	if err == nil {
		var next batch.Next
		next, err = p.read(ctx, job, reader, chunk)
		if closed := reader.Close(); err == nil && closed != nil {
			err = fmt.Errorf("close list: %w", closed)
		}
		if err == nil {
			return next, nil
		}
	}
	if why, ok := listFault(err); ok {
		return p.fail(ctx, job, why)
	}
	return batch.Next{}, err
}

// list opens the list where a chunk begins.
func (p *Planner) list(ctx context.Context, job batch.Job, chunk int64) (*intake.Reader, error) {
	source := intake.FromBlob(ctx, p.Book.Blob, job.Source.Blob, job.Source.Version)
	options := intake.Options{EmailColumn: job.Options.EmailColumn}
	if chunk == 0 {
		return intake.Open(source, options)
	}
	var state intake.State
	if err := p.Book.ReadJSON(ctx, batch.FilesOf(job.ID).State(chunk), &state); err != nil {
		return nil, fmt.Errorf("read where chunk %d begins: %v", chunk, err) // not the list that is missing
	}
	return intake.Resume(source, state, options)
}

// read writes chunk after chunk while there is time.
func (p *Planner) read(ctx context.Context, job batch.Job, reader *intake.Reader, chunk int64) (batch.Next, error) {
	span, files := batch.NewSpan(ctx, p.Now), batch.FilesOf(job.ID)
	for {
		row, err := reader.Next()
		if err == io.EOF {
			return p.ingested(ctx, job, reader.State().Rows)
		}
		if err != nil {
			return batch.Next{}, err
		}
		err = p.Book.Write(ctx, files.Rows(chunk), func(to io.Writer) error {
			return copyRows(to, reader, row, chunk*rows.PerChunk)
		})
		if err != nil {
			return batch.Next{}, err
		}
		chunk++
		state := reader.State()
		if err := errors.Join(
			p.Book.WriteJSON(ctx, files.State(chunk), state),
			p.Book.WriteJSON(ctx, files.Layout(chunk), state.Layout),
		); err != nil {
			return batch.Next{}, err
		}
		if err := p.Book.Read(ctx, job, state.Rows, chunk); err != nil {
			return batch.Next{}, err
		}
		if span.Over() {
			return p.next(job, nextIngest, strconv.FormatInt(chunk, 10)), nil
		}
	}
}

// copyRows writes a chunk that begins with a row that was read already.
func copyRows(to io.Writer, reader *intake.Reader, row rows.Row, first int64) error {
	chunk, err := rows.NewWriter(to, first, reader.Layout().Email)
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		if err := chunk.Write(row); err != nil {
			return err
		}
		if n == rows.PerChunk {
			return chunk.Close()
		}
		switch row, err = reader.Next(); {
		case err == io.EOF:
			return chunk.Close()
		case err != nil:
			return err
		}
	}
}
