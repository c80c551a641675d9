package smtpprobe

import (
	"strings"
	"time"

	"rcpt/internal/reply"
)

// talk asks for everything pending, group by group, until the session ends or
// its budgets do. Every group spends a transaction, of which there are few.
func (r *run) talk(s *session) {
	defer s.close()
	r.refuseUTF8(s)
	for {
		x := exchange{run: r, s: s, steps: r.plan(s)}
		if len(x.steps) == 0 {
			return
		}
		if x.do(); x.over || r.tally.needTLS || r.tally.stop {
			return
		}
	}
}

// refuseUTF8 settles recipients that an exchanger without SMTPUTF8 cannot be
// asked for (RFC 6531 §3.5).
func (r *run) refuseUTF8(s *session) {
	if s.offers("SMTPUTF8") {
		return
	}
	for _, it := range r.pending() {
		if it.NeedsSMTPUTF8() {
			r.settle(it, Answer{Class: reply.SMTPUTF8Required, Stage: reply.Ehlo, Host: s.host})
		}
	}
}

// exchange is one group on its way.
type exchange struct {
	run   *run
	s     *session
	steps []step

	// Of the current transaction:
	refusal  *Answer // of its MAIL
	answered int     // its RCPTs that got an answer of their own
	full     bool    // it takes no more recipients

	refused bool // the reply before was a refused RCPT

	over   bool // the session has no use any more
	adrift bool // RSET was refused: what follows stands in a transaction that should be over
}

// do sends the steps and judges their replies: all in one write where
// pipelining is offered, else one by one, leaving out what has become
// pointless.
func (x *exchange) do() {
	for _, pt := range x.run.parts {
		pt.denied, pt.served = nil, false
	}
	if x.s.offers("PIPELINING") {
		x.converse(0, len(x.steps))
	} else {
		for i := range x.steps {
			if x.over || x.run.tally.stop {
				break
			}
			if x.needed(x.steps[i]) {
				x.converse(i, i+1)
			}
		}
	}
	for _, it := range x.run.pending() {
		switch {
		case x.refusal != nil && x.s.mailed == 0 && !x.run.tally.needTLS:
			x.run.settle(it, *x.refusal) // the refusal of our sender stands for whoever was still to be asked
		case it.of.denied != nil && !it.of.served:
			x.sendAway(it, *it.of.denied) // and so does that to relay for the domain
		}
	}
}

// needed reports whether a command still has a purpose.
func (x *exchange) needed(st step) bool {
	return st.verb != rcpt ||
		x.refusal == nil && !x.full && x.s.refused < x.run.p.cfg.Limits.Refused && x.run.isPending(st.item)
}

// converse writes some steps at once, reads their replies in order and only
// then judges them: a reply too many shows that every one may be another
// command's.
func (x *exchange) converse(from, to int) {
	steps := x.steps[from:to]
	replies, err := x.s.trade(steps)
	if x.run.outOfStep(steps, replies) {
		replies, err = nil, errMalformed
	}
	x.over = x.over || steps[len(steps)-1].verb == quit
	for i, r := range replies {
		if r.Code == 421 { // the session is over, whatever the command was (RFC 5321 §3.8)
			x.closed(steps[i:], r)
			return
		}
		if !x.adrift {
			x.judge(from+i, r)
		}
	}
	if err != nil {
		unanswered := steps[len(replies):]
		x.lost(unanswered, x.s.failed(err, unanswered[0].stage()))
	}
}

// trade sends steps and returns the replies that came, up to a 421. QUIT's is
// not waited for, unless it tells whether the others are in step.
func (s *session) trade(steps []step) ([]reply.Reply, error) {
	var all strings.Builder
	for _, st := range steps {
		all.WriteString(st.line)
		all.WriteString("\r\n")
		if st.verb == mail {
			s.mails++
		}
	}
	if err := s.send(all.String(), len(steps)); err != nil {
		return nil, err
	}
	quits := steps[len(steps)-1].verb == quit
	s.silent = s.silent || quits
	var replies []reply.Reply
	for _, st := range steps {
		if st.verb == quit {
			break
		}
		lines, err := s.read()
		if err != nil {
			return replies, err
		}
		r, _ := reply.Parse(lines)
		replies = append(replies, r)
		if r.Code == 421 {
			return replies, nil
		}
	}
	if quits && mixed(steps, replies) {
		if err := s.closing(); err != nil {
			return nil, err
		}
	}
	if code := s.ahead(); code != "" && code != "421" && !(quits && code[0] == '2') {
		return nil, errMalformed
	}
	return replies, nil
}

