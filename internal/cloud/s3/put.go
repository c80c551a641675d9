package s3

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"rcpt/internal/cloud/wire"
	"rcpt/internal/store"
)

const (
	markName   = "rcpt-write"           // metadata that tells which write an object comes from
	maxTries   = 4                      // of a write that met another one
	triesApart = 100 * time.Millisecond // and the double, and so on
)

// Put is PutObject, or a multipart upload when r is longer than a part.
func (b *Bucket) Put(ctx context.Context, name string, r io.Reader, opts ...store.PutOption) (store.BlobInfo, error) {
	if err := store.CheckBlobName(name); err != nil {
		return store.BlobInfo{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.BlobInfo{}, err
	}
	w := &write{Bucket: b, info: store.BlobInfo{Name: name}}
	if err := w.begin(opts); err != nil {
		return store.BlobInfo{}, err
	}
	first, err := readPart(r, nil)
	if err != nil {
		return store.BlobInfo{}, err
	}
	var second []byte
	if len(first) == partSize {
		if second, err = readPart(r, make([]byte, 0, partSize)); err != nil {
			return store.BlobInfo{}, err
		}
	}
	if len(second) == 0 {
		err = w.whole(ctx, first)
	} else {
		err = w.parts(ctx, first, second, r)
	}
	if err != nil {
		return store.BlobInfo{}, err
	}
	return w.info, nil
}

// readPart reads up to partSize octets into part, which grows as it must, so that
// what is short takes little memory; fewer only at the end.
func readPart(r io.Reader, part []byte) ([]byte, error) {
	part = part[:0]
	for len(part) < partSize {
		if len(part) == cap(part) {
			part = append(make([]byte, 0, min(partSize, max(64<<10, 4*cap(part)))), part...)
		}
		n, err := r.Read(part[len(part):cap(part)])
		part = part[:len(part)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return part, nil
}

// write is one Put.
type write struct {
	*Bucket
	info store.BlobInfo // of what is written, as far as it is known
	mark string

	ifMatch, ifNoneMatch *string

	lost atomic.Bool // a try may have been carried out although it failed
}

func (w *write) begin(opts []store.PutOption) error {
	var mark [16]byte
	if _, err := io.ReadFull(w.random, mark[:]); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	w.mark = hex.EncodeToString(mark[:])
	never := false // the conditions contradict each other
	for _, o := range opts {
		if o.Once {
			w.ifNoneMatch = aws.String("*")
		}
		if o.Match != "" {
			never = never || w.ifMatch != nil && *w.ifMatch != *quoted(o.Match)
			w.ifMatch = quoted(o.Match)
		}
	}
	if never || w.ifMatch != nil && w.ifNoneMatch != nil {
		return store.ErrCondition
	}
	return nil
}

// whole writes a blob of one part.
func (w *write) whole(ctx context.Context, content []byte) error {
	w.info.Size = int64(len(content))
	for try := 1; ; try++ {
		out, err := w.client.PutObject(ctx, &s3.PutObjectInput{
			Bucket:      &w.name,
			Key:         &w.info.Name,
			Body:        bytes.NewReader(content),
			Metadata:    map[string]string{markName: w.mark},
			IfMatch:     w.ifMatch,
			IfNoneMatch: w.ifNoneMatch,
		}, w.watch)
		if err == nil {
			w.finish(out.ETag, out.ResultMetadata)
			return nil
		}
		// Nobody knows yet what the other write will come to.
		if code(err) == "ConditionalRequestConflict" && try < maxTries {
			if err := pause(ctx, triesApart<<(try-1)); err != nil {
				return err
			}
			continue
		}
		return w.refused(ctx, err)
	}
}

// finish takes what the answer of a write tells. The time is that of the server,
// a moment before or after the one the object bears.
func (w *write) finish(etag *string, answer middleware.Metadata) {
	w.info.Version = unquoted(etag)
	now, known := awsmiddleware.GetServerTime(answer)
	if !known {
		now = w.now()
	}
	w.info.Modified = now.UTC().Truncate(time.Second)
}

// watch looks at each try of the write, those of the SDK's own retries included.
func (w *write) watch(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("rcptWatchTries", func(
			ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
		) (middleware.FinalizeOutput, middleware.Metadata, error) {
			out, metadata, err := next.HandleFinalize(ctx, in)
			if wire.Lost(err) && code(err) != "SlowDown" { // which S3 says with a 503
				w.lost.Store(true)
			}
			return out, metadata, err
		}), "Retry", middleware.After)
	})
}

// refused finds out what an error of a write comes to: nil when the object is
// ours all the same.
func (w *write) refused(ctx context.Context, err error) error {
	name := code(err)
	gone := status(err) == http.StatusNotFound && name != "NoSuchBucket"
	condition := status(err) == http.StatusPreconditionFailed || gone && w.ifMatch != nil && name != "NoSuchUpload"
	switch {
	case !condition && !gone && w.lost.Load():
		// Whatever the last try met, an earlier one may have been carried out.
		return fmt.Errorf("put blob: %w: %w", store.ErrUnknown, err)
	case name == "ConditionalRequestConflict":
		return fmt.Errorf("put blob: %w: %w", store.ErrThrottled, err)
	case !condition && !gone:
		return changeFault("put blob", err)
	case condition && !w.lost.Load():
		return fmt.Errorf("put blob: %w: %w", store.ErrCondition, err)
	}
	there, lookErr := w.head(ctx, w.info.Name)
	switch {
	case lookErr == nil && there.mark == w.mark:
		w.info = there.BlobInfo
		return nil
	case lookErr != nil && !errors.Is(lookErr, store.ErrNotFound):
		return fmt.Errorf("put blob: %w: %w; then %v", store.ErrUnknown, err, lookErr)
	}
	// Ours may have been there and gone since: no reason to say that it was refused.
	return fmt.Errorf("put blob: %w: %w", store.ErrUnknown, err)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
