package lists

import "strings"

// Typo is a slip of the keyboard in a domain. The zero value means none.
type Typo struct {
	Meant string `json:"meant,omitempty"` // the domain that was meant, one of Targets; "" if none

	// Digits belong to the end of the local part: jane@59gmail.com lacks the @
	// where it was meant, jane59@gmail.com.
	Digits string `json:"digits,omitempty"`

	// Certain: the slip is in the table, or no domain at all. Else the name
	// only looks like one, and may well be somebody's own: it is a typo when
	// DNS knows no MX of it, or one that is Parked, and a hint when it takes
	// mail. A near miss of a large provider that takes mail may be a trap.
	Certain bool `json:"certain,omitempty"`
}

// The bounds of what looks like a slip, in hundredths of an edit.
const (
	near = 101
	far  = 201 // for names of more than four letters with the right first one
)

// Typo compares an A-label domain with the providers whose names people
// mistype. A name known to be right, or with the label of a provider in another
// country, is none.
func (t *Table) Typo(domain string) Typo {
	name := fold(domain)
	if e, ok := t.slips.Find(name); ok {
		meant := targets[e.Value].domain
		digits, _ := strings.CutSuffix(name, meant)
		if strings.Trim(digits, "0123456789") != "" || len(digits) == len(name) {
			digits = ""
		}
		return Typo{Meant: meant, Digits: digits, Certain: true}
	}
	if e, _ := t.known.Find(name); e.Value != 0 || len(name) > longestSlip || t.Relay(name) != "" {
		return Typo{}
	}
	return guess(name)
}

// Suggest returns the domain that was meant when an A-label domain certainly is
// a slip, and nothing but the domain is wrong: gmail.com for gmal.com.
func (t *Table) Suggest(domain string) (meant string, ok bool) {
	typo := t.Typo(domain)
	if !typo.Certain || typo.Digits != "" {
		return "", false
	}
	return typo.Meant, true
}

// guess finds the nearest of the targets. Ties go to the larger one.
func guess(name string) (typo Typo) {
	best := unlimited
	label, tld, _ := strings.Cut(name, ".")
	for _, t := range targets {
		if t.bonus == 0 {
			continue
		}
		if broken(name, t.domain) {
			return Typo{Meant: t.domain, Certain: true}
		}
		if digits, ok := strings.CutSuffix(name, t.domain); ok && len(t.label()) > 4 && digits != "" && strings.Trim(digits, "0123456789") == "" {
			return Typo{Meant: t.domain, Digits: digits}
		}
		if label == t.label() && len(tld) != len("com") {
			continue // yahoo.dk, hotmail.co.jp
		}
		bound := near
		if len(label) > 4 && name[0] == t.domain[0] {
			bound = far
		}
		if d := distance(name, t.domain, bound); d <= bound && d-t.bonus < best {
			best, typo = d-t.bonus, Typo{Meant: t.domain}
		}
	}
	return typo
}

// broken reports whether name is meant without its dots, with commas for them,
// or with its end twice: gmailcom, gmail,com, gmail.com.com.
func broken(name, meant string) bool {
	if name == meant || len(name) < len(meant)-2 || len(name) > len(meant)+4 {
		return false
	}
	if rest, ok := strings.CutPrefix(name, meant); ok {
		return rest == ".com"
	}
	i := 0
	for j := range len(meant) {
		switch {
		case i < len(name) && (name[i] == meant[j] || name[i] == ',' && meant[j] == '.'):
			i++
		case meant[j] != '.':
			return false
		}
	}
	return i == len(name) && (strings.Contains(name, ",") || !strings.Contains(name, "."))
}
