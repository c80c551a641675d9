package smtpprobe

import (
	"slices"

	"rcpt/internal/address"
	"rcpt/internal/reply"
)

// part is one domain of a run.
type part struct {
	b      Batch
	items  []*item // the recipients, then the canary
	result Result
	shut   bool // nothing more is asked of the exchanger for this domain

	// Of the current session:
	named   bool // one of its mailboxes was
	refused bool // we were, by its own policy

	// Of the current write:
	denied *Answer // relaying was, for one of its recipients
	served bool    // others got an answer
}

// item is one mailbox to ask for.
type item struct {
	address.Address
	of     *part
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
// domain by domain recipients and canary, and last who seems to end sessions. A
// refused canary can end one as well, and would take the answers behind it
// along.
func (r *run) pending() []*item {
	var left, last []*item
	for _, pt := range r.parts {
		if !pt.shut {
			left, last = pt.pending(left, last)
		}
	}
	return append(left, last...)
}

func (pt *part) pending(left, last []*item) ([]*item, []*item) {
	var canary *item
	before := len(left) + len(last)
	for _, it := range pt.items {
		switch {
		case it.final, it.away, it.struck >= maxStruck:
		case it.canary:
			canary = it
		case it.struck > 0:
			last = append(last, it)
		default:
			left = append(left, it)
		}
	}
	if canary != nil && (len(left)+len(last) > before || pt.wantsCanary()) {
		left = append(left, canary)
	}
	return left, last
}

// wantsCanary reports whether the canary can still teach something when all
// recipients have their answers: a missing mailbox proves by itself that the
// domain does check, and a refusal about us taints the canary's too.
func (pt *part) wantsCanary() bool {
	if len(pt.b.Recipients) == 0 || pt.vague() != nil {
		return true
	}
	for _, it := range pt.items {
		if it.answer.Accepted() {
			return true
		}
	}
	return false
}

// vague returns a recipient that got a weak refusal, or nil.
func (pt *part) vague() *item {
	for _, it := range pt.items {
		if it.final && !it.canary && it.answer.Weak {
			return it
		}
	}
	return nil
}

// sentAway reports whether a mailbox was refused as not this host's: a stale
// MX, so the next one may serve it.
func (pt *part) sentAway() bool {
	for _, it := range pt.items {
		if it.away && !it.final {
			return true
		}
	}
	return false
}

// moveOn leaves to the next exchanger only the domains it was sent away for,
// and reports whether there are any.
func (r *run) moveOn() bool {
	left := false
	for _, pt := range r.parts {
		away := pt.sentAway()
		pt.shut = !away
		left = left || away
	}
	return left
}

// isPending reports whether asking for the item can still teach something.
func (r *run) isPending(it *item) bool { return slices.Contains(r.pending(), it) }

// forget clears what concerned one exchanger only.
func (r *run) forget() {
	for _, pt := range r.parts {
		for _, it := range pt.items {
			it.away, it.struck = false, 0
		}
	}
}

// settle gives an item its answer.
func (r *run) settle(it *item, a Answer) {
	if it.final {
		return
	}
	it.answer, it.final = a, true
	r.tally.moved = true
	r.note(a, it.of)
	if !it.canary && a.Stage == reply.Rcpt {
		r.tally.report.Asked++
		if a.Class == reply.MailboxNotFound {
			r.tally.report.Missing++
		}
	}
}

// fall notes what an item is reported as if nobody answers for it.
func (r *run) fall(it *item, a Answer) {
	if it.final {
		return
	}
	r.note(a, it.of)
	if weight(a) >= weight(it.answer) {
		it.answer = a
	}
}

func (r *run) fallAll(a Answer) {
	for _, it := range r.pending() {
		r.fall(it, a)
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
