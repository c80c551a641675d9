package apitest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const things = `{
	"paths": {
		"/things/{id}": {
			"parameters": [{"name": "id", "in": "path", "required": true, "schema": {"pattern": "^[a-z]+$"}}],
			"get": {
				"parameters": [{"$ref": "#/components/parameters/Limit"}],
				"responses": {
					"200": {
						"headers": {"X-Left": {"$ref": "#/components/headers/Left"}, "ETag": {"schema": {"type": "string"}}},
						"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
					},
					"204": {},
					"404": {"$ref": "#/components/responses/Problem"}
				}
			},
			"post": {
				"requestBody": {"$ref": "#/components/requestBodies/Thing"},
				"responses": {"200": {"content": {"text/html": {"schema": {"type": "string"}}}}, "400": {"$ref": "#/components/responses/Problem"}}
			}
		}
	},
	"x-any-request": {"responses": {"405": {"$ref": "#/components/responses/Problem"}}},
	"components": {
		"parameters": {"Limit": {"name": "limit", "in": "query", "schema": {"$ref": "#/components/schemas/Count"}}},
		"headers": {"Left": {"required": true, "schema": {"$ref": "#/components/schemas/Count"}}},
		"requestBodies": {"Thing": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}},
		"responses": {"Problem": {"content": {"application/problem+json": {"schema": {"type": "object"}}}}},
		"schemas": {
			"Count": {"type": "integer", "minimum": 1},
			"Thing": {"type": "object", "required": ["made"], "properties": {"made": {"format": "date"}}, "additionalProperties": false}
		}
	}
}`

const (
	good = `{"made":"2026-11-22"}`
)

// told is what a Validator tells of one exchange, both as a handler and as a
// transport.
func told(t *testing.T, method, target, sent string, status int, header http.Header, body string) string {
	t.Helper()
	v, err := New(things)
	if err != nil {
		t.Fatal(err)
	}
	service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if text, err := io.ReadAll(r.Body); err != nil || string(text) != sent {
			t.Errorf("the body arrives as %q, error %v", text, err)
		}
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	var byHandler, byTransport strings.Builder
	w := httptest.NewRecorder()
	v.Handler(service, func(format string, args ...any) { fmt.Fprintf(&byHandler, format, args...) }).
		ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(sent)))
	if w.Code != status || w.Body.String() != body {
		t.Errorf("%s %s answers %d %q", method, target, w.Code, w.Body)
	}

	request, err := http.NewRequest(method, "http://rcpt.example"+target, strings.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	wire := transport(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		service.ServeHTTP(w, r)
		return w.Result(), nil
	})
	response, err := v.Transport(wire, func(format string, args ...any) { fmt.Fprintf(&byTransport, format, args...) }).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(response.Body); err != nil || string(text) != body {
		t.Errorf("%s %s answers %q over the wire, error %v", method, target, text, err)
	}
	if byHandler.String() != byTransport.String() {
		t.Errorf("the handler tells %q, the transport %q", &byHandler, &byTransport)
	}
	return byHandler.String()
}

