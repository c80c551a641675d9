package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// license is what a package says of its terms.
type license struct {
	pack  pack
	texts []string
}

// licenseOf returns the license and notice files at the top of a package.
func licenseOf(p pack, files map[string][]byte) license {
	l := license{pack: p}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		name := strings.ToLower(strings.TrimPrefix(path, "usr/share/doc/"+p.Name+"/"))
		if strings.Contains(name, "/") {
			continue
		}
		if strings.HasPrefix(name, "license") || strings.HasPrefix(name, "notice") || name == "copyright" {
			l.texts = append(l.texts, strings.TrimSpace(strings.ReplaceAll(string(files[path]), "\r\n", "\n")))
		}
	}
	return l
}

// notice returns what the licenses ask to be passed on with the data: who made
// it, under which terms. A text that several packages have stands once.
func notice(licenses []license) []byte {
	var text bytes.Buffer
	text.WriteString("The tables in this folder are made of names taken from these packages.\n" +
		"Top-level domains and public suffixes: the Public Suffix List, MPL-2.0, as in golang.org/x/net (BSD-3-Clause).\n\n")
	holders := make(map[string][]string)
	var texts []string
	for _, l := range licenses {
		fmt.Fprintf(&text, "%s, %s\n", l.pack, l.pack.License)
		for _, t := range l.texts {
			if holders[t] == nil {
				texts = append(texts, t)
			}
			if !slices.Contains(holders[t], l.pack.Name) {
				holders[t] = append(holders[t], l.pack.Name)
			}
		}
	}
	for _, t := range texts {
		fmt.Fprintf(&text, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 78), strings.Join(holders[t], ", "), t)
	}
	return text.Bytes()
}
