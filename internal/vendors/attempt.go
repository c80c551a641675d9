package vendors

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// leastCall is the shortest time worth a call.
	leastCall = 300 * time.Millisecond

	// settleShare is left for writing the answer down.
	settleShare = 100 * time.Millisecond

	// settleTime bounds that writing, which goes on after the deadline: the call
	// is paid.
	settleTime = 5 * time.Second

	// firstShare is how much of the time left, in percent, a vendor may use while
	// others wait behind it.
	firstShare = 60
)

// ask goes from key to key until one answers.
func (c *Chain) ask(ctx context.Context, r Request, keys []candidate, together *crowd) (Answer, error) {
	began := time.Now()
	p, err := c.cfg.Ledger.start(r, r.Address)
	if err != nil {
		return Answer{}, err
	}
	var instead *Answer
	for i, k := range keys {
		result, err := c.attempt(ctx, p, k, i == len(keys)-1, together)
		if err == nil {
			return c.conclude(ctx, r, p, k, result, began), nil
		}
		var problem *Error
		switch {
		case !errors.As(err, &problem):
			return Answer{}, c.giveUp(ctx, p, began, err)
		case problem.instead != nil:
			instead = &Answer{Result: *problem.instead, Vendor: k.Vendor, KeyID: k.ID}
		}
		if !problem.Next() {
			break
		}
	}
	if instead != nil {
		k := keys[len(keys)-1]
		for _, one := range keys {
			if one.ID == instead.KeyID {
				k = one
			}
		}
		return c.conclude(ctx, r, p, k, instead.Result, began), nil
	}
	if together != nil && p.waited() {
		return Answer{}, c.giveUp(ctx, p, began, ErrLate)
	}
	return Answer{}, c.giveUp(ctx, p, began, &FailedError{Trace: p.Trace})
}

// waited reports that no vendor was asked, and that time is why: as one of many
// the address is then left for later.
func (p *page) waited() bool {
	waited := false
	for _, s := range p.Trace {
		switch s.Outcome {
		case stepBusy, stepDeadline:
			waited = true
		case stepPaused:
		default:
			return false
		}
	}
	return waited
}

// attempt asks one key and adds what happened to the trace. The error is an
// *Error when the chain may go on, ErrCap, ErrLate, or the store's.
func (c *Chain) attempt(ctx context.Context, p *page, k candidate, last bool, together *crowd) (Result, error) {
	if k.rests(c.cfg.Now()) {
		return p.skip(k, stepPaused, k.why())
	}
	allowed := left(ctx) - settleShare
	if !last {
		allowed = allowed * firstShare / 100
	}
	if allowed < leastCall {
		return p.skip(k, stepDeadline, "deadline: not asked")
	}
	ctx, cancel := context.WithTimeout(ctx, allowed)
	defer cancel()
	if err := c.cfg.Ledger.ask(ctx, p, k.Key, k.vendor.Price); err != nil {
		return Result{}, err
	}
	leave, err := c.enter(ctx, p.account, k.vendor, together)
	if err != nil && ctx.Err() == nil {
		return Result{}, err
	}
	if err != nil {
		return p.skip(k, stepBusy, "busy: no call could be made in time")
	}
	if len(p.Trace) == 0 && left(ctx) < together.usual() {
		leave()
		return Result{}, ErrLate
	}
	if now := c.latest(ctx, k); now.rests(c.cfg.Now()) {
		leave()
		return p.skip(now, stepPaused, now.why())
	}
	return c.call(ctx, p, k, allowed, together, leave)
}

// call asks the vendor and gives the place back.
func (c *Chain) call(ctx context.Context, p *page, k candidate, allowed time.Duration, together *crowd, leave func()) (Result, error) {
	step := Step{Vendor: k.Vendor, KeyID: k.ID, Outcome: stepAnswered}
	began := time.Now()
	result, err := c.cfg.Client.Verify(ctx, k.vendor, k.secret, p.Email)
	step.Latency = time.Since(began)
	together.saw(step.Latency)
	var problem *Error
	if errors.As(err, &problem) {
		step.Outcome, step.Error = string(problem.Class), problem.Error()
	}
	c.remember(ctx, k, result, problem, allowed)
	leave() // not before: who is next in the line looks whether the key rests
	p.Trace = append(p.Trace, step)
	c.cfg.Observe("vendor_call", float64(step.Latency.Milliseconds()), string(k.Vendor), step.Outcome)
	return result, err
}

