// Package smtpprobe asks a domain's exchangers whether they would take mail
// for some of its mailboxes, in SMTP sessions that stop before DATA (RFC 5321).
//
// One session answers many recipients; one address is the batch of one. With
// PIPELINING (RFC 2920) the first contact costs four round trips, for one
// recipient and for ten: connect, greeting, EHLO, and one write that holds
// MAIL, every RCPT, the canary last, and QUIT. Budgets per session keep us
// below what servers punish; what a session did not get to, the next one asks.
// A 421 or a hang-up in the middle says nothing about the addresses after it.
//
//	probe.go    Probe: exchangers and addresses in order, sessions until all is answered
//	session.go  one connection up to EHLO's answer, STARTTLS, replies, QUIT
//	group.go    what one write holds, and what its replies mean
//	wire.go     reply lines under caps
//
// The package reports what it saw and concludes nothing: whether an accepted
// recipient exists is decided in package verify, from the answer and the
// canary's. DATA, VRFY and EXPN are never sent.
package smtpprobe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
	"rcpt/internal/safedial"
)

// Limits are the budgets of a probe. Times are RFC 5321 §4.5.3.2's cut down to
// what a waiting person bears.
type Limits struct {
	Connect  time.Duration
	Greeting time.Duration // from connect to the complete banner
	Reply    time.Duration // for each later reply
	Session  time.Duration

	Recipients int // per transaction, the canary aside
	Refused    int // RCPTs per session, judged between groups
	Groups     int // RSETs per session
	Sessions   int // per exchanger address and probe
	Hosts      int // exchangers tried
	Addresses  int // addresses tried per exchanger
}

// DefaultLimits stays below every server limit of smtp-probing.md §10: Postfix
// slows down after 10 refusals and hangs up after 20, Exim drops after 10
// commands that are not mail. Two exchangers are what Postfix tries per
// delivery.
func DefaultLimits() Limits {
	return Limits{
		Connect: 5 * time.Second, Greeting: 15 * time.Second, Reply: 15 * time.Second, Session: 45 * time.Second,
		Recipients: 10, Refused: 8, Groups: 5, Sessions: 4, Hosts: 2, Addresses: 3,
	}
}

// Resolver finds the addresses of an exchanger.
type Resolver interface {
	Addrs(ctx context.Context, host string) mx.Addrs
	AddrsV6(ctx context.Context, host string) mx.Addrs
}

// Config joins a Prober to its surroundings.
type Config struct {
	HELO     string // our host name: the PTR name of the address we come from
	MailFrom string // a real mailbox of ours
	Port     uint16 // 25
	Resolver Resolver
	Dial     func(ctx context.Context, host string, to netip.AddrPort) (net.Conn, error) // refuses what is not public with safedial.ErrForbidden
	Pacer    *pace.Pacer
	Closed   func(host string, ip netip.Addr) bool // our port 25 is closed or our address listed; nil means never
	Limits   Limits                                // DefaultLimits when zero
	InFlight int                                   // sessions of this process at once; 400 when zero, below a Lambda environment's 1,024 descriptors
	Log      *slog.Logger
}

// Prober runs probes. It is safe for concurrent use.
type Prober struct {
	cfg   Config
	slots chan struct{}
}

// New returns a Prober, or an error when our own names would break the
// dialogue.
func New(cfg Config) (*Prober, error) {
	if cfg.Limits == (Limits{}) {
		cfg.Limits = DefaultLimits()
	}
	if cfg.InFlight == 0 {
		cfg.InFlight = 400
	}
	if cfg.HELO == "" || !commandSafe(cfg.HELO) || !commandSafe(cfg.MailFrom) {
		return nil, fmt.Errorf("unusable HELO name %q or sender %q", cfg.HELO, cfg.MailFrom)
	}
	return &Prober{cfg: cfg, slots: make(chan struct{}, cfg.InFlight)}, nil
}

// Batch is what to ask: recipients of one domain and where its mail goes.
type Batch struct {
	Domain     string
	Hosts      []mx.Host // in the order to try
	Recipients []address.Address
	Canary     address.Address // zero: do not ask
	TLS        bool            // the domain demanded STARTTLS before
}

// run is one Probe under way.
type run struct {
	p      *Prober
	b      Batch
	items  []address.Address // the recipients, then the canary
	final  []bool
	answer []Answer // of each item; not final ones are the best known so far
	result Result

	perTx    int
	needTLS  bool // an exchanger demanded it in this run
	useTLS   bool
	settled  int
	accepted int
	seen     pace.Report // of the current session
}

