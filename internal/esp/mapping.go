package esp

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	_ "time/tzdata" // Lambda's systems have no zones of their own

	"rcpt/internal/overlay"
)

// maxMapping bounds a declaration in octets.
const maxMapping = 16 << 10

// MappingError tells what is wrong with a mapping. It is an ErrMapping.
type MappingError struct {
	Field   string // where in the declaration: "email[1]", "values.bounced"; "" for the whole
	Problem string // what is wrong, and what is expected
}

// Error returns field and problem in one line.
func (e *MappingError) Error() string {
	if e.Field == "" {
		return "mapping: " + e.Problem
	}
	return "mapping field " + e.Field + ": " + e.Problem
}

// Is makes a MappingError an ErrMapping.
func (e *MappingError) Is(target error) bool { return target == ErrMapping }

func misdeclared(field, format string, args ...any) error {
	return &MappingError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// mapping is a declaration of the generic ESP, compiled. See readGeneric for its
// fields.
type mapping struct {
	form       bool   // the body is a form
	formField  string // whose field holds JSON
	unwrap     path   // to a text that holds the JSON; nil: none
	events     path   // nil: the root, each element if it is an array
	class      path   // to an object of one member; nil: none
	where      []condition
	event      []source
	values     map[string]overlay.Reason // "": ignore
	email      []source
	time       []source
	zone       *time.Location
	id         []source
	detail     []source
	auth       proof
	overBudget OverBudget
}

// condition is what an event must have to be looked at.
type condition struct {
	source source
	in     []string
}

// source is where a text comes from.
type source struct {
	header string // a header of the request
	class  bool   // the name of the class
	root   bool   // path starts at the root of the body, not at the event
	path   path
}

// CheckMapping judges the mapping of a generic ESP before it is stored. The
// error is a *MappingError, which is an ErrMapping.
func CheckMapping(declared json.RawMessage) error {
	_, err := parseMapping(declared)
	return err
}

func parseMapping(declared json.RawMessage) (*mapping, error) {
	if len(declared) == 0 || len(declared) > maxMapping {
		return nil, misdeclared("", "a JSON object of at most %d octets is expected", maxMapping)
	}
	v, err := parseObject(declared)
	if err != nil {
		return nil, misdeclared("", "a JSON object is expected")
	}
	d := declaration{v: v}
	m := &mapping{
		unwrap: d.path("unwrap"), events: d.path("events"), class: d.path("class"),
		where: d.conditions("where"),
		event: append(d.sources("event"), d.sources("reason")...),
		email: d.sources("email"), time: d.sources("time"), id: d.sources("id"), detail: d.sources("detail"),
		values: d.values("values"), zone: d.zone("time_zone"), overBudget: d.overBudget("over_budget"),
	}
	m.form, m.formField = d.body("body")
	m.auth = d.proof("auth")
	d.known("", v, "body", "unwrap", "events", "class", "where", "event", "reason", "values",
		"email", "time", "time_zone", "id", "detail", "auth", "over_budget")
	d.requireAll(m)
	if d.err != nil {
		return nil, d.err
	}
	return m, nil
}

// declaration reads the fields of a mapping and keeps the first error.
type declaration struct {
	v   value
	err error
}

func (d *declaration) fail(field, format string, args ...any) {
	if d.err == nil {
		d.err = misdeclared(field, format, args...)
	}
}

// known refuses members that mean nothing: a misspelt field would be lost.
func (d *declaration) known(field string, v value, names ...string) {
	m, _ := v.v.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(names, name) {
			d.fail(strings.TrimPrefix(field+"."+name, "."), "unknown field; there are %s", strings.Join(names, ", "))
		}
	}
}

// requireAll asks for what no mapping can do without.
func (d *declaration) requireAll(m *mapping) {
	if len(m.email) == 0 {
		d.fail("email", "a path to the address is required")
	}
	if len(m.event) == 0 {
		d.fail("event", "a path to what happened is required (event, reason or both)")
	}
	if len(m.values) == 0 {
		d.fail("values", "a table from the ESP's words to reasons is required")
	}
	for i, s := range m.email {
		if s.root || s.header != "" || s.class {
			d.fail(fmt.Sprintf("email[%d]", i), "the address is read from the event: a path that begins with $")
		}
	}
}

