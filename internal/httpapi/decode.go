package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// readBody reads a JSON body of at most max octets. It returns errTooLarge for
// a longer one and a requestError for what clearly is not JSON. The Content-Type
// may be anything: clients that name none, or text/plain, mean JSON, too.
func readBody(w http.ResponseWriter, r *http.Request, max int64) ([]byte, error) {
	body, err := readRaw(w, r, max)
	if err != nil {
		return nil, err
	}
	if form(r.Header.Get("Content-Type"), body) {
		return nil, badRequest("the body is a form; send JSON with the header Content-Type: application/json")
	}
	return body, nil
}

// readRaw reads a body of at most max octets as it is, whatever it is.
func readRaw(w http.ResponseWriter, r *http.Request, max int64) ([]byte, error) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, badRequest("the body is compressed; send it as it is, without Content-Encoding")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, max))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, sizeError{max}
	}
	if err != nil {
		return nil, badRequest("the body did not arrive whole")
	}
	return body, nil
}

// form reports whether a body was meant as a form, whose sender would be told
// of a syntax error otherwise. The type alone says little: curl -d names a form
// whatever it sends, and no form begins as JSON does.
func form(contentType string, body []byte) bool {
	kind, _, _ := mime.ParseMediaType(contentType)
	if kind != "application/x-www-form-urlencoded" && !strings.HasPrefix(kind, "multipart/") {
		return false
	}
	body = bytes.TrimLeft(body, jsonSpace)
	return len(body) > 0 && !bytes.HasPrefix(body, []byte(byteOrderMark)) && !strings.ContainsRune(`{["`, rune(body[0]))
}

// decodeObject reads a JSON object into destinations by field name: *string,
// **string, *bool, **bool or *int64, for which null is the same as an absent field, or a
// *maybe, which tells them apart. Names count exactly. It returns a requestError
// for anything else than one object of these fields, each named once, in UTF-8.
//
// encoding/json alone would take the last of two equal names, match names
// without case and put U+FFFD for broken UTF-8: a caller would get an answer to
// a question that was not asked.
func decodeObject(body []byte, fields map[string]any) error {
	if err := checkJSON(body); err != nil {
		return err
	}
	if bytes.TrimLeft(body, jsonSpace)[0] != '{' {
		return badRequest("the body is not a JSON object")
	}
	return decodeFields(body, "", fields)
}

// decodeFields reads an object whose syntax has been checked. In errors the
// names of its fields stand behind the prefix.
func decodeFields(object []byte, prefix string, fields map[string]any) error {
	dec := json.NewDecoder(bytes.NewReader(object)) // the syntax is right: no call below fails for it
	if _, err := dec.Token(); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		into, known := fields[name]
		if !known {
			return requestError{field: prefix + name, detail: "there is no such field; the fields are " +
				strings.Join(slices.Sorted(maps.Keys(fields)), ", ")}
		}
		if seen[name] {
			return badField(prefix+name, "is given twice")
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
		if json.Unmarshal(wholeNumber(value, into), into) != nil || lacksText(value, into) {
			return badField(prefix+name, "must be %s", expected(into))
		}
		if namedTwice(value, into) {
			return badField(prefix+name, "has a name twice")
		}
	}
	return nil
}

// namedTwice reports a name that an object of texts has twice, of which
// encoding/json would take the last.
func namedTwice(value []byte, into any) bool {
	if _, texts := into.(*maybe[map[string]*string]); !texts || value[0] != '{' {
		return false
	}
	seen := make(map[string]bool)
	dec := json.NewDecoder(bytes.NewReader(value)) // names and texts by turns, between braces
	for i := 0; ; i++ {
		token, err := dec.Token()
		if err != nil {
			return false // io.EOF: the syntax is right
		}
		if name, ok := token.(string); ok && i%2 == 1 {
			if seen[name] {
				return true
			}
			seen[name] = true
		}
	}
}

// lacksText reports a null among texts, which encoding/json takes for the empty
// one.
func lacksText(value []byte, into any) bool {
	if _, texts := into.(*maybe[[]string]); !texts {
		return false
	}
	var all []*string
	return json.Unmarshal(value, &all) != nil || slices.Contains(all, nil)
}

