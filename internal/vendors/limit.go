package vendors

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"rcpt/internal/store"
	"rcpt/internal/usage"
)

// places are the calls that vendors take at once from an account. The fleet
// shares them through a usage.Meter in the cache table, whose slots end with
// their term when a process dies. A place is handed from one call of this process to the
// next, so that a list of addresses does not cost two writes for each.
type places struct {
	meter *usage.Meter
	now   func() time.Time

	mu    sync.Mutex
	pools map[string]*pool
}

// pool is what this process does at one vendor for one account. It exists while
// somebody waits or works.
type pool struct {
	users   int
	waiting []chan place  // first come, first served
	turn    chan struct{} // full while one of those waiting asks the meter
}

// place is one call that may be made.
type place struct {
	ticket *usage.Ticket
	since  time.Time
}

const (
	// maxKept bounds how long a place goes from call to call: other processes
	// want it, too, and with the longest call it must end within its term.
	maxKept = 4 * time.Second

	// busyPoll is when to look again for a place that another process holds.
	busyPoll = 50 * time.Millisecond

	// leaveTime bounds the write that gives a place back.
	leaveTime = 2 * time.Second
)

func newPlaces(table store.Table, now func() time.Time) *places {
	return &places{meter: usage.NewMeter(table, now, nil), now: now, pools: make(map[string]*pool)}
}

// take waits for a place. leave must be called when the call is over. The error
// is that of ctx, or the Table's.
func (p *places) take(ctx context.Context, account string, v Vendor) (leave func(), err error) {
	name := "vendor#" + account + "#" + string(v.Name)
	p.mu.Lock()
	own := p.pools[name]
	if own == nil {
		own = &pool{turn: make(chan struct{}, 1)}
		p.pools[name] = own
	}
	own.users++
	mine := make(chan place, 1)
	own.waiting = append(own.waiting, mine)
	p.mu.Unlock()

	got, err := p.wait(ctx, own, name, mine, v)
	if err != nil {
		p.end(ctx, name, own, v, place{})
		return nil, err
	}
	return func() { p.end(ctx, name, own, v, got) }, nil
}

func (p *places) wait(ctx context.Context, own *pool, name string, mine chan place, v Vendor) (place, error) {
	select {
	case got := <-mine:
		return got, nil
	case own.turn <- struct{}{}:
	case <-ctx.Done():
		return p.withdraw(ctx, own, mine)
	}
	defer func() { <-own.turn }()
	limits := usage.Limits{Concurrency: v.AtOnce, PerSecond: v.PerSecond}
	for {
		ticket, err := p.meter.Admit(ctx, name, limits)
		if err == nil {
			return p.choose(own, mine, place{ticket: ticket, since: p.now()})
		}
		var refused *usage.RefusedError
		pause := busyPoll
		switch {
		case errors.As(err, &refused) && refused.Limit == usage.Rate:
			pause = refused.RetryAfter
		case refused == nil && !errors.Is(err, store.ErrThrottled):
			got, gone := p.withdraw(ctx, own, mine)
			if gone == nil {
				return got, nil
			}
			return place{}, err
		}
		timer := time.NewTimer(pause + rand.N(busyPoll))
		select {
		case got := <-mine:
			timer.Stop()
			return got, nil
		case <-ctx.Done():
			timer.Stop()
			return p.withdraw(ctx, own, mine)
		case <-timer.C:
		}
	}
}

// choose settles who gets a place that the meter gave: whoever asked, who may
// have been handed another one meanwhile. Then the new one goes to the next.
func (p *places) choose(own *pool, mine chan place, fresh place) (place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if own.remove(mine) {
		return fresh, nil
	}
	if len(own.waiting) > 0 {
		own.hand(fresh)
		return <-mine, nil
	}
	handed := <-mine
	go p.giveUp(context.Background(), fresh, Vendor{})
	return handed, nil
}

// withdraw leaves the queue. What was handed over just before is kept.
func (p *places) withdraw(ctx context.Context, own *pool, mine chan place) (place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if own.remove(mine) {
		if err := ctx.Err(); err != nil {
			return place{}, err
		}
		return place{}, context.Canceled
	}
	return <-mine, nil
}

func (o *pool) remove(mine chan place) bool {
	for i, one := range o.waiting {
		if one == mine {
			o.waiting = append(o.waiting[:i:i], o.waiting[i+1:]...)
			return true
		}
	}
	return false
}

func (o *pool) hand(to place) {
	o.waiting[0] <- to
	o.waiting = o.waiting[1:]
}

// end hands a place to the next call, or gives it back. A vendor that counts
// calls by the second has each admitted anew.
func (p *places) end(ctx context.Context, name string, own *pool, v Vendor, held place) {
	p.mu.Lock()
	if own.users--; own.users == 0 {
		delete(p.pools, name)
	}
	if held.ticket != nil && len(own.waiting) > 0 && v.PerSecond == 0 && p.now().Sub(held.since) < maxKept {
		own.hand(held)
		held = place{}
	}
	p.mu.Unlock()
	if held.ticket != nil {
		p.giveUp(ctx, held, v)
	}
}

// giveUp frees a place. When that fails it is free at the end of its term.
func (p *places) giveUp(ctx context.Context, held place, v Vendor) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	if v.PerSecond > 0 { // Done also takes away the counters of past seconds
		_ = held.ticket.Done(ctx, usage.Check{Kind: "calls", Outcome: string(v.Name)})
		return
	}
	_ = held.ticket.Cancel(ctx)
}
