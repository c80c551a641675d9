package smtpprobe

import (
	"slices"
	"strings"
	"time"

	"rcpt/internal/reply"
)

// outOfStep reports whether a reply is surely the answer to another command
// than the one it is read for: a server that swallows a reply, or gives one
// twice, shifts all that follow, and "user unknown" would fall on a mailbox that
// lives. Then nothing of the write can be believed.
//
// A canary that is refused in the name of a mailbox refused itself shifts
// nothing: some servers say the same to everybody.
func (r *run) outOfStep(steps []step, replies []reply.Reply) bool {
	accepted := make(map[*item]bool)
	for i, answer := range replies {
		it := steps[i].item
		accepted[it] = answer.Code/100 == 2
		switch answer.Code {
		case 221: // QUIT's (RFC 5321 §4.3.2)
			return true
		case 251, 551, 421: // they name where the mailbox went (§3.4); the last is the session's end
			continue
		}
		other := r.named(answer.Text, it)
		if other != nil && (it == nil || !it.canary || accepted[other]) {
			return true
		}
	}
	return false
}

// named returns a mailbox that is asked for and that a text names instead of
// it, or nil. For what is no answer to RCPT it is nil. Whom servers name for
// reasons of their own is left out: our sender, and who answers questions.
func (r *run) named(text string, it *item) *item {
	text = strings.ToLower(text)
	if !strings.Contains(text, "@") || it != nil && strings.Contains(text, strings.ToLower(it.String())) {
		return nil
	}
	for _, pt := range r.parts {
		for _, other := range pt.items {
			if other == it || strings.EqualFold(other.String(), r.p.cfg.MailFrom) || slices.Contains(contacts, strings.ToLower(other.Local())) {
				continue
			}
			if mentions(text, strings.ToLower(other.String())) {
				return other
			}
		}
	}
	return nil
}

// contacts are local parts that refusals tell people to write to.
var contacts = []string{
	"postmaster", "abuse", "support", "help", "helpdesk", "admin", "administrator", "hostmaster", "webmaster", "info", "contact", "it",
}

// mentions reports whether an address stands in a text by itself, not as a part
// of a longer one.
func mentions(text, address string) bool {
	for {
		before, after, found := strings.Cut(text, address)
		if !found {
			return false
		}
		next := strings.TrimPrefix(after, ".") // of a sentence, if no further label
		if before != "" && strings.IndexByte(inAddress, before[len(before)-1]) >= 0 ||
			next != "" && strings.IndexByte(inAddress, next[0]) >= 0 {
			text = after
			continue
		}
		return true
	}
}

// inAddress are characters that go on with an address.
const inAddress = "abcdefghijklmnopqrstuvwxyz0123456789-_+"

// quitTime is how long QUIT's answer is waited for where it is needed.
const quitTime = time.Second

// mixed reports replies that refuse a recipient and accept another mailbox: where
// an answer given twice shifted them, somebody who lives has the refusal.
func mixed(steps []step, replies []reply.Reply) bool {
	refused, accepted := false, false
	for i, answer := range replies {
		if it := steps[i].item; it != nil {
			refused = refused || answer.Code/100 == 5 && !it.canary
			accepted = accepted || answer.Code/100 == 2
		}
	}
	return refused && accepted
}

// closing reads what comes for QUIT, to see whether it is the answer to that. It
// left with the same write and is no round trip of its own; no answer at all is
// none to object to.
func (s *session) closing() error {
	until := time.Now().Add(quitTime)
	for first := true; ; first = false {
		lines, err := s.readBy(until)
		if err != nil {
			return nil
		}
		code := lines[len(lines)-1][:3]
		if !first || code[0] != '2' {
			return errMalformed
		}
		if code == "221" {
			return nil // another 2yz is either another's or the last word
		}
	}
}
