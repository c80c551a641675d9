package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"rcpt/internal/lists"
	"rcpt/internal/lists/nameset"
)

//go:embed roles.txt
var rolesFile string

// persons are names in role-based-email-addresses that people bear, or that say
// nothing.
const persons = " dev user alexa alla angels aaa abc asd asdf asdasd gardner india paris sydney friends none no per ca bd cm la lt md mt ta ir us se sf pd ny france denver random "

// wordy is the length in octets from which a name in one piece may also be
// parted: customer.service, but not ad.min.
const wordy = 10

// roleSet returns the table of role accounts: those of roles.txt, then those of
// the package, given as "CLASS name".
func roleSet(named []string) ([]nameset.Entry, error) {
	own, words, err := readRoles()
	if err != nil {
		return nil, err
	}
	entries := make(map[string]byte)
	add := func(name, class string) {
		joined := strings.NewReplacer(".", "", "-", "", "_", "").Replace(name)
		if _, ok := entries[joined]; ok || strings.Trim(joined, "0123456789") == "" {
			return
		}
		entries[joined] = lists.RoleByte(class, joined != name || len(joined) >= wordy)
	}
	for _, r := range own {
		add(r.name, r.class)
	}
	for _, text := range named {
		_, name, _ := strings.Cut(text, " ")
		if !strings.Contains(persons, " "+name+" ") {
			add(name, classify(name, words))
		}
	}
	set := make([]nameset.Entry, 0, len(entries))
	for name, value := range entries {
		set = append(set, nameset.Entry{Name: name, Value: value})
	}
	return set, nil
}

// word is a name or a part of one, and the class of what holds it.
type word struct{ name, class string }

// readRoles returns the names of roles.txt, then the words that decide the class
// of others.
func readRoles() (own, words []word, err error) {
	class, parts := "", false
	for line := range strings.Lines(rolesFile) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
			continue
		case line[0] == '[':
			class, parts = strings.CutPrefix(strings.Trim(line, "[]"), "words ")
			if !slices.Contains(lists.RoleClasses(), class) {
				return nil, nil, fmt.Errorf("roles.txt: class %q", class)
			}
			continue
		}
		for name := range strings.FieldsSeq(line) {
			if parts {
				words = append(words, word{name, class})
			} else {
				own = append(own, word{name, class})
			}
		}
	}
	return own, words, nil
}

// classify returns the class of a name by the words in it.
func classify(name string, words []word) string {
	joined := strings.NewReplacer(".", "", "-", "", "_", "").Replace(name)
	for _, w := range words {
		if "("+joined+")" == w.name || strings.Contains(joined, w.name) {
			return w.class
		}
	}
	return lists.Generic
}
