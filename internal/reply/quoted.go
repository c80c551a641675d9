package reply

import "strings"

// maxDepth bounds replies quoted within replies.
const maxDepth = 3

// quoted reads the reply of another server that this one quotes. Both must be
// permanent for a permanent meaning.
//
//	Recipient address rejected: undeliverable address: host mx.test[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command)
//	Callout verification failed: 550 unknown user
func (q *question) quoted() (Meaning, bool) {
	if q.depth == maxDepth {
		return Meaning{}, false
	}
	inner := question{code: q.code, stage: q.stage, depth: q.depth + 1}
	if i := quoteStart(q.masked); i >= 0 {
		code, rest, _ := cutCode(q.masked[i:])
		inner.code = code
		inner.enhanced, inner.masked = cutEnhanced(rest)
	} else if i := find(q.masked, undeliverable, 0, wordEdges); i >= 0 {
		// Postfix says 5.1.1 for whatever made the address undeliverable.
		inner.masked = q.masked[i+len(undeliverable):]
	} else {
		return Meaning{}, false
	}
	inner.text = fold(inner.masked)
	if inner.text.only(nil) && inner.enhanced == (Enhanced{}) {
		return Meaning{}, false
	}
	if inner.text.has("in reply to") && !inner.text.has("in reply to rcpt to") {
		inner.stage = Mail
	}
	m := inner.withhold(inner.decide())
	m.Listed = false
	return m, true
}

const undeliverable = "undeliverable address"

// quoteStart returns where a quoted reply begins in the text, at its code, or
// -1.
func quoteStart(text string) int {
	if strings.IndexByte(text, ':') < 0 {
		return -1
	}
	for _, intro := range [...]string{"said:", "callout verification failed:", "response:", "responded:", "replied:", "returned:", "answered:"} {
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
