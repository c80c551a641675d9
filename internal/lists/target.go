package lists

import "strings"

// target is a provider whose name people mistype.
type target struct {
	domain string
	bonus  int // in hundredths of an edit: ten times the logarithm of its share of consumer mail
}

// targets are the providers that are suggested. The table of slips refers to
// them by position: append, never reorder. A bonus of 0 makes a target of that
// table alone.
var targets = [...]target{
	{"gmail.com", 46}, {"yahoo.com", 37}, {"hotmail.com", 37}, {"outlook.com", 34}, {"icloud.com", 32},
	{"aol.com", 28}, {"live.com", 23}, {"msn.com", 20}, {"comcast.net", 20}, {"googlemail.com", 16},
	{"hotmail.co.uk", 16}, {"yahoo.co.uk", 16}, {"hotmail.fr", 16}, {"yahoo.fr", 16}, {"mail.ru", 20},
	{"yandex.ru", 18}, {"gmx.de", 16}, {"web.de", 16}, {"protonmail.com", 14}, {"orange.fr", 14},
	{"libero.it", 14}, {"sbcglobal.net", 12},

	{"ymail.com", 0}, {"rocketmail.com", 0}, {"att.net", 0}, {"verizon.net", 0}, {"bellsouth.net", 0},
	{"cox.net", 0}, {"charter.net", 0}, {"yahoo.co.in", 0}, {"rediffmail.com", 0}, {"hotmail.it", 0},
	{"hotmail.es", 0}, {"hotmail.de", 0}, {"live.co.uk", 0}, {"wanadoo.fr", 0}, {"laposte.net", 0},
	{"t-online.de", 0}, {"freenet.de", 0}, {"btinternet.com", 0}, {"naver.com", 0}, {"hanmail.net", 0},
	{"uol.com.br", 0}, {"terra.com.br", 0}, {"yahoo.com.br", 0}, {"foxmail.com", 0}, {"yahoo.de", 0}, {"yahoo.it", 0},
}

// Targets returns the providers' domains, in the order of the table of slips.
func Targets() []string {
	var domains []string
	for _, t := range targets {
		domains = append(domains, t.domain)
	}
	return domains
}

// SlipOf says which of the Targets an unknown domain is one slip away from, or
// a run of digits in front of: 59gmail.com, where somebody left out the @.
func SlipOf(domain string) (meant byte, ok bool) {
	rest := strings.TrimLeft(domain, "0123456789")
	best := whole + 1
	for i, t := range targets {
		if len(t.label()) < 5 {
			continue // most names of four letters are one letter from another name
		}
		if rest == t.domain && rest != domain {
			return byte(i), true
		}
		if len(domain)-len(t.domain) > 1 || len(t.domain)-len(domain) > 1 {
			continue
		}
		if first := domain[0] != t.domain[0] && !adjacent(domain[0], t.domain[0]); first && len(domain) == len(t.domain) {
			continue // jmail.com is a name, hmail.com a slip
		}
		if d := distance(domain, t.domain, whole); d > 0 && d-t.bonus < best && d <= whole {
			best, meant, ok = d-t.bonus, byte(i), true
		}
	}
	return meant, ok
}

// label returns the first label.
func (t target) label() string {
	label, _, _ := strings.Cut(t.domain, ".")
	return label
}