func (x *exchange) judge(i int, r reply.Reply) {
	switch st := x.steps[i]; st.verb {
	case rset:
		if r.Code/100 != 2 {
			x.run.perSession = max(1, min(x.run.perSession, x.s.mailed))
			x.over, x.adrift = true, true
		}
	case mail:
		x.mailAnswered(i, r)
	case rcpt:
		x.rcptAnswered(st, r)
	}
}

// mailAnswered opens a transaction, or gives all its recipients the refusal of
// our sender; the replies to their RCPTs mean nothing then. Where the session
// has had a transaction, the refusal is about its length: the next session
// goes on.
func (x *exchange) mailAnswered(i int, r reply.Reply) {
	x.refusal, x.answered, x.full, x.refused = nil, 0, false, false
	if r.Code == 250 {
		x.s.mailed++
		return
	}
	a := x.s.answer(r, reply.Mail, "")
	x.refusal = &a
	again := x.run.noteTLS(a, x.s)
	if x.s.mailed > 0 {
		x.run.perSession = min(x.run.perSession, x.s.mailed)
		again, x.over = true, true
	}
	for _, st := range x.steps[i+1:] {
		if st.verb != rcpt {
			break // the transaction's end
		}
		if again {
			x.run.fall(st.item, a)
		} else {
			x.run.settle(st.item, a)
		}
	}
	x.heed(a, nil)
}

func (x *exchange) rcptAnswered(st step, r reply.Reply) {
	if x.refused = r.Code/100 != 2; x.refused {
		x.s.refused++
	}
	if x.refusal != nil {
		return
	}
	a := x.s.answer(r, reply.Rcpt, st.item.String())
	switch {
	case x.answered > 0 && tooMany(a):
		x.full = true
		x.run.perTx = min(x.run.perTx, x.answered)
		x.run.tally.moved = true
		x.run.fall(st.item, a)
		return
	case x.run.noteTLS(a, x.s):
		x.run.fall(st.item, a)
	case a.Class == reply.RelayDenied:
		st.item.of.denied = &a
		x.sendAway(st.item, a)
	default:
		st.item.of.served = true
		x.run.settle(st.item, a)
	}
	x.answered++
	x.heed(a, st.item.of)
}

// tooMany reports whether a RCPT that is not its transaction's first was refused
// because it is one more: the words say so, or 452 does (RFC 5321 §4.5.3.1.10)
// and no words say anything else.
func tooMany(a Answer) bool {
	return a.meaning.Split || a.Code == 452 && a.Class == reply.TemporaryFailure && a.Enhanced != "4.3.1"
}

// sendAway leaves a mailbox to the next exchanger: this one does not serve its
// domain.
func (x *exchange) sendAway(it *item, a Answer) {
	x.run.fall(it, a)
	it.away = true
}

// heed leaves the exchanger alone once it says that we are on a list, or that
// the domain does not want us; other domains go on.
func (x *exchange) heed(a Answer, of *part) {
	switch {
	case a.meaning.Listed, a.meaning.DomainOnly && (of == nil || len(x.run.parts) == 1):
		x.run.tally.stop = true
		x.run.fallAll(a)
	case a.meaning.DomainOnly:
		x.run.shut(of, a)
	}
}

// closed ends the session on a 421 in place of the first step's reply.
func (x *exchange) closed(steps []step, r reply.Reply) {
	recipient, of := "", (*part)(nil)
	if it := steps[0].item; it != nil {
		recipient, of = it.String(), it.of
	}
	a := x.s.answer(r, steps[0].stage(), recipient)
	x.abandon(steps, a)
	if !x.run.noteTLS(a, x.s) && a.Class == reply.BlockedByPolicy {
		x.run.tally.stop = true
	}
	x.heed(a, of)
}

// lost ends the session where the first step's reply did not come. Only after
// a hang-up is it worth calling again: a server that is slow or out of step
// stays so.
func (x *exchange) lost(steps []step, a Answer) {
	x.abandon(steps, a)
	x.run.tally.lost = a.Class == ConnectionFailed
	x.run.tally.stop = x.run.tally.stop || a.Class != ConnectionFailed
}

// abandon leaves the steps unanswered: the end of a session is never a verdict
// about the addresses after it. When it is the caller's time that ended, who
// was not asked for stays so.
func (x *exchange) abandon(steps []step, a Answer) {
	x.over = true
	for _, st := range steps {
		if st.verb == rcpt {
			x.run.fall(st.item, a)
		}
	}
	if time.Now().Before(x.s.ends) && !x.s.left() {
		x.run.fallAll(a)
	}
	if steps[0].verb == rcpt && !x.refused { // many servers hang up after a refusal
		steps[0].item.struck++
	}
}
