package main

import (
	"maps"
	"slices"
	"strings"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
	"rcpt/internal/lists/nameset"
)

// tables are the files that package lists embeds, by name.
type tables map[string][]byte

// compose makes the tables.
func compose(m material, date time.Time) (tables, build.Report, error) {
	var r build.Report
	hosts := build.Merge(m.disposable, &r)
	known := build.Known(guards(m), hosts)
	slips := build.Apply(hosts, known, build.Others{
		Zones: build.Zones(), Relays: lists.Relays(),
		Slip: func(host string) (byte, bool) {
			if known[host] != 0 {
				return 0, false
			}
			return lists.SlipOf(host)
		},
	}, &r)
	addFree(m, known, hosts, slips)
	addSlips(slips, known)
	roles, err := roleSet(m.roles)
	if err != nil {
		return nil, r, err
	}
	t := make(tables)
	if t["disposable.bin"], err = build.Encode(hosts, date, &r); err != nil {
		return nil, r, err
	}
	r.Slips, r.Roles, r.Known = len(slips), len(roles), count(known)
	for name, set := range map[string][]nameset.Entry{"known.bin": entries(known), "slips.bin": entries(slips), "roles.bin": roles} {
		if t[name], err = nameset.Encode(set, date, [nameset.Figures]int{}); err != nil {
			return nil, r, err
		}
	}
	return t, r, nil
}

// addFree marks the domains of mailbox providers among the known names.
func addFree(m material, known map[string]lists.Kind, hosts build.Hosts, slips map[string]byte) {
	families := make(map[string]int)
	firm := make(map[string]bool)
	m.free["well-known"] = build.Mailboxes()
	for family, names := range m.free {
		seen := make(map[string]bool)
		for _, name := range names {
			host, reject := build.Clean(name)
			_, slip := slips[host]
			if reject != "" || seen[host] || slip || hosts.Lists(host) || slices.Contains(build.Companies(), host) {
				continue
			}
			seen[host] = true
			families[host]++
			firm[host] = firm[host] || family == "well-known" || family == "spamassassin"
		}
	}
	for _, relay := range lists.Relays() {
		delete(families, relay)
	}
	for host, n := range families {
		if firm[host] || n > 1 {
			known[host] |= lists.FreeFirm
		} else {
			known[host] |= lists.FreeWeak
		}
	}
}

// addSlips adds to the slips found on lists those everybody makes in a
// top-level domain: gmail.con, gmail.cm.
func addSlips(slips map[string]byte, known map[string]lists.Kind) {
	for i, domain := range lists.Targets() {
		label, isCom := strings.CutSuffix(domain, ".com")
		if !isCom || len(label) < 5 {
			continue // live.co and aol.cm are names of others
		}
		for tld := range strings.FieldsSeq("cm om co con cmo cim vom comm ne") {
			if name := label + "." + tld; known[name] == 0 {
				slips[name] = byte(i)
			}
		}
	}
	for slip, meant := range map[string]string{"gmai.com": "gmail.com", "gmal.com": "gmail.com", "gmial.com": "gmail.com",
		"hotmial.com": "hotmail.com", "yaho.com": "yahoo.com", "outlok.com": "outlook.com"} {
		slips[slip] = byte(slices.Index(lists.Targets(), meant))
		delete(known, slip) // yaho.com stands on an old list of free ones
	}
}

// wide are patterns of SpamAssassin that spare too much: freemail is a word, and
// the providers called so are on its list by name, too; mail2*.com are 1,250
// names for sale at one service, weakly listed and left to the MX.
func wide() []string { return []string{"freemail.*", "freemail.*.*", "mail2*.com"} }

// entries returns a set's names with their values.
func entries[V ~byte](of map[string]V) []nameset.Entry {
	set := make([]nameset.Entry, 0, len(of))
	for name, value := range of {
		set = append(set, nameset.Entry{Name: name, Value: byte(value)})
	}
	return set
}

// count counts the known names by kind.
func count(known map[string]lists.Kind) map[string]int {
	counts := make(map[string]int)
	for kind := range maps.Values(known) {
		for bit, name := range map[lists.Kind]string{
			lists.FreeFirm: "free", lists.FreeWeak: "free, low confidence", lists.WellKnown: "well-known",
			lists.Freemail: "free-mail guards", lists.University: "universities", lists.Brand: "brands",
		} {
			if kind&bit != 0 {
				counts[name]++
			}
		}
	}
	return counts
}

// guards are the names no list can make disposable, and to whom they yield.
func guards(m material) []build.Guard {
	curated := func(o lists.Origins) bool { return o.Tier() == lists.Curated }
	return []build.Guard{
		{Kind: lists.WellKnown, Names: build.WellKnown()},
		{Kind: lists.WellKnown, Names: build.Popular()},
		{Kind: lists.Freemail, Names: without(m.guards["freemail"], wide()), Yields: curated},
		{Kind: lists.Freemail, Names: m.guards["freemail-common"], Yields: func(o lists.Origins) bool {
			return curated(o) || o.Count() >= 4
		}},
		{Kind: lists.University, Names: m.guards["universities"]},
		{Kind: lists.Brand, Names: m.guards["brands"]},
	}
}
