package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
)

// material is what the packages hold, sorted by its use.
type material struct {
	disposable []build.Source
	guards     map[string][]string // by name of the guard
	free       map[string][]string // by family
	roles      []string            // "CLASS name"
	licenses   []license
}

// collect reads every package of the lock.
func collect(ctx context.Context, folder string, l lock) (material, error) {
	m := material{guards: make(map[string][]string), free: make(map[string][]string)}
	minus := make(map[lists.Origins][]string)
	for _, p := range l.Packages {
		files, err := open(ctx, folder, p)
		if err != nil {
			return m, err
		}
		if err := m.add(p, files, minus); err != nil {
			return m, fmt.Errorf("read %s: %w", p, err)
		}
		m.licenses = append(m.licenses, licenseOf(p, files))
	}
	for i, s := range m.disposable {
		m.disposable[i].Lines = without(s.Lines, minus[s.Origin])
	}
	return m, nil
}

// add takes what is used of a package. minus gets what a family's lists hold
// that is not disposable.
func (m *material) add(p pack, files map[string][]byte, minus map[lists.Origins][]string) error {
	uses, err := p.uses()
	if err != nil {
		return err
	}
	source := build.Source{Name: p.String()}
	for _, u := range uses {
		names, err := u.names(files)
		if err != nil {
			return fmt.Errorf("%s: %w", u.path, err)
		}
		switch u.as {
		case "disposable":
			source.Origin = build.Families()[u.origin]
			source.Lines = append(source.Lines, names...)
		case "minus":
			origin := build.Families()[u.origin]
			minus[origin] = append(minus[origin], names...)
		case "guard":
			m.guards[u.origin] = append(m.guards[u.origin], names...)
		case "free":
			m.free[u.origin] = append(m.free[u.origin], names...)
		case "role":
			m.roles = append(m.roles, names...)
		default:
			return fmt.Errorf("use as %q", u.as)
		}
	}
	if source.Lines != nil {
		m.disposable = append(m.disposable, source)
	}
	return nil
}

// names returns what the package's files at the path of u hold, in their order.
func (u use) names(files map[string][]byte) (names []string, err error) {
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if path != u.path && (!strings.HasSuffix(u.path, "/") || !strings.HasPrefix(path, u.path)) {
			continue
		}
		found, err := parsers()[u.parser](path, files[path])
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no names")
	}
	return names, nil
}

// without returns the names that are not among others.
func without(names, others []string) (left []string) {
	gone := make(map[string]bool, len(others))
	for _, name := range others {
		gone[name] = true
	}
	for _, name := range names {
		if !gone[name] {
			left = append(left, name)
		}
	}
	return left
}
