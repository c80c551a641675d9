// Package verify answers whether mail to an address will arrive.
//
// The way of one address: Verify below, straight down. Each step adds what it
// saw to Evidence and judges nothing; an early exit means that no later step
// can change the verdict.
//
//	syntax    address.Parse: RFC 5321, 6531, IDNA2008
//	lists     the key's own; disposable, free, role, relay, typo
//	overlay   what this key reported about the address, all about the domain
//	cache     evidence this key gathered before
//	route     MX, implicit MX, null MX
//	probe     RCPT over SMTP, with a canary for catch-all domains
//	vendors   paid verifiers, if the request wants them, for what stays UNKNOWN
//	decide    Decide: evidence and policy in, verdict out
//
// The cache holds evidence, never verdicts. Requests of one key for the same
// address share one probe (flight.go); nothing one key learned about a mailbox
// reaches another key, only facts about domains do (cache.go).
//
// Verify never fails and is never late: what is not known by the deadline is
// UNKNOWN with the reason why.
//
// The way of a list: VerifyAll asks the same for a stream of addresses, with few
// sessions.
//
//	many.go       VerifyAll: its bounds, its loop
//	stream.go     in: syntax, lists, overlay, cache; out: what is kept
//	crew.go       what becomes of one address of the stream
//	schedule.go   whom to ask next: domains, lanes; operators.go
//	payer.go      vendors, beside the sessions
//	together.go   what one address and many have in common
//
// Recall (recall.go) says what is known without asking anybody.
package verify

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/singleflight"

	"rcpt/internal/address"
	"rcpt/internal/lists"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/mx"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
)

// Router finds where a domain's mail goes.
type Router interface {
	Lookup(ctx context.Context, domain string) mx.Answer
}

// Prober asks exchangers about mailboxes.
type Prober interface {
	Probe(ctx context.Context, b smtpprobe.Batch) smtpprobe.Result
}

// Tenant knows the lists that a key keeps for itself.
type Tenant interface {
	Match(ctx context.Context, key, domain string) (tenant.Match, error)
}

// Config joins a Verifier to its surroundings.
type Config struct {
	Lists   *lists.Live
	Tenant  Tenant  // nil: no key has lists of its own
	Overlay Overlay // nil: nothing was ever reported
	Router  Router
	Prober  Prober
	Vendors Vendors     // nil: no paid verifier is asked
	Cache   store.Table // evidence and facts of domains; may be dropped at any time
	Secret  []byte      // keys the hashes of addresses
	Now     func() time.Time
	Log     *slog.Logger
}

// Verifier runs the pipeline. It is safe for concurrent use.
type Verifier struct {
	cfg     Config
	cache   cache
	flights singleflight.Group
}

// New returns a Verifier over its parts.
func New(cfg Config) *Verifier {
	return &Verifier{cfg: cfg, cache: cache{table: cfg.Cache, secret: cfg.Secret}}
}

// check is a request under way.
type check struct {
	Request
	table *lists.Table // taken once: another one may take its place meanwhile
}

// Verify returns the verdict on one address, at r.Deadline at the latest.
func (v *Verifier) Verify(ctx context.Context, request Request) verdict.Verdict {
	r, e := v.begin(request)
	if !r.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Deadline.Sub(v.cfg.Now()))
		defer cancel()
	}
	if e.Syntax != nil {
		return v.conclude(e, r)
	}

	v.look(ctx, r, &e)
	v.remember(ctx, r, &e)

	probing, cancel := r.probing(ctx)
	defer cancel()
	facts, known := v.recall(probing, r, &e)
	if !known {
		v.gather(probing, r, facts, &e)
	}
	v.consult(ctx, r, &e)
	return v.conclude(e, r)
}

// begin fills in what a request leaves open and reads its address.
func (v *Verifier) begin(request Request) (check, Evidence) {
	r := check{Request: request, table: v.cfg.Lists.Table()}
	if r.Mode == "" {
		r.Mode = Full
	}
	if r.Received.IsZero() {
		r.Received = v.cfg.Now()
	}
	e := Evidence{Given: r.Email, Mode: r.Mode, Gathered: v.cfg.Now()}
	info := r.table.Info()
	e.Lists.Version, e.Lists.AgeHours = info.Version, max(0, int64(e.Gathered.Sub(info.Built)/time.Hour))
	addr, err := address.Parse(r.Email)
	if !errors.As(err, &e.Syntax) {
		e.Address = addr
	}
	return r, e
}

// look asks the lists. Those of the key cost a read; without them the check goes
// on, as it does without the cache.
func (v *Verifier) look(ctx context.Context, r check, e *Evidence) {
	t, l, domain := r.table, &e.Lists, e.Address.Domain()
	l.Role = t.Role(e.Address.Local())
	if e.Address.Literal() {
		return
	}
	l.Disposable, l.Free = t.Disposable(domain), t.Free(domain)
	l.Relay, l.RelayRule = t.RelayRule(domain)
	l.Typo, l.Closed = t.Typo(domain), t.Closed(domain)
	if v.cfg.Tenant == nil {
		return
	}
	read, cancel := context.WithTimeout(ctx, readTime(ctx))
	defer cancel()
	own, err := v.cfg.Tenant.Match(read, r.Scope, domain)
	if err != nil {
		v.complain(ctx, "lists of key not readable", err)
		l.TenantLost = true
		return
	}
	l.Tenant = Own(own)
}

