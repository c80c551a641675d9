package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

// quick tries often and hardly waits between.
func quick(o *sdk.Options) {
	o.Retryer = retry.AddWithMaxBackoffDelay(retry.AddWithMaxAttempts(retry.NewStandard(func(s *retry.StandardOptions) {
		s.RateLimiter = ratelimit.None
	}), 20), time.Millisecond)
}

func code(code string) cloudtest.Fault { return cloudtest.Refuse(&smithy.GenericAPIError{Code: code}) }

// broken is an error of the service's own.
func broken() cloudtest.Fault { return status(http.StatusInternalServerError, "InternalError") }

// precondition refuses a write with a condition.
func precondition() cloudtest.Fault {
	return status(http.StatusPreconditionFailed, "PreconditionFailed")
}

func status(status int, code string) cloudtest.Fault {
	return cloudtest.Refuse(&smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code},
	})
}

// answer answers in the service's place.
func answer(result any) cloudtest.Fault {
	return cloudtest.Alter(func(any, error) (any, error) { return result, nil })
}

// behind returns the bucket through a client whose tries choose decides.
func behind(t *testing.T, choose func(string) cloudtest.Fault) store.Blob {
	name := create(t)
	c := sdk.NewFromConfig(cloudtest.Config(t, cloudtest.Moto), quick, func(o *sdk.Options) {
		o.UsePathStyle = true
		o.APIOptions = append(o.APIOptions, cloudtest.Between(choose))
	})
	return s3.New(c, name, s3.Options{})
}

// The contract holds while one try in four is throttled, lost, or carried out
// without an answer.
func TestContractInAStorm(t *testing.T) {
	cloudtest.Config(t, cloudtest.Moto)
	storetest.Blob(t, func(t *testing.T) store.Blob { return behind(t, storm()) }, append(notOnMoto(),
		// After a lost answer a refusal is no certain one.
		"put once", "put on a match", "of many that put once one wins", "a counter on matches loses nothing",
		// Links are made without any call.
		"a link reads the blob and names the file", "a link writes the blob")...)
}

func storm() func(string) cloudtest.Fault {
	return cloudtest.Storm(7, 4, code("SlowDown"), broken(), cloudtest.LoseRequest(), cloudtest.LoseAnswer())
}

// Writers that put on a match, and look for their entry when the outcome is open,
// enter each exactly once.
func TestMatchesInAStormCountOnce(t *testing.T) {
	blob := behind(t, storm())
	if _, err := blob.Put(t.Context(), "book", strings.NewReader("")); err != nil {
		t.Fatal(err)
	}
	const writers, each = 4, 10
	var all sync.WaitGroup
	var open atomic.Int64
	for writer := range writers {
		all.Go(func() {
			for n := 0; n < each; {
				content, info, err := read(t, blob, "book")
				if err != nil {
					continue
				}
				entry := fmt.Sprintf("%d-%d\n", writer, n)
				if strings.Contains(content, entry) {
					n++
					continue
				}
				if _, err = blob.Put(t.Context(), "book", strings.NewReader(content+entry), store.Match(info.Version)); err == nil {
					n++
				} else if !errors.Is(err, store.ErrCondition) {
					open.Add(1)
				}
			}
		})
	}
	all.Wait()
	content, _, err := read(t, blob, "book")
	entries := strings.Fields(content)
	slices.Sort(entries)
	if err != nil || len(entries) != writers*each || len(slices.Compact(entries)) != writers*each {
		t.Errorf("got %d entries, %v, want %d different ones", len(entries), err, writers*each)
	}
	t.Logf("%d outcomes were open", open.Load())
}

func read(t *testing.T, blob store.Blob, name string) (string, store.BlobInfo, error) {
	r, info, err := blob.Open(t.Context(), name, 0, -1, "")
	if err != nil {
		return "", info, err
	}
	content, err := io.ReadAll(r)
	return string(content), info, errors.Join(err, r.Close())
}

