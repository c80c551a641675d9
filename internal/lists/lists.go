// Package lists answers what is known about a name without asking anyone: is a
// domain disposable, free or a privacy relay, is it a known slip of the
// keyboard, does a local part name a role, whose mailboxes stand behind an MX.
//
// These are facts, never verdicts: a role account or a relay address reaches a
// person, and a listing may be wrong (Tier says how firm it is).
//
// A Table is read-only, so all its methods are pure and safe for concurrent
// use, and they do not allocate for lower-case input. New builds one; there is
// no package-level data, so that a program that never calls New carries none.
//
// The table in data.go holds only the best-known names.
package lists

import (
	"strings"
	"time"
)

// Tier says who calls a name disposable, the firmest tier that does.
type Tier string

// The tiers, firmest first; the empty Tier means not listed.
const (
	Curated    Tier = "curated"          // a list reviewed by people
	Families   Tier = "several_families" // at least two lists that do not copy each other
	Family     Tier = "one_family"       // one list, or several of one origin
	Aggregator Tier = "aggregator"       // only collections of other lists
)

// Disposable is a listing as a domain for throw-away addresses. The zero value
// means not listed.
type Disposable struct {
	Tier Tier   `json:"tier,omitempty"`
	Rule string `json:"rule,omitempty"` // the listed name that matched: the domain or one of its ancestors
}

// Listed reports whether any list names the domain.
func (d Disposable) Listed() bool { return d.Tier != "" }

// Firm reports whether the listing suffices for a verdict: curated, or several
// independent families.
func (d Disposable) Firm() bool { return d.Tier == Curated || d.Tier == Families }

// The confidences of a Free listing.
const (
	High = "high" // several independent lists
	Low  = "low"  // one list alone
)

// Free is a listing as a mailbox provider where anyone gets an address. The zero
// value means not listed.
type Free struct {
	Listed     bool   `json:"listed,omitempty"`
	Confidence string `json:"confidence,omitempty"` // High or Low; "" if not listed
}

// Info describes the data behind a Table.
type Info struct {
	Version string    // names the data, not its format
	Built   time.Time // when the data was put together, UTC
	Hosts   int       // names on the disposable list, counted in the table
}

// Table answers the questions. Use New; the zero value lists nothing.
type Table struct {
	version    string
	built      time.Time
	disposable map[string]Tier
	free       map[string]string // confidence
	relays     map[string]string // name of the relay
	typos      map[string]string // the domain that was meant
	providers  map[string]string // by MX suffix
	roles      map[string]role
}

// New returns the built-in table.
func New() *Table {
	return &Table{
		version:    "builtin-2026-11-22",
		built:      time.Date(2026, time.November, 22, 0, 0, 0, 0, time.UTC),
		disposable: disposableDomains(),
		free:       freeDomains(),
		relays:     relayDomains(),
		typos:      typoDomains(),
		providers:  providerSuffixes(),
		roles:      roleNames(),
	}
}

// Info returns version, time and size of the table's data.
func (t *Table) Info() Info {
	return Info{Version: t.version, Built: t.built, Hosts: len(t.disposable)}
}

// Disposable looks up an A-label domain and its ancestors, the nearest first.
// In the simulated mail internet disposable-ANYTHING.test is as disposable.test.
func (t *Table) Disposable(domain string) Disposable {
	name := fold(domain)
	rule, tier, ok := bySuffix(t.disposable, name)
	if !ok && simulated(name) {
		rule, tier, _ = bySuffix(t.disposable, "disposable.test")
	}
	return Disposable{Tier: tier, Rule: rule}
}

// simulated reports whether name is disposable-ANYTHING.test.
func simulated(name string) bool {
	label, isTest := strings.CutSuffix(name, ".test")
	anything, ok := strings.CutPrefix(label, "disposable-")
	return isTest && ok && anything != "" && !strings.Contains(anything, ".")
}

// Free looks up an A-label domain. Ancestors do not count: mail.gmail.com is no
// domain of Gmail's users.
func (t *Table) Free(domain string) Free {
	confidence, ok := t.free[fold(domain)]
	return Free{Listed: ok, Confidence: confidence}
}

// Relay returns the name of the privacy relay whose domain, or a subdomain of
// it, an A-label domain is; "" if none. Mail to it reaches a person.
func (t *Table) Relay(domain string) string {
	_, name, _ := bySuffix(t.relays, fold(domain))
	return name
}

// Suggest returns the domain that was meant when an A-label domain is a
// well-known slip: gmail.com for gmal.com.
func (t *Table) Suggest(domain string) (meant string, ok bool) {
	meant, ok = t.typos[fold(domain)]
	return meant, ok
}

// Provider returns the mailbox provider, gateway or relay behind an MX host
// name, by its longest known suffix; "" if unknown.
func (t *Table) Provider(mxHost string) string {
	host := fold(mxHost)
	if _, name, ok := bySuffix(t.providers, host); ok {
		return name
	}
	if strings.HasPrefix(host, "inbound-smtp.") && strings.HasSuffix(host, ".amazonaws.com") {
		return "Amazon SES" // inbound-smtp.REGION.amazonaws.com
	}
	return ""
}

// fold brings a domain to the form of the tables. It allocates nothing if the
// domain has it.
func fold(domain string) string { return strings.ToLower(strings.TrimSuffix(domain, ".")) }

// bySuffix looks up a name, then each of its ancestors down to two labels: a
// rule for a whole top-level domain would be a mistake of the list.
func bySuffix[V any](table map[string]V, name string) (rule string, v V, ok bool) {
	for {
		dot := strings.IndexByte(name, '.')
		if dot < 0 {
			return "", v, false
		}
		if v, ok = table[name]; ok {
			return name, v, true
		}
		name = name[dot+1:]
	}
}
