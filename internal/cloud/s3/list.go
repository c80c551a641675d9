package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"rcpt/internal/store"
)

// maxDelete is how many keys one DeleteObjects takes.
const maxDelete = 1000

// List is one ListObjectsV2, whose order is that of the octets.
func (b *Bucket) List(ctx context.Context, prefix, after string, limit int) (store.BlobPage, error) {
	if err := ctx.Err(); err != nil {
		return store.BlobPage{}, err
	}
	if limit <= 0 || limit > store.MaxBlobPage {
		limit = store.MaxBlobPage
	}
	out, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
		Bucket:       &b.name,
		Prefix:       &prefix,
		StartAfter:   &after,
		MaxKeys:      aws.Int32(int32(limit)),
		EncodingType: types.EncodingTypeUrl, // or a key that XML cannot hold breaks the page
	})
	if err != nil {
		return store.BlobPage{}, fault("list blobs", err)
	}
	var page store.BlobPage
	for _, o := range out.Contents {
		name, err := url.QueryUnescape(aws.ToString(o.Key))
		if err != nil {
			return store.BlobPage{}, fmt.Errorf("read key: %w", err)
		}
		page.Blobs = append(page.Blobs, store.BlobInfo{
			Name: name, Size: aws.ToInt64(o.Size), Version: unquoted(o.ETag), Modified: second(o.LastModified),
		})
		if aws.ToBool(out.IsTruncated) {
			page.Next = name
		}
	}
	return page, nil
}

// Delete is DeleteObjects, as often as the names need.
func (b *Bucket) Delete(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := store.CheckBlobName(name); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for batch := range slices.Chunk(names, maxDelete) {
		if err := b.deleteBatch(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// deleteBatch repeats what failed alone.
func (b *Bucket) deleteBatch(ctx context.Context, names []string) error {
	for try := 1; ; try++ {
		keys := make([]types.ObjectIdentifier, len(names))
		for i := range names {
			keys[i].Key = &names[i]
		}
		out, err := b.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
			Bucket: &b.name,
			Delete: &types.Delete{Objects: keys, Quiet: aws.Bool(true)},
		})
		if err != nil {
			return changeFault("delete blobs", err)
		}
		var left []string
		var last types.Error
		for _, e := range out.Errors {
			if aws.ToString(e.Code) != "NoSuchKey" {
				left, last = append(left, aws.ToString(e.Key)), e
			}
		}
		if len(left) == 0 {
			return nil
		}
		if try == maxTries {
			return fmt.Errorf("delete %d blobs: %w", len(left), errors.New(aws.ToString(last.Code)+": "+aws.ToString(last.Message)))
		}
		if err := pause(ctx, triesApart<<(try-1)); err != nil {
			return err
		}
		names = left
	}
}
