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
//	probe.go     Probe: what to ask, under which limits
//	route.go     exchangers, addresses, sessions: where to ask next, when to stop
//	item.go      the mailboxes: which are pending, what each is reported as
//	session.go   one connection: greeting, EHLO, replies, QUIT
//	tls.go       STARTTLS (RFC 3207)
//	group.go     what one write holds
//	exchange.go  what its replies mean
//	order.go     whether replies stand behind the commands they are read for
//	wire.go      reply lines under caps
//
// The package reports what it saw and concludes nothing: whether an accepted
// recipient exists is decided in package verify, from the answer and the
// canary's. DATA, VRFY and EXPN are never sent. Left out: the null sender as a
// second try where our sender is refused.
package smtpprobe

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
)

// Limits are the budgets of a probe. Times are RFC 5321 §4.5.3.2's cut down to
// what a waiting person bears.
type Limits struct {
	Connect  time.Duration
	Greeting time.Duration // from connect to the complete banner
	Reply    time.Duration // for each later reply
	Session  time.Duration

	Recipients int // per write, the canary aside
	Refused    int // RCPTs per session; only its first write, sent before anything is known, may exceed it
	Groups     int // RSETs per session
	Sessions   int // per exchanger address and probe
	Hosts      int // exchangers connected to
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
// dialogue: an argument may neither end its line or its path nor start a
// second argument.
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

// commandSafe reports whether a text can be the argument of a command as it
// stands: printable ASCII without spaces or angle brackets, no longer than an
// address may be (RFC 5321 §4.5.3.1.3).
func commandSafe(arg string) bool {
	for i := range len(arg) {
		if c := arg[i]; c <= ' ' || c >= 0x7f || c == '<' || c == '>' {
			return false
		}
	}
	return len(arg) <= 254
}

// Batch is what to ask: recipients of one domain and where its mail goes.
// Recipients that SMTP has no room for (address.Address.TooLong) are not asked:
// their class is reply.ProtocolError, without a stage.
type Batch struct {
	Domain     string
	Hosts      []mx.Host // in the order to try
	Recipients []address.Address
	Canary     address.Address // zero: do not ask
	TLS        bool            // the domain demanded STARTTLS before
	Wait       time.Duration   // longest wait for the operator's leave to start a session; 0: as long as ctx allows
}

// Probe asks until every recipient is answered, the exchangers or the budgets
// are used up, or ctx ends. It never fails: what could not be learned is in the
// answers' classes. An answer is final; asked again is only who was left
// unanswered, refused for want of TLS or of fewer recipients at once, or
// refused by a host that does not serve the domain.
//
// When ctx's deadline comes in the middle, answers that arrived stand, mailboxes
// that were asked for have class reply.Timeout and the others NotAsked.
func (p *Prober) Probe(ctx context.Context, b Batch) Result {
	return p.ProbeAll(ctx, []Batch{b})[0]
}

// ProbeAll asks for several domains whose mail goes to the same exchangers, in
// shared sessions: each domain has transactions of its own, several of which
// leave in one write as far as the budgets go. The hosts and the wait are those
// of the first batch; a session begins with STARTTLS if any domain demanded it.
// It returns a result for each batch, in their order; a connection is listed
// with the domains that were named in it, or that it was made for in vain.
func (p *Prober) ProbeAll(ctx context.Context, batches []Batch) []Result {
	if len(batches) == 0 {
		return nil
	}
	r := newRun(p, batches...)
	hosts, tried := batches[0].Hosts, 0
	for i, host := range hosts {
		if tried == p.cfg.Limits.Hosts || len(r.pending()) == 0 || ended(ctx) {
			break
		}
		contacts := r.contacts
		others := i+1 < len(hosts) && tried+1 < p.cfg.Limits.Hosts
		if next := r.host(ctx, host.Name, others); !next {
			break
		}
		if r.contacts > contacts { // a host without a usable address costs nothing
			tried++
		}
	}
	return r.finish()
}

// ended reports whether the caller's time is over. A connection's deadline and
// the context's own timer fire in either order.
func ended(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

func newRun(p *Prober, batches ...Batch) *run {
	r := &run{p: p, perTx: p.cfg.Limits.Recipients + 1, perSession: p.cfg.Limits.Groups + 1}
	for _, b := range batches {
		r.parts = append(r.parts, newPart(b))
		r.useTLS = r.useTLS || b.TLS
		r.wait = batches[0].Wait
	}
	return r
}

func newPart(b Batch) *part {
	pt := &part{b: b, items: make([]*item, 0, len(b.Recipients)+1)}
	for _, recipient := range b.Recipients {
		it := &item{Address: recipient, of: pt, answer: Answer{Class: NotAsked}}
		if recipient.TooLong() || recipient.IsEmpty() {
			it.answer.Class, it.final = reply.ProtocolError, true
		}
		pt.items = append(pt.items, it)
	}
	if !b.Canary.IsEmpty() {
		pt.items = append(pt.items, &item{Address: b.Canary, of: pt, canary: true, answer: Answer{Class: NotAsked}})
	}
	return pt
}

func (r *run) finish() []Result {
	results := make([]Result, 0, len(r.parts))
	for _, pt := range r.parts {
		pt.result.TLSDemanded = r.tlsDemanded
		for _, it := range pt.items {
			switch {
			case !it.canary:
				pt.result.Answers = append(pt.result.Answers, it.answer)
			case it.answer.Class != NotAsked:
				pt.result.Canary = it.answer
			}
		}
		results = append(results, pt.result)
	}
	return results
}
