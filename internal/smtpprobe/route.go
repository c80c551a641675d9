package smtpprobe

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
)

// run is one Probe under way.
type run struct {
	p        *Prober
	parts    []*part       // the domains asked for
	wait     time.Duration // longest for a permit; 0: no limit
	contacts int           // connections made

	perTx      int  // recipients per transaction that the exchanger takes, as far as it showed
	perSession int  // transactions per session, likewise
	useTLS     bool // a session begins with STARTTLS
	noTLS      bool // the handshake did not succeed

	tlsDemanded bool // the exchanger takes no mail in clear

	tally tally
}

// tally is what the current session brought.
type tally struct {
	report  pace.Report
	moved   bool // an answer, or how to ask
	needTLS bool // the exchanger wants to be asked over TLS
	lost    bool // the connection broke off
	stop    bool // asking on is useless or rude
}

// host asks one exchanger, address by address, IPv4 first: our fixed address
// is an IPv4 one. It reports whether the next exchanger should be tried.
func (r *run) host(ctx context.Context, host string, others bool) (next bool) {
	defer r.forget()
	addrs := r.p.cfg.Resolver.Addrs(ctx, host)
	if addrs.Status != mx.Found {
		r.fallAll(Answer{Class: unresolved(addrs.Status), Host: host, Text: addrs.Detail})
		return true
	}
	ips := addrs.IPs
	askedV6 := len(ips) > 0 && ips[0].Is6()
	for tried := range r.p.cfg.Limits.Addresses {
		if tried == len(ips) && !askedV6 && !ended(ctx) {
			ips = append(slices.Clip(ips), r.p.cfg.Resolver.AddrsV6(ctx, host).IPs...)
			askedV6 = true
		}
		if tried >= len(ips) || ended(ctx) {
			break
		}
		v := visit{host: host, ip: ips[tried], others: others || tried+1 < len(ips)}
		if nextIP, nextHost := r.address(ctx, v); !nextIP {
			return nextHost
		}
	}
	return true
}

func unresolved(s mx.Status) reply.Class {
	if s == mx.NXDomain || s == mx.NoMail || s == mx.Unresolvable {
		return Unresolvable
	}
	return DNSFailure
}

// address opens sessions with one address of an exchanger until nothing is
// pending. Each further session needs that the one before got somewhere.
func (r *run) address(ctx context.Context, v visit) (nextIP, nextHost bool) {
	for range r.p.cfg.Limits.Sessions + len(r.parts) - 1 {
		if back := r.session(ctx, v); back != nil {
			if back.inClear && !r.tlsDemanded && !ended(ctx) {
				r.useTLS, r.noTLS = false, true // TLS was remembered of the domain, this host may do without
				continue
			}
			return back.nextIP, back.nextHost
		}
		for _, pt := range r.parts {
			r.confirm(ctx, v, pt)
		}
		if len(r.pending()) == 0 || ended(ctx) || r.tally.stop || !r.tally.moved {
			break
		}
	}
	brokeOff := r.tally.lost && !r.tally.moved && !r.tally.stop
	return brokeOff, brokeOff || r.moveOn()
}

// session is one connection: a slot of ours, a permit of the operator's, the
// dialogue, the report.
func (r *run) session(ctx context.Context, v visit) *setback {
	r.tally = tally{}
	for _, pt := range r.parts {
		pt.named, pt.refused = false, false
	}
	select {
	case r.p.slots <- struct{}{}:
		defer func() { <-r.p.slots }()
	case <-ctx.Done():
		return r.setback(setback{answer: Answer{Class: NotAsked, Host: v.host}})
	}
	if r.p.cfg.Closed != nil && r.p.cfg.Closed(v.host, v.ip) {
		return r.setback(setback{answer: Answer{Class: EgressClosed, Host: v.host}})
	}
	asked, permit, back := r.admit(ctx, v)
	if back != nil {
		return back
	}
	v.tls = r.useTLS
	contact := Contact{Host: v.host, IP: v.ip}
	s, back := r.p.open(ctx, v, &contact)
	if back == nil {
		r.talk(s)
	} else {
		r.setback(*back)
	}
	if back == nil || back.answer.Class != Unreachable { // else no connection was tried
		r.contacts++
		for _, pt := range asked {
			if pt.named || back != nil {
				pt.result.Contacts = append(pt.result.Contacts, contact)
			}
		}
	}
	r.report(ctx, permit, asked)
	if r.tally.needTLS {
		r.useTLS, r.tally.moved = true, true
	}
	return back
}

