package esp

import (
	"slices"
	"strings"
	"unicode"

	"rcpt/internal/overlay"
	"rcpt/internal/reply"
)

// weaken returns soft_bounce for a hard_bounce whose diagnostics, the words of
// the recipient's server, say otherwise by a status code or in words, and reason
// in every other case. Nothing hardens: ESPs make codes up, and show "unknown
// recipient" in blocks.
func weaken(reason overlay.Reason, diagnostics ...string) overlay.Reason {
	if reason != overlay.HardBounce {
		return reason
	}
	for _, text := range diagnostics {
		if d := diagnose(text); d.soft || d.softWords(text) {
			return overlay.SoftBounce
		}
	}
	return reason
}

// weakenProse is weaken for explanations of the ESP's own, whose words ("can
// harm your reputation") mean nothing unless they quote a reply.
func weakenProse(reason overlay.Reason, texts ...string) overlay.Reason {
	for _, text := range texts {
		d := diagnose(text)
		if d.code != 0 {
			reason = weaken(reason, text)
		}
		if d.soft && reason == overlay.HardBounce {
			reason = overlay.SoftBounce
		}
	}
	return reason
}

// softWords reports whether the words of a diagnostic refuse for a cause that is
// not the mailbox's absence, and none of its clauses names that absence, too:
// "user unknown; is this not spam, ask abuse@example.org".
func (d diagnosis) softWords(text string) bool {
	if !strings.ContainsFunc(text, unicode.IsLetter) {
		return false // a code alone says what the codes say
	}
	return d.otherCause(text) && !namesAbsence(d.line(text))
}

// otherCause reports whether a diagnostic, taken as a whole, refuses for another
// cause than the mailbox's absence.
func (d diagnosis) otherCause(text string) bool {
	switch classify(d.line(text)).Class {
	case reply.MailboxFull, reply.BlockedByPolicy, reply.RateLimited, reply.Greylisted, reply.TLSRequired, reply.SMTPUTF8Required:
		return true
	case reply.RelayDenied, reply.TemporaryFailure:
		return !d.hard && !d.routeless // else it was the code that decided, not the words
	}
	return !d.hard && (aboutMessage(text) || d.code == 0 && gaveUp(text))
}

// maxClauses bounds the work for one diagnostic. Real ones have three or four.
const maxClauses = 12

// namesAbsence reports whether a clause of a reply, read by itself and without
// its codes, says that there is no such mailbox.
func namesAbsence(line string) bool {
	_, words, _ := strings.Cut(line, " ")
	n := 0
	for clause := range strings.FieldsFuncSeq(strings.ReplaceAll(words, ". ", ";"), func(c rune) bool { return strings.ContainsRune(";,:()\r\n", c) }) {
		if n++; n > maxClauses {
			break
		}
		if absent(classify("550 " + strings.TrimLeft(clause, " 0123456789.#-"))) {
			return true
		}
	}
	return false
}

// absent reports whether a reply says for sure that there is no such mailbox.
func absent(m reply.Meaning) bool {
	return (m.Class == reply.MailboxNotFound || m.Class == reply.MailboxDisabled) && !m.Weak
}

// aboutMessage reports whether a text refuses the message for its size or an
// attachment. A probe sends no message: package reply has no words for it.
func aboutMessage(text string) bool {
	return containsAny(text, "message too large", "message too big", "message is too", "message size", "size exceeds", "exceeds size", "size limit", "attachment")
}

// gaveUp reports whether a text without a reply code says that no server
// answered, or that it was busy: the mailbox was not asked for.
func gaveUp(text string) bool {
	return containsAny(text, "timed out", "timeout", "time out", "temporar", "try again", "connection reset")
}

