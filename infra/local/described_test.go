package main

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"rcpt/internal/httpapi"
	"rcpt/internal/httpapi/apitest"
)

// described sends what the tests and their curl ask, and holds each request and
// its answer against the OpenAPI description. It counts what differs; who uses
// it looks at the count at the end.
type described struct {
	next      http.RoundTripper
	validator func() (*apitest.Validator, error)
	wrong     atomic.Int64
}

// describe puts itself in the way of every request over the default client.
func describe() *described {
	d := &described{next: http.DefaultTransport, validator: sync.OnceValues(func() (*apitest.Validator, error) {
		return apitest.New(httpapi.Description())
	})}
	http.DefaultTransport = d
	return d
}

// RoundTrip sends the request.
func (d *described) RoundTrip(r *http.Request) (*http.Response, error) {
	v, err := d.validator()
	if err != nil {
		return nil, err
	}
	return v.Transport(d.next, func(format string, args ...any) {
		d.wrong.Add(1)
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}).RoundTrip(r)
}

// suite is the tests together with their look at the description.
type suite struct {
	*testing.M
	*described
}

// Run fails when a request or an answer was not as described.
func (s suite) Run() int {
	code := s.M.Run()
	if n := s.wrong.Load(); n > 0 {
		fmt.Fprintf(os.Stderr, "%d exchanges were not as described\n", n)
		return 1
	}
	return code
}