// admit asks for leave to start a session and returns the domains it is for.
// One that pace holds back by itself is left out, unless none other is there.
func (r *run) admit(ctx context.Context, v visit) ([]*part, pace.Permit, *setback) {
	target := pace.Target{Host: v.host, IP: v.ip}
	asked := r.open()
	for i := 0; len(asked) > 1 && i < len(asked); {
		target.Domain = asked[i].b.Domain
		if err := r.p.cfg.Pacer.DomainHeld(ctx, target); err != nil {
			r.shut(asked[i], r.held(ctx, v.host, err).answer)
			asked = slices.Delete(asked, i, i+1)
			continue
		}
		i++
	}
	if len(asked) > 0 {
		target.Domain = asked[0].b.Domain
	}
	if r.wait > 0 {
		limited, cancel := context.WithTimeout(ctx, r.wait)
		defer cancel()
		ctx = limited
	}
	permit, err := r.p.cfg.Pacer.Admit(ctx, target)
	if err != nil {
		return nil, pace.Permit{}, r.setback(r.held(ctx, v.host, err))
	}
	return asked, permit, nil
}

// open lists the domains with something pending.
func (r *run) open() []*part {
	var open []*part
	for _, it := range r.pending() {
		if !slices.Contains(open, it.of) {
			open = append(open, it.of)
		}
	}
	return open
}

// shut asks no more for a domain here, and gives the rest of it this answer.
func (r *run) shut(pt *part, a Answer) {
	for _, it := range r.pending() {
		if it.of == pt {
			r.fall(it, a)
		}
	}
	pt.shut = true
}

// held is the setback of a session that pace did not admit.
func (r *run) held(ctx context.Context, host string, err error) setback {
	var held *pace.HeldError
	if errors.As(err, &held) {
		return setback{answer: Answer{Class: Held, Host: host, Until: held.Until, Why: held.Why}}
	}
	if ended(ctx) {
		return setback{answer: Answer{Class: NotAsked, Host: host}}
	}
	r.p.cfg.Log.LogAttrs(ctx, slog.LevelError, "pace not usable", slog.String("error", err.Error()))
	return setback{answer: Answer{Class: Fault, Host: host}}
}

func (r *run) setback(back setback) *setback {
	r.note(back.answer, nil)
	r.fallAll(back.answer)
	return &back
}

// confirm asks for postmaster where a refusal is too vague to mean a missing
// mailbox: every host that takes mail for a domain takes postmaster's (RFC 5321
// §4.5.1), so a host that refuses it in the same way refuses us. A recipient
// that the host accepted is control enough.
func (r *run) confirm(ctx context.Context, v visit, pt *part) {
	weak := pt.vague()
	if pt.result.Control.Class != "" || weak == nil || ended(ctx) {
		return
	}
	for _, it := range pt.items {
		if !it.canary && it.answer.Accepted() && it.answer.Host == v.host {
			pt.result.Control, pt.result.Peer = it.answer, true
			return
		}
	}
	postmaster, err := weak.WithLocal("postmaster")
	if err != nil || r.tally.stop {
		return
	}
	control := newRun(r.p, Batch{Domain: pt.b.Domain, Recipients: []address.Address{postmaster}, TLS: r.useTLS, Wait: r.wait})
	control.noTLS = r.noTLS
	control.session(ctx, v)
	asked := control.parts[0]
	pt.result.Control = asked.items[0].answer
	pt.result.Contacts = append(pt.result.Contacts, asked.result.Contacts...)
	pt.result.HoldNotFound = pt.result.HoldNotFound || asked.result.HoldNotFound
}

// patience is how long a wait must have lasted to count as a time-out of
// theirs: our connect limit, and longer than a real-time check waits unless
// told to. A caller in a hurry must not open the breaker of an operator.
const patience = 5 * time.Second

// note takes from an answer what the operator's pace depends on. pt is nil for
// what concerns all domains.
func (r *run) note(a Answer, pt *part) {
	p := &r.tally.report
	p.RateLimited = p.RateLimited || a.Class == reply.RateLimited && !a.meaning.Split
	p.TimedOut = p.TimedOut || a.Class == reply.Timeout && a.waited >= patience
	p.Refused = p.Refused || a.meaning.Listed || a.Stage == reply.Greeting && a.Code == 421
	for _, of := range r.parts {
		of.refused = of.refused || a.meaning.DomainOnly && (pt == nil || pt == of)
	}
}

// reportTime is what a report may take beyond the caller's deadline: two calls
// of a healthy table.
const reportTime = 25 * time.Millisecond

// report gives the permit back with what the session showed.
func (r *run) report(ctx context.Context, permit pace.Permit, asked []*part) {
	// It must be written although the caller's time is over, but may not make
	// the answer late.
	limit := 2 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, max(0, time.Until(deadline))+reportTime)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	for _, pt := range asked {
		if pt.refused {
			r.tally.report.Refusing = append(r.tally.report.Refusing, pt.b.Domain)
		}
	}
	trust, err := permit.Done(ctx, r.tally.report)
	if err != nil {
		r.p.cfg.Log.LogAttrs(ctx, slog.LevelError, "session report lost", slog.String("error", err.Error()))
	}
	for _, pt := range asked {
		pt.result.HoldNotFound = pt.result.HoldNotFound || trust.HoldNotFound
	}
}
