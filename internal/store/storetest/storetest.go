// Package storetest is the contract of the ports in store as tests. Every
// adapter passes the same suites: it hands over a function that opens a fresh,
// empty store, and a bug found in one adapter becomes a case here.
//
// The suites ask only for what store documents. Where the contract leaves
// something open (how long a page is, in which order BatchGet answers), so do
// they.
package storetest

import (
	"sync"
	"time"
)

// Clock is a time that stands still until it is moved. The adapter under test
// takes Now for its clock.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows now.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now returns what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
