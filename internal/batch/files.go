package batch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"rcpt/internal/store"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// writeAhead is how much is gathered before it goes to a blob, in octets.
const writeAhead = 64 << 10

// Write puts what fill writes into a blob, as it comes. When fill fails nothing
// is put.
func (b *Book) Write(ctx context.Context, name string, fill func(io.Writer) error, opts ...store.PutOption) error {
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := b.Blob.Put(ctx, name, reader, opts...)
		_ = reader.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // fill need not go on
		done <- err
	}()
	to := bufio.NewWriterSize(writer, writeAhead)
	err := fill(to)
	if err == nil {
		err = to.Flush()
	}
	if err != nil {
		_ = writer.CloseWithError(unfilled{err}) // never fails, as Close
	} else {
		_ = writer.Close()
	}
	// Why the Put failed says more than the pipe that broke of it.
	if put := <-done; put != nil && !errors.As(put, new(unfilled)) && (err == nil || errors.Is(err, io.ErrClosedPipe)) {
		return put
	}
	return err
}

// unfilled is what a Put reads instead of the rest. It hides what went wrong: an
// io.EOF would look like the end of the file.
type unfilled struct{ why error }

// Error says what is missing and why.
func (u unfilled) Error() string { return "not written to its end: " + u.why.Error() }

// Open returns a whole blob; the caller closes it.
func (b *Book) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	file, _, err := b.Blob.Open(ctx, name, 0, -1, "")
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return file, nil
}

// WriteJSON puts a value into a blob.
func (b *Book) WriteJSON(ctx context.Context, name string, value any, opts ...store.PutOption) error {
	return b.Write(ctx, name, func(to io.Writer) error { return json.NewEncoder(to).Encode(value) }, opts...)
}

// ReadJSON reads a value from a blob.
func (b *Book) ReadJSON(ctx context.Context, name string, value any) (err error) {
	file, err := b.Open(ctx, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := json.NewDecoder(file).Decode(value); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// CheckKind names a check of a job in the usage of its key.
func CheckKind(v verdict.Verdict, m verify.Mode) string {
	if v.Cached {
		return "job_cached"
	}
	return "job_" + string(m)
}
