// Package verify answers whether mail to an address will arrive.
//
// The way of one address: Verify below, straight down. Each step adds what it
// saw to Evidence and judges nothing; an early exit means that no later step
// can change the verdict.
//
//	syntax    address.Parse: RFC 5321, 6531, IDNA2008
//	lists     disposable, free, role, relay, typo
//	cache     evidence this key gathered before
//	route     MX, implicit MX, null MX
//	probe     RCPT over SMTP, with a canary for catch-all domains
//	decide    Decide: evidence and policy in, verdict out
//
// The cache holds evidence, never verdicts. Requests of one key for the same
// address share one probe (flight.go); nothing one key learned about a mailbox
// reaches another key, only facts about domains do (cache.go).
//
// Verify never fails and is never late: what is not known by the deadline is
// UNKNOWN with the reason why.
package verify

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/singleflight"

	"rcpt/internal/address"
	"rcpt/internal/lists"
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

// Config joins a Verifier to its surroundings.
type Config struct {
	Lists  *lists.Table
	Router Router
	Prober Prober
	Cache  store.Table // evidence and facts of domains; may be dropped at any time
	Secret []byte      // keys the hashes of addresses
	Now    func() time.Time
	Log    *slog.Logger
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

// Verify returns the verdict on one address, at r.Deadline at the latest.
func (v *Verifier) Verify(ctx context.Context, r Request) verdict.Verdict {
	if r.Mode == "" {
		r.Mode = Full
	}
	if r.Received.IsZero() {
		r.Received = v.cfg.Now()
	}
	if !r.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Deadline.Sub(v.cfg.Now()))
		defer cancel()
	}
	e := Evidence{Given: r.Email, Mode: r.Mode, Gathered: v.cfg.Now()}

	addr, err := address.Parse(r.Email)
	if errors.As(err, &e.Syntax) {
		return v.conclude(e, r)
	}
	e.Address = addr

	e.Lists = v.look(addr)

	facts, known := v.recall(ctx, r, &e)
	if known {
		return v.conclude(e, r)
	}
	v.gather(ctx, r, facts, &e)
	return v.conclude(e, r)
}

// look asks the lists.
func (v *Verifier) look(a address.Address) Lists {
	t := v.cfg.Lists
	l := Lists{
		Disposable: t.Disposable(a.Domain()), Free: t.Free(a.Domain()), Relay: t.Relay(a.Domain()),
		Role: t.Role(a.Local()), Version: t.Info().Version,
	}
	if domain, ok := t.Suggest(a.Domain()); ok {
		l.Suggestion = a.Local() + "@" + domain
	}
	return l
}

// cacheTime bounds a wait for the cache. A read gets no more than a quarter of
// the request's time besides: a table that hangs must leave room for the probe.
const cacheTime = time.Second

// recall fills in evidence of the cache that answers the request, and returns
// what is known of the domain; nil if the cache cannot be read. That costs a
// probe, never an answer.
func (v *Verifier) recall(ctx context.Context, r Request, e *Evidence) (facts *domainFacts, known bool) {
	left := timeLeft(ctx)
	wait := cacheTime
	if left != 0 {
		wait = min(wait, left/4)
	}
	look, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	kept, found, err := v.cache.load(look, r.Scope, e.Address)
	if err != nil {
		v.complain(ctx, "cache not readable", err)
		return nil, false
	}
	if r.Fresh || !kept.answers(r.Mode, left) {
		return &found, false
	}
	e.Route, e.Probe, e.Gathered, e.Cached = kept.Route, kept.Probe, kept.Gathered, true
	if r.Mode == Soft {
		e.Mode = Full // evidence of a probe says more than a soft check would
	}
	v.name(e)
	return &found, true
}

// ask finds the route and, unless the verdict is settled without, probes. What
// was learned is kept. facts is nil when the cache could not be read: then it
// is not written either, or it would lose what it holds unseen.
func (v *Verifier) ask(ctx context.Context, r Request, facts *domainFacts, e *Evidence) {
	if e.Address.Literal() {
		return
	}
	budget := timeLeft(ctx)
	answer := v.cfg.Router.Lookup(ctx, e.Address.Domain())
	e.Route = Route{Status: answer.Status, Detail: answer.Detail}
	if len(answer.Hosts) > 0 {
		e.Route.Host = answer.Hosts[0].Name
	}
	v.name(e)
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

// name looks up who hosts the mailbox, by the exchanger's name.
func (v *Verifier) name(e *Evidence) {
	e.Lists.Provider = v.cfg.Lists.Provider(e.Route.Host)
}

// worthProbing reports whether an exchanger's answer can still change the
// verdict.
func (v *Verifier) worthProbing(e Evidence) bool {
	return e.Mode != Soft && e.Route.TakesMail() && !e.Address.TooLong() &&
		!e.Lists.Disposable.Listed() && !e.Trap && !e.History.Matched
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
	batch := smtpprobe.Batch{
		Domain: e.Address.Domain(), Hosts: answer.Hosts, Recipients: []address.Address{e.Address}, TLS: facts.TLSUntil.After(now),
	}
	if known != Checks {
		batch.Canary = v.cache.canary(e.Address, now)
	}
	result := v.cfg.Prober.Probe(ctx, batch)
	e.Probe = &Probe{
		Answer: result.Answers[0], Canary: result.Canary, Control: result.Control, CatchAll: known,
		HoldNotFound: result.HoldNotFound, Contacts: result.Contacts,
	}
	return facts.learn(*e.Probe, result.TLSDemanded, now)
}

// conclude decides and stamps the answer.
func (v *Verifier) conclude(e Evidence, r Request) verdict.Verdict {
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
