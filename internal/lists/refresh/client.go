package refresh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// maxRedirects is enough for a repository that moved twice.
const maxRedirects = 5

// Dial opens a connection, as net.Dialer.DialContext.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// NewClient returns a client for Config. https connections are opened by secure,
// which should refuse private addresses; http ones, redirects among them, by
// plain, which should refuse all but test networks, for anybody on the way may
// change what http carries. No proxy is asked.
func NewClient(secure, plain Dial) *http.Client {
	return &http.Client{
		Transport: schemes{"https": transport(secure), "http": transport(plain)},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("too many redirects")
			}
			return nil
		},
	}
}

func transport(dial Dial) *http.Transport {
	return &http.Transport{
		DialContext: dial, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second, IdleConnTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}
}

// schemes sends a request on the way of its scheme.
type schemes map[string]http.RoundTripper

func (s schemes) RoundTrip(r *http.Request) (*http.Response, error) {
	way, ok := s[r.URL.Scheme]
	if !ok {
		return nil, fmt.Errorf("scheme %q", r.URL.Scheme)
	}
	return way.RoundTrip(r)
}
