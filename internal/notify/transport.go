package notify

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"rcpt/internal/safedial"
)

// NewTransport returns what webhooks are sent through. Addresses are judged when
// they are connected to, after the name was looked up: https reaches public
// addresses and the networks of allow, http those networks alone. No proxy, no
// redirects, no cookies. It is safe for concurrent use.
func NewTransport(allow []netip.Prefix) http.RoundTripper {
	everything := []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
	return byScheme{
		"https": transport(&safedial.Dialer{Allow: allow}),
		"http":  transport(&safedial.Dialer{Allow: allow, Deny: everything}),
	}
}

func transport(d *safedial.Dialer) *http.Transport {
	return &http.Transport{
		DialContext: d.DialContext, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // the little that is read of an answer is shown as it is
		// A Lambda environment sleeps between requests, and wakes up with
		// connections that the other side has long closed.
		DisableKeepAlives: true,
	}
}

type byScheme map[string]*http.Transport

// RoundTrip sends the request.
func (t byScheme) RoundTrip(r *http.Request) (*http.Response, error) {
	way, known := t[r.URL.Scheme]
	if !known {
		return nil, fmt.Errorf("send to a URL of scheme %q: %w", r.URL.Scheme, ErrURL)
	}
	return way.RoundTrip(r)
}
