// Package lists answers what is known about a name without asking anyone: is a
// domain disposable, free, a privacy relay or a closed provider, is it a slip of
// the keyboard, does a local part name a role, who stands behind an MX.
//
// These are facts, never verdicts: a role account or a relay address reaches a
// person, and a listing may be wrong (Tier says how firm it is).
//
// The tables in the folder data are made by make lists out of lists that others
// publish; package build has the rules, NOTICE.txt the licenses, lists.json the
// counts. They are embedded as they are and need no decoding (package nameset).
// A program that never calls New does not carry them.
package lists

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"rcpt/internal/lists/nameset"
)

// The linker drops these with New. They are strings so that they stay in
// read-only pages that processes share.
var (
	//go:embed data/disposable.bin
	disposableData string // value: Origins
	//go:embed data/known.bin
	knownData string // value: Kind
	//go:embed data/slips.bin
	slipsData string // value: index of Targets
	//go:embed data/roles.bin
	rolesData string // value: RoleByte
)

// Tier says who calls a name disposable, the firmest tier that does.
type Tier string

// The tiers, firmest first; the empty Tier means not listed.
const (
	Curated    Tier = "curated"          // a list reviewed by people
	Families   Tier = "several_families" // at least two families of lists; collections of other lists are one
	Family     Tier = "one_family"       // one list, or several of one origin
	Aggregator Tier = "aggregator"       // only collections of other lists
)

// Disposable is a listing as a domain for throw-away addresses. The zero value
// means not listed.
type Disposable struct {
	Tier Tier   `json:"tier,omitempty"`
	Rule string `json:"rule,omitempty"` // the listed name that matched: the domain or its nearest listed ancestor
}

// Listed reports whether any list names the domain.
func (d Disposable) Listed() bool { return d.Tier != "" }

// Firm reports whether the listing suffices for a verdict: curated, or several
// families.
func (d Disposable) Firm() bool { return d.Tier == Curated || d.Tier == Families }

// The confidences of a Free listing.
const (
	High = "high" // several independent lists, or a reviewed one
	Low  = "low"  // one list alone
)

// Free is a listing as a mailbox provider where anyone gets an address. The zero
// value means not listed.
type Free struct {
	Listed     bool   `json:"listed,omitempty"`
	Confidence string `json:"confidence,omitempty"` // High or Low; "" if not listed
}

// Info describes the data behind a Table. The figures are those the table of
// disposable hosts carries, which a test counts.
type Info struct {
	Version string    // day and content of the data, such as 2026-11-22-1f2e3d4c
	Built   time.Time // UTC: the day of the built-in data, the second of refreshed data
	Figures
}

// Table answers the questions. Use New. It is read-only: its methods are pure,
// safe for concurrent use, and do not allocate for lower-case input.
type Table struct {
	disposable, known, slips, roles nameset.Set

	relays     map[string]string
	exchangers map[string]Exchanger
	version    string
}

// New returns the built-in table. It takes some microseconds.
func New() *Table {
	t := &Table{
		disposable: open(disposableData), known: open(knownData), slips: open(slipsData), roles: open(rolesData),
		relays: relayDomains(), exchangers: exchangers(),
	}
	t.version = t.name()
	return t
}

// name returns day and content of the data.
func (t *Table) name() string {
	content := sha256.New()
	for _, s := range []nameset.Set{t.disposable, t.known, t.slips, t.roles} {
		sum := s.Digest()
		content.Write(sum[:])
	}
	return fmt.Sprintf("%s-%x", t.disposable.Built().Format(time.DateOnly), content.Sum(nil)[:4])
}

// open opens an embedded set. Those are tested: one that does not open is a
// mistake of the build.
func open(data string) nameset.Set {
	s, err := nameset.Open(data)
	if err != nil {
		panic("lists: embedded table: " + err.Error())
	}
	return s
}

// Info returns version, day and size of the table's data.
func (t *Table) Info() Info {
	return Info{Version: t.version, Built: t.disposable.Built(), Figures: figures(t.disposable)}
}

// Disposable looks up an A-label domain and its ancestors, the nearest first, in
// any case. In the simulated mail internet disposable-ANYTHING.test is as
// disposable.test.
func (t *Table) Disposable(domain string) Disposable {
	if e, ok := t.disposable.Nearest(domain); ok {
		return Disposable{Tier: Origins(e.Value).Tier(), Rule: e.Name}
	}
	return simulated(domain)
}

// simulated returns the listings below .test, which no table holds.
func simulated(domain string) Disposable {
	domain = strings.TrimSuffix(domain, ".")
	if n := len(domain); n < len("disposable.test") || !strings.EqualFold(domain[n-len(".test"):], ".test") {
		return Disposable{}
	}
	name := fold(domain)
	_, rest, below := cutLast(strings.TrimSuffix(name, ".test"))
	switch rest {
	case "disposable":
		return Disposable{Curated, "disposable.test"}
	case "disposable-families":
		return Disposable{Families, "disposable-families.test"}
	case "disposable-family":
		return Disposable{Family, "disposable-family.test"}
	case "disposable-suspected":
		return Disposable{Aggregator, "disposable-suspected.test"}
	}
	if anything, ok := strings.CutPrefix(rest, "disposable-"); ok && anything != "" && !below {
		return Disposable{Curated, "disposable.test"}
	}
	return Disposable{}
}

// cutLast returns what lies before and after the last dot; all of s is after it
// if there is none.
func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

// Free looks up an A-label domain, in any case. Ancestors do not count:
// mail.gmail.com is no domain of Gmail's users.
func (t *Table) Free(domain string) Free {
	e, _ := t.known.Find(domain)
	switch kind := Kind(e.Value); {
	case kind&FreeFirm != 0:
		return Free{Listed: true, Confidence: High}
	case kind&FreeWeak != 0, domain == "free-suspected.test":
		return Free{Listed: true, Confidence: Low}
	}
	return Free{}
}

// Guarded reports whether an A-label domain is one that no list, and no mail
// exchanger, can make disposable: a well-known one, a mailbox provider, a
// university, a brand. Ancestors do not count.
func (t *Table) Guarded(domain string) bool {
	e, _ := t.known.Find(domain)
	return Kind(e.Value)&Guarded != 0
}

// fold brings a domain to the form of the tables. It allocates nothing if the
// domain has it.
func fold(domain string) string { return strings.ToLower(strings.TrimSuffix(domain, ".")) }

// bySuffix looks up a name, then each of its ancestors down to two labels: a
// rule for a whole top-level domain would be a mistake of the list. It returns
// the rule that matched.
func bySuffix[V any](table map[string]V, name string) (v V, rule string, ok bool) {
	for {
		dot := strings.IndexByte(name, '.')
		if dot < 0 {
			return v, "", false
		}
		if v, ok = table[name]; ok {
			return v, name, true
		}
		name = name[dot+1:]
	}
}
