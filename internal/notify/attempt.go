package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"rcpt/internal/safedial"
	"rcpt/internal/store"
)

// userAgent tells receivers who asks, so that they can let it through.
const userAgent = "rcpt-webhooks/1"

const (
	// maxRead is what is read of an answer that is no success, in octets.
	maxRead = 2 << 10

	// maxShown is what is kept of it, in octets.
	maxShown = 256
)

// outcome is what came of an attempt.
type outcome struct {
	Attempt
	asked    time.Duration // the wait that the receiver asks for
	hopeless bool          // no further attempt could mend it
}

func (o outcome) delivered() bool { return o.Error == "" }

// attempt makes the request. An error means that it was broken off by our own
// side; whether the receiver has the body then is open.
func (b *Book) attempt(ctx context.Context, item store.Item, a Attempt, body []byte, secrets []string) (outcome, error) {
	a.At = b.cfg.Now().UTC()
	within, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	r, err := request(within, item, a, body, secrets)
	if err != nil {
		a.Error = err.Error()
		return outcome{Attempt: a, hopeless: true}, nil
	}
	o := outcome{Attempt: a}
	answer, err := b.cfg.Transport.RoundTrip(r)
	switch {
	case err != nil && ctx.Err() != nil:
		return outcome{}, fmt.Errorf("make attempt %d of delivery %s: %w", a.Number, item.Key.Sort, ctx.Err())
	case err != nil:
		o.Error = causeOf(err)
	default:
		o.read(answer, b.cfg.Now())
	}
	o.Took = b.cfg.Now().Sub(a.At).Truncate(time.Millisecond)
	return o, nil
}

// request is what an attempt sends. Its error is for people and holds no secret.
func request(ctx context.Context, item store.Item, a Attempt, body []byte, secrets []string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, item.Str("url"), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL cannot be read")
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", userAgent)
	return r, sign(r.Header, item.Key.Sort, a.At, body, secrets, a.Number)
}

// read judges an answer by its status (Standard Webhooks, "Delivery success and
// failure") and closes it.
func (o *outcome) read(answer *http.Response, now time.Time) {
	defer func() { _ = answer.Body.Close() }()
	o.Status = answer.StatusCode
	switch o.Status / 100 {
	case 2:
		return
	case 3:
		o.Error = "redirects are not followed"
	default:
		o.Error = "the status is not 2xx"
	}
	if o.Status == http.StatusGone {
		o.Error, o.hopeless = "the receiver wants no more of this", true
	}
	o.asked = retryAfter(answer.Header, now)
	text, _ := io.ReadAll(io.LimitReader(answer.Body, maxRead)) // what came is shown, whatever came then
	o.Response = shown(text)
}

// shown makes plain text of the beginning of an answer: what is no printable
// character becomes a blank, and blanks become one.
func shown(text []byte) string {
	clean := strings.Join(strings.FieldsFunc(string(text), func(c rune) bool {
		return unicode.IsSpace(c) || !unicode.IsPrint(c) || c == utf8.RuneError
	}), " ")
	if len(clean) <= maxShown {
		return clean
	}
	cut := maxShown
	for !utf8.RuneStart(clean[cut]) {
		cut--
	}
	return clean[:cut] + "..."
}

// causeOf says why there was no answer, in words that hold nothing of the
// request: errors of package net quote URLs and addresses.
func causeOf(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, safedial.ErrForbidden):
		return "the host has no public address"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the name of the host does not resolve"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer within " + Timeout.String()
	case errors.As(err, &dns):
		return "the name of the host could not be looked up"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "the connection took too long"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection ended without an answer"
	}
	return tlsCauseOf(err)
}

func tlsCauseOf(err error) string {
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired or is not valid yet"
	case errors.As(err, new(x509.HostnameError)):
		return "the certificate is for another host"
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "the certificate is of an unknown authority"
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return "the certificate is not accepted"
	case errors.As(err, new(tls.RecordHeaderError)), errors.As(err, &alert):
		return "the server does not speak TLS as we do"
	}
	return "the request failed before an answer came"
}
