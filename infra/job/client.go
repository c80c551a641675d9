package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tries is how often a request is made before rcpt counts as gone: over two
// minutes or so, in which a product that was killed is started again.
const tries = 10

// client talks to one rcpt.
type client struct {
	url, key string
	pause    time.Duration // before the second try; twice as long each time
	met      bool          // it has answered
}

// callTime bounds one try of a request that carries no file.
const callTime = time.Minute

// maxPause is the longest pause between two tries, unless rcpt asks for more.
const maxPause = 20 * time.Second

// problem is an answer that is no success (RFC 9457).
type problem struct {
	Status    int    `json:"status"`
	Title     string `json:"title"`
	Detail    string `json:"detail"`
	Field     string `json:"field"`
	RequestID string `json:"request_id"`

	after time.Duration // Retry-After
}

// Error tells the problem as rcpt did.
func (p *problem) Error() string {
	said := fmt.Sprintf("rcpt answers %d %s", p.Status, p.Title)
	if p.Detail != "" {
		said += ": " + p.Detail
	}
	if p.Field != "" {
		said += " (field " + p.Field + ")"
	}
	if p.RequestID != "" {
		said += " [request " + p.RequestID + "]"
	}
	return said
}

// passing reports whether the same request may succeed later.
func passing(err error) bool {
	var p *problem
	if errors.As(err, &p) {
		return p.Status == http.StatusTooManyRequests || p.Status >= http.StatusInternalServerError
	}
	return true // it did not get an answer
}

// call makes a request with the key and decodes the answer into out.
func (c *client) call(ctx context.Context, method, path string, in, out any, header ...string) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.again(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, callTime)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		if in == nil {
			r.Body, r.ContentLength = http.NoBody, 0
		}
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := c.do(r)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
			return fmt.Errorf("read the answer of rcpt: %w", err)
		}
		return nil
	})
}

// do sends a request to rcpt; an answer that is no success is a *problem.
func (c *client) do(r *http.Request) (*http.Response, error) {
	r.Header.Set("Authorization", "Bearer "+c.key)
	if r.Body != nil && r.Body != http.NoBody {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := send(r)
	c.met = c.met || err == nil
	return answer, err
}

func send(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer func() { _ = answer.Body.Close() }()
	p := &problem{}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "application/problem+json" || json.Unmarshal(text, p) != nil {
		p.Title, p.Detail = http.StatusText(answer.StatusCode), strings.TrimSpace(string(text[:min(len(text), 300)])) // S3, or a proxy
	}
	p.Status = answer.StatusCode
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil {
		p.after = time.Duration(seconds) * time.Second
	}
	return nil, p
}

// again repeats what may succeed later.
func (c *client) again(ctx context.Context, do func() error) error {
	pause := c.pause
	for n := 1; ; n++ {
		err := do()
		switch {
		case err == nil || ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case errors.Is(err, syscall.ECONNREFUSED) && (!c.met || n == tries):
			return fmt.Errorf("nobody answers at %s: start the product with `make run`, or set RCPT_URL and RCPT_KEY", c.url)
		case n == tries || !passing(err):
			return err
		}
		var p *problem
		rest := pause
		if errors.As(err, &p) {
			rest = max(rest, p.after)
		}
		if err := wait(ctx, rest); err != nil {
			return err
		}
		pause = min(2*pause, maxPause)
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