func TestExchangesAreHeldAgainstTheDescription(t *testing.T) {
	const kind = "Content-Type"
	ok := http.Header{kind: {"application/json"}, "X-Left": {"3"}}
	with := func(name, value string) http.Header {
		h := ok.Clone()
		h.Set(name, value)
		return h
	}
	without := with("X-Left", "3")
	without.Del("X-Left")
	refusal := http.Header{kind: {"application/problem+json"}, "X-Request-Id": {"r1"}}
	for _, c := range []struct {
		claim, method, target, sent string
		status                      int
		header                      http.Header
		body, told                  string // "": nothing
	}{
		{"as described", "GET", "/things/a", "", 200, ok, good, ""},
		{"as described, with all there may be", "GET", "/things/a?limit=1", "", 200, with("ETag", "7"), good, ""},
		{"a parameter of the type", "GET", "/things/a", "", 200, with(kind, "application/json; charset=utf-8"), good, ""},
		{"no body", "GET", "/things/a", "", 204, nil, "", ""},
		{"another status", "GET", "/things/a", "", 202, ok, good, "status is not described"},
		{"another path", "GET", "/thing", "", 200, ok, good, "status is not described"},
		{"another method", "PUT", "/things/a", "", 405, http.Header{kind: {"application/problem+json"}}, `{"status":405}`, ""},
		{"another type", "GET", "/things/a", "", 200, with(kind, "text/plain"), good, `type "text/plain" is not described`},
		{"no type", "GET", "/things/a", "", 200, http.Header{"X-Left": {"1"}}, good, "is not described"},
		{"a body where there is none", "GET", "/things/a", "", 204, nil, "x", "a body is not described"},
		{"no JSON", "GET", "/things/a", "", 200, ok, "{", "body:"},
		{"a field too many", "GET", "/things/a", "", 200, ok, `{"made":"2026-11-22","x":1}`, "additional properties 'x' not allowed"},
		{"a field too few", "GET", "/things/a", "", 200, ok, `{}`, "missing property 'made'"},
		{"a wrong format", "GET", "/things/a", "", 200, ok, `{"made":"22.11.2026"}`, "not valid date"},
		{"a header missing", "GET", "/things/a", "", 200, without, good, "header X-Left is missing"},
		{"a header out of range", "GET", "/things/a", "", 200, with("X-Left", "0"), good, "header X-Left"},
		{"a header that is no number", "GET", "/things/a", "", 200, with("X-Left", "many"), good, "header X-Left"},
		{"a header twice", "GET", "/things/a", "", 200, http.Header{kind: {"application/json"}, "X-Left": {"1", "1"}}, good, "there 2 times"},
		{"a header not described", "GET", "/things/a", "", 200, with("Retry-After", "1"), good, "Retry-After is not described"},
		{"a problem", "GET", "/things/a", "", 404, http.Header{kind: {"application/problem+json"}}, `{"status":404}`, ""},
		{"a problem with another status", "GET", "/things/a", "", 404, http.Header{kind: {"application/problem+json"}}, `{"status":400}`, "says status 400"},
		{"a problem of another request", "GET", "/things/a", "", 404, refusal, `{"status":404,"request_id":"r2"}`, "request r2"},
		{"a path that should have been refused", "GET", "/things/7", "", 200, ok, good, "parameter id"},
		{"a query that should have been refused", "GET", "/things/a?limit=0", "", 200, ok, good, "parameter limit"},
		{"a parameter twice", "GET", "/things/a?limit=1&limit=1", "", 200, ok, good, "limit is there 2 times"},
		{"a parameter not described", "GET", "/things/a?page=1", "", 200, ok, good, "not described: map[page:[1]]"},
		{"a path that was refused", "GET", "/things/7", "", 404, http.Header{kind: {"application/problem+json"}}, `{"status":404}`, ""},
		{"a good body", "POST", "/things/a", good, 200, http.Header{kind: {"text/html"}}, "<p>", ""},
		{"a body that should have been refused", "POST", "/things/a", `{"made":"x"}`, 200, http.Header{kind: {"text/html"}}, "<p>", "body of the request"},
		{"no body where one is needed", "POST", "/things/a", "", 200, http.Header{kind: {"text/html"}}, "<p>", "body of the request"},
		{"a body that was refused", "POST", "/things/a", "{", 400, http.Header{kind: {"application/problem+json"}}, `{"status":400}`, ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got := told(t, c.method, c.target, c.sent, c.status, c.header, c.body)
			if (got == "") != (c.told == "") || !strings.Contains(got, c.told) {
				t.Errorf("told %q, want %q", got, c.told)
			}
		})
	}
}

func TestHEADIsGETWithoutTheBody(t *testing.T) {
	header := http.Header{"Content-Type": {"application/json"}, "X-Left": {"1"}}
	if got := told(t, "HEAD", "/things/a", "", 200, header, ""); got != "" {
		t.Errorf("told %q", got)
	}
}

func TestBadDescriptionsAreRefused(t *testing.T) {
	for claim, change := range map[string]func(string) string{
		"no JSON":                  func(s string) string { return s[1:] },
		"a schema that is none":    func(s string) string { return strings.Replace(s, `"minimum": 1`, `"minimum": "1"`, 1) },
		"a reference to no schema": func(s string) string { return strings.Replace(s, "schemas/Thing", "schemas/Thong", 1) },
		"a reference to no header": func(s string) string { return strings.Replace(s, "headers/Left", "headers/Right", 1) },
		"a reference to no answer": func(s string) string { return strings.Replace(s, "responses/Problem", "responses/Trouble", 1) },
		"a path that is no object": func(s string) string { return strings.Replace(s, `"/things/{id}": {`, `"/x": 5, "/things/{id}": {`, 1) },
		"parameters that are not": func(s string) string {
			return strings.Replace(s, `"parameters": [{"$ref"`, `"parameters": [5, {"$ref"`, 1)
		},
		"a pattern that cannot be":   func(s string) string { return strings.Replace(s, "^[a-z]+$", "^[a-z+$", 1) },
		"a method that is no object": func(s string) string { return strings.Replace(s, `"post": {`, `"put": 5, "post": {`, 1) },
	} {
		text := change(things)
		if text == things {
			t.Fatalf("%s: nothing is changed", claim)
		}
		if _, err := New(text); err == nil {
			t.Errorf("%s is taken", claim)
		}
	}
}
