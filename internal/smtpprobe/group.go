package smtpprobe

import (
	"math"
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

// step is one command of a group. item is the mailbox of a RCPT.
type step struct {
	verb verb
	line string
	item *item
}

// stage is where package reply sorts the answer in.
func (st step) stage() reply.Stage {
	if st.verb == rcpt {
		return reply.Rcpt
	}
	return reply.Mail
}

// groupOctets keeps one write below what a peer's receive window surely holds,
// so that writing never blocks on replies nobody reads yet (RFC 2920 §3.1).
const groupOctets = 4 << 10

// maxCommand is longer than any command we send; the longest is MAIL FROM with
// 254 octets of address and SMTPUTF8.
const maxCommand = 300

// group is the next write in the making.
type group struct {
	steps []step
	size  int
}

func (g *group) add(st step) {
	g.steps = append(g.steps, st)
	g.size += len(st.line) + 2
}

func (g *group) room(commands int) bool { return g.size+commands*maxCommand <= groupOctets }

// plan lays out the next write: transactions over the first of the pending
// items, RSET between them, and QUIT behind the last when the session has no
// use after it. It is empty when nothing is pending or a budget is used up.
func (r *run) plan(s *session) []step {
	pending := r.pending()
	batch := pending[:r.most(s, pending)]
	perTx, left := r.perTransaction(s), r.transactions(s)-s.mails
	if !s.offers("PIPELINING") {
		left = min(left, 1) // what is worth asking next, the answers will tell
	}
	var g group
	taken := 0
	for ; taken < len(batch) && left > 0 && g.room(4); left-- {
		tx := transaction(batch[taken:], perTx)
		if s.mails > 0 || len(g.steps) > 0 {
			g.add(step{verb: rset, line: "RSET"})
		}
		g.add(step{verb: mail, line: r.mailCommand(tx)})
		for _, it := range tx {
			if !g.room(2) {
				break
			}
			g.add(step{verb: rcpt, line: "RCPT TO:<" + it.String() + ">", item: it})
			it.of.named = true
			taken++
		}
	}
	if taken > 0 && s.offers("PIPELINING") && (taken == len(pending) || left == 0) {
		g.add(step{verb: quit, line: "QUIT"})
	}
	return g.steps
}

// most is how many of the pending items the next write may hold. A session
// that was refused nothing yet may be refused one whole write; from then on
// the budget counts what could be refused.
//
// A domain that would not fit behind others is left to the next write, so that
// its canary goes along with its recipients.
func (r *run) most(s *session, pending []*item) int {
	limits := r.p.cfg.Limits
	n, recipients := 0, 0
	for _, it := range pending {
		if !it.canary {
			recipients++
		}
		if recipients > limits.Recipients || n > limits.Recipients {
			break
		}
		n++
	}
	if s.refused > 0 {
		n = min(n, max(0, limits.Refused-s.refused))
	}
	if n == 0 || n == len(pending) {
		return n
	}
	begin := n // of the domain that is cut
	for begin > 0 && pending[begin-1].of == pending[n].of {
		begin--
	}
	switch {
	case begin > 0:
		return begin
	case n < worthAWrite, len(r.parts) > 1 && s.refused > 0 && pending[0].of.fits(limits.Recipients):
		return 0
	}
	return n
}

// worthAWrite is how many recipients a session with half-used budgets must have
// room for: what they cost in a session to come is less than a round trip here.
const worthAWrite = 3

// fits reports whether nobody of the domain was asked for yet and all of them,
// with the canary, fit into the first write of another session.
func (pt *part) fits(recipients int) bool {
	for _, it := range pt.items {
		if it.final || it.away || it.struck > 0 {
			return false
		}
	}
	return len(pt.items) <= recipients+1
}

// transaction returns the first of the items that may stand in one transaction:
// of one domain, and so many.
func transaction(items []*item, most int) []*item {
	n := 1
	for n < min(len(items), most) && items[n].of == items[0].of {
		n++
	}
	return items[:n]
}

// mailCommand declares SMTPUTF8 when a recipient of the transaction needs it
// (RFC 6531 §3.4).
func (r *run) mailCommand(tx []*item) string {
	command := "MAIL FROM:<" + r.p.cfg.MailFrom + ">"
	for _, it := range tx {
		if it.NeedsSMTPUTF8() {
			return command + " SMTPUTF8"
		}
	}
	return command
}

// perTransaction is how many recipients the exchanger takes at once: what it
// announces (RFC 9422 §4.2), what it showed by refusing more, what its operator
// is known for.
func (r *run) perTransaction(s *session) int {
	n := min(r.p.cfg.Limits.Recipients+1, r.perTx, s.limit("RCPTMAX"))
	switch {
	case strings.HasSuffix(s.host, ".olc.protection.outlook.com"): // recipients of two regions in one transaction are refused
		n = 1
	case strings.Contains(s.banner, "Microsoft ESMTP MAIL Service") && !microsoftCloud(s.host) && !microsoftCloud(firstWord(s.banner)):
		n = min(n, 2) // on premises every refused recipient costs five seconds
	}
	return n
}

// microsoftCloud reports whether an exchanger is Microsoft's own, which greets
// as the servers it sells do.
func microsoftCloud(host string) bool {
	host = strings.ToLower(host)
	return strings.HasSuffix(host, ".protection.outlook.com") || strings.HasSuffix(host, ".mx.microsoft")
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

// transactions is how many MAIL commands the session may hold: our budget, what
// the exchanger announces (RFC 9422 §4.1), what it showed.
func (r *run) transactions(s *session) int {
	return min(r.p.cfg.Limits.Groups+1, r.perSession, s.limit("MAILMAX"))
}

// limit returns a limit that EHLO's answer announces (RFC 9422), or more than
// any budget of ours.
func (s *session) limit(name string) int {
	for _, limit := range strings.Fields(s.ext["LIMITS"]) {
		key, value, _ := strings.Cut(limit, "=")
		if n, err := strconv.Atoi(value); err == nil && n > 0 && strings.EqualFold(key, name) {
			return n
		}
	}
	return math.MaxInt
}