// skip adds to the trace a key that is not asked, and why.
func (p *page) skip(k candidate, outcome, text string) (Result, error) {
	p.Trace = append(p.Trace, Step{Vendor: k.Vendor, KeyID: k.ID, Outcome: outcome, Error: fmt.Sprintf("%s: %s", k.Vendor, text)})
	return Result{}, &Error{Vendor: k.Vendor, Class: Server, Text: text}
}

// rests reports that a key is not to be asked now.
func (k candidate) rests(now time.Time) bool { return now.Before(k.PausedUntil) }

func (k candidate) why() string {
	return fmt.Sprintf("not asked until %s, after: %s", k.PausedUntil.Format(time.RFC3339), k.LastError)
}

// latest is the key as it is known after the wait for a place: those who were
// before in the line may have learned that it has to rest.
func (c *Chain) latest(ctx context.Context, k candidate) candidate {
	keys, err := c.cfg.Book.open(ctx, k.Account)
	if err != nil {
		return k
	}
	for _, one := range keys {
		if one.ID == k.ID && one.era == k.era {
			return candidate{opened: one, vendor: k.vendor}
		}
	}
	return k
}

// enter waits for a place within the request, where it has only so many, and
// then for one among the vendor's.
func (c *Chain) enter(ctx context.Context, account string, v Vendor, together *crowd) (leave func(), err error) {
	if err := together.enter(ctx); err != nil {
		return nil, err
	}
	free, err := c.places.take(ctx, account, v)
	if err != nil {
		together.leave()
		return nil, err
	}
	return func() {
		together.leave()
		free()
	}, nil
}

// remember notes on the key how the call went. A call that had little time
// proves nothing about a vendor that was slow.
func (c *Chain) remember(ctx context.Context, k candidate, result Result, problem *Error, had time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	var err error
	switch {
	case problem == nil:
		err = c.cfg.Book.worked(ctx, k.Key, result.Credits)
	case problem.instead != nil:
	case problem.Code == 0 && had < k.vendor.Timeout/2 && problem.Text == "timeout":
	default:
		err = c.cfg.Book.failed(ctx, k.Key, problem)
	}
	if err != nil {
		c.cfg.Log.Error("note state of provider key", "error", err)
	}
}

// conclude writes an answer down: first what it is, for it is paid, then that it
// is. A process that dies between the two leaves a verdict that is known and an
// entry that a sweep counts by it; the other way round, it would be paid again.
// The answer is given whether or not that succeeds; an entry that stays open
// shows it.
func (c *Chain) conclude(ctx context.Context, r Request, p *page, k candidate, result Result, began time.Time) Answer {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	p.State, p.Vendor, p.KeyID, p.Result, p.Latency = Answered, k.Vendor, k.ID, result, time.Since(began)
	if result.Charged {
		p.Cost = k.vendor.Price
	}
	answer := Answer{
		Result: result, Vendor: k.Vendor, KeyID: k.ID, At: p.At, Latency: p.Latency, Cost: p.Cost, Trace: p.Trace,
	}
	if !result.Passing {
		if err := c.results.keep(ctx, r.Account, r.Address, answer, p.ID); err != nil {
			c.cfg.Log.Error("keep paid verdict", "error", err, "entry", p.ID)
		}
	}
	if err := c.cfg.Ledger.settle(ctx, p); err != nil {
		c.cfg.Log.Error("count paid verification", "error", err, "entry", p.ID)
	}
	return answer
}

// giveUp logs a verification without a verdict, and returns why.
func (c *Chain) giveUp(ctx context.Context, p *page, began time.Time, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	p.State, p.Error, p.Latency, p.Vendor, p.KeyID = Failed, why.Error(), time.Since(began), "", 0
	if err := c.cfg.Ledger.settle(ctx, p); err != nil {
		c.cfg.Log.Error("log failed verification", "error", err, "entry", p.ID)
	}
	return why
}
