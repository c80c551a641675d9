// Package pace keeps the prober welcome: per mail operator it limits how many
// sessions run at once and how often a new one starts, stops when the operator
// refuses us (the breaker), slows down or stops when too many recipients are
// unknown (the brake), and distrusts an operator that suddenly knows nobody
// (the hold). Sources: smtp-probing.md §9, §10, §13.
//
// An operator is who runs the exchanger, not whose domain it serves: the
// registrable domain of the MX name. One item of the table holds all that is
// known about an operator, so that a whole fleet shares it. A session costs two
// reads and one conditional write to enter, one of each to leave; more only
// while it waits. A process that dies holds its slot until the slot's term
// ends, no longer.
//
// Steps of a session: Admit waits for a slot or says why not (*HeldError); the
// caller speaks SMTP; Done frees the slot and reports what was seen.
//
//	pace.go      Admit and Done
//	state.go     the rules: pure functions, numbers and reasons beside them
//	store.go     how state is kept, and conflicts between writers
//	operator.go  who an operator is and how much it bears
//
// Left out: limits per network beside those per name, bandwidth, time of day,
// warm-up plans. Rotating the egress address is left out on purpose: it burns
// the range and breaks greylisting.
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
	Mode   Mode                                  // Auto when empty
	Exempt func(host string, ip netip.Addr) bool // hosts that Auto leaves out; nil means none
	Table  store.Table                           // may be nil when Mode is Off
	Now    func() time.Time                      // time.Now when nil
	Jitter func() float64                        // 0 to 1, spreads waits; math/rand when nil
	Opened func(operator string)                 // told when a breaker opens, by who opened it; may be nil
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

// HeldError says that no session may start now, and when asking again is of
// use.
type HeldError struct {
	Operator string // or the recipient domain, when only that is closed
	Why      Why
	Until    time.Time // earliest useful retry, UTC
}

// Why names the rule that held a session back.
type Why string

// The rules that hold sessions back.
const (
	Breaker Why = "breaker" // the operator, or the recipient domain, refuses us
	Brake   Why = "brake"   // too many unknown recipients
	Busy    Why = "busy"    // no slot or start could be had before the caller's deadline
)

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s held by %s until %s", e.Operator, e.Why, e.Until.Format(time.RFC3339))
}

// Permit is one admitted session, to be ended by one Done. The zero Permit
// governs nothing: its Done does nothing.
type Permit struct {
	pacer    *Pacer
	operator string
	slot     int
	term     int64 // end of the slot's term, Unix ms, which marks it as ours
	trust    Trust // as known at the start
}

// Admit waits until a session with the target may start. It returns a
// *HeldError, without waiting, when the breaker or the brake holds the session
// back, and as soon as it is clear that no slot can be had before the deadline
// of ctx; the error of ctx when that ends meanwhile; and the table's error when
// the state cannot be read: an operator whose state is unknown is not
// contacted.
func (p *Pacer) Admit(ctx context.Context, t Target) (Permit, error) {
	if !p.governs(t) {
		return Permit{}, nil
	}
	if err := p.domainClosed(ctx, t.Domain); err != nil {
		return Permit{}, err
	}
	x := Permit{pacer: p, operator: Operator(t.Host, t.IP)}
	for {
		held, err := x.enter(ctx)
		if err == nil && held == nil {
			return x, nil
		}
		pause := conflictPause
		switch {
		case contended(err):
			held = &HeldError{Operator: x.operator, Why: Busy, Until: p.cfg.Now().Add(pause).UTC()}
		case err != nil:
			return Permit{}, fmt.Errorf("take slot of %s: %w", x.operator, err)
		case held.Why != Busy:
			return Permit{}, held
		default:
			pause = held.Until.Sub(p.cfg.Now())
		}
		if !p.wait(ctx, pause) {
			if err := ctx.Err(); err != nil {
				return Permit{}, fmt.Errorf("wait for slot of %s: %w", x.operator, err)
			}
			return Permit{}, held
		}
	}
}

// DomainHeld returns a *HeldError when the target's domain refused us by its own
// policy lately, and the table's error when that cannot be read. Admit asks it
// for the one domain it is told of; a session about several asks for each.
func (p *Pacer) DomainHeld(ctx context.Context, t Target) error {
	if !p.governs(t) {
		return nil
	}
	return p.domainClosed(ctx, t.Domain)
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

// enter tries once to take a slot.
func (x *Permit) enter(ctx context.Context) (held *HeldError, err error) {
	now := x.pacer.cfg.Now()
	err = x.pacer.change(ctx, x.operator, func(s state) (state, bool) {
		var next state
		if next, x.slot, held = s.admit(x.operator, now); held != nil {
			return s, false
		}
		x.term, x.trust = next.Slots[x.slot], next.trust(now)
		return next, true
	})
	return held, err
}

// Done frees the slot and records what the session saw. It returns how far the
// operator may be believed by now, also with an error, which means that a part
// of the report is lost and that the slot may stay taken until its term ends.
func (x Permit) Done(ctx context.Context, r Report) (Trust, error) {
	if x.pacer == nil {
		return Trust{}, nil
	}
	var closing error
	for _, domain := range r.Refusing {
		closing = errors.Join(closing, x.pacer.closeDomain(ctx, domain))
	}
	trust, err := x.leave(ctx, r)
	return trust, errors.Join(closing, err)
}

func (x Permit) leave(ctx context.Context, r Report) (Trust, error) {
	p, trust, tripped := x.pacer, x.trust, false
	for {
		err := p.change(ctx, x.operator, func(s state) (state, bool) {
			now := p.cfg.Now()
			next := s.finish(x.slot, x.term, r, now)
			trust, tripped = next.trust(now), next.Trips > s.Trips
			return next, true
		})
		if err == nil {
			if tripped && p.cfg.Opened != nil {
				p.cfg.Opened(x.operator)
			}
			return trust, nil
		}
		if !contended(err) || !p.wait(ctx, conflictPause) {
			return trust, fmt.Errorf("free slot of %s: %w", x.operator, err)
		}
	}
}

// conflictPause lets the writer who came first finish what it does.
const conflictPause = 5 * time.Millisecond

// wait sleeps for d and up to a fifth more, at least the pause of a conflict,
// so that waiters do not come back together (smtp-probing.md §13). It reports
// false, at once, when ctx would end first: what is left of its time then is
// too short for a session anyway.
func (p *Pacer) wait(ctx context.Context, d time.Duration) bool {
	d += time.Duration(p.cfg.Jitter() * float64(max(d/5, conflictPause)))
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= d {
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