// Probe asks until every recipient is answered, the exchangers are used up, or
// ctx ends. It never fails: what could not be learned is in the answers'
// classes. Each recipient is asked at most once unless an exchanger left it
// unanswered.
func (p *Prober) Probe(ctx context.Context, b Batch) Result {
	r := &run{p: p, b: b, items: b.Recipients, perTx: p.cfg.Limits.Recipients + 1, useTLS: b.TLS}
	if b.Canary != (address.Address{}) {
		r.items = append(append([]address.Address(nil), b.Recipients...), b.Canary)
	}
	r.final, r.answer = make([]bool, len(r.items)), make([]Answer, len(r.items))
	for i := range r.answer {
		r.answer[i].Class = NotAsked
	}
	hosts := b.Hosts[:min(len(b.Hosts), p.cfg.Limits.Hosts)]
	for i, host := range hosts {
		if len(r.pending()) == 0 || ctx.Err() != nil {
			break
		}
		if next := r.host(ctx, host.Name, i+1 < len(hosts)); !next {
			break
		}
	}
	return r.finish()
}

func (r *run) finish() Result {
	r.result.Answers = r.answer[:len(r.b.Recipients)]
	if len(r.items) > len(r.b.Recipients) {
		if canary := r.answer[len(r.b.Recipients)]; canary.Class != NotAsked {
			r.result.Canary = canary
		}
	}
	return r.result
}

