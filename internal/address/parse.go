package address

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxText bounds what Parse reads and what it returns, in octets: 64 for the
// local part, @, 255 for the domain (RFC 5321 §4.5.3.1).
const maxText = 320

// blank reports whether people paste r around an address without seeing it:
// white space of every width, the zero-width space, the byte order mark, and the
// marks of direction that contact lists put around what is copied from them.
func blank(r rune) bool {
	switch {
	case unicode.IsSpace(r), unicode.Is(unicode.Bidi_Control, r):
		return true
	}
	return r == '\u200b' || r == '\u2060' || r == '\ufeff'
}

// SyntaxError tells what is wrong with a text that is no address. It never
// repeats the text, so it may be logged.
type SyntaxError struct {
	Pos     int    `json:"position"` // octet offset in the text as given, from 0; the text's end where something is missing
	Problem string `json:"problem"`  // what is wrong, in plain words
	Fix     string `json:"fix"`      // what to do about it
}

// Error returns position, problem and fix in one line.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("position %d: %s: %s", e.Pos, e.Problem, e.Fix)
}

// Parse reads one address as a person types it: blanks around it and one final
// dot of the domain are dropped, the local part is brought to normalization
// form C, the domain to lower-case A-labels. Every error is a *SyntaxError.
func Parse(s string) (Address, error) {
	text, off, err := trim(s)
	if err != nil {
		return Address{}, err
	}
	if err := refuseForms(text, off); err != nil {
		return Address{}, err
	}
	at, err := separator(text, off)
	if err != nil {
		return Address{}, err
	}
	local, err := parseLocal(text[:at], off)
	if err != nil {
		return Address{}, err
	}
	domain, literal, err := parseDomainOrLiteral(text[at+1:], off+at+1)
	if err != nil {
		return Address{}, err
	}
	return build(local, domain, literal, off)
}

// build is the only place where an Address is made.
func build(local, domain string, literal bool, off int) (Address, error) {
	a := Address{local: local, domain: domain, literal: literal}
	if n := len(a.String()); n > maxText {
		return Address{}, tooLong(n, off)
	}
	return a, nil
}

// trim cuts the blanks and returns the offset of what is left. It refuses text
// that no later step could read.
func trim(s string) (text string, off int, err error) {
	text = strings.TrimLeftFunc(s, blank)
	off = len(s) - len(text)
	text = strings.TrimRightFunc(text, blank)
	if text == "" {
		return "", 0, &SyntaxError{Pos: 0, Problem: "there is no text", Fix: "give an address"}
	}
	if len(text) > maxText {
		return "", 0, tooLong(len(text), off+maxText)
	}
	if !utf8.ValidString(text) {
		return "", 0, invalidUTF8(text, off)
	}
	return text, off, nil
}

func tooLong(octets, pos int) error {
	return &SyntaxError{
		Pos:     pos,
		Problem: fmt.Sprintf("%d octets are too many, the limit is %d", octets, maxText),
		Fix:     "give one address and nothing else",
	}
}

func invalidUTF8(s string, off int) error {
	pos := off
	for i, r := range s {
		if r != utf8.RuneError {
			continue
		}
		if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
			pos = off + i
			break
		}
	}
	return &SyntaxError{Pos: pos, Problem: "not valid UTF-8", Fix: "save the text as UTF-8"}
}

// refuseForms recognizes what is more than an address. The inner address is
// not used silently: what is stored and mailed must be what was given.
func refuseForms(text string, off int) error {
	const scheme = "mailto:"
	if len(text) >= len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		return &SyntaxError{Pos: off, Problem: "a mailto: link, not an address", Fix: "remove mailto:"}
	}
	open := strings.IndexByte(text, '<')
	if open >= 0 && strings.HasSuffix(text, ">") && strings.Contains(text[open:], "@") {
		return &SyntaxError{
			Pos:     off + open,
			Problem: "an address in angle brackets",
			Fix:     "give only what stands between < and >",
		}
	}
	return nil
}

// separator finds the @ between local part and domain: the last one that is
// not in quotes. Quotes count at the start of the text only, where alone a
// quoted local part can begin.
func separator(text string, off int) (int, error) {
	after := 0
	if text[0] == '"' {
		end := closingQuote(text)
		if end < 0 {
			return 0, unclosed(off)
		}
		after = end + 1
	}
	at := strings.LastIndexByte(text[after:], '@')
	if at >= 0 {
		return after + at, nil
	}
	for _, wide := range []string{"\uff20", "\ufe6b"} {
		if i := strings.Index(text, wide); i >= 0 {
			return 0, &SyntaxError{Pos: off + i, Problem: "a wide @ instead of @", Fix: "write a plain @"}
		}
	}
	if after > 0 {
		return 0, &SyntaxError{
			Pos:     off + len(text),
			Problem: "no @ outside the quotes",
			Fix:     "write @ and the domain after the closing quote",
		}
	}
	return 0, &SyntaxError{
		Pos:     off + len(text),
		Problem: "no @",
		Fix:     "write the mailbox name, @ and the domain, as in user@example.com",
	}
}
