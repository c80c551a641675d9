// Package build makes the tables of package lists out of lists that others
// publish: at build time out of npm packages, at run time out of what was
// fetched, by the same rules.
//
//  1. Clean brings each line to one form, or rejects it.
//  2. Merge unites the sources: which families name which host.
//  3. Guards removes what must never be called disposable, with ancestors and
//     children, then zones whose subdomains belong to strangers, then privacy
//     relays, then slips of the keyboard, which are a table of their own.
//  4. Encode marks what has a listed ancestor, counts, and writes the table.
//
// Each step says what it did in a Report. A subdomain is never promoted to its
// registrable domain: mail.x.example says nothing of x.example.
package build

import (
	"fmt"
	"slices"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/nameset"
)

// Hosts says which families name each host.
type Hosts map[string]lists.Origins

// Lists reports whether a host or an ancestor of it is listed.
func (h Hosts) Lists(host string) bool {
	if h[host] != 0 {
		return true
	}
	for parent := range Parents(host) {
		if h[parent] != 0 {
			return true
		}
	}
	return false
}

// Source is a list that somebody publishes.
type Source struct {
	Name   string
	Origin lists.Origins // the family it belongs to
	Lines  []string
}

// Report says what became of the sources. It holds no more than a page.
type Report struct {
	Sources  []SourceReport     `json:"sources"`
	Rejects  map[Reject]int     `json:"rejects"` // distinct lines, by reason
	Removed  []Step             `json:"removed"` // in the order of the steps
	Hosts    int                `json:"hosts"`
	Rules    int                `json:"rules"` // hosts without a listed ancestor
	Domains  int                `json:"registrable"`
	Tiers    map[lists.Tier]int `json:"tiers"` // of the hosts
	Crowded  []string           `json:"crowded"`
	Slips    int                `json:"slips"`
	Known    map[string]int     `json:"known"`
	Roles    int                `json:"roles"`
	Rejected []string           `json:"-"` // the rejected lines, sorted, for review
}

// SourceReport says what one source held.
type SourceReport struct {
	Name  string `json:"name"`
	Lines int    `json:"lines"`
	Hosts int    `json:"hosts"` // after cleaning
	New   int    `json:"new"`   // in none of the sources before it
}

// Step is what one guard removed.
type Step struct {
	Guard string   `json:"guard"`
	Hosts int      `json:"hosts"`
	Names []string `json:"-"` // sorted, for review
}

// Merge cleans the sources and unites them.
func Merge(sources []Source, r *Report) Hosts {
	hosts := make(Hosts)
	rejected := make(map[string]Reject)
	for _, s := range sources {
		own := SourceReport{Name: s.Name, Lines: len(s.Lines)}
		seen := make(map[string]bool, len(s.Lines))
		for _, line := range s.Lines {
			host, reject := Clean(line)
			switch {
			case reject == Empty:
			case reject != "":
				rejected[line] = reject
			case !seen[host]:
				seen[host] = true
				own.Hosts++
				if hosts[host] == 0 {
					own.New++
				}
				hosts[host] |= s.Origin
			}
		}
		r.Sources = append(r.Sources, own)
	}
	r.Rejects = make(map[Reject]int)
	for line, reject := range rejected {
		r.Rejects[reject]++
		r.Rejected = append(r.Rejected, string(reject)+" "+line)
	}
	slices.Sort(r.Rejected)
	return hosts
}

// Encode writes the table of disposable hosts. What it counts goes into the
// report, and into the table itself, as the figures of lists.
func Encode(hosts Hosts, built time.Time, r *Report) ([]byte, error) {
	entries := make([]nameset.Entry, 0, len(hosts))
	domains := make(map[string]bool, len(hosts))
	r.Tiers = make(map[lists.Tier]int)
	r.Hosts, r.Rules = len(hosts), 0
	for host, families := range hosts {
		domains[registrable(host)] = true
		for parent := range Parents(host) {
			if above := hosts[parent]; above != 0 {
				families |= above | lists.Below
			}
		}
		if families&lists.Below == 0 {
			r.Rules++
		}
		r.Tiers[families.Tier()]++
		entries = append(entries, nameset.Entry{Name: host, Value: byte(families)})
	}
	r.Domains = len(domains)
	r.Crowded = crowded(hosts)
	return nameset.Encode(entries, built, lists.Figures{
		Hosts: r.Hosts, Rules: r.Rules, Registrable: r.Domains,
		Curated: r.Tiers[lists.Curated], Families: r.Tiers[lists.Families],
		Family: r.Tiers[lists.Family], Aggregator: r.Tiers[lists.Aggregator],
	}.Array())
}

// crowd is how many listed children make an unlisted parent worth a review.
const crowd = 50

// crowded names the unlisted registrable domains with many listed children, with
// their number: a person decides whether they belong on the list.
func crowded(hosts Hosts) []string {
	children := make(map[string]int)
	for host := range hosts {
		if domain := registrable(host); domain != host && hosts[domain] == 0 {
			children[domain]++
		}
	}
	var names []string
	for domain, n := range children {
		if n >= crowd {
			names = append(names, fmt.Sprintf("%s %d", domain, n))
		}
	}
	slices.Sort(names)
	return names
}
