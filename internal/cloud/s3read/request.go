package s3read

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rcpt/internal/store"
)

const (
	tries = 3

	// A try that failed is followed by a pause of up to this, the next one of up to
	// twice that, by chance: those who failed together do not come back together.
	firstPause = 100 * time.Millisecond

	// nothing is the SHA-256 of a body without octets.
	nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

	// maxRefusal bounds the document that says why, in octets; they have some 300.
	maxRefusal = 16 << 10
)

// refusal is an answer that is no blob.
type refusal struct {
	status int
	code   string // S3's name of the error, such as NoSuchKey; a HEAD has none
}

func (r refusal) Error() string {
	if r.code == "" {
		return fmt.Sprintf("S3 answers %d", r.status)
	}
	return fmt.Sprintf("S3 answers %d %s", r.status, r.code)
}

// status is that of a refusal; 0 when there was no answer.
func status(err error) int {
	var r refusal
	if !errors.As(err, &r) {
		return 0
	}
	return r.status
}

// ask sends a request until there is an answer that stands. That is an answer
// with 2xx, whose body the caller closes, or a sentinel of package store.
func (b *Bucket) ask(ctx context.Context, method, name string, header http.Header) (*http.Response, error) {
	for n := 1; ; n++ {
		answer, err := b.try(ctx, method, name, header)
		var r refusal
		switch {
		case err == nil:
			return answer, nil
		case !errors.As(err, &r):
			err = fmt.Errorf("%w: %w", store.ErrThrottled, err)
		case r.status == http.StatusNotModified:
			return nil, fmt.Errorf("%w: %w", store.ErrUnchanged, err)
		case r.status == http.StatusNotFound && r.code != "NoSuchBucket":
			return nil, fmt.Errorf("%w: %w", store.ErrNotFound, err)
		case r.status == http.StatusTooManyRequests || r.status >= http.StatusInternalServerError:
			err = fmt.Errorf("%w: %w", store.ErrThrottled, err)
		default:
			return nil, err
		}
		if n == tries || ctx.Err() != nil {
			return nil, err
		}
		if stop := b.pause(ctx, n); stop != nil {
			return nil, fmt.Errorf("%w, after: %w", stop, err)
		}
	}
}

// try sends one request. The error is a refusal when there was an answer.
func (b *Bucket) try(ctx context.Context, method, name string, header http.Header) (*http.Response, error) {
	to := *b.base
	to.Path += name
	to.RawPath = b.base.EscapedPath() + escaped(name)
	request, err := http.NewRequestWithContext(ctx, method, to.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header = header.Clone()
	request.Header.Set("X-Amz-Content-Sha256", nothing)
	who, err := b.owner.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("find credentials: %w", err)
	}
	if err := b.signer.SignHTTP(ctx, who, request, nothing, "s3", b.region, b.Now()); err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	answer, err := b.client.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode/100 == 2 {
		return answer, nil
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	return nil, refusal{answer.StatusCode, code(text)}
}

// code finds the name of the error in the document of a refusal ("REST error
// responses", Amazon S3 API Reference).
func code(document []byte) string {
	_, behind, _ := bytes.Cut(document, []byte("<Code>"))
	name, _, found := bytes.Cut(behind, []byte("</Code>"))
	if !found {
		return ""
	}
	return string(name)
}

// escaped is a name as it stands in a path and is signed: all but letters,
// digits, -._~ and the slash in octets of percent ("Create a canonical request",
// AWS Signature Version 4).
func escaped(name string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(name))
}

// pause waits behind the n-th try.
func (b *Bucket) pause(ctx context.Context, n int) error {
	timer := time.NewTimer(time.Duration(b.Rand() * float64(firstPause<<(n-1))))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
