// Package address reads mail addresses the way people type them and gives the
// forms the rest of the program needs: the wire form for RCPT, a form for
// people, one to hash, the mailbox behind it, and one that may be logged.
//
// Parse follows RFC 5321 §4.1.2 (Mailbox: dot-string or quoted string, domain
// or address literal) with RFC 6531 §3.3 (UTF-8 local parts), and reads domains
// by IDNA2008 with the non-transitional mapping of UTS #46, so that
// faß.example and fass.example stay two domains.
//
// Where it departs, and why:
//   - Comments, display names, folding white space and the obsolete forms of
//     RFC 5322 §4.4 are refused: they belong to header fields, not to SMTP.
//   - No local part may hold an invisible character, which RFC 6531 allows: it
//     would make two mailboxes look like one.
//   - A local part over 64 octets parses: such mailboxes exist, they cannot be
//     asked over SMTP (TooLong).
//   - Top-level domains are not judged and one label is enough. DNS decides.
//
// The package looks nothing up and knows nothing of lists.
package address

import (
	"log/slog"
	"strings"
	"unicode/utf8"
)

// Address is one mailbox name. Only Parse and WithLocal make one; the zero
// value is no address, and its methods return empty strings. Addresses are
// immutable and comparable: == compares the wire forms.
type Address struct {
	local   string // NFC, otherwise as given
	domain  string // A-labels in lower case, or an address literal with its brackets
	literal bool
}

// Limits of RFC 5321 §4.5.3.1, in octets. The path's 256 include its angle
// brackets.
const (
	maxLocal = 64
	maxPath  = 254
)

// IsEmpty reports whether a is the zero value.
func (a Address) IsEmpty() bool { return a == Address{} }

// String returns the wire form, what RCPT TO:<...> carries: the local part as
// given, @, the domain in lower-case A-labels. It never holds a control
// character, and < or > only within quotes. Parse gives the same Address back.
func (a Address) String() string { return a.join(a.local, a.domain) }

// Local returns the local part as given, with its quotes if it has them, in
// Unicode normalization form C.
func (a Address) Local() string { return a.local }

// Domain returns the domain in lower-case A-labels without a final dot, or the
// address literal with its brackets: "[192.0.2.1]", "[IPv6:2001:db8::1]".
func (a Address) Domain() string { return a.domain }

// Unicode returns the form for people: the domain in U-labels.
func (a Address) Unicode() string { return a.join(a.local, unicodeDomain(a.domain)) }

// Literal reports whether the domain is an address literal (RFC 5321 §4.1.3).
func (a Address) Literal() bool { return a.literal }

// NeedsSMTPUTF8 reports whether the local part holds a non-ASCII character, so
// that only a server offering SMTPUTF8 can be asked (RFC 6531 §3.2).
func (a Address) NeedsSMTPUTF8() bool { return !ascii(a.local) }

// TooLong reports whether the local part exceeds 64 octets or the path 254
// (RFC 5321 §4.5.3.1.1, §4.5.3.1.3). Such an address cannot be asked over SMTP,
// which is no proof that it does not exist.
func (a Address) TooLong() bool {
	return len(a.local) > maxLocal || len(a.String()) > maxPath
}

// Masked returns the form for logs and explanations: the first character of
// the local part, "***", @, the domain.
func (a Address) Masked() string {
	_, n := utf8.DecodeRuneInString(a.local)
	return a.join(a.local[:n]+"***", a.domain)
}

// LogValue makes slog write the masked form.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.Masked()) }

// WithLocal returns the address of another local part at the same domain. The
// error is a *SyntaxError with the position in local, also for an empty a.
func (a Address) WithLocal(local string) (Address, error) {
	if a.IsEmpty() {
		return Address{}, &SyntaxError{Problem: "there is no domain", Fix: "start from an address that was parsed"}
	}
	if !utf8.ValidString(local) {
		return Address{}, invalidUTF8(local, 0)
	}
	local, err := parseLocal(local, 0)
	if err != nil {
		return Address{}, err
	}
	return build(local, a.domain, a.literal, 0)
}

func (a Address) join(local, domain string) string {
	if a.IsEmpty() {
		return ""
	}
	return local + "@" + domain
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// lower folds case for comparison. It differs from strings.ToLower in one
// letter: U+0130 becomes i with a dot above, as in Unicode's full mapping and in
// what ESPs written in JavaScript or Python report, and not a plain i, which
// would make two mailboxes one.
func lower(s string) string {
	if ascii(s) {
		return strings.ToLower(s)
	}
	return nfc(strings.ToLower(strings.ReplaceAll(s, "\u0130", "i\u0307")))
}
