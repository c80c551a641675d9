package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"rcpt/internal/esp"
	"rcpt/internal/safedial"
)

const (
	// topicTimeout bounds one fetch: SNS waits 15 s for our answer.
	topicTimeout = 5 * time.Second

	// maxCertificate is the largest file fetched, in octets; AWS's have 2 KB.
	maxCertificate = 64 << 10

	// certificateLife is how long a certificate is believed without a look. AWS
	// replaces it once a year, under another name.
	certificateLife = 24 * time.Hour

	// maxCertificates bounds the memory: a region has one, or two for a while.
	maxCertificates = 64

	// deadFor is how long a URL that could not be had is not tried again: whoever
	// has a token could make us knock there for each request.
	deadFor = 10 * time.Second
)

// topics fetches what belongs to topics of Amazon SNS, from public addresses
// only and without following redirects. It is asked for URLs that were checked.
type topics struct {
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	known map[string]*held
}

// held is a certificate, or why there is none.
type held struct {
	certificate *x509.Certificate
	err         error
	until       time.Time
}

func newTopics(p Ports) *topics {
	way := p.Fetch
	if way == nil {
		dialer := &safedial.Dialer{}
		way = &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: topicTimeout, MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns: 4, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		}
	}
	return &topics{now: p.Now, known: make(map[string]*held), client: &http.Client{
		Transport: way, Timeout: topicTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirects are not followed") },
	}}
}

// certificate returns the certificate at a URL, from memory where possible.
func (t *topics) certificate(ctx context.Context, url string) (*x509.Certificate, error) {
	now := t.now()
	t.mu.Lock()
	h := t.known[url]
	t.mu.Unlock()
	if h != nil && now.Before(h.until) {
		return h.certificate, h.err
	}
	h = &held{until: now.Add(certificateLife)}
	h.certificate, h.err = t.fetch(ctx, url)
	if h.err != nil {
		if ctx.Err() != nil {
			return nil, h.err // the caller went, that says nothing of the URL
		}
		h.until = now.Add(deadFor)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) >= maxCertificates {
		clear(t.known)
	}
	t.known[url] = h
	return h.certificate, h.err
}

func (t *topics) fetch(ctx context.Context, url string) (*x509.Certificate, error) {
	file, err := t.get(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("fetch certificate: %w", err)
	}
	return esp.ParseCertificate(file)
}

// confirm fetches the URL that starts a subscription.
func (t *topics) confirm(ctx context.Context, url string) error {
	_, err := t.get(ctx, url)
	return err
}

// get returns the body of an answer 200, cut at maxCertificate.
func (t *topics) get(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := t.client.Do(r)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxCertificate))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %s", answer.Status)
	}
	return body, nil
}

// withoutURL takes the URL out of an error for the log: that of a subscription
// carries a token.
func withoutURL(err error) error {
	type cause interface{ Unwrap() error }
	if inner, ok := err.(cause); ok && inner.Unwrap() != nil {
		return inner.Unwrap()
	}
	return err
}
