package build

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"rcpt/internal/lists"
)

// Guard is a group of names that no list can make disposable.
type Guard struct {
	Kind  lists.Kind
	Names []string // hosts, or patterns with * and ?, which stand for no dot
	// Yields says which listings the guard gives way to; nil for none.
	Yields func(lists.Origins) bool
}

// Known applies the rules by which guards give way, and returns what is left of
// their names, cleaned, with the kinds. Names with * or ? stay as they are.
func Known(guards []Guard, hosts Hosts) map[string]lists.Kind {
	known, zones := make(map[string]lists.Kind), Zones()
	for _, g := range guards {
		for _, name := range g.Names {
			host, reject := Clean(name)
			if strings.ContainsAny(name, "*?") {
				host, reject = strings.ToLower(name), ""
			}
			if reject != "" || slices.Contains(zones, host) || g.Yields != nil && g.Yields(hosts[host]) {
				continue
			}
			known[host] |= g.Kind
		}
	}
	return known
}

// Others are what leaves the table beside the guarded names.
type Others struct {
	Zones  []string                                // shared zones: no rule for the zone, but for its children
	Relays []string                                // privacy relays, with all below them
	Slip   func(host string) (meant byte, ok bool) // a slip of a provider's name
}

// Apply removes from hosts what is known not to be disposable, and returns the
// slips it found with what was meant.
func Apply(hosts Hosts, known map[string]lists.Kind, o Others, r *Report) (slips map[string]byte) {
	exact, patterns := split(known)
	step := func(name string, gone func(host string) bool) {
		r.Removed = append(r.Removed, remove(hosts, name, gone))
	}
	for _, kind := range []struct {
		name string
		kind lists.Kind
	}{{"well-known", lists.WellKnown}, {"free-mail", lists.Freemail}, {"universities", lists.University}, {"brands", lists.Brand}} {
		step(kind.name, func(host string) bool { return exact[host]&kind.kind != 0 })
	}
	step("free-mail patterns", func(host string) bool { return patterns.match(host) && hosts[host].Count() < 3 })
	step("children of these", func(host string) bool { return within(host, exact) })
	relays := make(map[string]lists.Kind, len(o.Relays))
	for _, name := range o.Relays {
		relays[name] = lists.WellKnown
	}
	above := ancestors(maps.Keys(exact), maps.Keys(relays))
	step("ancestors of these", func(host string) bool { return above[host] && relays[host] == 0 })
	step("shared zones", func(host string) bool { return slices.Contains(o.Zones, host) })
	step("relays", func(host string) bool { return relays[host] != 0 || within(host, relays) })

	slips = make(map[string]byte)
	step("slips", func(host string) bool {
		meant, ok := o.Slip(host)
		if ok {
			slips[host] = meant
		}
		return ok
	})
	return slips
}

// remove deletes the hosts that are gone.
func remove(hosts Hosts, guard string, gone func(host string) bool) Step {
	s := Step{Guard: guard}
	for host := range hosts {
		if gone(host) {
			s.Names = append(s.Names, host)
			delete(hosts, host)
		}
	}
	slices.Sort(s.Names)
	s.Hosts = len(s.Names)
	return s
}

// split parts guarded names from patterns; other kinds of names guard nothing.
func split(known map[string]lists.Kind) (exact map[string]lists.Kind, patterns patterns) {
	exact = make(map[string]lists.Kind, len(known))
	for name, kind := range known {
		switch {
		case strings.ContainsAny(name, "*?"):
			patterns = append(patterns, name)
		case kind&lists.Guarded != 0:
			exact[name] = kind
		}
	}
	return exact, patterns
}

// within reports whether an ancestor of host is guarded.
func within(host string, exact map[string]lists.Kind) bool {
	for parent := range Parents(host) {
		if exact[parent] != 0 {
			return true
		}
	}
	return false
}

// ancestors returns the ancestors of names.
func ancestors(groups ...iter.Seq[string]) map[string]bool {
	above := make(map[string]bool)
	for _, names := range groups {
		for name := range names {
			for parent := range Parents(name) {
				above[parent] = true
			}
		}
	}
	return above
}

// patterns are names in which * stands for any run without a dot, ? for one
// character that is no dot.
type patterns []string

// match reports whether host is of one of the patterns. gmx.* stands for GMX in
// every country: gmx.es, not gmx.plus.
func (p patterns) match(host string) bool {
	tld := host[strings.LastIndexByte(host, '.')+1:]
	return slices.ContainsFunc(p, func(pattern string) bool {
		return glob(pattern, host) && (len(tld) == 2 || !strings.HasSuffix(pattern, ".*"))
	})
}

func glob(pattern, s string) bool {
	for pattern != "" {
		switch c := pattern[0]; {
		case c == '*':
			for i := 0; ; i++ {
				if glob(pattern[1:], s[i:]) {
					return true
				}
				if i == len(s) || s[i] == '.' {
					return false
				}
			}
		case s == "" || c != s[0] && (c != '?' || s[0] == '.'):
			return false
		}
		pattern, s = pattern[1:], s[1:]
	}
	return s == ""
}
