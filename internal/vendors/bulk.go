package vendors

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"rcpt/internal/address"
)

const (
	// atOnce is how many vendor calls one VerifyAll makes at a time.
	atOnce = 10

	// workers are more, so that a call's place is not held while its neighbors
	// write down what they will do or have learned.
	workers = 3 * atOnce
)

// Outcome is what VerifyAll found out about one address.
type Outcome struct {
	Answer Answer
	Err    error // as of Verify, and ErrLate
}

// VerifyAll verifies addresses as Verify does one, ten calls at a time, until
// the deadline of ctx; the outcomes are parallel to them. An address named twice
// is asked about once. What could not be begun in time has ErrLate. The error is
// ErrNone or the store's, and then there are no outcomes.
func (c *Chain) VerifyAll(ctx context.Context, r Request, addresses []address.Address) ([]Outcome, error) {
	began := time.Now()
	keys, catalog, err := c.keys(ctx, r.Account)
	if err != nil {
		return nil, err
	}
	if r, err = c.within(ctx, r); err != nil {
		return nil, err
	}
	distinct, places := distinct(addresses)
	found := make([]Outcome, len(distinct))
	todo, err := c.known(ctx, r, keys, distinct, found, began)
	if err != nil {
		return nil, err
	}
	c.work(ctx, r, catalog, distinct, todo, found)
	outcomes := make([]Outcome, len(addresses))
	seen := make([]bool, len(distinct))
	for i, at := range places {
		outcomes[i] = found[at]
		if seen[at] && found[at].Err == nil {
			again := &outcomes[i].Answer
			again.Cached, again.Cost, again.Trace = true, 0, nil
		}
		seen[at] = true
	}
	return outcomes, nil
}

// distinct returns each address once, and for each given where that is.
func distinct(addresses []address.Address) (once []address.Address, places []int) {
	index := make(map[string]int, len(addresses))
	for _, a := range addresses {
		at, seen := index[a.String()]
		if !seen {
			at = len(once)
			index[a.String()] = at
			once = append(once, a)
		}
		places = append(places, at)
	}
	return once, places
}

// known fills in the verdicts that are known, and returns the indexes of the
// addresses left.
func (c *Chain) known(ctx context.Context, r Request, keys []opened, addresses []address.Address, found []Outcome, began time.Time) (todo []int, err error) {
	var hits []address.Address
	var answers []Answer
	known := map[int]Answer{}
	if !r.Fresh {
		verdicts, err := c.results.find(ctx, r.Account, keys, addresses)
		if err != nil {
			return nil, err
		}
		for i, a := range addresses {
			if answer, ok := verdicts[c.results.key(r.Account, a)]; ok {
				known[i] = answer
			}
		}
	}
	for i, a := range addresses {
		answer, ok := known[i]
		if !ok {
			todo = append(todo, i)
			continue
		}
		answer.Latency = time.Since(began)
		found[i].Answer = answer
		hits, answers = append(hits, a), append(answers, answer)
	}
	if len(hits) > 0 {
		c.noteCached(ctx, r, hits, answers)
	}
	return todo, nil
}

// crowd is what the verifications of one VerifyAll share. A nil one is that of
// a single verification, which shares nothing.
type crowd struct {
	gate    chan struct{}
	slowest atomic.Int64 // of the calls so far, a time.Duration
}

// enter waits until one of the calls at a time may be made.
func (t *crowd) enter(ctx context.Context) error {
	if t == nil {
		return nil
	}
	select {
	case t.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *crowd) leave() {
	if t != nil {
		<-t.gate
	}
}

func (t *crowd) saw(call time.Duration) {
	if t == nil {
		return
	}
	for seen := t.slowest.Load(); int64(call) > seen; seen = t.slowest.Load() {
		if t.slowest.CompareAndSwap(seen, int64(call)) {
			return
		}
	}
}

// usual is how long a call must be expected to take, going by the slowest so
// far: one that the deadline cuts off is paid and useless.
func (t *crowd) usual() time.Duration {
	if t == nil {
		return 0
	}
	return time.Duration(t.slowest.Load())
}

// work verifies the addresses named by todo.
func (c *Chain) work(ctx context.Context, r Request, catalog Catalog, addresses []address.Address, todo []int, found []Outcome) {
	var next atomic.Int64
	together := &crowd{gate: make(chan struct{}, atOnce)}
	var all sync.WaitGroup
	for range min(workers, len(todo)) {
		all.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= len(todo) {
					return
				}
				at := todo[n]
				if left(ctx) < leastCall+settleShare+together.usual() {
					found[at].Err = ErrLate
					continue
				}
				one := r
				one.Address = addresses[at]
				found[at] = c.one(ctx, one, catalog, together)
			}
		})
	}
	all.Wait()
}

// one verifies one address. Keys are read for each, from memory mostly: one that
// came to rest meanwhile is not asked again.
func (c *Chain) one(ctx context.Context, r Request, catalog Catalog, together *crowd) Outcome {
	keys, err := c.cfg.Book.open(ctx, r.Account)
	if err != nil {
		return Outcome{Err: err}
	}
	if len(order(keys, catalog)) == 0 {
		return Outcome{Err: ErrNone}
	}
	answer, err := c.share(ctx, r, keys, catalog, together)
	return Outcome{Answer: answer, Err: err}
}
