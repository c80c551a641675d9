package jsonjs

import (
	"slices"
	"strconv"
	"strings"
)

// member is one key of an object with its value as written.
type member struct {
	key   string
	value []byte
	index int64 // -1: the key is no array index
}

// object reads the next value, an object.
func (p *Parser) object(dst []byte) ([]byte, error) {
	var members []member
	at := make(map[string]int)
	err := p.Members(func(key string) error {
		value, err := p.Value(nil)
		if err != nil {
			return err
		}
		if i, again := at[key]; again {
			members[i].value = value
			return nil
		}
		m := member{key: key, value: value, index: -1}
		if n, ok := Index(key); ok {
			m.index = int64(n)
		}
		at[key] = len(members)
		members = append(members, m)
		return nil
	})
	if err != nil {
		return dst, err
	}
	slices.SortStableFunc(members, func(a, b member) int {
		switch {
		case a.index >= 0 && b.index >= 0:
			return int(a.index - b.index)
		case a.index >= 0:
			return -1
		case b.index >= 0:
			return 1
		}
		return 0
	})
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(AppendString(dst, m.key), ':'), m.value...)
	}
	return append(dst, '}'), nil
}

// number reads the next value, a number.
func (p *Parser) number(dst []byte) ([]byte, error) {
	text := p.text[p.pos:]
	if end := strings.IndexFunc(text, func(c rune) bool { return !strings.ContainsRune("0123456789+-.eE", c) }); end >= 0 {
		text = text[:end]
	}
	if !isNumber(text) {
		return dst, p.fault("this is no number")
	}
	p.pos += len(text)
	f, err := strconv.ParseFloat(text, 64)
	if err != nil { // beyond what a double holds
		return AppendString(dst, text), nil
	}
	start := len(dst)
	dst = AppendFloat(dst, f)
	if !sameDecimal(text, string(dst[start:])) {
		return AppendString(dst[:start], text), nil
	}
	return dst, nil
}

// isNumber keeps to RFC 8259 §6.
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole := digits(s)
	if whole == 0 || whole > 1 && s[0] == '0' {
		return false
	}
	s = s[whole:]
	if strings.HasPrefix(s, ".") {
		n := digits(s[1:])
		if n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s != "" && s[0]|0x20 == 'e' {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		n := digits(s)
		return n > 0 && n == len(s)
	}
	return s == ""
}

func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// sameDecimal reports whether two numbers have the same value, exactly.
func sameDecimal(a, b string) bool {
	if a == b {
		return true
	}
	aDigits, aPoint := decimal(a)
	bDigits, bPoint := decimal(b)
	if aDigits == "" || bDigits == "" {
		return aDigits == bDigits // zero
	}
	return aDigits == bDigits && aPoint == bPoint && (a[0] == '-') == (b[0] == '-')
}

// decimal returns the significant digits of a number and the power of ten of the
// point before them.
func decimal(s string) (significant string, point int) {
	s = strings.TrimPrefix(s, "-")
	if at := strings.IndexAny(s, "eE"); at >= 0 {
		point, _ = strconv.Atoi(s[at+1:]) // where it overflows, the double is zero or none
		s = s[:at]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	point += len(whole)
	all := whole + fraction
	significant = strings.TrimLeft(all, "0")
	point -= len(all) - len(significant)
	return strings.TrimRight(significant, "0"), point
}
