package verify

import (
	"slices"
	"strconv"
	"strings"

	"rcpt/internal/mx"
)

// Recipients of one write of a session and transactions of one session
// (smtp-probing.md §10), and the most that one errand brings: an operator with
// much to answer is asked in few long sessions.
const (
	perWrite   = 10
	perSession = 6
	perErrand  = 40
)

// schedule decides whom to ask next. It is the plain state of one VerifyAll,
// without locks, clocks or goroutines.
//
// Mailboxes of one domain wait together; domains with the same exchangers stand
// in one lane and may share sessions; the lanes of one operator share its few
// sessions. The operator with the most to do for each of its sessions goes
// first: it is the one that everybody will wait for at the end.
type schedule struct {
	flow      Flow
	operators map[string]*operator
	lanes     map[string]*lane
	ready     operators // those that may be asked now
	held      []*operator
	running   int // errands under way
}

// domain is what is asked of one domain.
type domain struct {
	id       domainID
	facts    domainFacts
	known    CatchAll // as far as this stream may rely on it
	readable bool     // the cache holds no other facts unseen
	answer   mx.Answer
	routed   bool

	waiting  []*job
	reserved int  // mailboxes that are counted at the operator before they wait there
	flying   int  // mailboxes asked for now
	scouting bool // the canary is on its way; until it is back nobody else is asked for
	queued   bool // stands in its lane
	lane     *lane
}

// domainID tells apart who asks for what is known and who wants it anew.
type domainID struct {
	name  string
	fresh bool
}

// lane holds the domains whose mail goes to the same exchangers in the same
// order.
type lane struct {
	key      string
	operator *operator
	hosts    []mx.Host
	queue    []*domain
	waiting  int  // mailboxes of the queue
	full     bool // stands among the operator's full lanes
	listed   bool // stands among its lanes
	domains  int  // that use it
}

// errand is what one worker asks: some domains of one lane.
type errand struct {
	lane  *lane
	parts []errandPart
}

type errandPart struct {
	domain *domain
	jobs   []*job
}

func newSchedule(f Flow) *schedule {
	return &schedule{flow: f, operators: make(map[string]*operator), lanes: make(map[string]*lane)}
}

// assign chooses the lane of a domain whose route is known. Of exchangers of
// equal preference it takes the one whose operator has the least to do.
func (s *schedule) assign(d *domain) {
	hosts := d.answer.Hosts
	best := 0
	for i, host := range hosts {
		if host.Preference == hosts[0].Preference && s.pressure(host.Name) < s.pressure(hosts[best].Name) {
			best = i
		}
	}
	hosts[0], hosts[best] = hosts[best], hosts[0]
	var key strings.Builder
	for _, host := range hosts {
		key.WriteString(host.Name)
		key.WriteByte(' ')
		key.WriteString(strconv.Itoa(int(host.Preference)))
		key.WriteByte('\n')
	}
	d.lane = s.lanes[key.String()]
	if d.lane == nil {
		d.lane = &lane{key: key.String(), operator: s.operator(hosts[0].Name), hosts: hosts}
		d.lane.operator.lanes++
		s.lanes[d.lane.key] = d.lane
	}
	d.lane.domains++
	d.reserved = len(d.waiting)
	d.lane.operator.load += d.reserved
	s.update(d.lane.operator)
}

// settleIn ends the reservation: from now on the domain's mailboxes count by
// themselves.
func (s *schedule) settleIn(d *domain) {
	if d.lane != nil {
		d.lane.operator.load -= d.reserved
		d.reserved = 0
		s.update(d.lane.operator)
	}
}

// pressure is what the operator of a host has to do for each of its sessions.
func (s *schedule) pressure(host string) float64 {
	name, _ := s.flow.Operator(host)
	if op := s.operators[name]; op != nil {
		return op.pressure()
	}
	return 0
}

func (s *schedule) operator(host string) *operator {
	name, sessions := s.flow.Operator(host)
	op := s.operators[name]
	if op == nil {
		op = &operator{name: name, sessions: max(1, sessions), place: -1}
		s.operators[name] = op
	}
	return op
}

// queue lets some more mailboxes of a domain wait.
func (s *schedule) queue(d *domain, jobs ...*job) {
	d.waiting = append(d.waiting, jobs...)
	d.lane.operator.load += len(jobs)
	if d.queued {
		s.wait(d.lane, len(jobs))
	}
	s.enqueue(d)
	s.update(d.lane.operator)
}

