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
// address share one probe; nothing one key learned about a mailbox reaches
// another key, only facts about domains do.
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
	cfg    Config
	cache  cache
	flight singleflight.Group
}

// New returns a Verifier over its parts.
func New(cfg Config) *Verifier {
	return &Verifier{cfg: cfg, cache: cache{table: cfg.Cache, secret: cfg.Secret}}
}

// Verify returns the verdict on one address before r.Deadline.
func (v *Verifier) Verify(ctx context.Context, r Request) verdict.Verdict {
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

// recall fills in evidence of the cache that answers the request. A cache that
// cannot be read costs a probe, never an answer.
func (v *Verifier) recall(ctx context.Context, r Request, e *Evidence) (facts domainFacts, known bool) {
	kept, facts, err := v.cache.load(ctx, r.Scope, e.Address)
	if err != nil {
		v.complain(ctx, "cache not readable", err)
		return facts, false
	}
	if r.Fresh || !kept.answers(r.Mode, r.Deadline.Sub(v.cfg.Now())) {
		return facts, false
	}
	e.Route, e.Probe, e.Gathered, e.Cached = kept.Route, kept.Probe, kept.Gathered, true
	if r.Mode == Soft {
		e.Mode = Full // evidence of a probe says more than a soft check would
	}
	v.name(e)
	return facts, true
}

// tidyUp is the part of the time that is kept back from the exchangers, so that
// what a silent one did not say still reaches the answer.
const tidyUp = 50 * time.Millisecond

// gather asks DNS and the exchangers. The work is shared by all requests of
// the key for the address and goes on when one of them leaves; a request whose
// time ends takes what is there.
func (v *Verifier) gather(ctx context.Context, r Request, facts domainFacts, e *Evidence) {
	key := r.Scope + "\x00" + string(r.Mode) + "\x00" + e.Address.String()
	for attempt := 0; ; attempt++ {
		shared := v.flight.DoChan(key, func() (any, error) {
			work, cancel := context.WithCancel(context.WithoutCancel(ctx))
			defer cancel()
			if deadline, ok := ctx.Deadline(); ok {
				var stop context.CancelFunc
				work, stop = context.WithDeadline(work, deadline.Add(-tidyUp))
				defer stop()
			}
			found := *e
			v.ask(work, r, facts, &found)
			return found, nil
		})
		select {
		case result := <-shared:
			found := result.Val.(Evidence)
			e.Route, e.Probe, e.Lost, e.Gathered, e.Lists.Provider = found.Route, found.Probe, found.Lost, found.Gathered, found.Lists.Provider
			// Somebody else's shorter deadline may have ended the work early.
			if !result.Shared || attempt > 0 || !cutShort(*e) || ctx.Err() != nil {
				return
			}
		case <-ctx.Done():
			e.Lost = LostDeadline
			return
		}
	}
}

// cutShort reports evidence that ended with time, not with an answer.
func cutShort(e Evidence) bool {
	_, reason := judge(e)
	return reason == verdict.Deadline || reason == verdict.Timeout || reason == verdict.DNSFailure
}

// ask finds the route and, unless the verdict is settled without, probes.
func (v *Verifier) ask(ctx context.Context, r Request, facts domainFacts, e *Evidence) {
	if e.Address.Literal() {
		return
	}
	answer := v.cfg.Router.Lookup(ctx, e.Address.Domain())
	e.Route = Route{Status: answer.Status, Detail: answer.Detail}
	if len(answer.Hosts) > 0 {
		e.Route.Host = answer.Hosts[0].Name
	}
	v.name(e)
	if v.worthProbing(*e) {
		v.probe(ctx, answer, r.Fresh, &facts, e)
	}
	e.Gathered = v.cfg.Now()
	// What was learned is kept although the caller's time is over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := v.cache.save(ctx, r.Scope, e.Address, *e, facts, e.Gathered); err != nil {
		v.complain(ctx, "cache not writable", err)
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

// probe asks the exchangers. A domain known to take any mailbox is not asked:
// its answer is known and would teach nothing. The canary goes along once per
// domain and period.
func (v *Verifier) probe(ctx context.Context, answer mx.Answer, fresh bool, facts *domainFacts, e *Evidence) {
	now := v.cfg.Now()
	known := facts.catchAll(now)
	if known == TakesAny && !fresh {
		e.Probe = &Probe{CatchAll: TakesAny}
		return
	}
	batch := smtpprobe.Batch{
		Domain: e.Address.Domain(), Hosts: answer.Hosts, Recipients: []address.Address{e.Address}, TLS: facts.TLSUntil.After(now),
	}
	if known != Checks {
		batch.Canary = v.cache.canary(e.Address, now)
	}
	var budget time.Duration
	if deadline, ok := ctx.Deadline(); ok {
		budget = time.Until(deadline)
	}
	result := v.cfg.Prober.Probe(ctx, batch)
	e.Probe = &Probe{
		Answer: result.Answers[0], Canary: result.Canary, Control: result.Control, CatchAll: known,
		HoldNotFound: result.HoldNotFound, Contacts: result.Contacts, Budget: budget,
	}
	facts.learn(*e.Probe, result.TLSDemanded, now)
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

func (v *Verifier) complain(ctx context.Context, what string, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return
	}
	v.cfg.Log.LogAttrs(ctx, slog.LevelError, what, slog.String("error", err.Error()))
}
