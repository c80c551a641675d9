package reply

import (
	"slices"
	"strings"
)

// Classify says what a reply means. It is pure.
//
// The rules, first hit first:
//
//  1. 2yz accepts: 250 and 251 at RCPT do, 252 and others cannot tell. What is
//     no 2yz, 4yz or 5yz is out of step.
//  2. A known text of a known operator means what operators.go says. Where
//     neither host nor greeting tells the operator, the hosts named in the text do.
//  3. About us: blocklists, reputation, our address, name, sender; then TLS
//     demanded, rate, greylisting (4yz), and words that merely name us or some
//     policy; then relaying. From here on, nothing but RCPT is looked at, and
//     421 stays temporary.
//  4. A quoted reply of another server is read instead of the one around it.
//  5. Full, not found, disabled (refusal.go): what the words say, and the
//     enhanced code as far as they do not contradict it.
//  6. Protocol errors; other 4yz are temporary, x.7.z policy; other 5yz
//     unclear, x.7.z policy.
//
// Last, withhold takes back what the reply code or the stage forbids.
func Classify(r Reply, a Asked) Meaning {
	if m, decided := byCode(r, a.Stage); decided {
		return m
	}
	own := mask(r.Text, a.Own)
	if e, ok := parseEnhanced(own.local); ok && e == r.Enhanced && !own.echoed {
		r.Enhanced = Enhanced{} // 5.1.1@example.com: an echo as likely as a code
	}
	q := question{
		code: r.Code, enhanced: r.Enhanced, mixed: r.Mixed, stage: a.Stage,
		operators: operatorsOf(a.Host, a.Banner),
		host:      strings.TrimSuffix(a.Host, "."), domain: domainPart(a.Own.Recipient),
		named: own.named, sender: own.sender,
	}
	if q.operators == nil {
		q.operators = signed(own.text)
	}
	if !own.bare {
		return q.read(own.text)
	}
	// The local part stands in the text undelimited: "550 spam: rejected". If it
	// is a word servers use, and they echoed the address elsewhere, this one is
	// theirs.
	words := vocabulary(own.local)
	with := q.read(own.text)
	if words && own.echoed {
		return with
	}
	return lesser(q.read(maskBare(own.text, own.local)), with, words, r.Code)
}

// byCode decides what needs no words.
func byCode(r Reply, stage Stage) (Meaning, bool) {
	switch {
	case r.Code >= 400 && r.Code <= 599:
		return Meaning{}, false
	case r.Code < 200 || r.Code > 299:
		return Meaning{Class: ProtocolError, Rule: "code:unexpected"}, true
	case stage != Rcpt:
		return Meaning{Class: Accepted, Rule: "code:2yz"}, true
	case r.Mixed:
		return Meaning{Class: AcceptedUnverified, Rule: "code:mixed"}, true
	case r.Code == 250 || r.Code == 251:
		return Meaning{Class: Accepted, Rule: "code:2yz"}, true
	case r.Code == 252:
		return Meaning{Class: AcceptedUnverified, Rule: "code:252"}, true
	}
	// 220 or 221 answers something else: we are out of step. RFC 5321 §4.2.1
	// has it count as accepted; it must not count as proof.
	return Meaning{Class: AcceptedUnverified, Rule: "code:other-2yz"}, true
}

// lesser joins the readings of a reply without and with the local part. Where
// they differ about the mailbox, the first holds but is weak if the local part
// is no word of the servers'; else neither holds.
func lesser(without, with Meaning, words bool, code int) Meaning {
	switch {
	case !aboutMailbox(without.Class):
		return without
	case without.Class == with.Class:
		without.Weak = without.Weak || with.Weak
		return without
	case !words:
		without.Weak = without.Class != MailboxFull
		return without
	case code < 500:
		return Meaning{Class: TemporaryFailure, Rule: "own-words:ambiguous", RetryAfter: without.RetryAfter}
	}
	return Meaning{Class: Unclear, Rule: "own-words:ambiguous"}
}

// aboutMailbox reports whether a class states something about the mailbox.
func aboutMailbox(c Class) bool {
	return c == Accepted || c == MailboxNotFound || c == MailboxFull || c == MailboxDisabled
}

// question is one refusal to be read.
type question struct {
	code      int // 400 to 599
	enhanced  Enhanced
	mixed     bool
	stage     Stage
	operators []*operator
	host      string // MX host
	domain    string // of the recipient
	named     bool   // the text names our sender, host or address
	sender    bool   // the text names our sender
	depth     int    // how many replies are quoted around this one

	masked string
	text   text // masked, folded
	quote  int  // where in masked another server's reply is quoted, -1 if none is
}

// set gives the question its text.
func (q *question) set(masked string) {
	q.masked, q.text, q.quote = masked, fold(masked), quoteStart(masked)
}

