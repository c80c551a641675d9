package main

import (
	"context"
	"sync"
	"time"

	"rcpt/internal/store"
)

// quick is how long a call may take and still count as working. Whoever takes
// longer waits for somebody else's server.
const quick = 500 * time.Millisecond

// slots bound the calls of a function: a few that work, and more that wait. A call
// that takes long gives its place among the workers back, if there is one among
// those who wait: a list full of silent exchangers must not stand in the way of
// others.
type slots struct{ working, waiting chan struct{} }

func newSlots(working, waiting int) slots {
	return slots{make(chan struct{}, working), make(chan struct{}, waiting)}
}

// reserve waits for a place and takes as many as one Receive can fill; none when
// ctx has ended.
func (s slots) reserve(ctx context.Context) (n int) {
	if ctx.Err() != nil {
		return 0
	}
	select {
	case <-ctx.Done():
		return 0
	case s.working <- struct{}{}:
	}
	for n = 1; n < store.MaxReceive; n++ {
		select {
		case s.working <- struct{}{}:
		default:
			return n
		}
	}
	return n
}

// giveBack frees places that nobody took.
func (s slots) giveBack(n int) {
	for range n {
		<-s.working
	}
}

// use makes a call in a place that was reserved.
func (s slots) use(call func()) {
	over, place := make(chan struct{}), s.working
	var moving sync.WaitGroup
	moving.Go(func() {
		late := time.NewTimer(quick)
		defer late.Stop()
		select {
		case <-over:
			return
		case <-late.C:
		}
		select {
		case <-over:
		case s.waiting <- struct{}{}:
			<-place
			place = s.waiting
		}
	})
	call()
	close(over)
	moving.Wait()
	<-place
}
