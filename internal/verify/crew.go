package verify

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/smtpprobe"
)

// take opens a job, or answers it at once when that needs nobody.
func (c *crew) take(j *job) {
	if j.settled() {
		c.say(j)
		return
	}
	c.open++
	if first := c.jobs[j.id()]; first != nil {
		first.twins = append(first.twins, j)
		return
	}
	c.jobs[j.id()] = j
	d := c.domain(j)
	if !d.routed {
		d.waiting = append(d.waiting, j)
		return
	}
	j.route(d.answer, &j.e)
	if d.lane == nil || !c.v.worthProbing(j.e) {
		c.finish(j)
		c.tidy(d)
		return
	}
	c.place(d, j)
}

// domain returns what is under way about the job's domain, begun if need be.
func (c *crew) domain(j *job) *domain {
	id := domainID{j.e.Address.Domain(), j.Fresh}
	d := c.domains[id]
	if d == nil {
		d = &domain{id: id}
		c.domains[id] = d
		c.asking = append(c.asking, d)
		d.facts = c.recent[id.name]
	}
	if j.facts != nil && !d.readable {
		d.readable = true
		if d.facts == (domainFacts{}) {
			d.facts = *j.facts
		}
	}
	if now := c.v.cfg.Now(); !id.fresh && d.known == CatchAllUnknown {
		d.known = d.facts.catchAll(now)
	}
	return d
}

// place lets jobs wait for their turn, unless the domain takes any mailbox.
func (c *crew) place(d *domain, jobs ...*job) {
	if d.known != TakesAny {
		c.plan.queue(d, jobs...)
		return
	}
	for _, j := range append(jobs, c.plan.drop(d)...) {
		j.e.Probe = &Probe{CatchAll: TakesAny}
		c.finish(j)
	}
	c.tidy(d)
}

// lookUp starts as many look-ups as may run.
func (c *crew) lookUp() {
	for len(c.asking) > 0 && c.lookups < c.flow.Lookups {
		d := c.asking[0]
		c.asking[0], c.asking = nil, c.asking[1:]
		c.lookups++
		c.hands.Go(func() {
			send(c, c.routes, routed{domain: d, answer: c.v.cfg.Router.Lookup(c.ctx, d.id.name)})
		})
	}
}

// warm has the resolver look up the exchanger that will be asked, so that no
// session waits for DNS.
func (c *crew) warm(d *domain) {
	router, ok := c.v.cfg.Router.(addresser)
	worth := slices.ContainsFunc(d.waiting, func(j *job) bool {
		j.route(d.answer, &j.e)
		return c.v.worthProbing(j.e)
	})
	if !ok || !worth || d.lane == nil || c.ctx.Err() != nil {
		c.route(routed{domain: d, warm: true})
		return
	}
	host := d.lane.hosts[0].Name
	c.hands.Go(func() {
		router.Addrs(c.ctx, host)
		send(c, c.routes, routed{domain: d, warm: true})
	})
}

// addresser is a Router that finds the addresses of exchangers too.
type addresser interface {
	Addrs(ctx context.Context, host string) mx.Addrs
}

// route gives the domain's mailboxes their route and those that are worth it
// their place.
func (c *crew) route(r routed) {
	d := r.domain
	if !r.warm {
		if d.answer = r.answer; len(d.answer.Hosts) > 0 {
			c.plan.assign(d)
		}
		c.warm(d)
		return
	}
	c.lookups--
	d.routed = true
	c.plan.settleIn(d)
	jobs, probe := d.waiting, []*job(nil)
	d.waiting = nil
	for _, j := range jobs {
		if j.route(d.answer, &j.e); d.lane != nil && c.v.worthProbing(j.e) {
			probe = append(probe, j)
		} else {
			c.finish(j)
		}
	}
	if len(probe) > 0 {
		c.place(d, probe...)
	}
	c.tidy(d)
}

// dispatch sends workers out. wake fires when an operator that is held now may
// be asked; cancel gives its timer back.
func (c *crew) dispatch(growing bool) (wake <-chan time.Time, cancel func()) {
	now := c.v.cfg.Now()
	cancel = func() {}
	if until := c.plan.release(now); !until.IsZero() {
		timer := time.NewTimer(max(until.Sub(now), time.Millisecond))
		wake, cancel = timer.C, func() { timer.Stop() }
	}
	for {
		if left := timeLeft(c.ctx); c.ctx.Err() != nil || left != 0 && left <= tidyUp {
			break
		}
		e := c.plan.next(growing)
		if e == nil {
			break
		}
		if len(e.parts) == 0 {
			c.plan.done(e)
			continue
		}
		r := report{errand: e, budget: timeLeft(c.ctx)}
		var batches []smtpprobe.Batch
		for _, p := range e.parts {
			r.known = append(r.known, p.domain.known)
			batch := c.v.question(e.lane.hosts, p.domain.facts, p.domain.known, now, p.evidence()...)
			batch.Wait = permitTime
			batches = append(batches, batch)
		}
		c.hands.Go(func() {
			r.results = c.v.probeAll(c.ctx, batches)
			send(c, c.reports, r)
		})
	}
	return wake, cancel
}

