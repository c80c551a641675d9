package smtpprobe

import (
	"strconv"
	"strings"

	"rcpt/internal/reply"
)

type verb int

const (
	rset verb = iota
	mail
	rcpt
	quit
)

// step is one command of a group. item is the index of its recipient.
type step struct {
	verb verb
	line string
	item int
}

// groupOctets keeps one write below what a peer's receive window surely holds,
// so that writing never blocks on replies nobody reads yet (RFC 2920 §3.1).
const groupOctets = 4 << 10

// plan lays out the next write: transactions over the first of the pending
// items, RSET between them, QUIT behind the last when nothing will be left.
// Real recipients stand first and the canary last: a refused canary can end a
// session and would take the answers behind it along.
func (r *run) plan(s *session, pending []int, fresh bool) []step {
	perTx := r.perTransaction(s)
	var steps []step
	size, taken := 0, 0
	add := func(st step) {
		steps = append(steps, st)
		size += len(st.line) + 2
	}
	for taken < len(pending) && taken < r.p.cfg.Limits.Recipients+1 && size < groupOctets-2*maxCommand {
		tx := pending[taken:min(len(pending), taken+perTx)]
		if !fresh {
			add(step{verb: rset, line: "RSET"})
		}
		fresh = false
		add(step{verb: mail, line: r.mailCommand(tx)})
		for _, i := range tx {
			if size > groupOctets-maxCommand {
				return steps
			}
			add(step{verb: rcpt, line: "RCPT TO:<" + r.items[i].String() + ">", item: i})
			taken++
		}
	}
	if taken == len(pending) {
		add(step{verb: quit, line: "QUIT"})
	}
	return steps
}

// maxCommand is the longest command we send: RCPT TO:<254 octets>.
const maxCommand = 300

// mailCommand declares SMTPUTF8 when a recipient of the transaction needs it
// (RFC 6531 §3.4).
func (r *run) mailCommand(tx []int) string {
	command := "MAIL FROM:<" + r.p.cfg.MailFrom + ">"
	for _, i := range tx {
		if r.items[i].NeedsSMTPUTF8() {
			return command + " SMTPUTF8"
		}
	}
	return command
}

// perTransaction is how many recipients the exchanger takes at once: what it
// announces (RFC 9422), what it showed by refusing more, what its operator is
// known for.
func (r *run) perTransaction(s *session) int {
	n := min(r.p.cfg.Limits.Recipients+1, r.perTx)
	for _, limit := range strings.Fields(s.ext["LIMITS"]) {
		if value, ok := strings.CutPrefix(limit, "RCPTMAX="); ok {
			if most, err := strconv.Atoi(value); err == nil && most > 0 {
				n = min(n, most)
			}
		}
	}
	switch {
	case strings.HasSuffix(s.host, ".olc.protection.outlook.com"): // recipients of two regions in one transaction are refused
		n = 1
	case strings.Contains(s.banner, "Microsoft ESMTP MAIL Service") && !strings.HasSuffix(s.host, ".mail.protection.outlook.com"):
		n = min(n, 2) // on premises every refused recipient costs five seconds
	}
	return n
}