// host asks one exchanger, address by address, IPv4 first: our fixed address
// is an IPv4 one. It reports whether the next exchanger should be tried.
func (r *run) host(ctx context.Context, host string, others bool) (next bool) {
	addrs := r.p.cfg.Resolver.Addrs(ctx, host)
	if addrs.Status != mx.Found {
		r.fallAll(Answer{Class: unresolved(addrs.Status), Host: host, Text: addrs.Detail})
		return true
	}
	ips := addrs.IPs
	for tried := 0; tried < len(ips) && tried < r.p.cfg.Limits.Addresses; tried++ {
		nextIP, nextHost := r.address(ctx, host, ips[tried], others || tried+1 < len(ips))
		if !nextIP {
			return nextHost
		}
		if tried+1 == len(ips) && ips[0].Is4() && ctx.Err() == nil {
			ips = append(ips[:len(ips):len(ips)], r.p.cfg.Resolver.AddrsV6(ctx, host).IPs...)
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
// pending or no session gets further than the one before.
func (r *run) address(ctx context.Context, host string, ip netip.Addr, others bool) (nextIP, nextHost bool) {
	for sessions := 0; sessions < r.p.cfg.Limits.Sessions; sessions++ {
		before := r.settled
		back := r.session(ctx, host, ip, others)
		if back != nil {
			return back.nextIP, back.nextHost
		}
		r.confirm(ctx, host, ip)
		if len(r.pending()) == 0 || ctx.Err() != nil {
			return false, false
		}
		if r.needTLS && !r.useTLS {
			r.useTLS, r.needTLS = true, false
			r.result.TLSDemanded = true
			continue
		}
		if r.settled == before {
			break
		}
	}
	return false, r.relayDenied()
}

// relayDenied reports whether what is left was refused as not this host's
// domain: a stale MX, so the next one may serve it.
func (r *run) relayDenied() bool {
	for _, i := range r.pending() {
		if r.answer[i].Class == reply.RelayDenied {
			return true
		}
	}
	return false
}

// session is one connection: a slot of ours, a permit of the operator's, the
// dialogue, the report.
func (r *run) session(ctx context.Context, host string, ip netip.Addr, others bool) *setback {
	select {
	case r.p.slots <- struct{}{}:
		defer func() { <-r.p.slots }()
	case <-ctx.Done():
		return r.setback(setback{answer: Answer{Class: NotAsked, Host: host}})
	}
	if r.p.cfg.Closed != nil && r.p.cfg.Closed(host, ip) {
		return r.setback(setback{answer: Answer{Class: EgressClosed, Host: host}})
	}
	permit, err := r.p.cfg.Pacer.Admit(ctx, pace.Target{Host: host, IP: ip, Domain: r.b.Domain})
	if err != nil {
		return r.setback(r.held(ctx, host, err))
	}
	r.seen = pace.Report{}
	r.result.Contacts = append(r.result.Contacts, Contact{})
	contact := &r.result.Contacts[len(r.result.Contacts)-1]
	s, back := r.p.open(ctx, host, ip, r.useTLS, others, contact)
	if back == nil {
		r.talk(s)
	} else {
		r.note(back.answer)
		r.setback(*back)
	}
	r.report(ctx, permit)
	return back
}

// held is the setback of a session that pace did not admit.
func (r *run) held(ctx context.Context, host string, err error) setback {
	var held *pace.HeldError
	if errors.As(err, &held) {
		return setback{answer: Answer{Class: Held, Host: host, Until: held.Until, Why: held.Why}}
	}
	if ctx.Err() != nil {
		return setback{answer: Answer{Class: NotAsked, Host: host}}
	}
	r.p.cfg.Log.LogAttrs(ctx, slog.LevelError, "pace not usable", slog.String("error", err.Error()))
	return setback{answer: Answer{Class: Fault, Host: host}}
}

func (r *run) setback(back setback) *setback {
	r.fallAll(back.answer)
	return &back
}

// dialFailed tells a forbidden address, a slow one and a closed one apart. The
// error's text is not passed on: the service is no port scanner.
func (p *Prober) dialFailed(ctx context.Context, host string, err error) *setback {
	a := Answer{Class: ConnectionFailed, Stage: reply.Connect, Host: host}
	switch {
	case errors.Is(err, safedial.ErrForbidden):
		a.Class = Unreachable
	case errors.Is(err, context.DeadlineExceeded), classOf(err) == reply.Timeout, ctx.Err() != nil:
		a.Class = reply.Timeout
	}
	return &setback{answer: a, nextIP: true, nextHost: true}
}

// confirm asks for postmaster where a refusal is too vague to mean a missing
// mailbox: every host that takes mail for a domain takes postmaster's (RFC 5321
// §4.5.1), so a host that refuses it in the same way refuses us. An accepted
// recipient is control enough.
func (r *run) confirm(ctx context.Context, host string, ip netip.Addr) {
	if r.result.Control.Class != "" || r.accepted > 0 || !r.vague() {
		return
	}
	postmaster, err := r.items[0].WithLocal("postmaster")
	if err != nil || ctx.Err() != nil {
		return
	}
	control := &run{
		p: r.p, b: Batch{Domain: r.b.Domain}, items: []address.Address{postmaster}, final: make([]bool, 1),
		answer: []Answer{{Class: NotAsked}}, perTx: 1, useTLS: r.useTLS, result: Result{Contacts: r.result.Contacts},
	}
	control.session(ctx, host, ip, false)
	r.result.Contacts, r.result.Control = control.result.Contacts, control.answer[0]
}

// vague reports whether a recipient got a weak refusal.
func (r *run) vague() bool {
	for i := range r.b.Recipients {
		if r.final[i] && r.answer[i].Weak {
			return true
		}
	}
	return false
}

// pending lists the items still to be asked. The canary is one of them only
// while a recipient is pending or accepted: a missing mailbox proves by itself
// that the domain does check.
func (r *run) pending() []int {
	var left []int
	for i := range r.items {
		if !r.final[i] && !(r.isCanary(i) && len(left) == 0 && r.accepted == 0 && !r.vague()) {
			left = append(left, i)
		}
	}
	return left
}

func (r *run) isCanary(i int) bool { return len(r.b.Recipients) > 0 && i == len(r.b.Recipients) }

// pointless reports whether asking for the item can teach nothing any more.
func (r *run) pointless(i int) bool {
	for _, left := range r.pending() {
		if left == i {
			return false
		}
	}
	return true
}

// settle gives an item its answer.
func (r *run) settle(i int, a Answer) {
	r.answer[i], r.final[i] = a, true
	r.settled++
	if a.Accepted() && !r.isCanary(i) {
		r.accepted++
	}
	if !r.isCanary(i) && a.Stage == reply.Rcpt {
		r.seen.Asked++
		if a.Class == reply.MailboxNotFound {
			r.seen.Missing++
		}
	}
	r.note(a)
}

// fall notes what an unanswered item would be reported as. A server's word is
// not replaced by a mere failure to reach one.
func (r *run) fall(i int, a Answer) {
	r.note(a)
	if r.answer[i].Code == 0 || a.Code != 0 {
		r.answer[i] = a
	}
}

func (r *run) fallAll(a Answer) {
	for _, i := range r.pending() {
		r.fall(i, a)
	}
}

// noteTLS remembers that the exchanger demands TLS in a session that has none.
func (r *run) noteTLS(a Answer, s *session) bool {
	if a.Class != reply.TLSRequired || s.contact.TLS != "" {
		return false
	}
	r.needTLS = true
	return true
}

// note takes from an answer what the operator's pace depends on.
func (r *run) note(a Answer) {
	r.seen.RateLimited = r.seen.RateLimited || a.Class == reply.RateLimited && !a.meaning.Split
	r.seen.TimedOut = r.seen.TimedOut || a.Class == reply.Timeout
	r.seen.Refused = r.seen.Refused || a.meaning.Listed || a.Stage == reply.Greeting && a.Code == 421
	r.seen.DomainRefused = r.seen.DomainRefused || a.meaning.DomainOnly
}

// report gives the permit back with what the session showed.
func (r *run) report(ctx context.Context, permit pace.Permit) {
	// It must be written although the caller's time is over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	trust, err := permit.Done(ctx, r.seen)
	if err != nil {
		r.p.cfg.Log.LogAttrs(ctx, slog.LevelError, "session report lost", slog.String("error", err.Error()))
	}
	r.result.HoldNotFound = r.result.HoldNotFound || trust.HoldNotFound
}
