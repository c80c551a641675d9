package smtpprobe

import (
	"rcpt/internal/address"
	"rcpt/internal/reply"
)

// item is one mailbox to ask for.
type item struct {
	address.Address
	canary bool
	answer Answer // while not final, the best that is known
	final  bool   // it has its answer

	// Of the current exchanger:
	away   bool // it does not serve the mailbox; another one may
	struck int  // sessions that ended for no other reason where the mailbox's answer was due
}

// maxStruck is how often a session may end over one mailbox before it is given
// up. The second time it stands last and takes nobody along.
const maxStruck = 2

// pending lists the items still to be asked of the current exchanger, in order:
// recipients, the canary, and last who seems to end sessions. A refused canary
// can end one as well, and would take the answers behind it along.
func (r *run) pending() []int {
	var left, last []int
	canary := -1
	for i := range r.items {
		switch it := &r.items[i]; {
		case it.final, it.away, it.struck >= maxStruck:
		case it.canary:
			canary = i
		case it.struck > 0:
			last = append(last, i)
		default:
			left = append(left, i)
		}
	}
	if canary >= 0 && (len(left)+len(last) > 0 || r.wantsCanary()) {
		left = append(left, canary)
	}
	return append(left, last...)
}

// wantsCanary reports whether the canary can still teach something when all
// recipients have their answers: a missing mailbox proves by itself that the
// domain does check, and a refusal about us taints the canary's too.
func (r *run) wantsCanary() bool {
	if len(r.b.Recipients) == 0 || r.vague() != nil {
		return true
	}
	for i := range r.items {
		if r.items[i].answer.Accepted() {
			return true
		}
	}
	return false
}

// vague returns a recipient that got a weak refusal, or nil.
func (r *run) vague() *item {
	for i := range r.items {
		if it := &r.items[i]; it.final && !it.canary && it.answer.Weak {
			return it
		}
	}
	return nil
}

// sentAway reports whether a mailbox was refused as not this host's: a stale
// MX, so the next one may serve it.
func (r *run) sentAway() bool {
	for i := range r.items {
		if r.items[i].away && !r.items[i].final {
			return true
		}
	}
	return false
}

// isPending reports whether asking for the item can still teach something.
func (r *run) isPending(i int) bool {
	for _, left := range r.pending() {
		if left == i {
			return true
		}
	}
	return false
}

// forget clears what concerned one exchanger only.
func (r *run) forget() {
	for i := range r.items {
		r.items[i].away, r.items[i].struck = false, 0
	}
}

// settle gives an item its answer.
func (r *run) settle(i int, a Answer) {
	it := &r.items[i]
	if it.final {
		return
	}
	it.answer, it.final = a, true
	r.tally.moved = true
	r.note(a)
	if !it.canary && a.Stage == reply.Rcpt {
		r.tally.report.Asked++
		if a.Class == reply.MailboxNotFound {
			r.tally.report.Missing++
		}
	}
}

// fall notes what an item is reported as if nobody answers for it.
func (r *run) fall(i int, a Answer) {
	it := &r.items[i]
	if it.final {
		return
	}
	r.note(a)
	if weight(a) >= weight(it.answer) {
		it.answer = a
	}
}

func (r *run) fallAll(a Answer) {
	for _, i := range r.pending() {
		r.fall(i, a)
	}
}

// weight orders what an unanswered item is reported as: a server's word before
// the lack of one, before exchangers that could not be called at all. Of equal
// ones the later counts.
func weight(a Answer) int {
	switch a.Class {
	case NotAsked:
		return 0
	case Unresolvable, Unreachable:
		return 1
	case DNSFailure:
		return 2
	}
	if a.Code != 0 {
		return 4
	}
	return 3
}
