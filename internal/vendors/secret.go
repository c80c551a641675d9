package vendors

import (
	"log/slog"
	"net/url"
	"strings"
	"unicode/utf8"
)

// secret is a vendor's key in the clear. However it is printed, it prints as
// stars; inside a struct, where fmt looks at fields without asking for their
// methods, as an address in memory.
type secret struct{ text *string }

func newSecret(text string) secret { return secret{text: &text} }

func (s secret) reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String is what a secret prints as.
func (secret) String() string { return "***" }

// GoString is what it prints as under %#v.
func (secret) GoString() string { return "***" }

// LogValue is what it is logged as.
func (secret) LogValue() slog.Value { return slog.StringValue("***") }

// MarshalText is what it becomes in JSON.
func (secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Lengths of a vendor's key, in characters.
const (
	MinSecret = 8
	MaxSecret = 512
)

// sound reports whether a text can be a key: printable ASCII without spaces, so
// that it fits a header, a query and a body.
func sound(text string) bool {
	return len(text) >= MinSecret && len(text) <= MaxSecret &&
		strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// preview shows the ends of a key: four characters each, of one under 16 two.
func preview(s secret) string {
	text, ends := s.reveal(), 4
	if len(text) < 16 {
		ends = 2
	}
	return text[:ends] + "…" + text[len(text)-ends:]
}

// maxText is how much of a vendor's text is kept, in runes: enough for a
// sentence or two.
const maxText = 200

// maxRead is how much of it is looked at, in octets.
const maxRead = 4096

// shown is the shortest part of a key that must not be seen. Vendors quote the
// beginning of a key; shorter parts may be ordinary words.
const shown = MinSecret

// scrub makes a text of a vendor fit to be shown and kept: without parts of the
// key, the address, control characters and length.
func scrub(text string, key secret, email string) string {
	if len(text) > maxRead {
		text = text[:maxRead]
	}
	text = strings.ToValidUTF8(text, "�")
	for _, k := range []string{key.reveal(), url.QueryEscape(key.reveal())} {
		text = hide(text, k, shown)
	}
	for _, e := range []string{email, url.QueryEscape(email)} {
		text = hide(text, e, len(e))
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 }), " ")
	if utf8.RuneCountInString(text) > maxText {
		text = string([]rune(text)[:maxText-1]) + "…"
	}
	return text
}

// hide replaces every part of a text that is also a part of hidden, in any case
// and at least size octets long, by three stars.
func hide(text, hidden string, size int) string {
	low, secret := strings.ToLower(text), strings.ToLower(hidden)
	if len(low) != len(text) { // offsets would not fit
		low, secret = text, hidden
	}
	if size == 0 || len(secret) < size {
		return text
	}
	var out strings.Builder
	for at := 0; at < len(text); {
		end := at
		for end+size <= len(text) && strings.Contains(secret, low[end:end+size]) {
			end++
		}
		if end == at {
			out.WriteByte(text[at])
			at++
			continue
		}
		out.WriteString("***")
		at = end + size - 1
	}
	return out.String()
}
