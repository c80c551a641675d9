package vendors

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/sync/singleflight"
)

// Client asks vendors over HTTP. It is safe for concurrent use.
type Client struct {
	http  *http.Client
	now   func() time.Time
	doubt doubts
}

// NewClient returns a Client that sends through h, whose transport decides which
// networks may be reached (package safedial). Redirects are not followed: the
// key is in most URLs.
func NewClient(h *http.Client, now func() time.Time) *Client {
	own := *h
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	own.Jar = nil
	return &Client{http: &own, now: now}
}

// call is one question to a vendor.
type call struct {
	secret secret
	email  string
	wait   time.Duration // how long we wait for the answer
}

// whole is how long the vendor may try, in seconds, within the bounds it sets.
func (c call) whole(least, most int64) int64 {
	return min(max(int64((c.wait-margin)/time.Second), least), most)
}

func (c call) seconds(least, most int64) string { return strconv.FormatInt(c.whole(least, most), 10) }

// query is a request without its host. No method is GET; a body is JSON.
type query struct {
	method, path string
	params       url.Values
	header       http.Header
	body         []byte
	paid         bool // never sent twice
}

// Verify asks a vendor about an address. The error is an *Error or nil. It ends
// with ctx, and after the vendor's timeout.
func (c *Client) Verify(ctx context.Context, v Vendor, key secret, email string) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, v.Timeout)
	defer cancel()
	p, _ := protocols(v.Name)
	ask := call{secret: key, email: email, wait: left(ctx)}
	for {
		var result Result
		var problem *Error
		question := p.ask(ask)
		question.paid = true
		code, body, header, err := c.do(ctx, v, question)
		if err != nil {
			problem = err
		} else {
			result, problem = p.read(code, body)
		}
		switch {
		case problem == nil:
			result.Raw = scrub(result.Raw, key, email)
			if result.Deliverability == Undeliverable && beyond(email) {
				result.Doubt = Form
			}
			return result, nil
		case problem.sign == pending:
			if pause(ctx, pendingPause) {
				continue
			}
			return *problem.instead, nil
		case problem.sign == ambiguous:
			problem = c.judge(ctx, v, key, problem)
		}
		return Result{}, problem.finish(v, key, email, header, c.now())
	}
}

// beyond reports an address that some vendors cannot read: one that is quoted or
// international.
func beyond(email string) bool {
	return strings.HasPrefix(email, `"`) || strings.ContainsFunc(email, func(r rune) bool { return r > unicode.MaxASCII })
}

// Credits asks what is left on the account of a key, in checks; nil when the
// account is metered. That it succeeds proves the key. The error is an *Error.
func (c *Client) Credits(ctx context.Context, v Vendor, key secret) (*int64, error) {
	ctx, cancel := context.WithTimeout(ctx, min(v.Timeout, creditsTime))
	defer cancel()
	left, header, err := c.credits(ctx, v, key)
	if err != nil {
		return nil, err.finish(v, key, "", header, c.now())
	}
	return left, nil
}

// creditsTime bounds a question that no vendor has to ask a mail server for.
const creditsTime = 10 * time.Second

func (c *Client) credits(ctx context.Context, v Vendor, key secret) (*int64, http.Header, *Error) {
	p, _ := protocols(v.Name)
	code, body, header, err := c.do(ctx, v, p.balance(call{secret: key}))
	if err != nil {
		return nil, header, err
	}
	left, err := p.left(code, body)
	return left, header, err
}

// pendingPause is within the two to five seconds that Hunter wants between
// repeats.
const pendingPause = 2 * time.Second

// pause waits; false when ctx would end first.
func pause(ctx context.Context, d time.Duration) bool {
	if left(ctx) <= d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func left(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxCall
	}
	return time.Until(deadline)
}

// maxBody is the largest answer read, in octets. Verdicts have about one KB, a
// Hunter answer with its sources some ten.
const maxBody = 256 * 1024

