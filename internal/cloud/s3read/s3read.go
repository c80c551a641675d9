// Package s3read reads blobs from one bucket of Amazon S3, as package s3 does,
// without the SDK's client of S3: that one is 5 MB of a binary, most of it for
// calls that a function which only follows the refreshed lists never makes.
//
// A request is a plain GET or HEAD ("GetObject", "HeadObject", Amazon S3 API
// Reference), signed by the SDK's own signer of Signature Version 4. The bucket
// is in the host name, or in the path where endpoints are led elsewhere. What is
// not answered, or answered with 429 or 5xx, is asked for three times in all. The
// body is not: a connection that breaks while it is read is the reader's error.
//
// The function needs s3:GetObject on the objects and s3:ListBucket on the bucket:
// without the last, what is not there is forbidden instead of not found.
package s3read

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"rcpt/internal/store"
)

// Options of a Bucket. The zero value is ready for use.
type Options struct {
	Now func() time.Time // default time.Now; stands in signatures

	// Rand gives numbers in [0, 1), which spread repeated requests in time; safe for
	// concurrent use. Default: math/rand/v2.
	Rand func() float64
}

// Bucket opens blobs as a store.Blob does. It is safe for concurrent use.
type Bucket struct {
	Options
	base   *url.URL // of the bucket, with a final slash
	region string
	client aws.HTTPClient
	owner  aws.CredentialsProvider
	signer *v4.Signer
}

// Open returns the bucket with this name. The error is that of an endpoint in the
// environment that is no URL.
func Open(config aws.Config, bucket string) (*Bucket, error) {
	return New(config, bucket, Options{})
}

// New is Open with options.
func New(config aws.Config, bucket string, opts Options) (*Bucket, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Rand == nil {
		opts.Rand = rand.Float64
	}
	base := &url.URL{Scheme: "https", Host: bucket + ".s3." + config.Region + "." + suffix(config.Region), Path: "/"}
	elsewhere, err := endpoint(config)
	if err != nil {
		return nil, fmt.Errorf("find endpoint of S3: %w", err)
	}
	if elsewhere != "" {
		// A stand-in on a loopback address has no names below it.
		if base, err = url.Parse(elsewhere); err != nil || base.Host == "" {
			return nil, fmt.Errorf("endpoint of S3 is %q: want a URL", elsewhere)
		}
		base = base.JoinPath(bucket, "/")
	}
	client := config.HTTPClient
	if client == nil {
		client = http.DefaultClient
	}
	return &Bucket{
		Options: opts, base: base, region: config.Region, client: client, owner: config.Credentials,
		// The path of S3 is signed as it is sent, other services escape it again.
		signer: v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }),
	}, nil
}

// suffix is the domain of the partition that a region belongs to ("Amazon S3
// endpoints", AWS General Reference).
func suffix(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// endpoint is where S3 is led to, as the SDK's clients find it; "" if nowhere.
func endpoint(config aws.Config) (string, error) {
	for _, source := range config.ConfigSources {
		if named, ok := source.(interface {
			GetServiceBaseEndpoint(ctx context.Context, service string) (string, bool, error)
		}); ok {
			if to, found, err := named.GetServiceBaseEndpoint(context.Background(), "S3"); found || err != nil {
				return to, err
			}
		}
	}
	return aws.ToString(config.BaseEndpoint), nil
}

// Open is the Open of store.Blob.
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
	header := make(http.Header)
	if unless != "" {
		header.Set("If-None-Match", `"`+unless+`"`)
	}
	switch {
	case length > 0 && offset+length > offset:
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	case offset > 0:
		header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	answer, err := b.ask(ctx, http.MethodGet, name, header)
	if status(err) == http.StatusRequestedRangeNotSatisfiable {
		return b.openNothing(ctx, name, unless)
	}
	if err != nil {
		return nil, store.BlobInfo{}, fmt.Errorf("open blob: %w", err)
	}
	info, err := infoOf(name, answer)
	if err != nil {
		return nil, store.BlobInfo{}, errors.Join(err, answer.Body.Close())
	}
	return answer.Body, info, nil
}

// openNothing answers for a part of a blob that has no octets.
func (b *Bucket) openNothing(ctx context.Context, name, unless string) (io.ReadCloser, store.BlobInfo, error) {
	answer, err := b.ask(ctx, http.MethodHead, name, make(http.Header))
	if err != nil {
		return nil, store.BlobInfo{}, fmt.Errorf("look at blob: %w", err)
	}
	info, err := infoOf(name, answer)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return nil, store.BlobInfo{}, err
	}
	if unless != "" && info.Version == unless {
		return nil, store.BlobInfo{}, store.ErrUnchanged
	}
	return http.NoBody, info, nil
}

// infoOf reads the headers of an answer: the size is that of the whole blob.
func infoOf(name string, answer *http.Response) (info store.BlobInfo, err error) {
	info = store.BlobInfo{Name: name, Size: answer.ContentLength, Version: strings.Trim(answer.Header.Get("ETag"), `"`)}
	if info.Modified, err = http.ParseTime(answer.Header.Get("Last-Modified")); err != nil {
		return store.BlobInfo{}, fmt.Errorf("read Last-Modified: %w", err)
	}
	info.Modified = info.Modified.UTC().Truncate(time.Second)
	// bytes 3-6/10
	if _, total, found := strings.Cut(answer.Header.Get("Content-Range"), "/"); found {
		if info.Size, err = strconv.ParseInt(total, 10, 64); err != nil {
			return store.BlobInfo{}, fmt.Errorf("read Content-Range: %w", err)
		}
	}
	return info, nil
}
