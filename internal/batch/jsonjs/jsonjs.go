// Package jsonjs writes JSON octet for octet as JavaScript does, so that
// JSON.stringify(JSON.parse(text)) is text again: receivers of signed webhooks
// verify that way.
//
// What that takes (ECMA-262 2024, §25.5.2 JSON.stringify, §6.1.6.1.20
// Number::toString, §10.1.11.1 OrdinaryOwnPropertyKeys):
//
//   - Strings: only quote, backslash, the control characters below U+0020 and lone
//     surrogates are escaped; not <, >, &, U+007F, U+2028, U+2029 or "/".
//   - Numbers: the shortest decimal that reads back as the same double, with an
//     exponent from 1e21 on and below 1e-6.
//   - Objects: keys that are array indices ("0" to "4294967294", no leading
//     zero) come first, ascending; the others in order of their first writing. Of
//     values under one key the last stands, at the place of the first.
//
// Where text of a user cannot pass through a double unchanged, as
// 12345678901234567890 or 1e400 cannot, it is written as a string of the same
// characters: nothing is lost. Octets that are no UTF-8, and escapes of
// lone surrogates, become U+FFFD. encoding/json differs in each of these points.
package jsonjs

import (
	"strconv"
	"unicode/utf8"
)

const hex = "0123456789abcdef"

// AppendString appends s as a JSON string with its quotes.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, c)
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\t':
		return append(dst, '\\', 't')
	case '\n':
		return append(dst, '\\', 'n')
	case '\f':
		return append(dst, '\\', 'f')
	case '\r':
		return append(dst, '\\', 'r')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// AppendFloat appends a finite number.
func AppendFloat(dst []byte, f float64) []byte {
	if f == 0 {
		return append(dst, '0') // minus zero, too
	}
	if size := max(f, -f); size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, f, 'e', -1, 64)
	if n := len(dst); dst[n-2] == '0' && (dst[n-3] == '-' || dst[n-3] == '+') { // Go writes two digits at least: e-07
		dst = append(dst[:n-2], dst[n-1])
	}
	return dst
}

// Index returns the number of a key that is an array index: such keys come
// before all others in an object, in the order of their numbers.
func Index(key string) (index uint32, ok bool) {
	if key == "" || len(key) > 10 || key[0] == '0' && len(key) > 1 {
		return 0, false
	}
	for i := range len(key) {
		if key[i] < '0' || key[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(key, 10, 64)
	return uint32(n), err == nil && n < 1<<32-1
}
