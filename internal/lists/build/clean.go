package build

import (
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Reject says why a line of a source is no host that can be listed.
type Reject string

// The rejects, in the order of the checks.
const (
	Empty        Reject = "empty"         // a comment, a blank
	BadIDN       Reject = "idn"           // IDNA does not map it, or not back
	BadName      Reject = "name"          // not 2 or more LDH labels of 1 to 63 octets, 253 in all
	Numeric      Reject = "ip_address"    // its last label is a number
	UnknownTLD   Reject = "tld"           // no top-level domain of the public-suffix list
	PublicSuffix Reject = "public_suffix" // listing it would block every tenant
)

// Clean turns a line of a source into a host, in lower case with A-labels, or
// says why not. "someone@*.Example.com. # seen" is example.com.
func Clean(line string) (host string, reject Reject) {
	line = strings.TrimPrefix(line, "\ufeff")
	if i := strings.IndexAny(line, "#;"); i >= 0 {
		line = line[:i]
	}
	host = strings.TrimSpace(line)
	host = strings.TrimSpace(host[strings.LastIndexByte(host, '@')+1:])
	host = strings.TrimPrefix(strings.TrimPrefix(host, "*"), ".")
	host = strings.TrimSuffix(host, ".")
	if host == "" {
		return "", Empty
	}
	host, ok := toASCII(host)
	switch {
	case !ok:
		return "", BadIDN
	case !ldh(host):
		return "", BadName
	}
	tld := host[strings.LastIndexByte(host, '.')+1:]
	if strings.Trim(tld, "0123456789") == "" {
		return "", Numeric
	}
	// A name below it, because some, ck among them, have a wildcard rule alone.
	if _, icann := publicsuffix.PublicSuffix("example." + tld); !icann {
		return "", UnknownTLD
	}
	if suffix, _ := publicsuffix.PublicSuffix(host); suffix == host {
		return "", PublicSuffix
	}
	return host, ""
}

// toASCII maps a name as a look-up would (UTS #46), and lower-cases it.
func toASCII(name string) (string, bool) {
	plain := true
	for i := range len(name) {
		plain = plain && name[i] < 0x80
	}
	name = strings.ToLower(name)
	if plain && !strings.Contains(name, "xn--") {
		return name, true // IDNA would refuse r3---sn.example.com
	}
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil || plain && ascii != name {
		return "", false
	}
	return ascii, true
}

// ldh reports whether name is two or more labels of letters, digits and inner
// hyphens (RFC 1123 §2.1).
func ldh(name string) bool {
	if len(name) > 253 || !strings.Contains(name, ".") {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

// registrable returns the domain one label below the public suffix of host.
func registrable(host string) string {
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return domain
}

// Parents yields the ancestors of host down to two labels, the nearest first.
func Parents(host string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			_, parent, ok := strings.Cut(host, ".")
			if !ok || !strings.Contains(parent, ".") || !yield(parent) {
				return
			}
			host = parent
		}
	}
}
