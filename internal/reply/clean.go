package reply

import (
	"net/netip"
	"strings"
)

// What stands in a text in place of words that are not the server's. They are
// control characters, which a Reply's text never holds.
const (
	markRecipient = '\x01' // the address we asked for, or its local part
	markOurs      = '\x02' // our sender, host name or IP address
	markOther     = '\x03' // somebody else's mail address
)

// maxClean bounds Clean in characters: enough for every refusal worth reading,
// short enough for a log line.
const maxClean = 300

// Clean returns the text without our own words and without the paths of URLs:
// safe for evidence and logs. Removed words and the local parts of all mail
// addresses show as "*". A local part that is a word of the servers' own, such
// as "user", stays where it stands undelimited: there it gives nothing away.
// The result has at most 300 characters.
func (r Reply) Clean(o Own) string {
	m := mask(r.Text, o)
	text := m.text
	if m.bare && !vocabulary(m.local) {
		text = maskBare(text, m.local)
	}
	var b strings.Builder
	b.Grow(min(len(text), 4*maxClean))
	n := 0
	for _, c := range text {
		if n == maxClean {
			break
		}
		if c <= markOther {
			c = '*'
		}
		b.WriteRune(c)
		n++
	}
	return b.String()
}

// masked is a text with marks in place of our own words.
type masked struct {
	text   string
	local  string // the recipient's local part, without quotes
	echoed bool   // the recipient stood in it, delimited
	bare   bool   // the local part still stands in it, undelimited
	sender bool   // our sender stood in it
	named  bool   // our sender, host name or IP address stood in it
}

// mask replaces our own words. Whole addresses go first. The local part alone
// is replaced only between angle brackets or quotes: undelimited it may as well
// be the server's own word (user@, unknown@, spam@), which Classify weighs.
func mask(text string, o Own) masked {
	var m masked
	var found bool
	text = unmark(text)
	text, m.echoed = replace(text, o.Recipient, markRecipient, addressEdges)
	if !strings.EqualFold(o.Sender, o.Recipient) {
		text, m.sender = replace(text, o.Sender, markOurs, addressEdges)
	}
	text = cutPaths(text)
	text, m.named = replace(text, o.HELO, markOurs, wordEdges)
	if o.IP.IsValid() {
		text, found = replaceIP(text, o.IP.Unmap())
		m.named = m.named || found
	}
	text = maskAddresses(text)
	m.named = m.named || m.sender || namesDomain(text, o)

	m.local = localPart(o.Recipient)
	text, found = replace(text, m.local, markRecipient, delimited)
	m.echoed = m.echoed || found
	if base, _, tagged := strings.Cut(m.local, "+"); tagged {
		text, found = replace(text, base, markRecipient, delimited)
		m.echoed = m.echoed || found
	}
	m.bare = find(text, m.local, 0, wordEdges) >= 0 && !article(m.local)
	m.text = text
	return m
}

// namesDomain reports whether a host of our sender's domain is named: its MX,
// when the server tried to call back. A probe of our own domain tells nothing.
func namesDomain(text string, o Own) bool {
	domain := domainPart(o.Sender)
	return !strings.EqualFold(domain, domainPart(o.Recipient)) && find(text, domain, 0, hostEdges) >= 0
}

// maskBare replaces the local part where it stands undelimited.
func maskBare(text, local string) string {
	text, _ = replace(text, local, markRecipient, wordEdges)
	return text
}

// unmark makes sure that a text which did not come from Parse holds no marks.
func unmark(text string) string {
	if strings.IndexByte(text, markRecipient) < 0 && strings.IndexByte(text, markOurs) < 0 && strings.IndexByte(text, markOther) < 0 {
		return text
	}
	return strings.Map(func(c rune) rune {
		if c == markRecipient || c == markOurs || c == markOther {
			return ' '
		}
		return c
	}, text)
}

