package address

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits of RFC 1035 §2.3.4 in octets of the ASCII form; 253 is what 255 octets
// on the wire leave for the text without its final dot.
const (
	maxLabel  = 63
	maxDomain = 253
)

const acePrefix = "xn--"

// ParseDomain reads a domain as a person types it and returns it in lower-case
// A-labels without the final dot. Blanks around it are dropped. Labels are
// letters, digits and inner hyphens (RFC 5321 §4.1.2); other scripts are mapped
// by UTS #46 and checked by IDNA2008; A-labels must be what their U-labels give.
// Address literals and bare IP addresses are no domains. Every error is a
// *SyntaxError.
func ParseDomain(s string) (string, error) {
	text, off, err := trim(s)
	if err != nil {
		return "", err
	}
	if at := strings.IndexByte(text, '@'); at >= 0 {
		return "", &SyntaxError{off + at, "an @ in a domain", "give only what follows the @"}
	}
	if text[0] == '[' {
		return "", &SyntaxError{off, "an address literal instead of a domain", "give a domain name"}
	}
	return parseDomain(text, off)
}

func parseDomainOrLiteral(text string, off int) (domain string, literal bool, err error) {
	if strings.HasPrefix(text, "[") {
		domain, err = parseLiteral(text, off)
		return domain, true, err
	}
	domain, err = parseDomain(text, off)
	return domain, false, err
}

// parseDomain reads label by label, so that an error has a position and the
// Bidi rule (RFC 5893) judges each label alone: a name like 3com.example with
// one right-to-left label above it exists, and DNS is the better judge.
func parseDomain(text string, off int) (string, error) {
	if text == "" {
		return "", &SyntaxError{off, "nothing after the @", "write the domain after the @"}
	}
	var labels []string
	for start := 0; start < len(text); {
		end, next := cutLabel(text, start)
		if end == start {
			return "", emptyLabel(text, off+start)
		}
		label, err := parseLabel(text[start:end], off+start)
		if err != nil {
			return "", err
		}
		labels = append(labels, label)
		start = next
	}
	domain := strings.Join(labels, ".")
	if len(domain) > maxDomain {
		return "", &SyntaxError{
			Pos:     off,
			Problem: fmt.Sprintf("a domain of %d octets, DNS holds %d", len(domain), maxDomain),
			Fix:     "check the domain",
		}
	}
	if isIPv4(domain) {
		return "", &SyntaxError{off, "an IP address instead of a domain", "write it in brackets: [192.0.2.1]"}
	}
	return domain, nil
}

func isIPv4(domain string) bool {
	if last := domain[len(domain)-1]; last < '0' || last > '9' {
		return false // spares names the making of an error
	}
	ip, err := netip.ParseAddr(domain)
	return err == nil && ip.Is4()
}

// cutLabel returns where the label that begins at start ends and where the
// next one begins. The ideographic, full-width and half-width full stops
// separate labels too (UTS #46 §2.3).
func cutLabel(text string, start int) (end, next int) {
	for i, r := range text[start:] {
		switch r {
		case '.', '\u3002', '\uff0e', '\uff61':
			return start + i, start + i + utf8.RuneLen(r)
		}
	}
	return len(text), len(text)
}

func emptyLabel(text string, pos int) error {
	if strings.Trim(text, ".\u3002\uff0e\uff61") == "" {
		return &SyntaxError{pos, "a domain of dots alone", "write the domain after the @"}
	}
	return &SyntaxError{pos, "a dot in the domain without a name before it", "remove it"}
}

// parseLabel returns the lower-case ASCII form of one label.
func parseLabel(label string, off int) (string, error) {
	for i, r := range label {
		if r < utf8.RuneSelf && r != '-' && !letterOrDigit(r) {
			return "", refuseInDomain(off+i, r)
		}
	}
	form, display := strings.ToLower(label), ""
	if ascii(form) && !strings.HasPrefix(form, acePrefix) {
		display = form
	} else {
		var e *SyntaxError
		if form, display, e = idnLabel(form, off); e != nil {
			return "", e
		}
	}
	if len(form) > maxLabel {
		return "", &SyntaxError{
			Pos:     off,
			Problem: fmt.Sprintf("a label of %d octets in the domain, DNS holds %d", len(form), maxLabel),
			Fix:     "check the domain",
		}
	}
	if display[0] == '-' {
		return "", &SyntaxError{off, "a hyphen at the start of a label in the domain", "remove it"}
	}
	if display[len(display)-1] == '-' {
		return "", &SyntaxError{off + len(label) - 1, "a hyphen at the end of a label in the domain", "remove it"}
	}
	return form, nil
}

