package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rcpt/internal/lists/build"
)

// run makes the tables and writes them, unless they got worse.
func run(ctx context.Context, o options) error {
	if err := os.MkdirAll(o.archives, 0o755); err != nil {
		return err
	}
	l, date, err := readLock()
	if err != nil {
		return err
	}
	m, err := collect(ctx, o.archives, l)
	if err != nil {
		return err
	}
	t, r, err := compose(m, date)
	if err != nil {
		return err
	}
	last, err := readReport(o.data)
	if err != nil {
		return err
	}
	if o.review {
		fmt.Print(review(r))
	}
	fmt.Print(summary(r, last))
	if err := check(t, r, last); err != nil && (!o.accept || errors.Is(err, build.ErrForbidden)) {
		return err
	}
	if t["lists.json"], err = json.MarshalIndent(r, "", " "); err != nil {
		return err
	}
	t["NOTICE.txt"] = notice(m.licenses)
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if err := os.WriteFile(filepath.Join(o.data, name), t[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// readReport returns what the last build said; a zero Report if there was none.
func readReport(folder string) (r build.Report, err error) {
	text, err := os.ReadFile(filepath.Join(folder, "lists.json"))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

// summary says the counts, and what changed since the last build.
func summary(r, last build.Report) string {
	out := new(strings.Builder)
	for _, s := range r.Sources {
		fmt.Fprintf(out, "%-40s %7d lines %7d hosts %6d new\n", s.Name, s.Lines, s.Hosts, s.New)
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Rejects)) {
		fmt.Fprintf(out, "rejected %-31s %7d lines\n", reason, r.Rejects[reason])
	}
	for _, s := range r.Removed {
		fmt.Fprintf(out, "removed %-32s %7d hosts\n", s.Guard, s.Hosts)
	}
	for _, tier := range slices.Sorted(maps.Keys(r.Tiers)) {
		fmt.Fprintf(out, "tier %-35s %7d hosts\n", tier, r.Tiers[tier])
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Known)) {
		fmt.Fprintf(out, "known %-34s %7d names\n", kind, r.Known[kind])
	}
	fmt.Fprintf(out, "%d slips, %d roles\n", r.Slips, r.Roles)
	fmt.Fprintf(out, "%d hosts (%+d), %d rules (%+d), %d registrable (%+d)\n",
		r.Hosts, r.Hosts-last.Hosts, r.Rules, r.Rules-last.Rules, r.Domains, r.Domains-last.Domains)
	return out.String()
}

// review lists every line that was rejected and every host that was removed.
func review(r build.Report) string {
	out := new(strings.Builder)
	for _, line := range r.Rejected {
		fmt.Fprintln(out, "rejected", line)
	}
	for _, s := range r.Removed {
		for _, name := range s.Names {
			fmt.Fprintln(out, s.Guard+":", name)
		}
	}
	return out.String()
}