// read classifies the refusal with the given text.
func (q question) read(masked string) Meaning {
	q.set(masked)
	m := q.decide()
	if m.RetryAfter == 0 && (q.code < 500 || m.Class == RateLimited) {
		m.RetryAfter = statedWait(&q.text)
	}
	m.Split = m.Split || m.Class == RateLimited && (q.is(5, 3) || q.text.any(splitWords))
	return q.withhold(m)
}

func (q *question) decide() Meaning {
	us, aboutUs := q.aboutUs()
	if r := q.row(us, aboutUs); r != nil {
		listed := r.listed || r.class == BlockedByPolicy && q.listed(q.namesList())
		return Meaning{Class: r.class, Weak: r.weak, Listed: listed, Split: r.split, DomainOnly: r.only, RetryAfter: r.wait, Rule: r.rule}
	}
	switch {
	case aboutUs:
		return us
	case q.stage != Rcpt:
		return q.otherStage()
	case q.code == 421:
		return Meaning{Class: TemporaryFailure, Rule: "code:421"}
	case q.code == 556:
		return Meaning{Class: DomainTakesNoMail, Rule: "code:556"}
	case slices.Contains(hostCodes, q.code):
		return Meaning{Class: BlockedByPolicy, Rule: "code:host"}
	}
	if m, found := q.quoted(); found {
		return m
	}
	return q.refusal()
}

// hostCodes speak about the session or the host whatever the text: 521 (RFC
// 7504), 530, 535 and 538 (RFC 4954), 541 and 571 (policy, by custom).
var hostCodes = []int{521, 530, 535, 538, 541, 571}

// row returns the first row of the operator that matches. None makes a refusal
// about us, or one that quotes another server, one about the mailbox.
func (q *question) row(us Meaning, aboutUs bool) *row {
	for i := range software {
		if software[i].matches(q) {
			return &software[i]
		}
	}
	barred := q.quote >= 0 || slices.Contains(hostCodes, q.code)
	for _, o := range q.operators {
		for i := range o.rows {
			r := &o.rows[i]
			us := aboutUs && !(r.despite && us.Rule == ruleVague)
			if r.matches(q) && !(aboutMailbox(r.class) && (barred || us)) {
				return r
			}
		}
	}
	return nil
}

// is reports whether the enhanced code is x.subject.detail, x being 4 or 5.
func (q *question) is(subject, detail int) bool {
	return q.between(subject, detail, detail)
}

// between is is for a range of details.
func (q *question) between(subject, low, high int) bool {
	e := q.enhanced
	return (e.Class == 4 || e.Class == 5) && e.Subject == subject && low <= e.Detail && e.Detail <= high
}

// otherStage reads refusals of anything but RCPT. None is about a mailbox.
func (q *question) otherStage() Meaning {
	greeting := q.stage == Connect || q.stage == Greeting || q.stage == Ehlo
	switch {
	case q.code < 500 && q.code != 421 && q.stage != StartTLS && q.between(7, 0, 999):
		return Meaning{Class: BlockedByPolicy, Rule: "code:x.7"}
	case q.code < 500:
		return Meaning{Class: TemporaryFailure, Rule: "code:4yz"}
	case greeting && (q.code == 556 || q.code == 521 && !q.named && q.text.any(noMailWords) && !q.text.has("from")):
		return Meaning{Class: DomainTakesNoMail, Rule: "code:takes-no-mail"}
	case q.code <= 504 || q.code == 555:
		return Meaning{Class: ProtocolError, Rule: "code:protocol"}
	}
	return Meaning{Class: BlockedByPolicy, Rule: "stage:" + string(q.stage)}
}

// withhold takes back what the stage or the reply code does not allow, whatever
// rule said it.
func (q *question) withhold(m Meaning) Meaning {
	switch {
	case q.code == 421 && !slices.Contains(sessionClasses, m.Class), q.code < 500 && permanent(m.Class):
		m.ProbablyMissing = m.Class == MailboxNotFound && q.code != 421 && q.stage == Rcpt
		m.Class, m.Weak = TemporaryFailure, false
	case aboutMailbox(m.Class) && q.stage != Rcpt:
		m.Class, m.Weak = BlockedByPolicy, false
		if q.code < 500 {
			m.Class = TemporaryFailure
		}
	case q.mixed && (aboutMailbox(m.Class) || permanent(m.Class)):
		m.Class, m.Weak = ProtocolError, false
	}
	return m
}

// sessionClasses are what 421 (RFC 5321 §3.8) can mean.
var sessionClasses = []Class{Greylisted, RateLimited, BlockedByPolicy, TLSRequired, TemporaryFailure}

// permanent reports whether a class is final.
func permanent(c Class) bool {
	return c == MailboxNotFound || c == MailboxDisabled || c == DomainTakesNoMail
}
