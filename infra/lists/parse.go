package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// parser returns the names in a file, or those that its path stands for. It
// reads data of any shape as data: no script is ever run.
type parser func(path string, data []byte) ([]string, error)

func parsers() map[string]parser {
	return map[string]parser{
		"json":         array,
		"lines":        lines,
		"set":          set,
		"expired":      expired,
		"constant":     constant,
		"paths":        paths,
		"icons":        icons,
		"providers":    providers,
		"spamassassin": spamassassin,
		"classes":      classes,
	}
}

// array reads ["a.example", "b.example"].
func array(_ string, data []byte) (names []string, err error) {
	err = json.Unmarshal(data, &names)
	return names, err
}

func lines(_ string, data []byte) ([]string, error) {
	return strings.Split(strings.TrimSpace(string(data)), "\n"), nil
}

// set reads mailchecker's var blacklist = ["a.example", ...], in new versions
// within new Set().
func set(_ string, data []byte) ([]string, error) {
	_, rest, _ := strings.Cut(string(data), "var blacklist")
	_, rest, _ = strings.Cut(rest, "[")
	list, _, ok := strings.Cut(rest, "]")
	if !ok {
		return nil, fmt.Errorf("no list")
	}
	return array("", []byte("["+list+"]"))
}

// expired reads fakefilter's "- a.example (expired 455 days ago)".
func expired(_ string, data []byte) (names []string, err error) {
	for line := range strings.Lines(string(data)) {
		if item, ok := strings.CutPrefix(line, "- "); ok {
			name, _, _ := strings.Cut(item, " ")
			names = append(names, name)
		}
	}
	return names, nil
}

// constant reads the quoted names of free-email-domains' const DOMAINS = [...].
func constant(_ string, data []byte) ([]string, error) {
	_, rest, _ := strings.Cut(string(data), "const DOMAINS = [")
	list, _, ok := strings.Cut(rest, "]")
	if !ok {
		return nil, fmt.Errorf("no constant DOMAINS")
	}
	return quoted(list), nil
}

func quoted(text string) (names []string) {
	for _, match := range regexp.MustCompile(`'([^']*)'`).FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	return names
}

// paths reads academic-email-verifier's domains/uk/ac/ox.txt: ox.ac.uk.
func paths(path string, _ []byte) ([]string, error) {
	labels := strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "domains/"), ".txt"), "/")
	slices.Reverse(labels)
	return []string{strings.Join(labels, ".")}, nil
}

// icons reads the hosts of the addresses where simple-icons found the brands.
func icons(_ string, data []byte) (names []string, err error) {
	var brands []struct{ Source string }
	if err := json.Unmarshal(data, &brands); err != nil {
		return nil, err
	}
	for _, b := range brands {
		if source, err := url.Parse(b.Source); err == nil {
			names = append(names, strings.TrimPrefix(source.Hostname(), "www."))
		}
	}
	return names, nil
}

// providers reads the mailbox domains of email-provider-links.
func providers(_ string, data []byte) (names []string, err error) {
	var all struct {
		Providers []struct {
			Type    string
			Domains []string
		}
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	for _, p := range all.Providers {
		if p.Type == "public_provider" {
			names = append(names, p.Domains...)
		}
	}
	return names, nil
}

// spamassassin reads lines "freemail_domains a.example b.*".
func spamassassin(_ string, data []byte) (names []string, err error) {
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "freemail_domains" {
			names = append(names, fields[1:]...)
		}
	}
	return names, nil
}

// classes reads role-based-email-addresses' const MARKETING = ['ads', ...]; as
// "MARKETING ads".
func classes(_ string, data []byte) (names []string, err error) {
	for _, match := range regexp.MustCompile(`const ([A-Z]+) = \[([^\]]*)\]`).FindAllStringSubmatch(string(data), -1) {
		for _, name := range quoted(match[2]) {
			names = append(names, match[1]+" "+name)
		}
	}
	return names, nil
}