func containsAny(text string, words ...string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// classify reads one reply to RCPT as a probe would.
func classify(line string) reply.Meaning {
	r, err := reply.Parse([]string{line})
	if err != nil {
		return reply.Meaning{Class: reply.Unclear}
	}
	return reply.Classify(r, reply.Asked{Stage: reply.Rcpt, Host: saidBy(line)})
}

// saidBy is the host that a reply of Microsoft 365 comes from, whose words for
// an absent mailbox, "access denied", would be a policy's anywhere else.
func saidBy(line string) string {
	words := strings.ToLower(line)
	if strings.Contains(words, "5.4.1 recipient address rejected: access denied") || strings.Contains(words, ".protection.outlook.com") {
		return "mail.protection.outlook.com"
	}
	return ""
}

// judge reads a diagnostic that comes without any flag: hard only if a code, or
// the words of a 550, 551 or 553, name the mailbox. A text without a reply code
// is read as if it were a 550's.
func judge(text string) overlay.Reason {
	d := diagnose(text)
	if d.soft {
		return overlay.SoftBounce
	}
	if d.hard && !d.softWords(text) {
		return overlay.HardBounce
	}
	if d.code != 0 && d.code != 550 && d.code != 551 && d.code != 553 {
		return overlay.SoftBounce
	}
	if absent(classify(d.line(text))) {
		return overlay.HardBounce
	}
	return overlay.SoftBounce
}

// diagnosis is what the codes of a diagnostic say.
type diagnosis struct {
	code int  // the first SMTP reply code; 0: none
	at   int  // where it stands
	soft bool // some code says that the mailbox is not at fault, or not for good
	hard bool // some enhanced code says that the mailbox or the domain takes no mail

	// routeless: some enhanced code says that no way leads to the domain. It is
	// the ESP's flag that tells whether for good.
	routeless bool
}

// line is the text from its reply code on; without one, it is read as if it were
// a 550's.
func (d diagnosis) line(text string) string {
	if d.code == 0 {
		return "550 " + text
	}
	return text[d.at:]
}

// diagnose finds reply codes and enhanced status codes (RFC 3463) wherever they
// stand: ESPs put "smtp;", names and explanations around them.
func diagnose(text string) diagnosis {
	var d diagnosis
	for i := 0; i < len(text); {
		if text[i] < '0' || text[i] > '9' {
			i++
			continue
		}
		start := i
		for i < len(text) && (text[i] >= '0' && text[i] <= '9' || text[i] == '.') {
			i++
		}
		if !standsAlone(text, start, i) {
			continue
		}
		d.read(strings.TrimRight(text[start:i], "."), start)
	}
	return d
}

// standsAlone reports whether the digits and dots in text[start:end] are a word:
// no part of a name, an address, a version such as v4.2.2.
func standsAlone(text string, start, end int) bool {
	const joins = ".@_+=/"
	before := start == 0 || !letterOrDigit(text[start-1]) && strings.IndexByte(joins, text[start-1]) < 0
	after := end == len(text) || !letterOrDigit(text[end]) && strings.IndexByte("@_+=/%", text[end]) < 0
	return before && after
}

func (d *diagnosis) read(word string, at int) {
	if !strings.Contains(word, ".") {
		if d.code == 0 && len(word) == 3 && strings.ContainsAny(word[:1], "245") && (word[1] <= '5' || word == "571") {
			d.code, d.at = int(word[0]-'0')*100+int(word[1]-'0')*10+int(word[2]-'0'), at
			d.soft = d.soft || word[0] == '4'
		}
		return
	}
	r, err := reply.Parse([]string{"550 " + word}) // reads what stands after a reply code
	e := r.Enhanced
	if err != nil || e.Class != 4 && e.Class != 5 || e.Subject > 7 {
		return // RFC 3463 §3 defines subjects 0 to 7; the rest are versions and addresses
	}
	d.soft = d.soft || softCode(e)
	d.hard = d.hard || hardCode(e)
	// RFC 3463 §3.5, and what Microsoft writes for a domain that does not exist.
	d.routeless = d.routeless || e.Class == 5 && e.Subject == 4 && (e.Detail == 4 || e.Detail == 310)
}

// softCode: full, too large, content, policy, the sender's address; or transient.
func softCode(e reply.Enhanced) bool {
	if e.Class == 4 || e.Subject == 6 || e.Subject == 7 {
		return true
	}
	switch [2]int{e.Subject, e.Detail} {
	case [2]int{2, 2}, [2]int{2, 3}, [2]int{3, 4}, [2]int{1, 7}, [2]int{1, 8}:
		return true
	}
	return false
}

// hardCode: no such mailbox, no such system, bad syntax, moved, null MX
// (RFC 7505), mailbox disabled.
func hardCode(e reply.Enhanced) bool {
	if e.Class != 5 {
		return false
	}
	switch [2]int{e.Subject, e.Detail} {
	case [2]int{1, 1}, [2]int{1, 2}, [2]int{1, 3}, [2]int{1, 6}, [2]int{1, 10}, [2]int{2, 1}:
		return true
	}
	return false
}
