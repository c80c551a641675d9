// Package pace keeps the prober welcome: per mail operator it limits how many
// sessions run at once and how often a new one starts, stops when the operator
// refuses us (the breaker), slows down or stops when too many recipients are
// unknown (the brake), and distrusts an operator that suddenly knows nobody
// (the hold).
//
// An operator is who runs the exchanger, not whose domain it serves: the
// registrable domain of the MX name. One item of the table holds all that is
// known about an operator, so that a whole fleet shares it; each session costs
// one read and one conditional write to enter, and one of each to leave. A
// process that dies holds its slot until the slot's term ends, no longer.
//
// Steps of a session: Admit waits for a slot or says why not (*HeldError); the
// caller speaks SMTP; Done frees the slot and reports what was seen. The rules
// are pure functions in state.go; numbers and reasons stand beside them.
//
// Left out: bandwidth, time of day, warm-up plans. Rotating the egress address
// is left out on purpose: it burns the range and breaks greylisting.
package pace

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"rcpt/internal/store"
)

// Mode says whom the rules govern.
type Mode string

// The modes, as RCPT_PACING has them.
const (
	Auto Mode = "auto" // every host but the exempt ones
	On   Mode = "on"   // every host
	Off  Mode = "off"  // none
)

// Config joins a Pacer to its surroundings.
type Config struct {
	Mode   Mode
	Exempt func(host string, ip netip.Addr) bool // hosts that Auto leaves out; nil means none
	Table  store.Table
	Now    func() time.Time // time.Now when nil
	Jitter func() float64   // 0 to 1, spreads waits; math/rand when nil
}

// Pacer admits sessions. It is safe for concurrent use.
type Pacer struct {
	cfg Config
}

// New returns a Pacer over the table in cfg.
func New(cfg Config) *Pacer {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
	return &Pacer{cfg: cfg}
}

// Target is the exchanger a session goes to and the domain it is about.
type Target struct {
	Host   string // MX name
	IP     netip.Addr
	Domain string // recipient domain
}

// HeldError says that no session may start now, and until when that is known
// to hold.
type HeldError struct {
	Operator string
	Why      Why
	Until    time.Time // earliest useful retry, UTC
}

// Why names the rule that held a session back.
type Why string

// The rules that hold sessions back.
const (
	Breaker Why = "breaker" // the operator refuses us
	Brake   Why = "brake"   // too many unknown recipients
	Busy    Why = "busy"    // all slots taken, or the next start lies beyond the caller's deadline
)

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s held by %s until %s", e.Operator, e.Why, e.Until.UTC().Format(time.RFC3339))
}

// Permit is one admitted session. The zero Permit governs nothing: its Done
// does nothing.
type Permit struct {
	pacer    *Pacer
	operator string
	domain   string
	slot     int
	term     int64 // end of the slot's term, which marks it as ours
}

// Admit waits until a session with the target may start. It returns a
// *HeldError when that is not before ctx ends, and the table's error when the
// state cannot be read: an operator whose state is unknown is not contacted.
func (p *Pacer) Admit(ctx context.Context, t Target) (Permit, error) {
	if !p.governs(t) {
		return Permit{}, nil
	}
	permit := Permit{pacer: p, operator: Operator(t.Host, t.IP), domain: t.Domain}
	if err := p.domainClosed(ctx, t.Domain); err != nil {
		return Permit{}, err
	}
	for {
		st, err := p.load(ctx, permit.operator)
		if err != nil {
			return Permit{}, fmt.Errorf("read operator %s: %w", permit.operator, err)
		}
		now := p.cfg.Now()
		next, slot, held := st.admit(permit.operator, now)
		if held == nil {
			permit.slot, permit.term = slot, next.Slots[slot]
			err := p.save(ctx, permit.operator, st, next)
			if err == nil {
				return permit, nil
			}
			if !errors.Is(err, store.ErrCondition) {
				return Permit{}, fmt.Errorf("take slot of %s: %w", permit.operator, err)
			}
			held = &HeldError{Operator: permit.operator, Why: Busy, Until: now} // another process moved first
		}
		if held.Why != Busy || !p.wait(ctx, held.Until.Sub(now)) {
			return Permit{}, held
		}
	}
}

// governs reports whether the rules apply to the target at all.
func (p *Pacer) governs(t Target) bool {
	switch p.cfg.Mode {
	case On:
		return true
	case Off:
		return false
	}
	return p.cfg.Exempt == nil || !p.cfg.Exempt(t.Host, t.IP)
}

// wait sleeps for d and a fifth more at random, so that waiters do not come
// back together. It reports false at once when ctx would end first.
func (p *Pacer) wait(ctx context.Context, d time.Duration) bool {
	d = max(d, 5*time.Millisecond)
	d += time.Duration(p.cfg.Jitter() * float64(d) / 5)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
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

// domainClosed tells whether the domain itself asked us to stay away: a
// refusal that names the recipient domain's own policy concerns that domain
// only.
func (p *Pacer) domainClosed(ctx context.Context, domain string) error {
	item, err := p.cfg.Table.Get(ctx, domainKey(domain))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read breaker of a domain: %w", err)
	}
	if until := time.UnixMilli(item.Int("until")); until.After(p.cfg.Now()) {
		return &HeldError{Operator: domain, Why: Breaker, Until: until}
	}
	return nil
}

// Done frees the slot and records what the session saw. It returns what the
// operator's state now says about trusting its "no such user". An error means
// that the report is lost; the slot ends with its term.
func (x Permit) Done(ctx context.Context, r Report) (Trust, error) {
	if x.pacer == nil {
		return Trust{}, nil
	}
	p := x.pacer
	if r.DomainRefused {
		until := p.cfg.Now().Add(firstRest)
		item := store.Item{Key: domainKey(x.domain), Attrs: store.Attrs{"until": until.UnixMilli()}, Expires: until.Add(time.Minute)}
		if err := p.cfg.Table.Put(ctx, item); err != nil {
			return Trust{}, fmt.Errorf("close domain: %w", err)
		}
	}
	for {
		st, err := p.load(ctx, x.operator)
		if err != nil {
			return Trust{}, fmt.Errorf("read operator %s: %w", x.operator, err)
		}
		next, trust := st.finish(x.slot, x.term, r, p.cfg.Now(), p.cfg.Jitter())
		err = p.save(ctx, x.operator, st, next)
		if err == nil {
			return trust, nil
		}
		if !errors.Is(err, store.ErrCondition) {
			return Trust{}, fmt.Errorf("free slot of %s: %w", x.operator, err)
		}
		if !p.wait(ctx, 0) {
			return Trust{}, ctx.Err()
		}
	}
}
