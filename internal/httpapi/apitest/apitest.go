// Package apitest holds tests to the OpenAPI description: a Validator looks at
// what a test asks and is answered, and fails it where the two differ.
//
//	apitest.go   the Validator and what it wraps: a handler, a transport
//	describe.go  the description, compiled: operations, answers, headers, schemas
//	judge.go     one exchange held against it
//
// What it finds wrong: an answer with a status, a body or a header that the
// operation does not describe; a problem document that disagrees with its own
// answer; a request that was answered with success although its path, query or
// body is not as described. Bad requests are the business of tests, so those
// that were refused are not looked at.
//
// Schemas are JSON Schema 2020-12 (github.com/santhosh-tekuri/jsonschema), with
// formats asserted. The package is for tests alone.
package apitest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"sync"
)

// Validator knows one description. It is safe for concurrent use.
type Validator struct {
	operations []*operation
	elsewhere  map[string]answer // to requests that are for none of them, by status
}

// Fail is told what is wrong; t.Errorf is one. It may be called concurrently.
type Fail func(format string, args ...any)

// Handler returns a handler that answers as next and tells fail what is wrong
// with a request or its answer. next sees the same ResponseWriter, but for what
// it could be asked beside its three methods.
func (v *Validator) Handler(next http.Handler, fail Fail) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, answered := &copied{ReadCloser: r.Body}, &recorder{ResponseWriter: w, status: http.StatusOK}
		r.Body = sent
		next.ServeHTTP(answered, r)
		v.report(exchange{r, sent.text(), answered.status, w.Header(), answered.body.Bytes()}, fail)
	})
}

// Transport returns a RoundTripper that does as next and tells fail what is
// wrong with a request or its answer, whose body it reads to its end.
func (v *Validator) Transport(next http.RoundTripper, fail Fail) http.RoundTripper {
	return transport(func(r *http.Request) (*http.Response, error) {
		sent := &copied{ReadCloser: r.Body}
		if r.Body != nil {
			r = r.Clone(r.Context())
			r.Body = sent
		}
		response, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			return nil, err
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
		v.report(exchange{r, sent.text(), response.StatusCode, response.Header, body}, fail)
		return response, nil
	})
}

func (v *Validator) report(e exchange, fail Fail) {
	if err := v.judge(e); err != nil {
		fail("%s %s answered %d: not as described: %v", e.request.Method, e.request.URL.Path, e.status, err)
	}
}

// transport is a function as a RoundTripper.
type transport func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// copied keeps what is read of a body.
type copied struct {
	io.ReadCloser
	mu   sync.Mutex // a transport may still read when the answer is there
	seen bytes.Buffer
}

// Read reads on.
func (c *copied) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.Write(p[:n])
	return n, err
}

func (c *copied) text() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.seen.Bytes())
}

// recorder keeps what is answered.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
	body   bytes.Buffer
}

// WriteHeader keeps the first status.
func (w *recorder) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write keeps the body.
func (w *recorder) Write(p []byte) (int, error) {
	w.wrote = true
	w.body.Write(p)
	return w.ResponseWriter.Write(p)
}
