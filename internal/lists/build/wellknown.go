package build

import (
	_ "embed"
	"strings"
)

//go:embed wellknown.txt
var wellKnownFile string

// WellKnown returns the mailbox providers and companies that every mail system
// meets, and which must never be called disposable.
func WellKnown() []string { return append(Mailboxes(), Companies()...) }

// Mailboxes returns the mailbox providers among them.
func Mailboxes() []string { return section("mail") }

// Companies returns the companies among them.
func Companies() []string { return section("company") }

// Popular returns popular sites that lists call disposable and that no other
// rule spares.
func Popular() []string { return section("popular") }

// Zones returns domains whose subdomains belong to strangers.
func Zones() []string { return section("zone") }

// section returns the names below [name] in the file.
func section(name string) (names []string) {
	_, text, _ := strings.Cut(wellKnownFile, "["+name+"]\n")
	for line := range strings.Lines(text) {
		switch line[0] {
		case '[':
			return names
		case '#':
		default:
			names = append(names, strings.Fields(line)...)
		}
	}
	return names
}
