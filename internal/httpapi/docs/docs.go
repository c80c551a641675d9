// Package docs renders an OpenAPI 3.1 description as one page for people.
//
// The page needs no other host and no JavaScript: its style is inside it, and
// its Content-Security-Policy holds browsers to that. Beside the description it
// shows the programs of the folder examples, each named by its operation and its
// language; a line "prints ..." at their end is what they write, where three
// dots stand for anything.
//
//	docs.go       the policy, operations by tag, examples
//	described.go  the description as it is read, references followed
//	writer.go     the page from top to bottom
//	tables.go     its tables: answers, fields, values
//
// It shows what our description uses of OpenAPI and JSON Schema, and no more.
//
// There is no template: those of the standard library call methods by names the
// linker does not know, so that it would keep every method of everything in each
// function of ours that serves HTTP (8 MB).
package docs

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed docs.css examples
var files embed.FS

// languages are those of the examples: the ends of their files' names, and what
// they are called.
func languages() [][2]string {
	return [][2]string{{"sh", "curl"}, {"mjs", "Node 20"}, {"py", "Python 3"}}
}

// Page renders the description, which is JSON. It returns the page and the
// Content-Security-Policy to send with it.
func Page(description string) (html, policy string, err error) {
	var w writer
	if err := json.Unmarshal([]byte(description), &w.described); err != nil {
		return "", "", fmt.Errorf("read description: %w", err)
	}
	style, err := files.ReadFile("docs.css")
	if err != nil {
		return "", "", err
	}
	groups, err := w.groups()
	if err != nil {
		return "", "", err
	}
	w.page(string(style), groups)
	if w.err != nil {
		return "", "", fmt.Errorf("render description: %w", w.err)
	}
	hash := sha256.Sum256(style)
	return w.to.String(), "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", nil
}

// group is the operations under one tag.
type group struct {
	Name, Description string
	Operations        []operation
}

// example is a program that asks for an operation, as it stands in its file.
type example struct{ Language, Title, Text string }

func (d described) groups() ([]group, error) {
	operations, err := d.operations()
	if err != nil {
		return nil, err
	}
	var groups []group
	for _, tag := range d.Tags {
		g := group{Name: tag.Name, Description: tag.Description}
		for _, o := range operations {
			if len(o.Tags) > 0 && o.Tags[0] == tag.Name {
				g.Operations = append(g.Operations, o)
			}
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// operations returns those of all paths, with the parameters of their path.
func (d described) operations() ([]operation, error) {
	var all []operation
	for _, path := range d.Paths {
		var shared []*parameter
		for _, m := range path.Value {
			if m.Name == "parameters" {
				if err := json.Unmarshal(m.Value, &shared); err != nil {
					return nil, fmt.Errorf("read parameters of %s: %w", path.Name, err)
				}
				continue
			}
			o := operation{Method: strings.ToUpper(m.Name), Path: path.Name}
			if err := json.Unmarshal(m.Value, &o); err != nil {
				return nil, fmt.Errorf("read %s %s: %w", m.Name, path.Name, err)
			}
			o.Parameters = append(shared[:len(shared):len(shared)], o.Parameters...)
			all = append(all, o)
		}
	}
	return all, nil
}

// examplesOf returns the programs there are for an operation; most have none.
func examplesOf(operation string) []example {
	var all []example
	for _, language := range languages() {
		if text, err := files.ReadFile("examples/" + operation + "." + language[0]); err == nil {
			all = append(all, example{language[0], language[1], string(text)})
		}
	}
	return all
}
