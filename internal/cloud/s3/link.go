package s3

import (
	"cmp"
	"context"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"rcpt/internal/store"
)

// LinkGet presigns a GetObject. It asks nobody.
func (b *Bucket) LinkGet(ctx context.Context, name, filename string, ttl time.Duration) (string, error) {
	if err := store.CheckBlobName(name); err != nil {
		return "", err
	}
	if err := store.CheckPresign(ttl); err != nil {
		return "", err
	}
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": filename})
	request, err := s3.NewPresignClient(b.client).PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket:                     &b.name,
		Key:                        &name,
		ResponseContentDisposition: aws.String(cmp.Or(disposition, "attachment")),
		// Not what an uploader may have named: a page of the bucket's own origin.
		ResponseContentType: aws.String("application/octet-stream"),
	}, s3.WithPresignExpires(ttl))
	if err != nil {
		return "", fmt.Errorf("presign download: %w", err)
	}
	return request.URL, nil
}

// LinkPut presigns a POST, whose policy bounds the size; a presigned PUT could
// not.
func (b *Bucket) LinkPut(ctx context.Context, name string, size int64, ttl time.Duration) (store.UploadLink, error) {
	if err := store.CheckBlobName(name); err != nil {
		return store.UploadLink{}, err
	}
	if err := store.CheckPresign(ttl); err != nil {
		return store.UploadLink{}, err
	}
	// S3 would put the client's own file name there.
	if size < 0 || strings.Contains(name, "${filename}") {
		return store.UploadLink{}, fmt.Errorf("%w: upload of %d octets as %q", store.ErrValue, size, name)
	}
	request, err := s3.NewPresignClient(b.client).PresignPostObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name,
		Key:    &name,
	}, func(o *s3.PresignPostOptions) {
		o.Expires = ttl
		o.Conditions = []any{[]any{"content-length-range", 0, size}}
	})
	if err != nil {
		return store.UploadLink{}, fmt.Errorf("presign upload: %w", err)
	}
	return store.UploadLink{
		URL:     request.URL,
		Method:  http.MethodPost,
		Fields:  request.Values,
		Expires: b.now().Add(ttl).UTC().Truncate(time.Second),
	}, nil
}
