package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

//go:embed lock.json
var lockFile []byte

// lock says what the tables are made of. The same lock gives the same octets.
type lock struct {
	Date     string // the day of the data, YYYY-MM-DD: when the packages were chosen
	Packages []pack
}

// pack is a package at one version, and what of it is used.
type pack struct {
	Name, Version string
	Debian        bool   // of Debian instead of npm
	Integrity     string // of the archive, as package managers write it: sha512-BASE64
	License       string // SPDX
	Use           []string
}

// use is one entry of pack.Use, "as:origin:parser:path".
type use struct {
	as     string // disposable, minus, guard, free, role
	origin string // the family, or the guard's name
	parser string
	path   string // in the archive; a folder if it ends with a slash
}

func readLock() (lock, time.Time, error) {
	var l lock
	if err := json.Unmarshal(lockFile, &l); err != nil {
		return l, time.Time{}, fmt.Errorf("read lock.json: %w", err)
	}
	date, err := time.Parse(time.DateOnly, l.Date)
	if err != nil {
		return l, time.Time{}, fmt.Errorf("read lock.json: %w", err)
	}
	return l, date, nil
}

// uses returns the parts of the package that are used.
func (p pack) uses() ([]use, error) {
	uses := make([]use, 0, len(p.Use))
	for _, text := range p.Use {
		parts := strings.Split(text, ":")
		if len(parts) != 4 || parsers()[parts[2]] == nil {
			return nil, fmt.Errorf("%s: use %q", p.Name, text)
		}
		uses = append(uses, use{parts[0], parts[1], parts[2], parts[3]})
	}
	return uses, nil
}

func (p pack) String() string { return p.Name + " " + p.Version }

// file returns the name the package's client gives the archive.
func (p pack) file() string {
	if p.Debian {
		return p.Name + "_" + p.Version + "_all.deb"
	}
	return strings.ReplaceAll(strings.TrimPrefix(p.Name, "@"), "/", "-") + "-" + p.Version + ".tgz"
}