// permitTime is how long an errand may wait for the operator's leave with a
// session's place in hand; who must wait longer makes room for others.
const permitTime = 250 * time.Millisecond

func (p errandPart) evidence() []*Evidence {
	all := make([]*Evidence, len(p.jobs))
	for i, j := range p.jobs {
		all[i] = &j.e
	}
	return all
}

// probeAll asks about several domains of the same exchangers, with a little of
// the time kept back. A fault of ours is an answer too: nil.
func (v *Verifier) probeAll(ctx context.Context, batches []smtpprobe.Batch) (results []smtpprobe.Result) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-tidyUp))
		defer cancel()
	}
	defer func() {
		if fault := recover(); fault != nil {
			results = nil
			v.cfg.Log.LogAttrs(ctx, slog.LevelError, "check broke off",
				slog.Any("fault", fault), slog.String("domain", batches[0].Domain), slog.String("stack", string(debug.Stack())))
		}
	}()
	if many, ok := v.cfg.Prober.(sharer); ok {
		return many.ProbeAll(ctx, batches)
	}
	for _, b := range batches {
		results = append(results, v.cfg.Prober.Probe(ctx, b))
	}
	return results
}

// sharer is a Prober that asks about several domains in one session.
type sharer interface {
	ProbeAll(ctx context.Context, batches []smtpprobe.Batch) []smtpprobe.Result
}

// settle takes an errand's report: answers go out, what was left goes back into
// the lanes.
func (c *crew) settle(r report) {
	c.plan.done(r.errand)
	now := c.v.cfg.Now()
	for i, p := range r.errand.parts {
		if r.results == nil {
			for _, j := range p.jobs {
				j.e.Lost = LostInternal
				c.finish(j)
			}
			c.plan.enqueue(p.domain)
			c.tidy(p.domain)
			continue
		}
		d := p.domain
		learned := d.facts.take(r.results[i], r.known[i], now, p.evidence()...)
		if shown := shownBy(p.evidence()...); shown != CatchAllUnknown {
			d.known = shown
		}
		var again []*job
		for _, j := range p.jobs {
			j.e.Probe.Budget, j.e.Gathered = r.budget, now
			switch {
			case c.ctx.Err() != nil && j.e.Probe.Answer.Class == smtpprobe.NotAsked:
				j.e.Probe = nil // abandon says why
			case c.unasked(j, r.errand):
				j.e.Probe = nil
				again = append(again, j)
			default:
				c.finish(j)
			}
		}
		if learned {
			c.learn(d)
		}
		c.hush(p, r.known[i])
		if len(again) > 0 || d.known == TakesAny {
			c.place(d, again...)
		}
		c.plan.enqueue(d)
		c.tidy(d)
	}
}

// maxTries is how often a mailbox that a session did not get to is asked for.
const maxTries = 3

// unasked reports whether the job should be asked again in this stream, because
// nobody heard of its mailbox yet.
func (c *crew) unasked(j *job, e *errand) bool {
	switch a := j.e.Probe.Answer; {
	case c.ctx.Err() != nil:
	case a.Class == smtpprobe.Held && a.Why == pace.Busy:
		if deadline, limited := c.ctx.Deadline(); limited && !a.Until.Before(deadline.Add(-tidyUp)) {
			return false // it says when to come back
		}
		c.plan.hold(e.lane.operator, a.Until)
		return true
	case a.Class == smtpprobe.NotAsked:
		j.tries++
		return j.tries < maxTries
	}
	return false
}

// maxRecent bounds what is remembered of domains besides the cache.
const maxRecent = 1000

// learn keeps what a domain showed, for the mailboxes of it that are still to
// come as well.
func (c *crew) learn(d *domain) {
	if len(c.recent) >= maxRecent {
		clear(c.recent)
	}
	c.recent[d.id.name] = d.facts
	if d.readable {
		c.kept <- finding{domain: d.id.name, facts: d.facts}
	}
}

// finish answers a job and its twins, and keeps what was found.
func (c *crew) finish(j *job) {
	delete(c.jobs, j.id())
	if j.e.Gathered = c.v.cfg.Now(); j.facts != nil && j.e.Lost == "" {
		c.kept <- finding{key: j.key, e: j.e}
	}
	c.open--
	c.say(j)
	for _, twin := range j.twins {
		twin.e.Route, twin.e.Probe, twin.e.Lost = j.e.Route, j.e.Probe, j.e.Lost
		twin.e.Gathered, twin.e.Lists.Exchanger = j.e.Gathered, j.e.Lists.Exchanger
		c.open--
		c.say(twin)
	}
}

// say hands a verdict to the caller, unless vendors are to be asked before.
func (c *crew) say(j *job) {
	out := c.v.conclude(j.e, j.check)
	if c.owe(j, out) {
		return
	}
	if !c.gone && !c.yield(j.at, out) {
		c.gone = true
		c.stop()
	}
}

// tidy forgets a domain that nobody waits for.
func (c *crew) tidy(d *domain) {
	if d.routed && len(d.waiting) == 0 && d.flying == 0 && c.domains[d.id] == d {
		delete(c.domains, d.id)
		c.plan.remove(d)
	}
}