// cacheTime bounds a wait for the cache.
const cacheTime = time.Second

// readTime bounds a read before the probe: no more than a quarter of the
// request's time, for a table that hangs must leave room for it.
func readTime(ctx context.Context) time.Duration {
	if left := timeLeft(ctx); left != 0 {
		return min(cacheTime, left/4)
	}
	return cacheTime
}

// recall fills in evidence of the cache that answers the request, and returns
// what is known of the domain; nil if the cache cannot be read. That costs a
// probe, never an answer.
func (v *Verifier) recall(ctx context.Context, r check, e *Evidence) (facts *domainFacts, known bool) {
	left := timeLeft(ctx)
	read, cancel := context.WithTimeout(ctx, readTime(ctx))
	defer cancel()
	kept, found, err := v.cache.load(read, r.Scope, e.Address)
	if err != nil {
		v.complain(ctx, "cache not readable", err)
		return nil, false
	}
	return &found, r.adopt(kept, left, e)
}

// adopt takes kept evidence over, if it answers the request.
func (r check) adopt(kept *entry, left time.Duration, e *Evidence) bool {
	if r.Fresh || !kept.answers(r.Mode, left) {
		return false
	}
	e.Route, e.Probe, e.Gathered, e.Cached = kept.Route, kept.Probe, kept.Gathered, true
	if r.Mode == Soft {
		e.Mode = Full // evidence of a probe says more than a soft check would
	}
	r.name(e)
	return true
}

// ask finds the route and, unless the verdict is settled without, probes. What
// was learned is kept. facts is nil when the cache could not be read: then it
// is not written either, or it would lose what it holds unseen.
func (v *Verifier) ask(ctx context.Context, r check, facts *domainFacts, e *Evidence) {
	if e.Address.Literal() {
		return
	}
	budget := timeLeft(ctx)
	answer := v.cfg.Router.Lookup(ctx, e.Address.Domain())
	r.route(answer, e)
	var known domainFacts
	if facts != nil {
		known = *facts
	}
	learned := false
	if v.worthProbing(*e) {
		learned = v.probe(ctx, answer, r.Fresh, &known, e)
		e.Probe.Budget = budget
	}
	e.Gathered = v.cfg.Now()
	if facts == nil {
		return
	}
	if !learned {
		known = domainFacts{}
	}
	v.keep(ctx, r.Scope, *e, known)
}

// keep writes the cache, also when the work's time is over, but not beyond the
// time of those who wait for its result.
func (v *Verifier) keep(ctx context.Context, scope string, e Evidence, facts domainFacts) {
	until := time.Now().Add(cacheTime)
	if deadline, ok := ctx.Deadline(); ok && deadline.Add(tidyUp/2).Before(until) {
		until = deadline.Add(tidyUp / 2)
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	if err := v.cache.save(ctx, scope, e.Address, e, facts, e.Gathered); err != nil {
		v.complain(context.WithoutCancel(ctx), "cache not writable", err)
	}
}

// name looks up who stands behind the exchanger.
func (r check) name(e *Evidence) {
	e.Lists.Exchanger, e.Lists.Guarded = lists.Exchanger{}, false
	if e.Route.Host == "" {
		return // DNS named nobody; that says noMail, if anything
	}
	e.Lists.Exchanger = r.table.Exchanger(e.Route.Host)
	e.Lists.Guarded = e.Lists.Exchanger.Kind == lists.Throwaway && r.table.Guarded(e.Address.Domain())
}

// worthProbing reports whether an exchanger's answer can still change the
// verdict.
func (v *Verifier) worthProbing(e Evidence) bool {
	return e.Mode != Soft && e.Route.TakesMail() && !e.Address.TooLong() &&
		!weigh(e.Lists).holds() && !e.Trap && !e.History.Matched
}

// probe asks the exchangers and reports whether it learned something about the
// domain. A domain known to take any mailbox is not asked: its answer is known
// and would teach nothing. The canary goes along once per domain and period,
// and with every fresh request.
func (v *Verifier) probe(ctx context.Context, answer mx.Answer, fresh bool, facts *domainFacts, e *Evidence) (learned bool) {
	now := v.cfg.Now()
	known := facts.catchAll(now)
	if fresh {
		known = CatchAllUnknown
	}
	if known == TakesAny {
		e.Probe = &Probe{CatchAll: TakesAny}
		return false
	}
	result := v.cfg.Prober.Probe(ctx, v.question(answer.Hosts, *facts, known, now, e))
	return facts.take(result, known, now, e)
}

// conclude decides and stamps the answer.
func (v *Verifier) conclude(e Evidence, r check) verdict.Verdict {
	out := Decide(e, r.Policy)
	out.LatencyMS = max(0, v.cfg.Now().Sub(r.Received).Milliseconds())
	if r.Explain {
		out.Evidence = e
	}
	return out
}

// complain logs our own trouble, unless it only is that the caller's time ended.
func (v *Verifier) complain(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}
	v.cfg.Log.LogAttrs(ctx, slog.LevelError, what, slog.String("error", err.Error()))
}