// do sends one request and reads the answer. What goes wrong on the way is the
// server's fault, told without the URL.
func (c *Client) do(ctx context.Context, v Vendor, q query) (int, []byte, http.Header, *Error) {
	request, err := q.request(ctx, v.Base)
	if err != nil {
		return 0, nil, nil, fault(Server, 0, "request cannot be made: check the base URL")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, nil, fault(Server, 0, reason(ctx, err))
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return 0, nil, nil, fault(Server, response.StatusCode, reason(ctx, err))
	case len(body) > maxBody:
		return 0, nil, nil, fault(Server, response.StatusCode, fmt.Sprintf("answer of more than %d octets", maxBody))
	}
	return response.StatusCode, body, response.Header, nil
}

func (q query) request(ctx context.Context, base string) (*http.Request, error) {
	target, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	target.Path = strings.TrimSuffix(target.Path, "/") + q.path
	target.RawQuery = q.params.Encode()
	request, err := http.NewRequestWithContext(ctx, q.method, target.String(), bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	for name, values := range q.header {
		request.Header[name] = values
	}
	if q.body != nil {
		request.Header.Set("Content-Type", "application/json")
	} else if q.paid {
		once(request)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "rcpt")
	return request, nil
}

// once keeps net/http from sending a GET again, unasked, when a connection that
// was used before ends without an answer: the vendor may have taken the credit.
// It does so for requests whose body it could send again. This one is empty, and
// HTTP/1.1 sends nothing of it.
func once(request *http.Request) {
	request.Body, request.GetBody = io.NopCloser(strings.NewReader("")), nil
}

// reason is the text of an error of net/http without the URL in it.
func reason(ctx context.Context, err error) string {
	var outer *url.Error
	for errors.As(err, &outer) {
		err = outer.Err
	}
	var network net.Error
	switch {
	case ctx.Err() == context.Canceled:
		return "canceled"
	case ctx.Err() != nil || errors.As(err, &network) && network.Timeout():
		return "timeout"
	}
	return err.Error()
}

// maxRetry is the longest wait that is believed.
const maxRetry = 24 * time.Hour

// finish makes the error one that may be shown.
func (e *Error) finish(v Vendor, key secret, email string, header http.Header, now time.Time) *Error {
	e.Vendor, e.sign = v.Name, 0
	e.Text = scrub(e.Text, key, email)
	e.RetryAfter = retryAfter(header.Get("Retry-After"), now)
	return e
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3), in whole seconds.
func retryAfter(text string, now time.Time) int {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return int(min(max(wait, 0), maxRetry).Seconds())
}

// doubts remembers what an ambiguous answer turned out to mean, for a minute:
// ZeroBounce blocks who asks too often with a wrong key.
type doubts struct {
	flights singleflight.Group
	mu      sync.Mutex
	known   map[string]doubt
}

type doubt struct {
	class Class
	until time.Time
}

const (
	doubtLife = time.Minute
	maxDoubts = 1000 // keys in doubt at a time; beyond it all are asked about anew
)

// judge asks for the balance of a key whose answer has two meanings. Those who
// ask at the same time share the question. An answer that stays unclear keeps
// its class, server.
func (c *Client) judge(ctx context.Context, v Vendor, key secret, unclear *Error) *Error {
	sum := sha256.Sum256([]byte(string(v.Name) + "\x00" + key.reveal()))
	id := string(sum[:])
	class, _, _ := c.doubt.flights.Do(id, func() (any, error) {
		if class, known := c.doubt.find(id, c.now()); known {
			return class, nil
		}
		balance, _, err := c.credits(ctx, v, key)
		class := Server
		switch {
		case err != nil && err.Class != Auth:
			return class, nil // nothing learned
		case err != nil:
			class = Auth
		case balance != nil && *balance == 0:
			class = Quota
		}
		c.doubt.keep(id, doubt{class: class, until: c.now().Add(doubtLife)})
		return class, nil
	})
	unclear.Class = class.(Class)
	return unclear
}

func (d *doubts) find(id string, now time.Time) (Class, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known, ok := d.known[id]
	return known.class, ok && now.Before(known.until)
}

func (d *doubts) keep(id string, one doubt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil || len(d.known) >= maxDoubts {
		d.known = make(map[string]doubt)
	}
	d.known[id] = one
}
