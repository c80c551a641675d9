package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"rcpt/internal/store"
)

// How a long blob is cut. S3 takes 10,000 parts of 5 MiB at the least, so the
// longest blob has 80 GB. A Put holds the parts under way and two more in memory,
// 32 MB; one that is sent while the next is read keeps the line of a function
// busy, whose 70 MB/s are a part in 0.1 s.
const (
	partSize = 8 << 20
	maxParts = 10_000
	senders  = 2
)

// abortTime is what it may take to remove the parts of an upload that failed.
const abortTime = 10 * time.Second

// parts writes a longer blob, of which two parts are read.
func (w *write) parts(ctx context.Context, first, second []byte, rest io.Reader) error {
	upload, err := w.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket:            &w.name,
		Key:               &w.info.Name,
		Metadata:          map[string]string{markName: w.mark},
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return fault("begin upload", err)
	}
	parts, err := w.send(ctx, upload.UploadId, first, second, rest)
	if err != nil {
		return errors.Join(err, w.abort(ctx, upload.UploadId))
	}
	out, err := w.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket:          &w.name,
		Key:             &w.info.Name,
		UploadId:        upload.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		IfMatch:         w.ifMatch,
		IfNoneMatch:     w.ifNoneMatch,
	}, w.watch)
	if err == nil {
		w.finish(out.ETag, out.ResultMetadata)
		return nil
	}
	if err = w.refused(ctx, err); err != nil {
		return errors.Join(err, w.abort(ctx, upload.UploadId))
	}
	return nil
}

// send uploads the parts, some at once, while it reads.
func (w *write) send(ctx context.Context, upload *string, first, second []byte, rest io.Reader) ([]types.CompletedPart, error) {
	group, inside := errgroup.WithContext(ctx)
	group.SetLimit(senders)
	free := make(chan []byte, senders+2)
	var mu sync.Mutex
	var sent []types.CompletedPart
	part, next := first, second
	var failure error
	for n := int32(1); len(part) > 0 && inside.Err() == nil; n++ {
		if n > maxParts {
			failure = fmt.Errorf("%w: blob of more than %d octets", store.ErrLimit, int64(maxParts)*partSize)
			break
		}
		w.info.Size += int64(len(part))
		content := part
		group.Go(func() error {
			done, err := w.sendPart(inside, upload, n, content)
			free <- content
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, done)
			return err
		})
		if part, next = next, nil; len(part) < partSize {
			continue
		}
		if next, failure = readPart(rest, buffer(free)); failure != nil {
			break
		}
	}
	if err := group.Wait(); failure == nil {
		failure = err
	}
	slices.SortFunc(sent, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	return sent, failure
}

// buffer takes one that was sent, or makes one.
func buffer(free <-chan []byte) []byte {
	select {
	case used := <-free:
		return used
	default:
		return make([]byte, 0, partSize)
	}
}

func (w *write) sendPart(ctx context.Context, upload *string, n int32, content []byte) (types.CompletedPart, error) {
	out, err := w.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket:            &w.name,
		Key:               &w.info.Name,
		UploadId:          upload,
		PartNumber:        &n,
		Body:              bytes.NewReader(content),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return types.CompletedPart{PartNumber: &n}, fault(fmt.Sprintf("send part %d", n), err)
	}
	return types.CompletedPart{PartNumber: &n, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32}, nil
}

// abort removes the parts of an upload that came to nothing, even if ctx is done.
// When it cannot, the lifecycle rule of the bucket does.
func (w *write) abort(ctx context.Context, upload *string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	_, err := w.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &w.name, Key: &w.info.Name, UploadId: upload})
	if err == nil || code(err) == "NoSuchUpload" {
		return nil
	}
	return fault("abort upload", err)
}
