package s3read_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/cloud/s3read"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

var buckets atomic.Int64

// reading writes as package s3 does, and opens blobs with a Bucket.
type reading struct {
	store.Blob
	bucket *s3read.Bucket
}

func (r reading) Open(ctx context.Context, name string, offset, length int64, unless string) (io.ReadCloser, store.BlobInfo, error) {
	return r.bucket.Open(ctx, name, offset, length, unless)
}

func TestContractOnMoto(t *testing.T) {
	config := cloudtest.Config(t, cloudtest.Moto)
	storetest.Blob(t, func(t *testing.T) store.Blob {
		name := fmt.Sprintf("rcpt-read-%d-%d", os.Getpid(), buckets.Add(1))
		client := sdk.NewFromConfig(config, func(o *sdk.Options) { o.UsePathStyle = true })
		if _, err := client.CreateBucket(t.Context(), &sdk.CreateBucketInput{Bucket: &name}); err != nil {
			t.Fatal(err)
		}
		bucket, err := s3read.Open(config, name)
		if err != nil {
			t.Fatal(err)
		}
		return reading{s3.New(client, name, s3.Options{}), bucket}
	},
		// moto 5.2.5 looks at no signature and no policy.
		"a link writes no more than it allows", "a changed link does nothing")
}

// service answers requests in the place of S3.
type service struct {
	asked  []*http.Request
	answer func(n int, r *http.Request) (*http.Response, error) // n counts from 1
}

func (s *service) Do(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, r)
	return s.answer(len(s.asked), r)
}

// answers is a blob's answer, or a refusal.
func answers(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
		Header: http.Header{"Etag": {`"v1"`}, "Last-Modified": {"Sun, 22 Nov 2026 10:00:00 GMT"}},
	}
}

