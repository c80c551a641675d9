package esp

import (
	"strings"

	"rcpt/internal/overlay"
	"rcpt/internal/reply"
)

// weaken returns soft_bounce for a hard_bounce whose diagnostics carry a status
// code that says otherwise, or an SMTP reply whose words do, and reason in every
// other case. Nothing hardens: ESPs make codes up, and show "unknown recipient"
// in blocks. Text without a reply code is an ESP's prose, whose words ("can
// harm your reputation") explain and mean nothing.
func weaken(reason overlay.Reason, diagnostics ...string) overlay.Reason {
	if reason != overlay.HardBounce {
		return reason
	}
	for _, text := range diagnostics {
		d := diagnose(text)
		if d.soft || !d.hard && d.code != 0 && softWords(text[d.at:]) {
			return overlay.SoftBounce
		}
	}
	return reason
}

// softWords reports whether the words of a reply refuse for a cause that is not
// the mailbox's absence.
func softWords(line string) bool {
	switch classify(line) {
	case reply.MailboxFull, reply.BlockedByPolicy, reply.RateLimited, reply.Greylisted, reply.RelayDenied,
		reply.TLSRequired, reply.SMTPUTF8Required, reply.TemporaryFailure:
		return true
	}
	return false
}

// classify reads one reply to RCPT as a probe would.
func classify(line string) reply.Class {
	r, err := reply.Parse([]string{line})
	if err != nil {
		return reply.Unclear
	}
	return reply.Classify(r, reply.Asked{Stage: reply.Rcpt}).Class
}

// judge reads a diagnostic that comes without any flag: hard only if a code, or
// the words of a 550, 551 or 553, name the mailbox. A text without a reply code
// is read as if it were a 550's.
func judge(text string) overlay.Reason {
	d := diagnose(text)
	if d.soft {
		return overlay.SoftBounce
	}
	if d.hard {
		return overlay.HardBounce
	}
	line := "550 " + text
	if d.code != 0 {
		line = text[d.at:]
	}
	if d.code != 0 && d.code != 550 && d.code != 551 && d.code != 553 {
		return overlay.SoftBounce
	}
	switch classify(line) {
	case reply.MailboxNotFound, reply.MailboxDisabled:
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
		if d.code == 0 && len(word) == 3 && strings.ContainsAny(word[:1], "245") && word[1] <= '5' {
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
}

// softCode: full, too large, content, policy; or transient.
func softCode(e reply.Enhanced) bool {
	if e.Class == 4 || e.Subject == 6 || e.Subject == 7 {
		return true
	}
	switch [2]int{e.Subject, e.Detail} {
	case [2]int{2, 2}, [2]int{2, 3}, [2]int{3, 4}:
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
