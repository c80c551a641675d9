package esp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"unicode/utf8"
)

// value is a JSON value of which nothing is known. Reading what is not there,
// or of another type, gives the zero value: ESPs leave members out, send null,
// write numbers as text, and an empty array for an empty object.
type value struct{ v any }

// malformed is an ErrBody that says what was wrong.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBody, fmt.Sprintf(format, args...))
}

// parseJSON reads one JSON value and nothing after it.
func parseJSON(text []byte) (value, error) {
	d := decoder(text)
	v, err := next(d)
	if err != nil {
		return value{}, err
	}
	return v, end(d)
}

// parseObject is parseJSON for bodies that hold one object.
func parseObject(text []byte) (value, error) {
	v, err := parseJSON(text)
	if err == nil && !v.isObject() {
		err = malformed("a JSON object is expected")
	}
	return v, err
}

// eachObject reads a JSON array of objects and hands them over one by one, so
// that a large array costs the memory of its largest element. What was handed
// over is void if there is an error. Elements that are no objects are ignored,
// for the sake of those beside them; an array of nothing else is malformed.
func (b *batch) eachObject(text []byte, take func(value)) error {
	d := decoder(text)
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return malformed("a JSON array is expected")
	}
	objects, others := 0, 0
	for d.More() {
		v, err := next(d)
		if err != nil {
			return err
		}
		if !v.isObject() {
			others++
			b.ignore("no object", Unknown)
			continue
		}
		objects++
		take(v)
	}
	if _, err := d.Token(); err != nil {
		return malformed("the JSON array does not end")
	}
	if others > 0 && objects == 0 {
		return malformed("no element of the array is an object")
	}
	return end(d)
}

// eachOrOne is eachObject for an array, and takes an object for an array of one,
// if it has a member of the name; "": any object.
func (b *batch) eachOrOne(text []byte, member string, take func(value)) error {
	if !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		return b.eachObject(text, take)
	}
	v, err := parseObject(text)
	if err != nil {
		return err
	}
	if member != "" && !v.get(member).exists() {
		return malformed("a JSON array or an object with %s is expected", member)
	}
	take(v)
	return nil
}

// decoder keeps numbers as they are written: some exceed what a float64 holds.
func decoder(text []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d
}

// maxValues bounds the values of one JSON text that is held in memory at once:
// five megabytes of empty objects would need three hundred. Ten thousand events
// of fifty members each are within it.
const maxValues = 500_000

func next(d *json.Decoder) (value, error) {
	var text json.RawMessage
	if err := d.Decode(&text); err != nil {
		if at := new(json.SyntaxError); errors.As(err, &at) {
			return value{}, malformed("no JSON at octet %d", at.Offset)
		}
		return value{}, malformed("no JSON, or cut short")
	}
	if count(text) > maxValues {
		return value{}, malformed("more than %d values", maxValues)
	}
	var v value
	if err := decoder(text).Decode(&v.v); err != nil {
		return value{}, malformed("no JSON")
	}
	return v, nil
}

// count is about how many values a valid JSON text holds: each follows a comma
// or an opening bracket, or is the root.
func count(text []byte) int {
	n, quoted := 1, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == ',' || c == '[' || c == '{'):
			n++
		}
	}
	return n
}

// end makes sure that only white space follows.
func end(d *json.Decoder) error {
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return malformed("text follows the JSON value")
	}
	return nil
}

// get walks down members of objects.
func (v value) get(names ...string) value {
	for _, name := range names {
		m, _ := v.v.(map[string]any)
		v = value{m[name]}
	}
	return v
}

// text is a string as it is, a number as it was written, a boolean as a word.
func (v value) text() string {
	switch t := v.v.(type) {
	case string:
		return t
	case json.Number:
		return t.String()
	case bool:
		if t {
			return "true"
		}
		return "false"
	}
	return ""
}

// isTrue reports whether v is true, as a boolean or as its text or 1.
func (v value) isTrue() bool {
	t := v.text()
	return strings.EqualFold(t, "true") || t == "1"
}

// items are the elements of an array; none for everything else.
func (v value) items() []value {
	list, _ := v.v.([]any)
	items := make([]value, len(list))
	for i := range list {
		items[i] = value{list[i]}
	}
	return items
}

// texts are the texts of an array, or of a single value.
func (v value) texts() []string {
	if t := v.text(); t != "" {
		return []string{t}
	}
	var texts []string
	for _, item := range v.items() {
		if t := item.text(); t != "" {
			texts = append(texts, t)
		}
	}
	return texts
}

func (v value) isObject() bool {
	_, ok := v.v.(map[string]any)
	return ok
}

// exists reports whether there is a value other than null.
func (v value) exists() bool { return v.v != nil }

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// parseForm reads a form, urlencoded or multipart. Uploaded files are left out.
func parseForm(r Request) (url.Values, error) {
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "multipart/form-data" {
		return parseMultipart(r.Body, params["boundary"])
	}
	if !utf8.Valid(r.Body) {
		return nil, malformed("a form in UTF-8 is expected")
	}
	form, err := url.ParseQuery(strings.TrimRight(string(r.Body), "\r\n"))
	if err != nil || len(form) == 0 {
		return nil, malformed("a form is expected")
	}
	return form, nil
}

func parseMultipart(body []byte, boundary string) (url.Values, error) {
	form := make(url.Values)
	if boundary == "" {
		return nil, malformed("the multipart form names no boundary")
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, malformed("the multipart form is broken or cut short")
		}
		if part.FileName() != "" || part.FormName() == "" {
			continue
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, malformed("the multipart form is broken or cut short")
		}
		form.Add(part.FormName(), string(text))
	}
	if len(form) == 0 {
		return nil, malformed("the multipart form holds no field")
	}
	return form, nil
}
