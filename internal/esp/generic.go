package esp

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"rcpt/internal/overlay"
)

// readGeneric reads any ESP that a key describes by a mapping:
//
//	body         "json" (the default), "form", or "form:FIELD": that field holds JSON
//	unwrap       path to a text that holds the JSON in question
//	events       path to the events; default the root, each element of it if it is an array
//	class        path to an object of one member: its name is the source "class",
//	             its value is the event
//	where        {path: values}: events with other values are ignored
//	event        what happened: a source or a list of them
//	reason       more of the same, after event
//	values       {words: reason}: the words of event and reason joined by "/". The
//	             longest that is listed counts: "bounce/hard", then "bounce", then "*".
//	             Reasons are the four, and "ignore"
//	email        path to the address: a text, texts, or a list of paths tried in order
//	time         unix seconds or milliseconds, or ISO 8601
//	time_zone    of times without one; default UTC
//	id           what tells an event from others, joined; default address, reason and time.
//	             Where header:, body: and class are all there is, they are the same for
//	             several events of one request: address, name and time are joined to them
//	detail       the diagnostic; its codes and words may weaken a hard_bounce
//	auth         see proof
//	over_budget  429 (the default), 503 or 200: what makes the ESP send again
//
// A source is a path into the event ($.a.b, see path), "body:" and a path into
// the whole body, "header:" and a name, or "class".
func readGeneric(h Hook, r Request, b *batch) error {
	m, err := parseMapping(h.Mapping)
	if err != nil {
		return err
	}
	b.OverBudget = m.overBudget
	if err := m.auth.verify(h, r, b); err != nil {
		return err
	}
	root, err := m.root(r)
	if err != nil {
		return err
	}
	events := []value{root}
	if m.events != nil {
		events = m.events.from(root)
	}
	if list, ok := single(events).v.([]any); ok {
		events = value{list}.items()
	}
	if len(events) > 0 && !slices.ContainsFunc(events, value.isObject) {
		return malformed("no event is an object")
	}
	for _, v := range events {
		if !v.isObject() {
			b.ignore("no object", Unknown)
			continue
		}
		m.read(declared{event: v, root: root, header: r.Header, several: len(events) > 1}, b)
	}
	return nil
}

func single(values []value) value {
	if len(values) != 1 {
		return value{}
	}
	return values[0]
}

// root is the value that the paths of events start from.
func (m *mapping) root(r Request) (value, error) {
	root, err := m.parse(r)
	if err != nil || m.unwrap == nil {
		return root, err
	}
	return parseJSON([]byte(single(m.unwrap.from(root)).text()))
}

func (m *mapping) parse(r Request) (value, error) {
	if !m.form {
		root, err := parseJSON(r.Body)
		if _, list := root.v.([]any); err == nil && !list && !root.isObject() {
			return value{}, malformed("a JSON object or array is expected")
		}
		return root, err
	}
	form, err := parseForm(r)
	if err != nil {
		return value{}, err
	}
	if m.formField != "" {
		return parseJSON([]byte(form.Get(m.formField)))
	}
	fields := make(map[string]any, len(form))
	for name := range form {
		fields[name] = form.Get(name)
	}
	return value{fields}, nil
}

// declared is one event and what its sources may draw on.
type declared struct {
	event, root value
	class       string
	header      http.Header
	several     bool // the request holds more than this event
}

func (d declared) text(s source) string {
	switch {
	case s.header != "":
		return d.header.Get(s.header)
	case s.class:
		return d.class
	case s.root:
		return single(s.path.from(d.root)).text()
	}
	for _, v := range s.path.from(d.event) {
		if text := v.text(); text != "" {
			return text
		}
	}
	return ""
}

func (d declared) texts(sources []source) []string {
	texts := make([]string, len(sources))
	for i, s := range sources {
		texts[i] = d.text(s)
	}
	return texts
}

// read adds the reports of one event, one for each address.
func (m *mapping) read(d declared, b *batch) {
	if m.class != nil {
		d.class, d.event = only(single(m.class.from(d.event)))
	}
	words := d.texts(m.event)
	e := report{
		name:   strings.Trim(strings.Join(words, "/"), "/"),
		at:     m.when(d.texts(m.time)),
		detail: first(d.texts(m.detail)...),
	}
	e.reason, e.why = m.judge(words)
	for _, c := range m.where {
		if !slices.Contains(c.in, d.text(c.source)) {
			e.why = NoReport
		}
	}
	if e.why != "" {
		b.add(e)
		return
	}
	e.reason = weaken(e.reason, e.detail)
	emails := m.emails(d.event)
	if len(emails) == 0 {
		b.ignore(e.name, NoAddress)
	}
	for _, email := range emails {
		e.email = email
		e.id = m.idOf(d, e, len(emails) > 1)
		b.add(e)
	}
}

// idOf is what tells the report e from others, also from those about other
// addresses of the same event.
func (m *mapping) idOf(d declared, e report, manyEmails bool) []string {
	id := d.texts(m.id)
	ofEvent := slices.ContainsFunc(m.id, func(s source) bool { return s.header == "" && !s.root && !s.class && d.text(s) != "" })
	switch {
	case strings.Join(id, "") == "":
	case d.several && !ofEvent:
		id = append(id, e.email, e.name, e.at.UTC().Format(time.RFC3339Nano))
	case manyEmails:
		id = append(id, e.email)
	}
	return id
}

// only returns the one member of an object, and its name.
func only(v value) (string, value) {
	m, _ := v.v.(map[string]any)
	if len(m) != 1 {
		return "", value{}
	}
	for name, inner := range m {
		return name, value{inner}
	}
	return "", value{}
}

func (m *mapping) judge(words []string) (overlay.Reason, Why) {
	for n := len(words); n >= 0; n-- {
		key := strings.Join(words[:n], "/")
		if n == 0 {
			key = "*"
		}
		if reason, listed := m.values[key]; listed {
			if reason == "" {
				return "", NoReport
			}
			return reason, ""
		}
	}
	return "", Unknown
}

func (m *mapping) when(texts []string) time.Time {
	for _, text := range texts {
		if at := unixTime(text); !at.IsZero() {
			return at
		}
		if at := isoTime(text, m.zone); !at.IsZero() {
			return at
		}
	}
	return time.Time{}
}

// emails are the addresses of the first path that leads to any.
func (m *mapping) emails(event value) []string {
	for _, s := range m.email {
		var emails []string
		for _, v := range s.path.from(event) {
			emails = append(emails, v.texts()...)
		}
		if len(emails) > 0 {
			return emails
		}
	}
	return nil
}