func configOf(region string, s *service) aws.Config {
	return aws.Config{Region: region, Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", "TOKEN"), HTTPClient: s}
}

func open(t *testing.T, config aws.Config) *s3read.Bucket {
	t.Helper()
	b, err := s3read.New(config, "some-bucket", s3read.Options{
		Now: func() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }, Rand: func() float64 { return 0.5 },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const hard = "lists/a name+with (all) %2F kinds~of ñ&=?.bin"

// The SDK's own client of S3 knows best where a bucket is.
func TestBlobsAreAskedForWhereTheSDKAsks(t *testing.T) {
	elsewhere := "http://127.0.0.1:9/base"
	for _, region := range []string{"us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1"} {
		for _, endpoint := range []*string{nil, &elsewhere} {
			ours, theirs := &service{}, &service{}
			found := func(int, *http.Request) (*http.Response, error) { return answers(200, "body"), nil }
			ours.answer, theirs.answer = found, found
			config := configOf(region, ours)
			config.BaseEndpoint = endpoint
			body, _, err := open(t, config).Open(t.Context(), hard, 0, -1, "")
			if err != nil {
				t.Fatal(err)
			}
			_ = body.Close()
			config.HTTPClient = theirs
			if body, _, err = s3.Open(config, "some-bucket").Open(t.Context(), hard, 0, -1, ""); err != nil {
				t.Fatal(err)
			}
			_ = body.Close()
			want := *theirs.asked[0].URL
			want.RawQuery = "" // x-id tells the SDK's calls apart
			if got := ours.asked[0].URL.String(); got != want.String() {
				t.Errorf("%s: asks for\n%s, the SDK for\n%s", region, got, &want)
			}
		}
	}
}

func TestRequestsAreSigned(t *testing.T) {
	s := &service{answer: func(int, *http.Request) (*http.Response, error) { return answers(206, "ody"), nil }}
	if _, _, err := open(t, configOf("eu-central-1", s)).Open(t.Context(), hard, 1, 3, "v0"); err != nil {
		t.Fatal(err)
	}
	r := s.asked[0]
	got := r.Header.Get("Authorization")
	_, list, _ := strings.Cut(got, "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	if want := "AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-central-1/s3/aws4_request, SignedHeaders=" + list + ", Signature=" + signature(r, list); got != want {
		t.Errorf("signed as\n%s, want\n%s", got, want)
	}
	for _, name := range []string{"host", "range", "if-none-match", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"} {
		if !strings.Contains(";"+list+";", ";"+name+";") {
			t.Errorf("%s is not signed: %s", name, list)
		}
	}
}

// signature follows "Create a signed AWS API request" (AWS Identity and Access
// Management, User Guide), for a request without query and body.
func signature(r *http.Request, list string) string {
	hash := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
	mac := func(key []byte, s string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(s))
		return h.Sum(nil)
	}
	canonical := r.Method + "\n" + r.URL.EscapedPath() + "\n\n"
	for name := range strings.SplitSeq(list, ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.URL.Host
		}
		canonical += name + ":" + value + "\n"
	}
	canonical += "\n" + list + "\n" + hash("")
	key := []byte("AWS4SECRET")
	for _, step := range []string{"20261122", "eu-central-1", "s3", "aws4_request"} {
		key = mac(key, step)
	}
	return hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n20261122T100000Z\n20261122/eu-central-1/s3/aws4_request\n"+hash(canonical)))
}

func refused(status int, code string) *http.Response {
	return answers(status, "<?xml version=\"1.0\"?><Error><Code>"+code+"</Code><Message>no</Message></Error>")
}

func TestRefusals(t *testing.T) {
	for claim, c := range map[string]struct {
		answer *http.Response
		want   error // nil: none of the sentinels
		tries  int
	}{
		"not there":              {refused(404, "NoSuchKey"), store.ErrNotFound, 1},
		"no such bucket":         {refused(404, "NoSuchBucket"), nil, 1},
		"not allowed":            {refused(403, "AccessDenied"), nil, 1},
		"as it was":              {answers(304, ""), store.ErrUnchanged, 1},
		"too fast":               {refused(503, "SlowDown"), store.ErrThrottled, 3},
		"a fault of theirs":      {refused(500, "InternalError"), store.ErrThrottled, 3},
		"a gateway in between":   {answers(502, "<html>"), store.ErrThrottled, 3},
		"no answer, three times": {nil, store.ErrThrottled, 3},
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{answer: func(int, *http.Request) (*http.Response, error) {
					if c.answer == nil {
						return nil, errors.New("connection reset")
					}
					again := *c.answer
					return &again, nil
				}}
				_, _, err := open(t, configOf("us-east-1", s)).Open(t.Context(), "lists/a", 0, -1, "v1")
				if err == nil || len(s.asked) != c.tries {
					t.Errorf("%d tries, %v", len(s.asked), err)
				}
				for _, sentinel := range []error{store.ErrNotFound, store.ErrUnchanged, store.ErrThrottled} {
					if errors.Is(err, sentinel) != (sentinel == c.want) {
						t.Errorf("%v, want %v", err, c.want)
					}
				}
			})
		})
	}
}

func TestATryThatFailedIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{answer: func(n int, _ *http.Request) (*http.Response, error) {
			switch n {
			case 1:
				return nil, errors.New("connection reset")
			case 2:
				return refused(503, "SlowDown"), nil
			}
			return answers(200, "body"), nil
		}}
		begun := time.Now()
		r, info, err := open(t, configOf("us-east-1", s)).Open(t.Context(), "lists/a", 0, -1, "")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || !bytes.Equal(body, []byte("body")) {
			t.Errorf("%q, %v", body, err)
		}
		want := store.BlobInfo{Name: "lists/a", Size: 4, Version: "v1", Modified: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
		if info != want {
			t.Errorf("%+v, want %+v", info, want)
		}
		if waited := time.Since(begun); waited != 150*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestWhoeverGoesIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
		defer cancel()
		s := &service{answer: func(int, *http.Request) (*http.Response, error) { return refused(503, "SlowDown"), nil }}
		_, _, err := open(t, configOf("us-east-1", s)).Open(ctx, "lists/a", 0, -1, "")
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, store.ErrThrottled) || len(s.asked) != 2 {
			t.Errorf("%v after %d tries", err, len(s.asked))
		}
	})
}

func TestEndpointsThatAreNoURLAreRefused(t *testing.T) {
	for _, endpoint := range []string{"localhost", "http://%zz", "http://"} {
		config := configOf("us-east-1", &service{})
		config.BaseEndpoint = &endpoint
		if _, err := s3read.Open(config, "some-bucket"); err == nil || !strings.Contains(err.Error(), endpoint) {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}
