package refresh

import (
	"maps"
	"slices"
	"strings"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
)

// quarantine is how long a new name that one source alone brings stays at the
// lowest tier. It stops a name smuggled into one list: somebody notices, and the
// list or we remove it.
const quarantine = 7 * 24 * time.Hour

// Why a new name is held for a person to look at.
const (
	heldPopular  = "popular"  // a popular site, or the ancestor of one
	heldFree     = "free"     // a free mailbox provider, by several lists, that a curated list calls disposable
	heldReserved = "reserved" // schools, governments, armed forces
)

// gather returns the popular sites with their ancestors, and whether any list of
// disposable hosts is fresh.
func gather(copies []sourceCopy) (popular map[string]bool, fresh bool) {
	popular = make(map[string]bool)
	for _, c := range copies {
		if c.source.Family != Popular {
			fresh = fresh || c.fresh()
			continue
		}
		for _, host := range c.hosts {
			popular[host] = true
			for parent := range build.Parents(host) {
				popular[parent] = true
			}
		}
	}
	return popular, fresh
}

// newcomer is a name that the built-in table lacks.
type newcomer struct {
	origins lists.Origins
	sources int
	curated bool
}

// merge unites what the sources say with the built-in table.
type merge struct {
	table   *lists.Table // built-in
	last    state
	today   time.Time
	popular map[string]bool

	pending map[string]time.Time // names in quarantine, since when
}

// run returns the hosts of the new table and fills in the report.
func (m *merge) run(copies []sourceCopy, r *Report) build.Hosts {
	hosts := make(build.Hosts, m.table.Info().Hosts+m.table.Info().Hosts/4)
	maps.Insert(hosts, m.table.Hosts())
	fresh := newcomers(copies, hosts)
	known := maps.Collect(m.table.Known())
	for host, n := range fresh {
		hosts[host] = n.origins
		if known[host] != 0 && !n.curated {
			hosts[host] = lists.Aggregates // it is on lists of free providers, too: one side is wrong
		}
	}
	build.Apply(hosts, known, build.Others{
		Zones: build.Zones(), Relays: lists.Relays(),
		Slip: func(host string) (byte, bool) {
			if known[host] != 0 {
				return 0, false
			}
			meant, ok := lists.SlipOf(host)
			return meant, ok || m.table.Typo(host).Certain
		},
	}, &r.Table)
	held := m.hold(hosts, fresh, known)
	m.quarantine(hosts, fresh)
	m.explain(copies, hosts, held, r)
	return hosts
}

// newcomers unites the sources: names that hosts has gain the sources' families,
// the others are returned.
func newcomers(copies []sourceCopy, hosts build.Hosts) map[string]newcomer {
	fresh := make(map[string]newcomer)
	for _, c := range copies {
		if c.source.Family == Popular {
			continue
		}
		for _, host := range c.hosts {
			if families, ok := hosts[host]; ok {
				hosts[host] = families | c.source.origin
				continue
			}
			n := fresh[host]
			fresh[host] = newcomer{n.origins | c.source.origin, n.sources + 1, n.curated || c.source.curated}
		}
	}
	return fresh
}

// hold takes new names out of the table that a person should look at before, and
// returns them with the reason.
func (m *merge) hold(hosts build.Hosts, fresh map[string]newcomer, known map[string]lists.Kind) map[string]string {
	held := make(map[string]string)
	for host, n := range fresh {
		if reason := m.doubt(host, n, known[host]); reason != "" && hosts[host] != 0 {
			held[host] = reason
			delete(hosts, host)
		}
	}
	return held
}

// doubt says why a new name should be held, "" if not.
func (m *merge) doubt(host string, n newcomer, kind lists.Kind) string {
	switch {
	case reserved(host):
		return heldReserved
	case kind&lists.FreeFirm != 0 && n.curated:
		return heldFree
	case m.popular[host] && !n.curated:
		return heldPopular
	}
	return ""
}

// reserved reports whether a name is of a school, a government or an army.
func reserved(host string) bool {
	labels := strings.Split(host, ".")
	tld := labels[len(labels)-1]
	if tld == "edu" || tld == "gov" || tld == "mil" {
		return true
	}
	if len(labels) < 3 || len(tld) != 2 {
		return false
	}
	switch labels[len(labels)-2] {
	case "ac", "edu", "gov":
		return true
	}
	return false
}

// quarantine puts new names that one source alone brings at the lowest tier,
// until they have been there for a week.
func (m *merge) quarantine(hosts build.Hosts, fresh map[string]newcomer) {
	m.pending = make(map[string]time.Time)
	since := m.last.since()
	for host, n := range fresh {
		if hosts[host] == 0 || n.sources > 1 || n.curated {
			continue
		}
		begin, waiting := since[host]
		if !waiting {
			if m.last.lists(host) {
				continue // served its time
			}
			begin = m.today
		}
		if m.today.Sub(begin) < quarantine {
			m.pending[host] = begin
			hosts[host] = lists.Aggregates
		}
	}
}

// explain counts per source what became of its names.
func (m *merge) explain(copies []sourceCopy, hosts build.Hosts, held map[string]string, r *Report) {
	for i, c := range copies {
		s := &r.Sources[i]
		if c.source.Family == Popular {
			continue
		}
		for _, host := range c.hosts {
			_, waiting := m.pending[host]
			switch {
			case held[host] != "":
				s.Held++
			case hosts[host] == 0:
				s.Removed++
			case waiting:
				s.Quarantined++
			}
			if hosts[host] != 0 && !m.last.lists(host) {
				s.New++
			}
		}
	}
	r.Quarantined, r.HeldBack = len(m.pending), len(held)
	for _, host := range slices.Sorted(maps.Keys(held)) {
		if len(r.Held) == maxNamed {
			break
		}
		r.Held = append(r.Held, host+" "+held[host])
	}
}
