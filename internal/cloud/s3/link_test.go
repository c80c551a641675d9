package s3_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/store"
)

func TestUploadsAreBoundByTheirPolicy(t *testing.T) {
	now := time.Now()
	c := sdk.NewFromConfig(cloudtest.Nowhere())
	link, err := s3.New(c, "bucket", s3.Options{Now: func() time.Time { return now }}).LinkPut(t.Context(), "in/a b.csv", 1000, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	text, err := base64.StdEncoding.DecodeString(link.Fields["policy"])
	var policy struct {
		Expiration time.Time
		Conditions []any
	}
	if err := errors.Join(err, json.Unmarshal(text, &policy)); err != nil {
		t.Fatalf("policy %s: %v", text, err)
	}
	for _, want := range []any{
		map[string]any{"bucket": "bucket"}, map[string]any{"key": "in/a b.csv"}, []any{"content-length-range", 0.0, 1000.0},
	} {
		if !slices.ContainsFunc(policy.Conditions, func(c any) bool { return reflect.DeepEqual(c, want) }) {
			t.Errorf("policy %s has no %v", text, want)
		}
	}
	if off := policy.Expiration.Sub(now.Add(time.Hour)).Abs(); off > time.Minute || !link.Expires.Equal(now.Add(time.Hour).Truncate(time.Second)) {
		t.Errorf("policy ends at %v, link at %v, want %v", policy.Expiration, link.Expires, now.Add(time.Hour))
	}
	if link.Fields["key"] != "in/a b.csv" || link.Fields["X-Amz-Signature"] == "" {
		t.Errorf("fields are %v", link.Fields)
	}
	if _, err := s3.New(c, "bucket", s3.Options{}).LinkPut(t.Context(), "in/${filename}", 1, time.Hour); !errors.Is(err, store.ErrValue) {
		t.Errorf("LinkPut of a name that S3 would fill in: got %v, want ErrValue", err)
	}
}

func TestDownloadsAreSignedAsAttachments(t *testing.T) {
	c := sdk.NewFromConfig(cloudtest.Nowhere())
	link, err := s3.New(c, "bucket", s3.Options{}).LinkGet(t.Context(), "a?b/ü.csv", "Prüfung.csv", 90*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	got := fmt.Sprint(u.Path, " ", q.Get("X-Amz-Expires"), " ", q.Get("X-Amz-SignedHeaders"), " ", q.Get("response-content-type"), " ", q.Get("response-content-disposition"))
	want := "/bucket/a?b/ü.csv 5400 host application/octet-stream attachment; filename*=utf-8''Pr%C3%BCfung.csv"
	if got != want || q.Get("X-Amz-Signature") == "" {
		t.Errorf("got %s, want %s", got, want)
	}
}