func TestLostAnswersOfConditionalWrites(t *testing.T) {
	plan := &cloudtest.Plan{}
	blob := behind(t, plan.Choose)
	long := strings.Repeat("long", 3<<20)
	put := func(name, content string, opts ...store.PutOption) (store.BlobInfo, error) {
		return blob.Put(t.Context(), name, strings.NewReader(content), opts...)
	}
	for size, content := range map[string]string{"short": "short", "long": long} {
		// The last call of a long Put is the one with the condition.
		faults := []cloudtest.Fault{cloudtest.LoseAnswer()}
		if size == "long" {
			faults = []cloudtest.Fault{nil, nil, nil, cloudtest.LoseAnswer()}
		}
		plan.Next(faults...)
		info, err := put(size, content, store.Once())
		if err != nil || info.Size != int64(len(content)) {
			t.Fatalf("Put %s once: %+v, %v, after %v", size, info, err, plan.Calls())
		}
		plan.Next(faults...)
		if _, err := put(size, content+"more", store.Match(info.Version)); err != nil {
			t.Errorf("Put %s on a match: %v, after %v", size, err, plan.Calls())
		}
		for condition, opt := range map[string]store.PutOption{"once": store.Once(), "on an old match": store.Match(info.Version)} {
			refused, lost := []cloudtest.Fault(nil), faults
			if size == "long" && opt.Match != "" { // moto 5.2.5 minds no If-Match there
				refused = []cloudtest.Fault{nil, nil, nil, precondition()}
				lost = []cloudtest.Fault{nil, nil, nil, cloudtest.LoseRequest(), precondition()}
			}
			plan.Next(refused...)
			if _, err := put(size, content, opt); !errors.Is(err, store.ErrCondition) {
				t.Errorf("Put %s %s: got %v, want ErrCondition", size, condition, err)
			}
			plan.Next(lost...)
			if _, err := put(size, content, opt); !errors.Is(err, store.ErrUnknown) || errors.Is(err, store.ErrCondition) {
				t.Errorf("Put %s %s, the answer lost: got %v, want ErrUnknown", size, condition, err)
			}
		}
	}
}

// Both ways to write carry the conditions; S3 decides.
func TestConditionsAreSent(t *testing.T) {
	for name, content := range map[string]string{"PutObject": "short", "CompleteMultipartUpload": strings.Repeat("long", 3<<20)} {
		var seen []string
		c := sdk.NewFromConfig(cloudtest.Nowhere(), func(o *sdk.Options) {
			o.APIOptions = append(o.APIOptions, cloudtest.Between(service), func(stack *middleware.Stack) error {
				return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("look", func(
					ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
				) (middleware.FinalizeOutput, middleware.Metadata, error) {
					h := in.Request.(*smithyhttp.Request).Header
					if middleware.GetOperationName(ctx) == name {
						seen = append(seen, h.Get("If-None-Match")+h.Get("If-Match"))
					}
					return next.HandleFinalize(ctx, in)
				}), middleware.Before)
			})
		})
		bucket := s3.New(c, "bucket", s3.Options{})
		for _, opts := range [][]store.PutOption{nil, {store.Once()}, {store.Match("abc")}, {store.Once(), store.Match("abc")}} {
			_, err := bucket.Put(t.Context(), "a", strings.NewReader(content), opts...)
			if len(opts) < 2 && err != nil || len(opts) == 2 && !errors.Is(err, store.ErrCondition) {
				t.Errorf("%s with %v: got %v", name, opts, err)
			}
		}
		if want := []string{"", "*", `"abc"`}; !slices.Equal(seen, want) {
			t.Errorf("%s: got conditions %q, want %q", name, seen, want)
		}
	}
}

// service answers every write in the service's place.
func service(operation string) cloudtest.Fault {
	return answer(map[string]any{
		"PutObject":               &sdk.PutObjectOutput{ETag: aws.String(`"e"`)},
		"CreateMultipartUpload":   &sdk.CreateMultipartUploadOutput{UploadId: aws.String("u")},
		"UploadPart":              &sdk.UploadPartOutput{ETag: aws.String(`"e"`)},
		"CompleteMultipartUpload": &sdk.CompleteMultipartUploadOutput{ETag: aws.String(`"e"`)},
	}[operation])
}

