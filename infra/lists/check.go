package main

import (
	_ "embed"
	"fmt"
	"strings"

	"rcpt/internal/lists/build"
	"rcpt/internal/lists/nameset"
)

// Bounds against the last build. What lies outside is a mistake, or else it is
// looked at and accepted.
const (
	leastSource = 0.95 // a source that shrank by more lost a part of itself
	mostSource  = 1.25 // a source that grew by more was mixed with something
	leastTotal  = 0.98
	leastSample = 0.99 // of names that people have reviewed
)

//go:embed sample.txt
var sampleFile string

// check says what is wrong with new tables.
func check(t tables, r, last build.Report) error {
	set, err := nameset.Open(string(t["disposable.bin"]))
	if err != nil {
		return err
	}
	if err := set.Check(); err != nil {
		return err
	}
	nearest := func(domain string) string { e, _ := set.Nearest(domain); return e.Name }
	if err := build.CheckNames(nearest); err != nil {
		return err
	}
	found, sample := 0, strings.Fields(sampleFile)
	for _, name := range sample {
		if _, ok := set.Nearest(name); ok {
			found++
		}
	}
	if float64(found) < leastSample*float64(len(sample)) {
		return fmt.Errorf("the table has %d of the %d names of sample.txt", found, len(sample))
	}
	if float64(r.Hosts) < leastTotal*float64(last.Hosts) {
		return fmt.Errorf("%d hosts after %d", r.Hosts, last.Hosts)
	}
	return drift(r, last)
}

// drift compares the sources with the last build; new ones pass.
func drift(r, last build.Report) error {
	for _, s := range r.Sources {
		name, _ := cutVersion(s.Name)
		before := 0
		for _, old := range last.Sources {
			// Of several versions the nearest in size: old ones stay as they are.
			if oldName, _ := cutVersion(old.Name); oldName == name && distance(s.Hosts, old.Hosts) < distance(s.Hosts, before) {
				before = old.Hosts
			}
		}
		if now, was := float64(s.Hosts), float64(before); before > 0 && (now < leastSource*was || now > mostSource*was) {
			return fmt.Errorf("%s has %d hosts after %d", s.Name, s.Hosts, before)
		}
	}
	return nil
}

func cutVersion(name string) (string, string) {
	i := strings.LastIndexByte(name, ' ')
	return name[:i], name[i+1:]
}

func distance(a, b int) int { return max(a-b, b-a) }
