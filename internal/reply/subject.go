package reply

import (
	"slices"
	"strings"
	"sync"
)

// subject is what a statement such as "does not exist" is about.
type subject int

const (
	nothing   subject = iota // the segment does not say
	mailbox                  // a mailbox
	recipient                // no noun, but the recipient is named in the segment
	other                    // something else: a domain, a host, a command
)

// near bounds how far from a statement its subject is sought, in words.
const near = 12

// about returns what the statement at t.s[start:end] is about: the nearest noun
// before it in its segment, else one that follows at once, else the recipient if
// it is named in the segment.
func (t *text) about(start, end int) subject {
	named := false
	for i, n := start-1, 0; n < near; n++ {
		begin := strings.LastIndexByte(t.s[:i], ' ') + 1
		word := t.s[begin:i]
		if word[0] == segment || word[0] == segmentNamed {
			named = word[0] == segmentNamed
			break
		}
		if s := noun(word); s != nothing && !(slices.Contains(placeNouns, word) && t.placed(begin)) {
			return t.owner(begin, word, s)
		}
		i = begin - 1
	}
	if s := t.ahead(end); s != nothing {
		return s
	}
	if named {
		return recipient
	}
	return nothing
}

// owner returns what the noun at t.s[begin], which names s, belongs to: "mailbox
// name" is about the mailbox, "domain of this recipient" and "network address"
// are about something else.
func (t *text) owner(begin int, word string, s subject) subject {
	before, last := cutLast(t.s[:begin-1])
	switch {
	case word == "name" && slices.Contains(headNouns, last):
		return mailbox
	case s != mailbox:
		return s
	case (slices.Contains(thingNouns, word) || !slices.Contains(mailboxNouns, word)) && noun(last) == other:
		return other
	}
	for range 3 {
		if slices.Contains(ofWords, last) {
			_, last = cutLast(before)
			if noun(last) == other || last == "part" && t.has("domain part") {
				return other
			}
			return mailbox
		}
		if last[0] == segment || last[0] == segmentNamed || noun(last) == other {
			return mailbox
		}
		before, last = cutLast(before)
	}
	return mailbox
}

// ahead returns what the words that follow at once name: "unrouteable mail
// domain", but not "not found on this server". Of two nouns in a row the second
// counts: "no address record".
func (t *text) ahead(end int) subject {
	for i, n := end, 0; n < 3; n++ {
		i += strings.IndexByte(t.s[i:], ' ') + 1
		word, _, _ := strings.Cut(t.s[i:], " ")
		if word[0] == segment || word[0] == segmentNamed || slices.Contains(prepositions, word) {
			break
		}
		s := noun(word)
		next, rest, _ := strings.Cut(t.s[min(i+len(word)+1, len(t.s)):], " ")
		if next == "mail" {
			next, _, _ = strings.Cut(rest, " ")
		}
		if s == mailbox && noun(next) == other && !(word == "user" && next == "name") {
			return other
		}
		if s != nothing {
			return s
		}
	}
	return nothing
}

// object reports whether one of the phrases is said of a mailbox that is named
// behind it: "could not find mailbox".
func (t *text) object(phrases []string) bool {
	for _, p := range phrases {
		for start, end := t.find(p, 1); start >= 0; start, end = t.find(p, end) {
			if t.ahead(end) == mailbox {
				return true
			}
		}
	}
	return false
}

// beside reports whether one of the phrases is said of a mailbox that is named
// right before or behind it: "address unknown", "invalid user account", but not
// "network address unknown" or "invalid address record".
func (t *text) beside(phrases []string) bool {
	for _, p := range phrases {
		for start, end := t.find(p, 1); start >= 0; start, end = t.find(p, end) {
			if (t.headBefore(start) || t.headBehind(end)) && t.about(start, end) == mailbox {
				return true
			}
		}
	}
	return false
}

// headBefore reports whether the word before t.s[start] is one of headNouns and
// no other noun stands before that.
func (t *text) headBefore(start int) bool {
	before, last := cutLast(t.s[:start-1])
	_, first := cutLast(before)
	return slices.Contains(headNouns, last) && noun(first) != other
}

// headBehind reports whether the words behind t.s[end] are some of kindWords and
// one of headNouns, and no other noun follows that.
func (t *text) headBehind(end int) bool {
	head := false
	for word := range strings.SplitSeq(t.s[end+1:], " ") {
		switch {
		case slices.Contains(headNouns, word):
			head = true
		case !slices.Contains(kindWords, word):
			return head && (noun(word) != other || word == "name")
		}
	}
	return head
}

// cutLast cuts a text before its last word.
func cutLast(s string) (before, last string) {
	i := strings.LastIndexByte(s, ' ')
	return s[:max(i, 0)], s[i+1:]
}

// placed reports whether one of the two words before t.s[begin] is a
// preposition: "on server", "auf diesem Server".
func (t *text) placed(begin int) bool {
	for range 2 {
		if begin < 2 {
			return false
		}
		end := begin - 1
		begin = strings.LastIndexByte(t.s[:end], ' ') + 1
		if slices.Contains(prepositions, t.s[begin:end]) {
			return true
		}
	}
	return false
}

// statement looks for one of the phrases said about a mailbox. found tells that
// one stands there; sure, that its subject is a mailbox and not left unsaid.
//
// Where no noun but the recipient is named, that is enough in English only: the
// tables have few of the nouns of other languages, and "<alice@x>: unbekannter
// Zustand" is about none of them.
func (t *text) statement(phrases []string, english bool) (found, sure bool) {
	for _, p := range phrases {
		for start, end := t.find(p, 1); start >= 0; start, end = t.find(p, end) {
			subject := t.about(start, end)
			if subject == mailbox || subject == recipient && english {
				return true, true
			}
			found = found || subject != other
		}
	}
	return found, false
}

// states is statement for the phrases of English and those of the languages.
func (t *text) states(english []string, of func(*language) []string) (found, sure bool) {
	found, sure = t.statement(english, true)
	for i := range languages {
		if sure {
			break
		}
		var one bool
		one, sure = t.statement(of(&languages[i]), false)
		found = found || one
	}
	return found, sure
}

// absent reports whether the text says that something does not exist; sure,
// that it is a mailbox.
func (t *text) absent() (found, sure bool) {
	return t.states(absentStatements, func(l *language) []string { return l.absent })
}

// noun tells what a word names.
func noun(word string) subject { return nouns()[word] }

// nouns maps the nouns of all languages. What is one here and another there is
// none about a mailbox.
var nouns = sync.OnceValue(func() map[string]subject {
	m := make(map[string]subject)
	set := func(words []string, s subject) {
		for _, w := range words {
			m[w] = s
		}
	}
	set(mailboxNouns, mailbox)
	for i := range languages {
		set(languages[i].mailbox, mailbox)
	}
	set(otherNouns, other)
	for i := range languages {
		set(languages[i].other, other)
	}
	return m
})
