package reply

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrMalformed says that lines are no SMTP reply.
var ErrMalformed = errors.New("malformed SMTP reply")

// maxText bounds Reply.Text in octets. Servers that send more than this in one
// reply are broken or hostile.
const maxText = 64 << 10

// Parse reads the lines of one reply (RFC 5321 §4.2), given without CRLF.
//
// Every line begins with three digits, then a hyphen, a space or nothing. If
// the codes differ the last one counts and Mixed is set. Bytes are decoded as
// UTF-8, a line that is not as Latin-1; whatever is not printable becomes a
// space.
//
// The enhanced status code is taken from three places only: right after the
// reply code (RFC 2034), "(#5.1.1)" at the end of a line (qmail) and "#5.1.0"
// at its start (Cisco). An IP address in the text is none. If lines carry
// different enhanced codes none is taken: there is nothing to trust.
//
// The error is ErrMalformed, wrapped with the line number; the Reply then has
// Code 0 and whatever text could be read.
func Parse(lines []string) (Reply, error) {
	if len(lines) == 0 {
		return Reply{}, fmt.Errorf("read reply: no lines: %w", ErrMalformed)
	}
	var r Reply
	var text strings.Builder
	clash := false
	for i, line := range lines {
		code, rest, ok := cutCode(line)
		if !ok {
			appendText(&text, rest)
			return Reply{Text: text.String()}, fmt.Errorf("read reply line %d: %w", i+1, ErrMalformed)
		}
		if i > 0 && code != r.Code {
			r.Mixed = true
		}
		r.Code = code
		enhanced, rest := cutEnhanced(rest)
		if enhanced != (Enhanced{}) {
			clash = clash || r.Enhanced != (Enhanced{}) && r.Enhanced != enhanced
			r.Enhanced = enhanced
		}
		appendText(&text, rest)
	}
	if clash {
		r.Enhanced = Enhanced{}
	}
	r.Text = text.String()
	return r, nil
}

// cutCode splits "550-text" into its code and its text. ok is false if the
// line has no such form; rest is then the whole line.
func cutCode(line string) (code int, rest string, ok bool) {
	line = strings.TrimRight(line, "\r\n")
	if len(line) < 3 || !digits(line[:3]) {
		return 0, line, false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	rest = line[3:]
	if rest == "" {
		return code, "", true
	}
	if rest[0] != ' ' && rest[0] != '-' && rest[0] != '\t' {
		return 0, line, false
	}
	return code, strings.Trim(rest[1:], " \t"), true
}

// cutEnhanced takes the enhanced code off the text of one line.
func cutEnhanced(text string) (Enhanced, string) {
	first, rest, _ := strings.Cut(text, " ")
	if e, ok := parseEnhanced(strings.TrimPrefix(first, "#")); ok {
		return e, rest
	}
	if open := strings.LastIndex(text, "(#"); open >= 0 && strings.HasSuffix(text, ")") {
		if e, ok := parseEnhanced(text[open+2 : len(text)-1]); ok {
			return e, strings.TrimRight(text[:open], " \t")
		}
	}
	return Enhanced{}, text
}

// parseEnhanced reads class "." subject "." detail (RFC 3463 §2), nothing
// before and nothing after.
func parseEnhanced(s string) (Enhanced, bool) {
	if len(s) < 5 || s[1] != '.' || s[0] != '2' && s[0] != '4' && s[0] != '5' {
		return Enhanced{}, false
	}
	subject, detail, ok := strings.Cut(s[2:], ".")
	if !ok || len(subject) > 3 || len(detail) > 3 || !digits(subject) || !digits(detail) {
		return Enhanced{}, false
	}
	return Enhanced{Class: int(s[0] - '0'), Subject: number(subject), Detail: number(detail)}, true
}

// appendText adds the text of one line, decoded and made harmless: printable
// characters, single spaces, maxText octets.
func appendText(b *strings.Builder, line string) {
	latin1 := !utf8.ValidString(line)
	space := b.Len() > 0
	for i := 0; i < len(line); {
		c, size := rune(line[i]), 1
		if !latin1 && c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(line[i:])
		}
		i += size
		if c == ' ' || !unicode.IsPrint(c) {
			space = b.Len() > 0
			continue
		}
		if b.Len()+1+utf8.RuneLen(c) > maxText {
			return
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(c)
	}
}

// digits reports whether s is one or more ASCII digits.
func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// number returns the value of a few digits.
func number(s string) int {
	n := 0
	for i := 0; i < len(s); i++ {
		n = n*10 + int(s[i]-'0')
	}
	return n
}