// string reads a text; "" if the field is missing.
func (d *declaration) string(field string, v value) string {
	text, ok := v.v.(string)
	if v.exists() && !ok {
		d.fail(field, "a text is expected")
	}
	return text
}

func (d *declaration) body(field string) (form bool, formField string) {
	switch text := d.string(field, d.v.get(field)); {
	case text == "" || text == "json":
		return false, ""
	case text == "form":
		return true, ""
	case strings.HasPrefix(text, "form:") && len(text) > len("form:"):
		return true, text[len("form:"):]
	}
	d.fail(field, `"json", "form" or "form:FIELD" is expected`)
	return false, ""
}

func (d *declaration) path(field string) path {
	text := d.string(field, d.v.get(field))
	if text == "" {
		return nil
	}
	p, err := parsePath(text)
	if err != nil {
		d.fail(field, "%s: %s", text, err)
	}
	return p
}

// sources reads one source or a list of up to eight.
func (d *declaration) sources(field string) []source {
	v := d.v.get(field)
	if text, ok := v.v.(string); ok {
		return []source{d.source(field, text)}
	}
	if _, ok := v.v.([]any); v.exists() && !ok || len(v.items()) > 8 {
		d.fail(field, "a path or a list of up to 8 paths is expected")
		return nil
	}
	var sources []source
	for i, item := range v.items() {
		at := fmt.Sprintf("%s[%d]", field, i)
		sources = append(sources, d.source(at, d.string(at, item)))
	}
	return sources
}

func (d *declaration) source(field, text string) source {
	if name, ok := strings.CutPrefix(text, "header:"); ok {
		if name == "" || strings.ContainsAny(name, " :\r\n") {
			d.fail(field, "%q: after header: the name of a header is expected", text)
		}
		return source{header: name}
	}
	if text == "class" {
		return source{class: true}
	}
	rooted, root := strings.CutPrefix(text, "body:")
	p, err := parsePath(rooted)
	if err == nil && root && p.fans() {
		err = fmt.Errorf("[*] has no place in what is the same for all events")
	}
	if err != nil {
		d.fail(field, "%q: %s", text, err)
	}
	return source{root: root, path: p}
}

func (d *declaration) conditions(field string) []condition {
	v := d.v.get(field)
	m, ok := v.v.(map[string]any)
	if v.exists() && !ok || len(m) > 8 {
		d.fail(field, "an object of up to 8 paths with the values they must have is expected")
	}
	var where []condition
	for _, text := range slices.Sorted(maps.Keys(m)) {
		at := field + "." + text
		in := value{m[text]}.texts()
		if len(in) == 0 {
			d.fail(at, "a value or a list of values is expected")
		}
		where = append(where, condition{source: d.source(at, text), in: in})
	}
	return where
}

// values reads the table of words. "ignore" is for what is no report.
func (d *declaration) values(field string) map[string]overlay.Reason {
	v := d.v.get(field)
	m, ok := v.v.(map[string]any)
	if v.exists() && !ok || len(m) > 200 {
		d.fail(field, "an object of up to 200 words and their reasons is expected")
	}
	table := make(map[string]overlay.Reason, len(m))
	for _, word := range slices.Sorted(maps.Keys(m)) {
		text, _ := m[word].(string)
		reason := overlay.Reason(text)
		if text == "ignore" {
			reason = ""
		} else if !reason.Valid() {
			d.fail(field+"."+word, "hard_bounce, soft_bounce, spam_complaint, unsubscribe or ignore is expected")
		}
		table[word] = reason
	}
	return table
}

// zone reads "UTC", "+01:00" or a name such as "Europe/Paris".
func (d *declaration) zone(field string) *time.Location {
	text := d.string(field, d.v.get(field))
	if text == "" {
		return time.UTC
	}
	if at, err := time.Parse("Z07:00", text); err == nil {
		return at.Location()
	}
	zone, err := time.LoadLocation(text)
	if err != nil || text == "Local" {
		d.fail(field, `"UTC", an offset such as "+01:00" or a zone such as "Europe/Paris" is expected`)
		return time.UTC
	}
	return zone
}

func (d *declaration) overBudget(field string) OverBudget {
	switch v := d.v.get(field); v.text() {
	case "", "429":
		return Retry429
	case "503":
		return Retry503
	case "200":
		return RecordNow
	}
	d.fail(field, "429 or 503 (the ESP sends again), or 200 (record now, charge later) is expected")
	return Retry429
}