// wholeNumber writes a number without fraction as encoding/json reads integers,
// if it is for one: to JSON Schema 500.0 and 5e2 are integers, too, and programs
// that reckon in doubles send them. The number is taken as such a program has it
// (RFC 8259 §6).
func wholeNumber(value []byte, into any) []byte {
	switch into.(type) {
	case *int64, *maybe[int64]:
	default:
		return value
	}
	const exact = 1 << 53 // beyond, a double is one of several integers
	n, err := strconv.ParseFloat(string(value), 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) > exact || !bytes.ContainsAny(value, ".eE") {
		return value
	}
	return strconv.AppendInt(nil, int64(n), 10)
}

// maybe is a field that may be absent, null or have a value.
type maybe[T any] struct {
	given bool
	value *T // nil: absent or null
}

// UnmarshalJSON is called with null, too.
func (m *maybe[T]) UnmarshalJSON(text []byte) error {
	m.given = true
	return json.Unmarshal(text, &m.value)
}

// cleared reports a null.
func (m *maybe[T]) cleared() bool { return m.given && m.value == nil }

// checkJSON refuses what is not one JSON text, with the octet, counted from 1,
// where it ceases to be one. Deep nesting is refused by encoding/json, at 10,000 levels and without
// recursion.
func checkJSON(body []byte) error {
	if len(bytes.TrimLeft(body, jsonSpace)) == 0 {
		return badRequest("the body is empty; send a JSON object")
	}
	if at := firstInvalid(body); at >= 0 {
		return badRequest("the body is not UTF-8 at octet %d", at+1)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	var first json.RawMessage
	err := dec.Decode(&first)
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return badRequest("the body ends, at octet %d, before its JSON does", len(body))
	case errors.As(err, &syntax) && bytes.HasPrefix(body, []byte(byteOrderMark)):
		return badRequest("the body is not JSON at octet 1, which begins a byte order mark; send it without")
	case errors.As(err, &syntax):
		return badRequest("the body is not JSON at octet %d", syntax.Offset)
	case err != nil:
		return err
	}
	if rest := bytes.TrimLeft(body[dec.InputOffset():], jsonSpace); len(rest) > 0 {
		return badRequest("the body goes on after its JSON, at octet %d", len(body)-len(rest)+1)
	}
	if at := firstUnpaired(body); at >= 0 {
		return badRequest("the body has half of a surrogate pair at octet %d", at+1)
	}
	return nil
}

// firstUnpaired is the index of the first escaped surrogate of a JSON text that
// has no other half (RFC 8259 §8.2), or -1. It is no character either.
func firstUnpaired(text []byte) int {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		half := escaped(text[i:])
		if !utf16.IsSurrogate(half) {
			i++ // the escaped octet may be a backslash
			continue
		}
		if utf16.DecodeRune(half, escaped(text[i+len(`\uD800`):])) == utf8.RuneError {
			return i
		}
		i += len(`\uD800\uDC00`) - 1
	}
	return -1
}

// escaped is what an escape of the form \uXXXX at the beginning stands for, else
// 0.
func escaped(text []byte) rune {
	if len(text) < len(`\uD800`) || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

// jsonSpace is the insignificant whitespace of RFC 8259 §2.
const jsonSpace = " \t\r\n"

// byteOrderMark is what some editors put before a text. It is no part of JSON
// (RFC 8259 §8.1) and cannot be seen.
const byteOrderMark = "\ufeff"

// firstInvalid is the index of the first octet that is not UTF-8, or -1.
func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRune(text[i:])
		if c == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// expected names, for people, what a destination takes.
func expected(into any) string {
	switch into.(type) {
	case *bool, **bool:
		return "true or false"
	case *int64:
		return "a whole number"
	case *maybe[int64]:
		return "a whole number or null"
	case *maybe[[]string], *maybe[[]*string]:
		return "an array of strings"
	case *maybe[map[string]*string]:
		return "an object of strings"
	case *maybe[string]:
		return "a string or null"
	}
	return "a string"
}
