// Package docs renders an OpenAPI 3.1 description as one page for people.
//
// The page needs no other host and no JavaScript: its style is inside it, and
// its Content-Security-Policy holds browsers to that. Beside the description it
// shows the programs of the folder examples, each named by its operation and its
// language; a line "prints ..." at their end is what they write, where three
// dots stand for anything.
//
//	docs.go       the page: operations by tag, examples, references followed
//	described.go  the description as it is read
//	docs.html     the template
//
// It shows what our description uses of OpenAPI and JSON Schema, and no more.
package docs

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
)

//go:embed docs.html docs.css examples
var files embed.FS

// languages are those of the examples: the ends of their files' names, and what
// they are called.
func languages() [][2]string {
	return [][2]string{{"sh", "curl"}, {"mjs", "Node 20"}, {"py", "Python 3"}}
}

// Page renders the description, which is JSON. It returns the page and the
// Content-Security-Policy to send with it.
func Page(description string) (html, policy string, err error) {
	p, err := newPage(description)
	if err != nil {
		return "", "", err
	}
	tree, err := template.New("docs.html").Funcs(p.functions()).ParseFS(files, "docs.html")
	if err != nil {
		return "", "", fmt.Errorf("read template: %w", err)
	}
	var text strings.Builder
	if err := tree.Execute(&text, p); err != nil {
		return "", "", fmt.Errorf("render description: %w", err)
	}
	style := sha256.Sum256([]byte(p.Style))
	return text.String(), "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", nil
}

// page is what the template shows.
type page struct {
	described
	Groups []group
	Style  template.CSS
}

// group is the operations under one tag.
type group struct {
	Name, Description string
	Operations        []shown
}

// shown is an operation with its examples.
type shown struct {
	operation
	Examples []example
}

// example is a program that asks for an operation, as it stands in its file.
type example struct{ Language, Title, Text string }

func newPage(description string) (page, error) {
	var p page
	if err := json.Unmarshal([]byte(description), &p.described); err != nil {
		return page{}, fmt.Errorf("read description: %w", err)
	}
	style, err := files.ReadFile("docs.css")
	if err != nil {
		return page{}, err
	}
	p.Style = template.CSS(style)
	operations, err := p.operations()
	if err != nil {
		return page{}, err
	}
	for _, tag := range p.Tags {
		g := group{Name: tag.Name, Description: tag.Description}
		for _, o := range operations {
			if len(o.Tags) > 0 && o.Tags[0] == tag.Name {
				g.Operations = append(g.Operations, shown{o, examplesOf(o.ID)})
			}
		}
		p.Groups = append(p.Groups, g)
	}
	return p, nil
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

// functions are what the template calls: where references lead, and prose.
func (d described) functions() template.FuncMap {
	c := d.Components
	return template.FuncMap{
		"parameter": func(p *parameter) (*parameter, error) { return follow(p, p.Ref, c.Parameters) },
		"body":      func(b *body) (*body, error) { return follow(b, b.Ref, c.RequestBodies) },
		"answer":    func(a *answer) (*answer, error) { return follow(a, a.Ref, c.Responses) },
		"shape":     func(s *schema) (*schema, error) { return follow(s, s.Ref, c.Schemas) },
		"schema":    d.schema,
		"meaning":   d.meaning,
		"target":    target,
		"prose":     prose,
	}
}

// follow is the component that a reference leads to, or what is in its place.
func follow[T any](here *T, ref string, components ordered[*T]) (*T, error) {
	if ref == "" {
		return here, nil
	}
	if end := components.At(target(ref)); end != nil {
		return end, nil
	}
	return nil, fmt.Errorf("%s leads nowhere", ref)
}

// schema follows a reference, unless to a schema that has a section of its own.
func (d described) schema(s *schema) (*schema, error) {
	end, err := follow(s, s.Ref, d.Components.Schemas)
	if err != nil || end.Section() {
		return s, err
	}
	return end, nil
}

// meaning is the description of a field, else that of what it refers to.
func (d described) meaning(s *schema) (string, error) {
	end, err := follow(s, s.Ref, d.Components.Schemas)
	if err != nil || s.Description != "" {
		return s.Description, err
	}
	return end.Description, nil
}

// prose makes paragraphs of text, and code of what stands between backticks.
func prose(text string) template.HTML {
	var html strings.Builder
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		html.WriteString("<p>")
		for i, part := range strings.Split(template.HTMLEscapeString(paragraph), "`") {
			if i%2 == 1 {
				part = "<code>" + part + "</code>"
			}
			html.WriteString(part)
		}
		html.WriteString("</p>")
	}
	return template.HTML(html.String())
}
