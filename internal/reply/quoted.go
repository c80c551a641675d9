package reply

import "strings"

// maxDepth bounds replies quoted within replies.
const maxDepth = 3

// quoted reads the reply of another server that this one quotes. Both must be
// permanent for a permanent meaning.
//
//	Recipient address rejected: undeliverable address: host mx.test[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command)
//	Callout verification failed: 550 unknown user
//	permanent failure for one or more recipients (alice@x:550 5.1.1 User unknown)
func (q *question) quoted() (Meaning, bool) {
	if q.depth == maxDepth {
		return Meaning{Class: Unclear, Rule: "quoted:too-deep"}, q.quote >= 0
	}
	inner := question{code: q.code, stage: q.stage, depth: q.depth + 1, operators: signed(q.masked)}
	if q.quote >= 0 {
		code, rest, _ := cutCode(q.masked[q.quote:])
		inner.code = code
		inner.enhanced, rest = cutEnhanced(rest)
		inner.set(rest)
	} else if i := find(q.masked, undeliverable, 0, wordEdges); i >= 0 {
		// Postfix says 5.1.1 for whatever made the address undeliverable.
		inner.set(q.masked[i+len(undeliverable):])
	} else {
		return Meaning{}, false
	}
	if inner.text.only(nil) && inner.enhanced == (Enhanced{}) {
		return Meaning{}, false
	}
	if q.named {
		// They asked our MX about our sender, as a callback does.
		return Meaning{Class: BlockedByPolicy, Rule: "quoted:names-us"}, true
	}
	if inner.text.has("in reply to") && !inner.text.has("in reply to rcpt to") {
		inner.stage = Mail
	}
	return q.adopt(inner.withhold(inner.decide())), true
}

// adopt turns what a quoted reply means for the host that quotes it into what
// it means for us. That a second host does not serve a second domain, or wants
// TLS of the first, is nothing we can act on.
func (q *question) adopt(m Meaning) Meaning {
	m.Listed, m.Split, m.DomainOnly = false, false, false
	switch m.Class {
	case DomainTakesNoMail, RelayDenied, TLSRequired, SMTPUTF8Required, ProtocolError:
		m.Class, m.Weak = Unclear, false
		if q.code < 500 {
			m.Class = TemporaryFailure
		}
	}
	return m
}

const undeliverable = "undeliverable address"

// quoteStart returns where a quoted reply begins in the text, at its code, or
// -1.
func quoteStart(text string) int {
	if strings.IndexByte(text, ':') < 0 {
		return -1
	}
	for _, intro := range [...]string{"said:", "callout verification failed:", "response:", "responded:", "replied:", "returned:", "answered:", "\x01:", "\x03:"} {
		i := find(text, intro, 0, startEdge)
		if i < 0 {
			continue
		}
		i += len(intro)
		for i < len(text) && (text[i] == ' ' || text[i] == '"' || text[i] == '\'') {
			i++
		}
		if code, _, ok := cutCode(text[i:]); ok && code >= 400 && code <= 599 {
			return i
		}
	}
	return -1
}

// startEdge: the words begin where a word begins.
func startEdge(text string, i, _ int) bool {
	return !wordBefore(text, i)
}
