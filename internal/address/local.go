package address

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// atextSpecials are the characters besides letters and digits that an unquoted
// local part may hold (RFC 5322 §3.2.3, atext).
const atextSpecials = "!#$%&'*+-/=?^_`{|}~"

// invisible are the characters nobody sees or types: they turn text around,
// take no room or look like a space.
var invisible = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Z, unicode.Other_Default_Ignorable_Code_Point,
}

func nfc(s string) string { return norm.NFC.String(s) }

// parseLocal checks a local part of valid UTF-8 and returns it in
// normalization form C. The form is what is checked, because normalization can
// make one character of another: U+037E becomes a semicolon. off is the offset
// of local in the text as given.
func parseLocal(local string, off int) (string, error) {
	form := nfc(local)
	if e := checkLocal(form); e != nil {
		e.Pos = off + offsetBefore(local, e.Pos)
		return "", e
	}
	return form, nil
}

// offsetBefore maps an offset in the normalized form of s to one in s. Inside
// a sequence that normalization changed it is the start of the sequence.
func offsetBefore(s string, pos int) int {
	if norm.NFC.IsNormalString(s) {
		return pos
	}
	given, formed := 0, 0
	for given < len(s) {
		n := norm.NFC.NextBoundaryInString(s[given:], true)
		part := s[given : given+n]
		form := nfc(part)
		if pos < formed+len(form) {
			if form == part {
				return given + pos - formed
			}
			return given
		}
		given += n
		formed += len(form)
	}
	return given
}

// checkLocal returns nil or an error with the position in local.
func checkLocal(local string) *SyntaxError {
	if local == "" {
		return &SyntaxError{0, "nothing before the @", "write the mailbox name before the @"}
	}
	if local[0] == '"' {
		return checkQuoted(local)
	}
	return checkDotString(local)
}

// checkDotString checks atoms joined by single dots (RFC 5321 §4.1.2,
// Dot-string; RFC 6531 §3.3).
func checkDotString(local string) *SyntaxError {
	for i, r := range local {
		switch {
		case letterOrDigit(r) || r < utf8.RuneSelf && strings.ContainsRune(atextSpecials, r):
		case r == '.':
			if e := checkDot(local, i); e != nil {
				return e
			}
		default:
			if e := refuse(local, i, r); e != nil {
				return e
			}
			if r < utf8.RuneSelf {
				return refuseUnquoted(i, r)
			}
		}
	}
	return nil
}

// checkDot checks that the dot at i stands between two atoms.
func checkDot(local string, i int) *SyntaxError {
	// Old addresses of Japanese mobile carriers do have such dots; mail reaches
	// them with the local part in quotes.
	const quote = ", or put the whole local part in quotes if the mailbox is really called so"
	switch {
	case i == 0:
		return &SyntaxError{i, "a dot at the start of the local part (RFC 5322 dot-atom)", "remove it" + quote}
	case local[i-1] == '.':
		return &SyntaxError{i, "two dots in a row (RFC 5322 dot-atom)", "remove one" + quote}
	case i == len(local)-1:
		return &SyntaxError{i, "a dot at the end of the local part (RFC 5322 dot-atom)", "remove it" + quote}
	}
	return nil
}

// checkQuoted checks a quoted string (RFC 5321 §4.1.2, Quoted-string with
// qtextSMTP and quoted-pairSMTP; RFC 6531 §3.3, where quoted pairs stay ASCII).
func checkQuoted(local string) *SyntaxError {
	end := closingQuote(local)
	if end < 0 {
		return unclosed(0)
	}
	escaped, pair := false, false // after a backslash; after the character it escapes
	for i, r := range local[:end] {
		if e := refuse(local, i, r); e != nil {
			return e
		}
		if escaped && r >= utf8.RuneSelf || pair && unicode.IsMark(r) {
			return &SyntaxError{i, "a backslash before a character that needs none", "remove the backslash"}
		}
		escaped, pair = r == '\\' && !escaped, escaped
	}
	if end == len(local)-1 {
		return nil
	}
	if local[end+1] == '@' {
		return refuseUnquoted(end+1, '@')
	}
	return &SyntaxError{end + 1, "text between the closing quote and the @", "put the whole local part in quotes"}
}

// closingQuote returns the index of the quote that ends the quoted string at
// the start of s, or -1.
func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

func unclosed(pos int) *SyntaxError {
	return &SyntaxError{pos, "a quote that is never closed", "close it before the @, or remove it"}
}

// refuse names what no local part may hold, quoted or not: r at offset i.
func refuse(local string, i int, r rune) *SyntaxError {
	switch {
	case r == '\r' || r == '\n':
		return &SyntaxError{i, "a line break in the local part", "give one address on one line"}
	case r < ' ' || r == 0x7f:
		return &SyntaxError{i, fmt.Sprintf("a control character (%U) in the local part", r), "remove it"}
	case r < utf8.RuneSelf:
		return nil
	case r == utf8.RuneError:
		// What a decoder leaves in place of octets it could not read.
		return &SyntaxError{i, "a replacement character (U+FFFD), so the text was damaged before", "send it as UTF-8"}
	case unicode.In(r, invisible...) && !joins(local, i, r):
		return &SyntaxError{i, fmt.Sprintf("an invisible character (%U) in the local part", r), "remove it"}
	}
	return nil
}

// joins reports whether r is a joiner between two visible characters of other
// scripts than Latin, where it is part of the spelling (Persian, Indic scripts,
// emoji; compare RFC 5892 appendix A.1 and A.2).
func joins(local string, i int, r rune) bool {
	if r != '\u200c' && r != '\u200d' {
		return false
	}
	// Marks after a base character take its script.
	before, _ := utf8.DecodeLastRuneInString(strings.TrimRightFunc(local[:i], unicode.IsMark))
	after, _ := utf8.DecodeRuneInString(local[i+utf8.RuneLen(r):])
	return joinable(before) && joinable(after)
}

func joinable(r rune) bool {
	return r >= utf8.RuneSelf && r != utf8.RuneError && !unicode.Is(unicode.Latin, r) && !unicode.In(r, invisible...)
}

// refuseUnquoted names an ASCII character that only a quoted local part may
// hold.
func refuseUnquoted(i int, r rune) *SyntaxError {
	switch r {
	case '@':
		return &SyntaxError{i, "more than one @, and the last one starts the domain", "give one address, or remove this @"}
	case ' ':
		return &SyntaxError{i, "a space in the local part", "remove it"}
	case '"':
		return &SyntaxError{i, "a quote inside the local part", "remove it, or put the whole local part in quotes"}
	case '\\':
		return &SyntaxError{i, "a backslash outside quotes", "remove it"}
	case '<', '>':
		return &SyntaxError{i, "an angle bracket in the local part", "remove it"}
	case '(', ')':
		return &SyntaxError{i, "a parenthesis in the local part", "remove the comment"}
	}
	return &SyntaxError{i, fmt.Sprintf("%q in the local part", r), "remove it"}
}

func letterOrDigit(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
