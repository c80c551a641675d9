package main

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

const (
	// maxBody is what API Gateway and Lambda let through together (AWS Lambda
	// Developer Guide, "Lambda quotas": 6 MB a synchronous payload).
	maxBody = 6 << 20

	// freeBody is the part of a body that is read whatever others hold: all of a
	// check, of a report and of what most ESPs send.
	freeBody = 64 << 10

	// maxHeld is what bodies may hold together beyond their free parts, in octets:
	// some forty of the largest at once. An event and its decoding take some times
	// as much, which fits into a machine of 2 GB.
	maxHeld = 256 << 20
)

// errFull: others hold as much as there is room for.
var errFull = errors.New("too many large bodies under way")

// bodies bounds what the bodies of requests hold of our memory. On AWS each
// event has a function to itself; here whoever can connect, with a key or
// without, has a body read before anybody knows who it is. The zero value is
// ready.
type bodies struct{ held atomic.Int64 }

// read reads the body of a request, which is held until done is called: also
// after an error. The error is errFull, or the reader's, *http.MaxBytesError
// among them.
func (b *bodies) read(w http.ResponseWriter, r *http.Request) (body []byte, done func(), err error) {
	from := &counted{from: http.MaxBytesReader(w, r.Body, maxBody), in: b}
	body, err = io.ReadAll(from)
	return body, func() { b.held.Add(-from.held) }, err
}

// take reports whether there was room for n octets more.
func (b *bodies) take(n int64) bool {
	if b.held.Add(n) <= maxHeld {
		return true
	}
	b.held.Add(-n)
	return false
}

// counted takes room for a body as it comes: its length is only what somebody
// says.
type counted struct {
	from       io.Reader
	in         *bodies
	read, held int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.read += int64(n)
	if more := c.read - freeBody - c.held; more > 0 {
		if !c.in.take(more) {
			return n, errFull
		}
		c.held += more
	}
	return n, err
}
