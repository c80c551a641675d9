package jsonjs

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may lie in each other.
const MaxDepth = 100

// SyntaxError tells where a text is no JSON (RFC 8259).
type SyntaxError struct {
	Pos     int // octet offset, from 0
	Problem string
}

// Error returns place and problem.
func (e *SyntaxError) Error() string { return fmt.Sprintf("octet %d: %s", e.Pos, e.Problem) }

// Parser reads one JSON text from its beginning. The text must be UTF-8. Its
// errors are all *SyntaxError.
type Parser struct {
	text  string
	pos   int
	depth int
}

// NewParser begins with the first value of text.
func NewParser(text string) *Parser { return &Parser{text: text} }

// Canonical returns a JSON text as JavaScript would write it.
func Canonical(text string) (string, error) {
	p := NewParser(text)
	value, err := p.Value(nil)
	if err != nil {
		return "", err
	}
	return string(value), p.End()
}

// Peek returns the first octet of the next value, 0 at the end of the text.
func (p *Parser) Peek() byte {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

// End fails unless nothing but white space is left.
func (p *Parser) End() error {
	if p.Peek() != 0 || p.pos < len(p.text) {
		return p.fault("text behind the end of the value")
	}
	return nil
}

func (p *Parser) fault(problem string) error { return &SyntaxError{Pos: p.pos, Problem: problem} }

// Value reads the next value and appends it as JavaScript would write it.
func (p *Parser) Value(dst []byte) ([]byte, error) {
	switch c := p.Peek(); {
	case c == '"':
		s, err := p.String()
		return AppendString(dst, s), err
	case c == '{':
		return p.object(dst)
	case c == '[':
		return p.array(dst)
	case c == '-' || c >= '0' && c <= '9':
		return p.number(dst)
	}
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(p.text[p.pos:], word) {
			p.pos += len(word)
			return append(dst, word...), nil
		}
	}
	if p.pos == len(p.text) {
		return dst, p.fault("a value is missing")
	}
	return dst, p.fault("this begins no value")
}

// Members reads the next value, an object, and calls f for each key. f reads the
// value of the key before it returns.
func (p *Parser) Members(f func(key string) error) error {
	return p.list('{', '}', func() error {
		if p.Peek() != '"' {
			return p.fault("a key in quotes is missing")
		}
		key, err := p.String()
		if err != nil {
			return err
		}
		if p.Peek() != ':' {
			return p.fault("a colon is missing")
		}
		p.pos++
		return f(key)
	})
}

func (p *Parser) array(dst []byte) ([]byte, error) {
	dst = append(dst, '[')
	first := true
	err := p.list('[', ']', func() (err error) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst, err = p.Value(dst)
		return err
	})
	return append(dst, ']'), err
}

// list reads what stands in brackets, divided by commas.
func (p *Parser) list(open, end byte, element func() error) error {
	if p.Peek() != open {
		return p.fault(fmt.Sprintf("this does not begin with %c", open))
	}
	if p.depth++; p.depth > MaxDepth {
		return p.fault(fmt.Sprintf("more than %d arrays and objects in each other", MaxDepth))
	}
	p.pos++
	if p.Peek() == end {
		p.pos++
		p.depth--
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		switch p.Peek() {
		case ',':
			p.pos++
		case end:
			p.pos++
			p.depth--
			return nil
		default:
			return p.fault(fmt.Sprintf("a comma or %c is missing", end))
		}
	}
}

// String reads the next value, a string.
func (p *Parser) String() (string, error) {
	if p.Peek() != '"' {
		return "", p.fault("a string is missing")
	}
	p.pos++
	start := p.pos
	var buf []byte // only for a string with escapes
	for ; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case c == '"':
			p.pos++
			tail := p.text[start : p.pos-1]
			if buf == nil {
				return tail, nil
			}
			return string(append(buf, tail...)), nil
		case c < ' ':
			return "", p.fault("a control character in a string")
		case c == '\\':
			buf = append(append(make([]byte, 0, len(buf)+p.pos-start+16), buf...), p.text[start:p.pos]...)
			var err error
			if buf, err = p.escapes(buf); err != nil {
				return "", err
			}
			start = p.pos
			p.pos-- // the loop moves on
		}
	}
	return "", p.fault("a string does not end")
}

// escapes reads a run of escape sequences and the text between them up to the
// next quote.
func (p *Parser) escapes(buf []byte) ([]byte, error) {
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == '"' || c < ' ':
			return buf, nil
		case c != '\\':
			buf = append(buf, c)
			p.pos++
			continue
		case p.pos+1 == len(p.text):
			return buf, p.fault("a string does not end")
		}
		c = p.text[p.pos+1]
		if c == 'u' {
			r, err := p.unicode()
			if err != nil {
				return buf, err
			}
			buf = utf8.AppendRune(buf, r)
			continue
		}
		at := strings.IndexByte(`"\/bfnrt`, c)
		if at < 0 {
			return buf, p.fault("no such escape sequence")
		}
		buf = append(buf, "\"\\/\b\f\n\r\t"[at])
		p.pos += 2
	}
	return buf, nil
}

// unicode reads \uXXXX, or two of them that make one character.
func (p *Parser) unicode() (rune, error) {
	r, ok := p.hex4(p.pos)
	if !ok {
		return 0, p.fault(`\u without four hexadecimal digits`)
	}
	p.pos += 6
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if low, ok := p.hex4(p.pos); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			p.pos += 6
			return pair, nil
		}
	}
	return utf8.RuneError, nil
}

func (p *Parser) hex4(at int) (rune, bool) {
	if at+6 > len(p.text) || p.text[at:at+2] != `\u` {
		return 0, false
	}
	n, err := strconv.ParseUint(p.text[at+2:at+6], 16, 16)
	return rune(n), err == nil
}
