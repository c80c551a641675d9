package telemetry

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hide returns text with the local part of every mail address cut down to its
// first character, as address.Address.Masked does, and the random part of every
// secret of ours cut away:
//
//	victim@example.com                  v***@example.com
//	rk_live_k7m2_abcdefgh               rk_live_***
//
// It errs on the side of hiding. What is hidden already stays as it is.
func Hide(text string) string {
	return hideSecrets(hideAddresses(text))
}

// hideAddresses looks at every at sign, also where a URL has it as %40.
func hideAddresses(text string) string {
	if !strings.Contains(text, "@") && !strings.Contains(text, "%40") {
		return text
	}
	var out strings.Builder
	for text != "" {
		at, width := nextAt(text)
		if at < 0 {
			break
		}
		from := localStart(text[:at])
		out.WriteString(text[:from])
		switch {
		case from == at: // no address
		case moduleVersion(text[from:at], text[at+width:]):
			out.WriteString(text[from:at])
		default:
			out.WriteString(masked(text[from:at]))
		}
		out.WriteString(text[at : at+width])
		text = text[at+width:]
	}
	out.WriteString(text)
	return out.String()
}

func nextAt(text string) (at, width int) {
	plain, escaped := strings.IndexByte(text, '@'), strings.Index(text, "%40")
	if plain < 0 || escaped >= 0 && escaped < plain {
		return escaped, len("%40")
	}
	return plain, 1
}

// localStart is where the local part before an at sign begins.
func localStart(before string) int {
	if inner, quoted := strings.CutSuffix(before, `"`); quoted {
		return quotedStart(inner)
	}
	end := strings.LastIndexFunc(before, endsLocal)
	if end < 0 {
		return 0
	}
	_, width := utf8.DecodeRuneInString(before[end:])
	return end + width
}

// quotedStart is where a quoted local part (RFC 5321 §4.1.2) begins, given what
// stands before its closing quote. Quotes within are escaped; in JSON the outer ones
// are, too, and those within have three backslashes.
func quotedStart(inner string) int {
	depth := 2
	if backslashes(inner)%2 == 1 {
		depth = 4
	}
	for end := len(inner); ; {
		end = strings.LastIndexByte(inner[:end], '"')
		if end < 0 {
			return 0
		}
		if backslashes(inner[:end])%depth == depth/2-1 {
			return end
		}
	}
}

// backslashes counts those at the end of a text.
func backslashes(text string) int { return len(text) - len(strings.TrimRight(text, `\`)) }

// moduleVersion tells the at sign of a path in a stack
// (github.com/aws/aws-lambda-go@v1.55.1/lambda/entry.go) from an address's.
func moduleVersion(before, after string) bool {
	version, _, inPath := strings.Cut(after, "/")
	return inPath && strings.Contains(before, "/") && len(version) > 1 && version[0] == 'v' &&
		strings.Trim(version[1:2], "0123456789") == "" && !strings.ContainsFunc(version, endsLocal)
}

// endsLocal reports what stands before an address in a text and cannot be in an
// unquoted local part.
func endsLocal(c rune) bool {
	return unicode.IsSpace(c) || unicode.IsControl(c) || strings.ContainsRune("<>()[]\\,;:\"@", c)
}

func masked(local string) string {
	first, width := utf8.DecodeRuneInString(local)
	if local == "" || first == '"' {
		return "***"
	}
	return local[:width] + "***"
}

// hideSecrets knows secrets by their beginnings (package keys).
func hideSecrets(text string) string {
	for _, prefix := range []string{"rk_live_", "rk_test_", "hk_", "whsec_"} {
		text = hideAfter(text, prefix)
	}
	return text
}

func hideAfter(text, prefix string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, prefix)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		out.WriteString(prefix)
		rest := strings.TrimLeftFunc(after, inSecret)
		if len(rest) < len(after) {
			out.WriteString("***")
		}
		text = rest
	}
}

// inSecret allows base32, base64 in both alphabets, and the separator.
func inSecret(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("_-+/=", c)
}