// enqueue puts a domain into its lane, unless it stands there or may not be
// asked now.
func (s *schedule) enqueue(d *domain) {
	if d.queued || d.scouting || len(d.waiting) == 0 {
		return
	}
	d.queued = true
	d.lane.queue = append(d.lane.queue, d)
	s.wait(d.lane, len(d.waiting))
}

func (s *schedule) wait(l *lane, n int) {
	op := l.operator
	l.waiting += n
	op.waiting += n
	op.list(l)
	s.update(op)
}

// list puts a lane among the operator's, once. A partial one that fills up moves;
// what is left of it among the partial ones is skipped there.
func (op *operator) list(l *lane) {
	switch {
	case l.waiting >= perWrite && !l.full:
		l.full, l.listed = true, true
		op.full = append(op.full, l)
	case l.waiting > 0 && !l.listed:
		l.listed = true
		op.partial = append(op.partial, l)
	}
}

// next takes the next errand, or nil when nobody may be asked now. While more
// mailboxes are streaming in, only what fills a write is asked.
func (s *schedule) next(growing bool) *errand {
	if len(s.ready) == 0 || s.running >= s.flow.Sessions {
		return nil
	}
	op := s.ready[0]
	if growing {
		i := slices.IndexFunc(s.ready, func(op *operator) bool { return len(op.full) > 0 })
		if i < 0 {
			return nil
		}
		op = s.ready[i]
	}
	l := op.take(growing)
	if l == nil && growing {
		return s.next(growing) // its full lanes are not full any more
	}
	if l == nil {
		return nil
	}
	e := s.load(l)
	op.running++
	s.running++
	op.list(l)
	s.update(op)
	return e
}

// take removes the first lane that has something waiting.
func (op *operator) take(growing bool) *lane {
	for len(op.full) > 0 {
		l := op.full[0]
		op.full = op.full[1:]
		l.full, l.listed = false, false
		if l.waiting > 0 {
			return l
		}
	}
	for !growing && len(op.partial) > 0 {
		l := op.partial[0]
		op.partial = op.partial[1:]
		if !l.listed || l.full {
			continue
		}
		l.listed = false
		if l.waiting > 0 {
			return l
		}
	}
	return nil
}

// load fills an errand: the first domain, and further ones that fit beside it as
// a whole. A domain not known to check its recipients is asked for one write
// with the canary; what that shows spares the rest.
func (s *schedule) load(l *lane) *errand {
	op, e := l.operator, &errand{lane: l}
	left := min(perErrand, max(perWrite, op.waiting/op.sessions)) // mailboxes
	commands := left + 1                                          // and with canaries
	parts := perSession * (left / perWrite)
	for len(l.queue) > 0 && len(e.parts) < parts {
		d := l.queue[0]
		scout := d.known != Checks
		n, cost := len(d.waiting), 0
		if scout {
			n, cost = min(n, perWrite), 1
		}
		if len(e.parts) > 0 && (n > left || n+cost > commands) {
			break
		}
		n = min(n, left)
		l.queue[0], l.queue = nil, l.queue[1:]
		s.wait(l, -len(d.waiting))
		d.queued = false
		if n == 0 {
			continue // dropped meanwhile
		}
		e.parts = append(e.parts, errandPart{domain: d, jobs: d.waiting[:n:n]})
		d.waiting = d.waiting[n:]
		d.flying += n
		d.scouting = scout
		left, commands = left-n, commands-n-cost
		s.enqueue(d)
	}
	return e
}

// done takes an errand off the schedule.
func (s *schedule) done(e *errand) {
	op := e.lane.operator
	s.running--
	op.running--
	for _, p := range e.parts {
		p.domain.flying -= len(p.jobs)
		p.domain.scouting = false
		op.load -= len(p.jobs)
	}
	s.update(op)
}

// drop takes waiting mailboxes of a domain off the schedule.
func (s *schedule) drop(d *domain) []*job {
	jobs := d.waiting
	d.waiting = nil
	if d.lane != nil {
		d.lane.operator.load -= len(jobs)
		if d.queued {
			d.lane.waiting -= len(jobs)
			d.lane.operator.waiting -= len(jobs)
		}
		s.update(d.lane.operator)
	}
	return jobs
}

// remove forgets a domain, and with the last one its lane and its operator.
func (s *schedule) remove(d *domain) {
	l := d.lane
	if l == nil {
		return
	}
	if l.domains--; l.domains > 0 {
		return
	}
	delete(s.lanes, l.key)
	if l.operator.lanes--; l.operator.lanes == 0 && l.operator.until.IsZero() {
		delete(s.operators, l.operator.name)
	}
}