func TestWritesThatMeet(t *testing.T) {
	plan := &cloudtest.Plan{}
	blob := behind(t, plan.Choose)
	plan.Next(code("ConditionalRequestConflict"), code("ConditionalRequestConflict"))
	if _, err := blob.Put(t.Context(), "a", strings.NewReader("x"), store.Once()); err != nil {
		t.Errorf("Put after two conflicts: %v", err)
	}
	plan.Next(slices.Repeat([]cloudtest.Fault{code("ConditionalRequestConflict")}, 4)...)
	if _, err := blob.Put(t.Context(), "b", strings.NewReader("x"), store.Once()); !errors.Is(err, store.ErrThrottled) {
		t.Errorf("Put after four conflicts: got %v, want ErrThrottled", err)
	}
	// What the last try meets says nothing about the one whose answer was lost.
	plan.Next(append([]cloudtest.Fault{cloudtest.LoseRequest()}, slices.Repeat([]cloudtest.Fault{code("ConditionalRequestConflict")}, 4)...)...)
	if _, err := blob.Put(t.Context(), "c", strings.NewReader("x"), store.Once()); !errors.Is(err, store.ErrUnknown) || errors.Is(err, store.ErrThrottled) {
		t.Errorf("Put whose answer is lost, then conflicts: got %v, want ErrUnknown alone", err)
	}
}

func TestWhatFailsLeavesNoParts(t *testing.T) {
	plan := &cloudtest.Plan{}
	blob := behind(t, plan.Choose)
	content := strings.Repeat("long", 5<<20) // of three parts
	plan.Next(nil, code("AccessDenied"))
	if _, err := blob.Put(t.Context(), "a", strings.NewReader(content)); err == nil {
		t.Error("Put without the right to send parts: got no error")
	}
	if calls := plan.Calls(); calls[len(calls)-1] != "AbortMultipartUpload" {
		t.Errorf("got calls %v, want AbortMultipartUpload at the end", calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	plan.Next()
	_, err := blob.Put(ctx, "a", io.MultiReader(strings.NewReader(content), reader(func([]byte) (int, error) {
		cancel()
		return 0, io.EOF
	})))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Put that is cancelled: got %v, want context.Canceled", err)
	}
	if calls := plan.Calls(); calls[len(calls)-1] != "AbortMultipartUpload" {
		t.Errorf("got calls %v, want AbortMultipartUpload at the end", calls)
	}
}

type reader func(p []byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

func TestDeleteRepeatsWhatFailedAlone(t *testing.T) {
	plan := &cloudtest.Plan{}
	blob := behind(t, plan.Choose)
	for _, name := range []string{"a", "b", "c"} {
		if _, err := blob.Put(t.Context(), name, strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
	busy := func(names ...string) cloudtest.Fault {
		out := &sdk.DeleteObjectsOutput{}
		for _, name := range names {
			out.Errors = append(out.Errors, types.Error{Key: &name, Code: aws.String("InternalError")})
		}
		return answer(out)
	}
	plan.Next(busy("a", "b", "c"))
	if err := blob.Delete(t.Context(), "a", "b", "c"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if page, err := blob.List(t.Context(), "", "", 10); err != nil || len(page.Blobs) != 0 {
		t.Errorf("left are %+v, %v", page.Blobs, err)
	}
	plan.Next(busy("a"), busy("a"), busy("a"), busy("a"))
	if err := blob.Delete(t.Context(), "a", "b"); err == nil {
		t.Error("Delete of what always fails: got no error")
	}
}

// A Put of a gigabyte takes no more memory than its parts under way.
func TestMemoryStaysFlat(t *testing.T) {
	c := sdk.NewFromConfig(cloudtest.Nowhere(), func(o *sdk.Options) {
		o.APIOptions = append(o.APIOptions, cloudtest.Between(service))
	})
	const size = 1 << 30
	left, reads, most := size, 0, uint64(0)
	info, err := s3.New(c, "bucket", s3.Options{}).Put(t.Context(), "large", reader(func(p []byte) (int, error) {
		if left == 0 {
			return 0, io.EOF
		}
		if reads++; reads%50 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
		}
		n := min(left, len(p))
		left -= n
		return n, nil
	}))
	if err != nil || info.Size != size {
		t.Fatalf("Put: %+v, %v", info, err)
	}
	if most > 96<<20 {
		t.Errorf("the heap had %d MB, want some parts of 8 MB and what the collector has not seen yet", most>>20)
	}
	t.Logf("the heap had at most %d MB", most>>20)
}
