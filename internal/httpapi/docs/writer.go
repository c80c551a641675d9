package docs

import (
	"html"
	"strings"
)

// writer writes the page.
type writer struct {
	described
	to  strings.Builder
	err error // the first one
}

// put writes markup, with a text, escaped, in the place of each {}. No markup has
// such a place outside of elements and of attributes in quotes.
func (w *writer) put(markup string, texts ...string) {
	for _, text := range texts {
		before, after, _ := strings.Cut(markup, "{}")
		w.to.WriteString(before)
		w.to.WriteString(html.EscapeString(text))
		markup = after
	}
	w.to.WriteString(markup)
}

// found notes an error; then what was looked for is as good as empty.
func found[T any](w *writer, thing *T, err error) *T {
	if err == nil && thing == nil {
		err = errNull
	}
	if err == nil {
		return thing
	}
	if w.err == nil {
		w.err = err
	}
	return new(T)
}

// valueOf is the value of a member, which must not be null.
func valueOf[T any](w *writer, m member[*T]) *T { return found(w, m.Value, nil) }

// prose makes paragraphs of text, and code of what stands between backticks.
func (w *writer) prose(text string) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		w.put("<p>")
		for i, part := range strings.Split(paragraph, "`") {
			if i%2 == 1 {
				w.put("<code>{}</code>", part)
			} else {
				w.put("{}", part)
			}
		}
		w.put("</p>")
	}
	w.put("\n")
}

func (w *writer) page(style string, groups []group) {
	w.put(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{}: the API</title>
<link rel="icon" href="data:,">
<style>`, w.Info.Title)
	w.to.WriteString(style) // ours
	w.put("</style>\n</head>\n<body>\n\n")
	w.contents(groups)
	w.put(`
<main id="top">
<header>
<h1>{}</h1>
<p class="summary">{}</p>
`, w.Info.Title, w.Info.Summary)
	w.prose(w.Info.Description)
	for _, scheme := range w.Components.SecuritySchemes {
		if scheme.Value != nil {
			w.prose(scheme.Value.Description)
		}
	}
	w.put("</header>\n")
	for _, g := range groups {
		w.put("\n<section class=\"group\">\n<h2 id=\"tag-{}\">{}</h2>\n", g.Name, g.Name)
		w.prose(g.Description)
		for _, o := range g.Operations {
			w.operation(o)
		}
		w.put("</section>\n")
	}
	w.errors()
	w.headers()
	w.schemas()
	w.put("</main>\n\n</body>\n</html>\n")
}

func (w *writer) contents(groups []group) {
	w.put(`<nav aria-label="Contents">
<p class="brand"><a href="#top">{}</a> <a class="raw" href="/v1/openapi.json">openapi.json</a></p>
`, w.Info.Title)
	for _, g := range groups {
		w.put("<h2><a href=\"#tag-{}\">{}</a></h2>\n<ul>\n", g.Name, g.Name)
		for _, o := range g.Operations {
			w.put("<li><a href=\"#{}\"><span class=\"method {}\">{}</span>{}</a></li>\n", o.ID, o.Method, o.Method, o.Path)
		}
		w.put("</ul>\n")
	}
	w.put(`<h2><a href="#errors">Errors</a></h2>
<h2><a href="#headers">Headers</a></h2>
<h2><a href="#schemas">Words and shapes</a></h2>
<ul class="names">
`)
	for _, s := range w.Components.Schemas {
		if s.Value != nil && s.Value.Section() {
			w.put("<li><a href=\"#{}\">{}</a></li>\n", s.Name, s.Name)
		}
	}
	w.put("</ul>\n</nav>\n")
}

func (w *writer) operation(o operation) {
	w.put(`
<article id="{}">
<h3>{}</h3>
<p class="call"><span class="method {}">{}</span> <code>{}</code> <span class="key">{}</span></p>
`, o.ID, o.Summary, o.Method, o.Method, o.Path, o.Key())
	if o.Description != "" {
		w.prose(o.Description)
	}
	w.examples(examplesOf(o.ID))
	w.parameters(o.Parameters)
	if o.RequestBody != nil {
		w.body(o.RequestBody)
	}
	w.put("\n<h4>Answers</h4>\n")
	w.answers(o.Successes())
	w.put("<details>\n<summary>Errors:")
	for _, e := range o.Errors() {
		w.put(" ")
		w.status(e.Name)
	}
	w.put("</summary>\n")
	w.answers(o.Errors())
	w.put("</details>\n</article>\n")
}

func (w *writer) examples(all []example) {
	if len(all) == 0 {
		return
	}
	w.put(`
<h4>Example programs</h4>
<p class="note">They read <code>RCPT_URL</code>, <code>RCPT_KEY</code> and <code>RCPT_ADMIN_KEY</code> from the environment; <code>make run</code> writes them to a file that a shell can source.</p>
`)
	for i, e := range all {
		if i == 0 {
			w.put("<details open>")
		} else {
			w.put("<details>")
		}
		w.put("\n<summary>{}</summary>\n<pre class=\"program\" data-language=\"{}\"><code>{}</code></pre>\n</details>\n", e.Title, e.Language, e.Text)
	}
}

func (w *writer) body(b *body) {
	end, err := follow(b, func(b *body) string { return b.Ref }, w.Components.RequestBodies)
	b = found(w, end, err)
	w.put("\n<h4>Body")
	if !b.Required {
		w.put(` <span class="note">optional</span>`)
	}
	w.put("</h4>\n")
	if b.Description != "" {
		w.prose(b.Description)
	}
	for _, c := range b.Content {
		content := valueOf(w, c)
		end, err := follow(content.Schema, schemaRef, w.Components.Schemas)
		w.shape(found(w, end, err))
		w.samples(content.Examples)
	}
}

func (w *writer) errors() {
	w.put("\n<section class=\"group\">\n<h2 id=\"errors\">Errors</h2>\n")
	w.prose(w.AnyRequest.Description)
	w.answers(w.AnyRequest.Responses)
	w.put("</section>\n")
}

func (w *writer) headers() {
	w.put("\n<section class=\"group\">\n<h2 id=\"headers\">Headers of answers</h2>\n")
	w.table("fields", "name", "value", "meaning")
	for _, h := range w.Components.Headers {
		w.put("<tr>\n<td><code>{}</code></td>\n<td>", h.Name)
		w.value(valueOf(w, h).Schema)
		w.put("</td>\n<td>")
		w.prose(valueOf(w, h).Description)
		w.put("</td>\n</tr>\n")
	}
	w.put(endOfTable + "</section>\n")
}

func (w *writer) schemas() {
	w.put("\n<section class=\"group\">\n<h2 id=\"schemas\">Words and shapes</h2>\n")
	for _, s := range w.Components.Schemas {
		if s.Value == nil || !s.Value.Section() {
			continue
		}
		w.put("\n<article id=\"{}\">\n<h3>{}</h3>\n", s.Name, s.Name)
		if s.Value.Description != "" {
			w.prose(s.Value.Description)
		}
		w.shape(s.Value)
		w.put("</article>\n")
	}
	w.put("</section>\n")
}