// domainPart returns the domain of an address, "" if it has none.
func domainPart(address string) string {
	_, domain, _ := strings.Cut(address[max(strings.LastIndexByte(address, '@'), 0):], "@")
	return domain
}

// localPart returns the local part of an address, without the quotes of a
// quoted string.
func localPart(address string) string {
	local := address
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		local = address[:at]
	}
	if len(local) > 2 && local[0] == '"' && local[len(local)-1] == '"' {
		local = local[1 : len(local)-1]
	}
	return local
}

// replaceIP replaces our address in the forms servers print it.
func replaceIP(text string, ip netip.Addr) (string, bool) {
	text, found := replace(text, ip.String(), markOurs, wordEdges)
	if ip.Is6() {
		var long bool
		text, long = replace(text, ip.StringExpanded(), markOurs, wordEdges)
		found = found || long
	}
	return text, found
}

// maskAddresses replaces every mail address: a forwarder's target, an alias
// behind ours, a contact. Their local parts are no words of the reply either.
// The domain of a blocklist's contact address stays, it names the list.
func maskAddresses(text string) string {
	if strings.IndexByte(text, '@') < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	done := 0 // text[:done] is in out
	for i := 0; i < len(text); i++ {
		if text[i] != '@' {
			continue
		}
		start := max(localStart(text, i), done)
		if start == i {
			continue
		}
		end := domainEnd(text, i+1)
		out = append(append(out, text[done:start]...), markOther)
		if domain := text[i+1 : end]; listHost(domain) {
			out = append(append(out, ' '), domain...)
		}
		done, i = end, end-1
	}
	return string(append(out, text[done:]...))
}

// localStart returns where the local part before the "@" at text[at] begins.
func localStart(text string, at int) int {
	if at > 1 && text[at-1] == '"' {
		return max(strings.LastIndexByte(text[:at-1], '"'), 0)
	}
	start := at
	for start > 0 && (wordByte(text[start-1]) || strings.IndexByte("!#$%&'*+-/=?^`{|}~.", text[start-1]) >= 0) {
		start--
	}
	for start < at && strings.IndexByte("'`*=/|{.-", text[start]) >= 0 {
		start++
	}
	return start
}

// domainEnd returns where the domain that begins at text[i] ends.
func domainEnd(text string, i int) int {
	end := i
	for end < len(text) && (wordByte(text[end]) || text[end] == '-' || text[end] == '.') {
		end++
	}
	for end > i && (text[end-1] == '.' || text[end-1] == '-') {
		end--
	}
	return end
}

// cutPaths removes what follows the host name of a URL, with and without
// scheme: paths carry our address and words that are no part of the sentence.
func cutPaths(text string) string {
	if strings.IndexByte(text, '/') < 0 {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && text[end] != ' ' && text[end] != '<' && text[end] != '>' && text[end] != '"' {
			end++
		}
		keep := i + hostEnd(text[i:end])
		out = append(out, text[i:keep]...)
		if keep < end && strings.IndexByte(".,;:!?)", text[end-1]) >= 0 {
			out = append(out, text[end-1]) // the sentence's, not the URL's
		}
		if end < len(text) {
			out = append(out, text[end])
			end++
		}
		i = end
	}
	return string(out)
}

// hostEnd returns how much of a word to keep: up to the end of the host name if
// it is a URL, else all of it.
func hostEnd(word string) int {
	start := 0
	scheme := strings.Index(word, "://")
	if scheme >= 0 {
		start = scheme + 3
	}
	n := strings.IndexAny(word[start:], "/?")
	if n < 0 {
		return len(word)
	}
	host := word[start : start+n]
	if scheme < 0 {
		// "and/or", "1.2.3.4/24" and "S3140/1.2" are no URLs.
		dot := strings.LastIndexByte(host, '.')
		if dot < 1 || len(host)-dot < 3 || !letters(host[dot+1:]) {
			return len(word)
		}
	}
	return start + n
}
