package docs

import (
	"cmp"
	"fmt"
)

const endOfTable = "</tbody>\n</table></div>\n"

// table begins a table of a class, with the heads of its columns, if any. What
// begins here ends with endOfTable.
func (w *writer) table(class string, heads ...string) {
	w.put(`<div class="wide"><table`)
	if class != "" {
		w.put(` class="{}"`, class)
	}
	w.put(">\n")
	if len(heads) > 0 {
		w.put("<thead><tr>")
		for _, head := range heads {
			w.put("<th>{}</th>", head)
		}
		w.put("</tr></thead>\n")
	}
	w.put("<tbody>\n")
}

func (w *writer) parameters(all []*parameter) {
	if len(all) == 0 {
		return
	}
	w.put("\n<h4>Parameters</h4>\n")
	w.table("fields", "name", "value", "meaning")
	for _, p := range all {
		end, err := follow(p, func(p *parameter) string { return p.Ref }, w.Components.Parameters)
		p = found(w, end, err)
		w.put("<tr>\n<td><code>{}</code><span class=\"note\">{}", p.Name, p.In)
		if p.Required {
			w.put(", required")
		}
		w.put("</span></td>\n<td>")
		w.value(p.Schema)
		w.put("</td>\n<td>")
		w.prose(p.Description)
		w.put("</td>\n</tr>\n")
	}
	w.put(endOfTable)
}

// status shows a status, which may be "default", in the color of its first digit.
func (w *writer) status(status string) {
	w.put(`<span class="status s{}">{}</span>`, status[:min(1, len(status))], status)
}

// answers are a table, and behind it their samples.
func (w *writer) answers(all ordered[*answer]) {
	w.table("", "status", "meaning", "headers", "body")
	ends := make([]*answer, len(all))
	for i, m := range all {
		end, err := follow(m.Value, func(a *answer) string { return a.Ref }, w.Components.Responses)
		ends[i] = found(w, end, err)
		w.put("<tr>\n<td>")
		w.status(m.Name)
		w.put("</td>\n<td>")
		w.prose(ends[i].Description)
		w.put("</td>\n<td>")
		for _, h := range ends[i].Headers {
			w.put("<code>{}</code> ", h.Name)
		}
		w.put("</td>\n<td>")
		for _, c := range ends[i].Content {
			w.value(valueOf(w, c).Schema)
			w.put(`<span class="note">{}</span>`, c.Name)
		}
		if len(ends[i].Content) == 0 {
			w.put(`<span class="note">none</span>`)
		}
		w.put("</td>\n</tr>\n")
	}
	w.put(endOfTable)
	for _, end := range ends {
		for _, c := range end.Content {
			w.samples(valueOf(w, c).Examples)
		}
	}
}

func (w *writer) samples(all ordered[*sample]) {
	for _, m := range all {
		sample := valueOf(w, m)
		title := cmp.Or(sample.Summary, m.Name)
		text, err := sample.Text()
		w.put("<details>\n<summary>{}</summary>\n<pre><code>{}</code></pre>\n</details>\n", title, *found(w, &text, err))
	}
}

// shape shows what a schema consists of.
func (w *writer) shape(s *schema) {
	if len(s.Properties) > 0 {
		w.fields(s)
	}
	if len(s.Meanings) > 0 {
		w.meanings(s.Meanings)
	}
	if len(s.OneOf) > 0 {
		w.table("")
		for _, one := range s.OneOf {
			one = found(w, one, nil)
			w.put("<tr>")
			for _, p := range one.Properties {
				w.put(`<td><span class="note">{}</span> `, p.Name)
				w.value(p.Value)
				w.put("</td>")
			}
			if len(one.Properties) == 0 {
				w.put("<td>")
				w.value(one)
				w.put("</td>")
			}
			w.put("</tr>\n")
		}
		w.put(endOfTable)
	}
	for _, all := range s.AllOf {
		w.put("<p>See ")
		w.link(found(w, all, nil).Ref)
		w.put(".</p>\n")
	}
}

func (w *writer) fields(s *schema) {
	w.table("fields", "field", "value", "meaning")
	for _, p := range s.Properties {
		w.put("<tr>\n<td><code>{}</code>", p.Name)
		if s.Needs(p.Name) {
			w.put(`<span class="note">required</span>`)
		}
		w.put("</td>\n<td>")
		w.value(p.Value)
		w.put("</td>\n<td>")
		meaning, err := w.meaning(p.Value)
		if meaning = *found(w, &meaning, err); meaning != "" {
			w.prose(meaning)
		}
		if p.Value != nil && len(p.Value.Meanings) > 0 {
			w.meanings(p.Value.Meanings)
		}
		w.put("</td>\n</tr>\n")
	}
	w.put(endOfTable)
}

func (w *writer) meanings(words ordered[string]) {
	w.table("meanings")
	for _, m := range words {
		w.put("<tr><td><code>{}</code></td><td>{}</td></tr>\n", m.Name, m.Value)
	}
	w.put(endOfTable)
}

// link leads to the section of a component.
func (w *writer) link(ref string) { w.put(`<a href="#{}">{}</a>`, target(ref), target(ref)) }

// value says in one line what a value may be. A schema with a section of its own
// is a link.
func (w *writer) value(s *schema) {
	end, err := w.schema(s)
	s = found(w, end, err)
	switch {
	case s.Ref != "":
		w.link(s.Ref)
	case s.Const != nil:
		w.put("<code>{}</code>", *s.Const)
	case len(s.Enum) > 0:
		w.words(s.Enum)
	case len(s.AnyOf) > 0:
		for i, one := range s.AnyOf {
			if i > 0 {
				w.put(" or ")
			}
			w.value(one)
		}
	case s.Items != nil:
		w.put("array of ")
		w.value(s.Items)
	case len(s.Properties) > 0:
		w.put("object")
		for _, p := range s.Properties {
			w.put("<br><code>{}</code> ", p.Name)
			w.value(p.Value)
		}
	case s.PropertyNames != nil:
		w.put("object by ")
		w.value(s.PropertyNames)
	default:
		w.simple(s)
	}
	if s.Default != nil {
		w.put(`<span class="note">default {}</span>`, fmt.Sprint(s.Default))
	}
}

// words are those of an enumeration; nil is null.
func (w *writer) words(all []*string) {
	for i, word := range all {
		if i > 0 {
			w.put(" ")
		}
		if word == nil {
			w.put("<code>null</code>")
		} else {
			w.put("<code>{}</code>", *word)
		}
	}
}

// simple is a type and its bounds.
func (w *writer) simple(s *schema) {
	for i, word := range s.Type {
		if i > 0 {
			w.put(" or ")
		}
		w.put("{}", word)
	}
	if bounds := s.Bounds(); bounds != "" {
		w.put(", {}", bounds)
	}
}
