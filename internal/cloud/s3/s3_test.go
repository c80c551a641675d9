package s3_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

var buckets atomic.Int64

func client(t *testing.T) *sdk.Client {
	return sdk.NewFromConfig(cloudtest.Config(t, cloudtest.Moto), func(o *sdk.Options) { o.UsePathStyle = true })
}

func open(t *testing.T) store.Blob { return s3.New(client(t), create(t), s3.Options{}) }

// create makes a bucket under a name of its own and removes it with what is in
// it.
func create(t *testing.T) (name string) {
	c := client(t)
	name = fmt.Sprintf("rcpt-%d-%d", os.Getpid(), buckets.Add(1))
	if _, err := c.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatalf("CreateBucket: %v", err)
	}
	bucket := s3.New(c, name, s3.Options{})
	t.Cleanup(func() {
		ctx := context.Background()
		page, err := bucket.List(ctx, "", "", store.MaxBlobPage)
		if err != nil {
			t.Errorf("List: %v", err)
		}
		for _, info := range page.Blobs {
			if err := bucket.Delete(ctx, info.Name); err != nil {
				t.Errorf("Delete: %v", err)
			}
		}
		if _, err := c.DeleteBucket(ctx, &sdk.DeleteBucketInput{Bucket: &name}); err != nil {
			t.Errorf("DeleteBucket: %v", err)
		}
	})
	return name
}

// notOnMoto are the cases that moto 5.2.5 gets wrong: it looks at no signature and
// no policy.
func notOnMoto() []string {
	return []string{"a link writes no more than it allows", "a changed link does nothing"}
}

func TestContractOnMoto(t *testing.T) {
	cloudtest.Config(t, cloudtest.Moto)
	storetest.Blob(t, open, notOnMoto()...)
}
