package reply

import (
	"slices"
	"strings"
)

// text is a folded text that phrases are looked up in.
type text struct {
	s      string     // "| word word @ word |", see fold
	starts [32]uint64 // which triples of first bytes its words have, as a bit set
}

func newText(s string) text {
	t := text{s: s}
	for i := 0; i+3 < len(s); i++ {
		if s[i] == ' ' {
			n := triple(s[i+1], s[i+2], s[i+3])
			t.starts[n>>6] |= 1 << (n & 63)
		}
	}
	return t
}

// triple numbers the first three bytes of a word and what follows it, 0 to 2047.
func triple(a, b, c byte) uint { return (uint(a)<<6 ^ uint(b)<<3 ^ uint(c)) & 2047 }

// mayHave reports whether a word of the text begins like the phrase, which has
// two bytes at least. It rules out nearly all phrases without a look at the
// text.
func (t *text) mayHave(phrase string) bool {
	third := byte(' ')
	if len(phrase) > 2 {
		third = phrase[2]
	}
	n := triple(phrase[0], phrase[1], third)
	return t.starts[n>>6]&(1<<(n&63)) != 0
}

// has reports whether the phrase stands in the text, on word boundaries. A "*"
// at its end stands for the rest of the last word.
func (t *text) has(phrase string) bool {
	start, _ := t.find(phrase, 0)
	return start >= 0
}

// any returns whether one of the phrases stands in the text.
func (t *text) any(phrases []string) bool {
	for _, p := range phrases {
		if t.has(p) {
			return true
		}
	}
	return false
}

// ends returns whether one of the phrases stands in the text, and no noun behind
// the one it ends with makes it one about something else.
func (t *text) ends(phrases []string) bool {
	for _, p := range phrases {
		for start, end := t.find(p, 1); start >= 0; start, end = t.find(p, end) {
			_, last := cutLast(t.s[:end])
			next, _, _ := strings.Cut(t.s[end+1:], " ")
			if next == "name" || noun(next) != other || noun(last) != mailbox {
				return true
			}
		}
	}
	return false
}

// all returns whether every one of the phrases stands in the text.
func (t *text) all(phrases []string) bool {
	for _, p := range phrases {
		if !t.has(p) {
			return false
		}
	}
	return true
}

// anyAll returns whether all phrases of one row stand in the text.
func (t *text) anyAll(rows [][]string) bool {
	for _, row := range rows {
		if t.all(row) {
			return true
		}
	}
	return false
}

// find returns where the phrase stands in t.s[from:], or -1. from is the start
// of a word.
func (t *text) find(phrase string, from int) (start, end int) {
	if !t.mayHave(phrase) {
		return -1, -1
	}
	phrase, open := strings.CutSuffix(phrase, "*")
	for {
		i := strings.Index(t.s[from:], phrase)
		if i < 0 {
			return -1, -1
		}
		start = from + i
		end = start + len(phrase)
		if t.s[start-1] == ' ' && (open || t.s[end] == ' ') {
			return start, end
		}
		from = start + 1
	}
}

// prose reports whether the text has words enough to say something: three.
func (t *text) prose() bool {
	n := 0
	for word := range strings.SplitSeq(t.s, " ") {
		if word[0] != segment && word[0] != segmentNamed {
			n++
		}
	}
	return n > 2
}

// namesMailbox reports whether a mailbox, the recipient or something unknown
// is named.
func (t *text) namesMailbox() bool {
	for word := range strings.SplitSeq(t.s, " ") {
		if word[0] == segmentNamed || word == "unknown" || noun(word) == mailbox {
			return true
		}
	}
	found, sure := t.absent()
	return found || sure
}

// only reports whether the text is made of the given words and nothing else.
func (t *text) only(words []string) bool {
	for word := range strings.SplitSeq(t.s, " ") {
		if word[0] != segment && word[0] != segmentNamed && !slices.Contains(words, word) {
			return false
		}
	}
	return true
}

// listed reports whether the host name of a blocklist stands in the text. The
// names of the host that speaks and of the recipient's domain are what they
// are; below the domain there may be a list.
func (t *text) listed(host, domain string) bool {
	if strings.IndexByte(t.s, '.') < 0 {
		return false
	}
	for word := range strings.SplitSeq(t.s, " ") {
		if strings.IndexByte(word, '.') < 0 || strings.EqualFold(word, host) {
			continue
		}
		if below, ok := cutDomain(word, domain); ok && domain != "" {
			word = below
		}
		if listHost(word) {
			return true
		}
	}
	return false
}

// listHost reports whether a host name belongs to a blocklist.
func listHost(host string) bool {
	for label := range strings.FieldsFuncSeq(host, func(c rune) bool { return c == '.' || c == '-' }) {
		for _, name := range listLabels {
			if strings.EqualFold(label, name) {
				return true
			}
		}
	}
	for _, name := range listNames {
		if _, ok := cutDomain(host, name); ok {
			return true
		}
	}
	return false
}

// under reports whether host is one of the domains or below one.
func under(host string, domains []string) bool {
	for _, d := range domains {
		if _, ok := cutDomain(host, d); ok {
			return true
		}
	}
	return false
}

// cutDomain returns the part of host before the domain, which may be empty,
// and whether host is in the domain. Case does not matter.
func cutDomain(host, domain string) (string, bool) {
	n := len(host) - len(domain)
	if n < 0 || !strings.EqualFold(host[n:], domain) || n > 0 && host[n-1] != '.' {
		return "", false
	}
	return host[:max(n-1, 0)], true
}

// vocabulary reports whether a local part is made of words that servers use
// themselves.
func vocabulary(local string) bool {
	t := fold(local)
	if t.only(nil) {
		return false
	}
	for word := range strings.SplitSeq(t.s, " ") {
		if word[0] != segment && !digits(word) && !knownWord(word) {
			return false
		}
	}
	return true
}

// knownWord reports whether a word stands in one of the tables.
func knownWord(word string) bool {
	for _, phrases := range phraseLists() {
		if inPhrases(word, phrases) {
			return true
		}
	}
	for _, o := range operators {
		for i := range o.rows {
			if inPhrases(word, o.rows[i].words) {
				return true
			}
		}
	}
	return false
}

// inPhrases reports whether a word is one of the words of the phrases.
func inPhrases(word string, phrases []string) bool {
	for _, p := range phrases {
		for w := range strings.SplitSeq(p, " ") {
			stem, open := strings.CutSuffix(w, "*")
			if word == w || open && strings.HasPrefix(word, stem) {
				return true
			}
		}
	}
	return false
}