// idnLabel returns the A-label and the U-label of a label in another script or
// of a given A-label. They must lead to each other, or what people see and what
// is asked in DNS would be two names.
func idnLabel(label string, off int) (form, display string, e *SyntaxError) {
	profile := idnProfile()
	form, err := profile.ToASCII(label)
	if err != nil || form == "" || strings.Contains(form, ".") {
		return "", "", refuseLabel(label, off)
	}
	display, err = profile.ToUnicode(form)
	if err != nil {
		return "", "", refuseLabel(label, off)
	}
	again, err := profile.ToASCII(display)
	if err != nil || again != form || ascii(label) && form != label {
		return "", "", refuseLabel(label, off)
	}
	return form, display, nil
}

// idnProfile is the mapping of UTS #46 without transitional processing and the
// checks of IDNA2008, hyphens in positions three and four excepted: such names
// exist (r3---sn-a.example).
func idnProfile() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.CheckHyphens(false))
}

// refuseLabel names the first character that cannot stand in any label, else
// the label.
func refuseLabel(label string, off int) *SyntaxError {
	if ascii(label) {
		return &SyntaxError{off, "a label beginning with xn-- that encodes no name", "check the domain"}
	}
	anywhere := idna.New(idna.MapForLookup(), idna.CheckHyphens(false), idna.CheckJoiners(false))
	for i, r := range label {
		if r < utf8.RuneSelf {
			continue
		}
		// Between two letters, so that combining marks are not refused.
		if form, err := anywhere.ToASCII("a" + string(r) + "a"); err != nil || strings.Contains(form, ".") {
			return &SyntaxError{off + i, fmt.Sprintf("a character (%U) that no domain can hold", r), "remove it"}
		}
	}
	return &SyntaxError{off, "a label that breaks the rules of its script (IDNA2008)", "check the domain"}
}

func refuseInDomain(pos int, r rune) *SyntaxError {
	switch r {
	case ' ', '\t':
		return &SyntaxError{pos, "a space in the domain", "remove it"}
	case '_':
		return &SyntaxError{pos, "an underscore in the domain", "write a hyphen if that is meant"}
	case ',', ';':
		return &SyntaxError{pos, fmt.Sprintf("%q in the domain", r), "write a dot if that is meant, or give one address"}
	case '/', ':':
		return &SyntaxError{pos, fmt.Sprintf("%q in the domain", r), "give the domain alone, not a link"}
	case '\r', '\n':
		return &SyntaxError{pos, "a line break in the domain", "give one address on one line"}
	}
	if r < ' ' || r == 0x7f {
		return &SyntaxError{pos, fmt.Sprintf("a control character (%U) in the domain", r), "remove it"}
	}
	return &SyntaxError{pos, fmt.Sprintf("%q in the domain", r), "remove it"}
}

// parseLiteral reads an address literal (RFC 5321 §4.1.3). IPv6 is the only
// registered tag for others than IPv4.
func parseLiteral(text string, off int) (string, error) {
	if !strings.HasSuffix(text, "]") {
		return "", &SyntaxError{off, "an address literal that is never closed", "write ] after the IP address"}
	}
	inner := text[1 : len(text)-1]
	const tag = "IPv6:"
	tagged := len(inner) >= len(tag) && strings.EqualFold(inner[:len(tag)], tag)
	if tagged {
		inner = inner[len(tag):]
	}
	ip, err := netip.ParseAddr(inner)
	switch {
	case err != nil || ip.Zone() != "" || tagged && ip.Is4():
		return "", &SyntaxError{off + 1, "no IP address in the brackets", "write [192.0.2.1] or [IPv6:2001:db8::1]"}
	case tagged:
		return "[" + tag + ip.String() + "]", nil
	case ip.Is6():
		return "", &SyntaxError{off + 1, "an IPv6 address without its tag", "write IPv6: before it"}
	}
	return "[" + ip.String() + "]", nil
}

// unicodeDomain returns the U-labels of a domain that Parse accepted, label by
// label for the reason given at parseDomain.
func unicodeDomain(domain string) string {
	if !strings.Contains(domain, acePrefix) {
		return domain
	}
	labels := strings.Split(domain, ".")
	for i, label := range labels {
		if u, err := idnProfile().ToUnicode(label); err == nil {
			labels[i] = u
		}
	}
	return strings.Join(labels, ".")
}
