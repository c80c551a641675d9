package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// readBody reads a JSON body of at most max octets. It returns errTooLarge for
// a longer one and a requestError for what clearly is not JSON. The Content-Type
// may be anything: clients that name none, or text/plain, mean JSON, too.
func readBody(w http.ResponseWriter, r *http.Request, max int64) ([]byte, error) {
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
	if form(r.Header.Get("Content-Type"), body) {
		return nil, badRequest("the body is a form; send JSON with the header Content-Type: application/json")
	}
	return body, nil
}

// form reports whether a body was meant as a form, whose sender would be told
// of a syntax error otherwise. The type alone says little: curl -d names a form
// whatever it sends.
func form(contentType string, body []byte) bool {
	kind, _, _ := mime.ParseMediaType(contentType)
	return (kind == "application/x-www-form-urlencoded" || strings.HasPrefix(kind, "multipart/")) &&
		!bytes.HasPrefix(bytes.TrimLeft(body, jsonSpace), []byte("{"))
}

// decodeObject reads a JSON object into destinations by field name: *string,
// **string, *bool or *int64. Names count exactly; null is the same as an absent
// field. It returns a requestError for anything else than one object of these
// fields, each named once, in UTF-8.
//
// encoding/json alone would take the last of two equal names, match names
// without case and put U+FFFD for broken UTF-8: a caller would get an answer to
// a question that was not asked.
func decodeObject(body []byte, fields map[string]any) error {
	if err := checkJSON(body); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body)) // the syntax is right: no call below fails for it
	if open, _ := dec.Token(); open != json.Delim('{') {
		return badRequest("the body is not a JSON object")
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
			return requestError{field: name, detail: "there is no such field; the fields are " +
				strings.Join(slices.Sorted(maps.Keys(fields)), ", ")}
		}
		if seen[name] {
			return badField(name, "is given twice")
		}
		seen[name] = true
		if dec.Decode(into) != nil {
			return badField(name, "must be %s", expected(into))
		}
	}
	return nil
}

// checkJSON refuses what is not one JSON text, with the octet, counted from 1,
// where it ceases to be one. Deep nesting is refused by encoding/json, at 10,000 levels and without
// recursion.
func checkJSON(body []byte) error {
	if len(bytes.TrimLeft(body, jsonSpace)) == 0 {
		return badRequest(`the body is empty; send a JSON object such as {"email":"user@example.com"}`)
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
	case errors.As(err, &syntax):
		return badRequest("the body is not JSON at octet %d", syntax.Offset)
	case err != nil:
		return err
	}
	if rest := bytes.TrimLeft(body[dec.InputOffset():], jsonSpace); len(rest) > 0 {
		return badRequest("the body goes on after its JSON, at octet %d", len(body)-len(rest)+1)
	}
	return nil
}

// jsonSpace is the insignificant whitespace of RFC 8259 §2.
const jsonSpace = " \t\r\n"

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
	case *bool:
		return "true or false"
	case *int64:
		return "a whole number"
	}
	return "a string"
}
