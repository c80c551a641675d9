// Package s3 is store.Blob on one bucket of Amazon S3.
//
// A version is the object's ETag. Conditions are If-None-Match and If-Match of
// the write itself ("Adding preconditions to S3 operations", User Guide). The
// function needs s3:GetObject, PutObject, DeleteObject and AbortMultipartUpload
// on the objects and s3:ListBucket on the bucket: without the last, what is not
// there is forbidden instead of not found. The bucket has a lifecycle rule that
// ends multipart uploads a crash left behind.
//
// The SDK repeats a request whose answer was lost. When it was a write with a
// condition, the second try meets the first one's object and is refused; so each
// write carries a random mark, and after such a refusal the object is asked whose
// it is. When it is another's, nobody can tell whether ours was there before, and
// the error is not store.ErrCondition but one that leaves the outcome open.
//
// Links are presigned with the credentials of the client and die with them: those
// of a Lambda function live for some hours at the most, whatever the link says.
package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"rcpt/internal/cloud/wire"
	"rcpt/internal/store"
)

// Options of a Bucket. The zero value is ready for use.
type Options struct {
	Now  func() time.Time // default time.Now; says when links end
	Rand io.Reader        // default crypto/rand.Reader; safe for concurrent use
}

// Bucket is a store.Blob. It is safe for concurrent use.
type Bucket struct {
	client *s3.Client
	name   string
	now    func() time.Time
	random io.Reader
}

// Open returns the bucket with this name. Where endpoints are led elsewhere the
// bucket stands in the path: a stand-in on a loopback address has no names below
// it.
func Open(config aws.Config, bucket string) *Bucket {
	return New(s3.NewFromConfig(config, func(o *s3.Options) {
		o.UsePathStyle = o.BaseEndpoint != nil
	}), bucket, Options{})
}

// New returns the bucket of this name, to be reached through client.
func New(client *s3.Client, bucket string, opts Options) *Bucket {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Rand == nil {
		opts.Rand = rand.Reader
	}
	return &Bucket{client: client, name: bucket, now: opts.Now, random: opts.Rand}
}

// Open is GetObject, or HeadObject where there is nothing to read.
func (b *Bucket) Open(ctx context.Context, name string, offset, length int64, unless string) (io.ReadCloser, store.BlobInfo, error) {
	if err := store.CheckBlobName(name); err != nil {
		return nil, store.BlobInfo{}, err
	}
	if offset < 0 {
		return nil, store.BlobInfo{}, fmt.Errorf("%w: offset of %d", store.ErrValue, offset)
	}
	if err := ctx.Err(); err != nil {
		return nil, store.BlobInfo{}, err
	}
	if length == 0 {
		return b.openNothing(ctx, name, unless)
	}
	in := &s3.GetObjectInput{Bucket: &b.name, Key: &name, IfNoneMatch: quoted(unless)}
	if offset > 0 || length > 0 {
		in.Range = aws.String(byteRange(offset, length))
	}
	out, err := b.client.GetObject(ctx, in)
	if status(err) == http.StatusRequestedRangeNotSatisfiable {
		return b.openNothing(ctx, name, unless)
	}
	if err != nil {
		return nil, store.BlobInfo{}, fault("open blob", err)
	}
	info := store.BlobInfo{Name: name, Size: aws.ToInt64(out.ContentLength), Version: unquoted(out.ETag), Modified: second(out.LastModified)}
	// bytes 3-6/10
	if _, total, found := strings.Cut(aws.ToString(out.ContentRange), "/"); found {
		if info.Size, err = strconv.ParseInt(total, 10, 64); err != nil {
			return nil, store.BlobInfo{}, errors.Join(fmt.Errorf("read Content-Range: %w", err), out.Body.Close())
		}
	}
	return out.Body, info, nil
}

// openNothing answers for a part of a blob that has no octets.
func (b *Bucket) openNothing(ctx context.Context, name, unless string) (io.ReadCloser, store.BlobInfo, error) {
	info, err := b.head(ctx, name)
	if err != nil {
		return nil, store.BlobInfo{}, err
	}
	if unless != "" && info.Version == unless {
		return nil, store.BlobInfo{}, store.ErrUnchanged
	}
	return http.NoBody, info.BlobInfo, nil
}

// byteRange is a Range of RFC 9110 §14.2.
func byteRange(offset, length int64) string {
	if length < 0 || offset+length < offset {
		return fmt.Sprintf("bytes=%d-", offset)
	}
	return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
}

// Stat is HeadObject.
func (b *Bucket) Stat(ctx context.Context, name string) (store.BlobInfo, error) {
	if err := store.CheckBlobName(name); err != nil {
		return store.BlobInfo{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.BlobInfo{}, err
	}
	found, err := b.head(ctx, name)
	return found.BlobInfo, err
}

// object is what a bucket tells of a blob.
type object struct {
	store.BlobInfo
	mark string // of the write it comes from
}

func (b *Bucket) head(ctx context.Context, name string) (object, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &name})
	if err != nil {
		return object{}, fault("look at blob", err)
	}
	info := store.BlobInfo{Name: name, Size: aws.ToInt64(out.ContentLength), Version: unquoted(out.ETag), Modified: second(out.LastModified)}
	return object{info, out.Metadata[markName]}, nil
}

func second(t *time.Time) time.Time { return aws.ToTime(t).UTC().Truncate(time.Second) }

// An ETag is in quotes on the wire (RFC 9110 §8.8.3).
func unquoted(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

func quoted(version string) *string {
	if version == "" {
		return nil
	}
	return aws.String(`"` + version + `"`)
}

// code is the service's name of an error; "" when it is not the service's.
func code(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	return api.ErrorCode()
}

// status is the HTTP status of an error; 0 when there was no answer. A HEAD has
// no body to name the error.
func status(err error) int {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) {
		return 0
	}
	return answer.HTTPStatusCode()
}

// fault gives an error of the SDK the port's sentinel, if one fits, and keeps the
// cause. It is for calls after which nothing is written, whatever became of them.
func fault(call string, err error) error {
	var sentinel error
	name := code(err)
	_, throttled := retry.DefaultThrottleErrorCodes[name]
	switch {
	case throttled:
		sentinel = store.ErrThrottled
	case name == "NoSuchBucket":
		return fmt.Errorf("%s: %w", call, err)
	case status(err) == http.StatusNotModified:
		sentinel = store.ErrUnchanged
	case status(err) == http.StatusNotFound:
		sentinel = store.ErrNotFound
	case wire.Lost(err):
		sentinel = store.ErrThrottled
	default:
		return fmt.Errorf("%s: %w", call, err)
	}
	return fmt.Errorf("%s: %w: %w", call, sentinel, err)
}

// changeFault is fault for calls that change what is there.
func changeFault(call string, err error) error {
	if _, throttled := retry.DefaultThrottleErrorCodes[code(err)]; !throttled && wire.Lost(err) {
		return fmt.Errorf("%s: %w: %w", call, store.ErrUnknown, err)
	}
	return fault(call, err)
}