// talk asks for everything pending, group by group, until the session ends or
// its budgets do.
func (r *run) talk(s *session) {
	defer s.close()
	r.refuseUTF8(s)
	refused := 0
	for groups := 0; groups <= r.p.cfg.Limits.Groups; groups++ {
		pending := r.pending()
		if len(pending) == 0 || refused >= r.p.cfg.Limits.Refused {
			return
		}
		x := exchange{run: r, s: s, steps: r.plan(s, pending, groups == 0)}
		if over := x.do(); over {
			return
		}
		refused += x.refused
		if r.needTLS {
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
	for _, i := range r.pending() {
		if r.items[i].NeedsSMTPUTF8() {
			r.settle(i, Answer{Class: reply.SMTPUTF8Required, Stage: reply.Ehlo, Host: s.host})
		}
	}
}

// exchange is one group on its way: its steps, and what MAIL's answer means
// for the recipients behind it.
type exchange struct {
	run     *run
	s       *session
	steps   []step
	refusal *Answer // of the transaction's MAIL
	taken   int     // recipients the transaction accepted
	refused int     // RCPT replies that were refusals
}

// do sends the steps and reads their replies in order. It reports whether the
// session is over.
func (x *exchange) do() (over bool) {
	pipelined := x.s.offers("PIPELINING")
	if pipelined {
		var all strings.Builder
		for _, st := range x.steps {
			all.WriteString(st.line)
			all.WriteString("\r\n")
		}
		x.s.quit = x.steps[len(x.steps)-1].verb == quit
		if err := x.s.send(all.String()); err != nil {
			x.lost(0, x.s.failed(err, reply.Mail))
			return true
		}
	}
	for i, st := range x.steps {
		if st.verb == quit {
			return true // said, or about to be said by close; never waited for
		}
		if !pipelined && !x.needed(st) {
			continue
		}
		if over := x.step(i, st, pipelined); over {
			return true
		}
	}
	return false
}

// needed reports whether a command still has a purpose when they go one by one.
func (x *exchange) needed(st step) bool {
	return st.verb != rcpt || x.refusal == nil && x.refused < x.run.p.cfg.Limits.Refused && !x.run.pointless(st.item)
}

func (x *exchange) step(i int, st step, pipelined bool) (over bool) {
	stage := reply.Rcpt
	if st.verb != rcpt {
		stage = reply.Mail
	}
	if !pipelined {
		if err := x.s.send(st.line + "\r\n"); err != nil {
			x.lost(i, x.s.failed(err, stage))
			return true
		}
	}
	lines, err := x.s.read()
	if err != nil {
		x.s.quit = x.s.quit || !pipelined // an answer is still due
		x.lost(i, x.s.failed(err, stage))
		return true
	}
	r, _ := reply.Parse(lines)
	if r.Code == 421 { // the session is over, whatever the command was (RFC 5321 §3.8)
		x.lost(i, x.s.answer(r, stage, x.recipient(st)))
		return true
	}
	switch st.verb {
	case mail:
		x.mailAnswered(i, r)
	case rcpt:
		x.rcptAnswered(st, r)
	}
	return false
}

func (x *exchange) recipient(st step) string {
	if st.verb != rcpt {
		return ""
	}
	return x.run.items[st.item].String()
}

func (x *exchange) mailAnswered(i int, r reply.Reply) {
	x.refusal, x.taken = nil, 0
	if r.Code/100 == 2 {
		return
	}
	a := x.s.answer(r, reply.Mail, "")
	x.refusal = &a
	if x.run.noteTLS(a, x.s) {
		return
	}
	// The replies to the RCPTs behind it mean nothing: the refusal of our
	// sender stands for all of them.
	for _, behind := range x.steps[i+1:] {
		if behind.verb == mail {
			return
		}
		if behind.verb == rcpt {
			x.run.settle(behind.item, a)
		}
	}
}

func (x *exchange) rcptAnswered(st step, r reply.Reply) {
	if x.refusal != nil {
		return
	}
	a := x.s.answer(r, reply.Rcpt, x.recipient(st))
	if !a.Accepted() {
		x.refused++
	}
	switch {
	case a.Accepted():
		x.taken++
		x.run.settle(st.item, a)
	case x.run.noteTLS(a, x.s), a.Class == reply.RelayDenied:
		x.run.fall(st.item, a) // another way or another exchanger may answer
	case a.meaning.Split && x.taken > 0:
		x.run.perTx = min(x.run.perTx, x.taken)
		x.run.fall(st.item, a)
	default:
		x.run.settle(st.item, a)
	}
}

// lost leaves everything from step i on unasked: a hang-up or a 421 in the
// middle is never a verdict about the addresses after it.
func (x *exchange) lost(i int, a Answer) {
	for _, st := range x.steps[i:] {
		if st.verb == rcpt {
			x.run.fall(st.item, a)
		}
	}
}
