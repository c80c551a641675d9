package verify

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"sync"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
)

// Flow bounds what VerifyAll does at once. The zero value of a field stands for
// its default.
type Flow struct {
	Sessions int // with exchangers, in all; 50
	Open     int // addresses taken from the stream and not answered yet, at least 200; 10,000, some 20 MB
	Lookups  int // of domains and exchangers; 100

	// Probing is how long DNS and exchangers are asked, from the start. What is
	// left until ctx ends belongs to vendors. 0: until ctx ends.
	Probing time.Duration

	// Operator names who runs an exchanger and how many sessions that one
	// bears at once. Nil: as package pace has it.
	Operator func(host string) (name string, sessions int)
}

func (f Flow) withDefaults() Flow {
	if f.Sessions == 0 {
		f.Sessions = 50
	}
	if f.Open == 0 {
		f.Open = 10_000
	}
	f.Open = max(f.Open, 2*chunk)
	if f.Lookups == 0 {
		f.Lookups = 100
	}
	if f.Operator == nil {
		f.Operator = func(host string) (string, int) {
			name := pace.Operator(host, netip.Addr{})
			return name, pace.SessionsAtOnce(name)
		}
	}
	return f
}

// job is one address of a stream under way.
type job struct {
	check
	e     Evidence
	key   store.Key    // of the evidence
	facts *domainFacts // nil: the cache could not be read, and is not written
	at    int          // its place in the stream
	tries int
	twins []*job // the same address again; they share what is found
}

// jobID is what twins have in common. Nothing is shared between keys.
type jobID struct {
	scope, address string
	mode           Mode
	fresh          bool
	table          *lists.Table
}

func (j *job) id() jobID {
	return jobID{j.Scope, j.e.Address.String(), j.Mode, j.Fresh, j.table}
}

// VerifyAll returns the verdicts on a stream of addresses, each with its place
// in the stream, in the order in which they are found. Every request taken from
// the stream is answered once. It asks what Verify would, with the same parts
// and the same memory, but gathers the mailboxes of a domain into one session
// and the small domains of an exchanger too: smtp-probing.md §10.
//
// The deadline of all is that of ctx; Request.Deadline is not read. Vendors are
// asked beside the sessions, about ten addresses at once. When ctx
// ends, nothing more is taken, what is open is answered as far as it was found,
// else UNKNOWN, and the stream of verdicts ends. Whose exchanger was not asked for
// want of time has the reason deadline; for want of the operator's leave
// rate_limited (its pace) or probe_blocked (its breaker), with RetryAt. Memory is bounded by f, however
// long the stream is: no more is taken than can be open at once, and no more is
// asked while the caller is slow to take verdicts. requests runs in a goroutine
// of its own and should end with ctx.
func (v *Verifier) VerifyAll(ctx context.Context, requests iter.Seq[Request], f Flow) iter.Seq2[int, verdict.Verdict] {
	return func(yield func(int, verdict.Verdict) bool) {
		f := f.withDefaults()
		all, cancel := context.WithCancel(ctx)
		work, rest := all, func() {}
		if f.Probing > 0 {
			work, rest = context.WithTimeout(all, f.Probing)
		}
		defer rest()
		c := &crew{
			v: v, ctx: work, flow: f, yield: yield, plan: newSchedule(f), stop: cancel,
			domains: make(map[domainID]*domain), jobs: make(map[jobID]*job), recent: make(map[string]domainFacts),
			intake: make(chan []*job), routes: make(chan routed), reports: make(chan report), kept: make(chan finding, keepAtOnce),
			over: make(chan struct{}), payer: payer{ctx: all, paid: make(chan *job)},
		}
		defer c.hands.Wait()
		defer cancel()
		defer close(c.over) // also when yield does not return
		defer close(c.kept)
		c.hands.Go(func() { c.prepare(requests) })
		c.hands.Go(func() { v.keepAll(work, c.kept) })
		c.run()
	}
}

// crew is one VerifyAll under way. Its state belongs to the goroutine of run;
// the others look up, ask and keep for it.
type crew struct {
	v     *Verifier
	ctx   context.Context
	stop  context.CancelFunc
	flow  Flow
	yield func(int, verdict.Verdict) bool
	gone  bool // the caller wants no more verdicts

	plan    *schedule
	domains map[domainID]*domain
	jobs    map[jobID]*job         // that are open
	recent  map[string]domainFacts // learned lately; the cache may not have them yet
	open    int
	asking  []*domain // for their route, in order
	lookups int

	intake  chan []*job
	routes  chan routed
	reports chan report
	kept    chan finding
	payer   payer
	over    chan struct{} // nobody listens any more
	hands   sync.WaitGroup
}

// send passes something to the goroutine of run, as long as there is one.
func send[T any](c *crew, to chan<- T, what T) {
	select {
	case to <- what:
	case <-c.over:
	}
}

// routed is a step on the way to a domain's exchangers.
type routed struct {
	domain *domain
	answer mx.Answer
	warm   bool // the second step: the resolver has the exchanger's address
}

// report is what became of an errand.
type report struct {
	errand  *errand
	known   []CatchAll
	results []smtpprobe.Result // nil: a fault of ours
	budget  time.Duration
}

// linger is how long a stream may pause before what is there is asked without
// waiting for more of the same domains.
const linger = 100 * time.Millisecond

// run works until the stream is used up and everything answered. What fills a
// write leaves at once; the rest waits while the stream may bring more of the
// same: until it ends or pauses, or until as much is open as may be, and then
// for as long as it takes to make room.
func (c *crew) run() {
	intake, pause := c.intake, time.NewTimer(linger)
	defer pause.Stop()
	paused, crowded := false, false
	for {
		c.lookUp()
		c.payUp()
		if c.open < c.flow.Open*3/4 {
			crowded = false
		}
		wake, cancel := c.dispatch(intake != nil && !paused && !crowded)
		if c.ctx.Err() != nil || intake == nil && c.open == 0 {
			cancel()
			break
		}
		from := intake
		if c.open+chunk > c.flow.Open {
			from, crowded = nil, true
		}
		select {
		case jobs, more := <-from:
			if !more {
				intake = nil
			}
			paused = false
			pause.Reset(linger)
			for _, j := range jobs {
				c.take(j)
			}
		case r := <-c.routes:
			c.route(r)
		case r := <-c.reports:
			c.settle(r)
		case j := <-c.payer.paid:
			c.receipt(j)
		case <-pause.C:
			paused = true
		case <-wake:
		case <-c.ctx.Done():
		}
		cancel()
	}
	c.abandon(intake)
}

// abandon ends the work: those under way come back, and who waits is answered.
func (c *crew) abandon(intake <-chan []*job) {
	lost := LostDeadline
	if errors.Is(c.ctx.Err(), context.Canceled) {
		lost = LostCancelled
	}
	for intake != nil || c.plan.running > 0 || c.lookups > 0 {
		select {
		case jobs, more := <-intake:
			if !more {
				intake = nil
			}
			for _, j := range jobs {
				c.take(j)
			}
		case r := <-c.routes:
			if r.answer.Status == mx.Timeout { // it was not DNS that took too long
				c.lookups--
			} else {
				c.route(r)
			}
		case r := <-c.reports:
			c.settle(r)
		}
	}
	for _, j := range c.jobs {
		j.e.Lost = lost
		c.finish(j)
	}
	c.payOff()
}
