package apitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// exchange is a request and its answer.
type exchange struct {
	request *http.Request
	sent    []byte
	status  int
	header  http.Header
	body    []byte
}

// judge returns everything in which the exchange is not as described; nil if it
// is.
func (v *Validator) judge(e exchange) error {
	o, named := v.find(e.request)
	answers := v.elsewhere
	if o != nil {
		answers = o.answers
	}
	a, described := answers[strconv.Itoa(e.status)]
	if !described {
		return errors.New("the status is not described")
	}
	errs := []error{a.judgeHeaders(e), a.judgeBody(e)}
	if o != nil && e.status < 300 {
		errs = append(errs, o.judgeRequest(e, named))
	}
	return errors.Join(errs...)
}

// find returns the operation that a request is for, if any, with the parameters
// of its path. HEAD is GET without the body.
func (v *Validator) find(r *http.Request) (*operation, map[string]string) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, o := range v.operations {
		groups := o.path.FindStringSubmatch(r.URL.Path)
		if groups == nil || o.method != method {
			continue
		}
		named := make(map[string]string)
		for i, name := range o.path.SubexpNames() {
			named[name] = groups[i]
		}
		return o, named
	}
	return nil, nil
}

// unremarkable lists headers that may stand in any answer and are not described:
// those of HTTP itself, and what the general part of the description says.
func unremarkable() []string {
	return []string{
		"Cache-Control", "Connection", "Content-Length", "Content-Security-Policy", "Content-Type", "Date", "X-Content-Type-Options",
	}
}

func (a answer) judgeHeaders(e exchange) error {
	var errs []error
	for name, h := range a.headers {
		values := e.header[textproto.CanonicalMIMEHeaderKey(name)]
		switch {
		case len(values) == 0 && h.required:
			errs = append(errs, fmt.Errorf("the header %s is missing", name))
		case len(values) > 1:
			errs = append(errs, fmt.Errorf("the header %s is there %d times", name, len(values)))
		case len(values) == 1:
			errs = append(errs, validateText(h.schema, values[0], "header "+name))
		}
	}
	for name := range e.header {
		if !slices.Contains(unremarkable(), name) && !a.has(name) {
			errs = append(errs, fmt.Errorf("the header %s is not described", name))
		}
	}
	return errors.Join(errs...)
}

func (a answer) has(name string) bool {
	for described := range a.headers {
		if textproto.CanonicalMIMEHeaderKey(described) == name {
			return true
		}
	}
	return false
}

func (a answer) judgeBody(e exchange) error {
	given := e.header.Get("Content-Type")
	if len(a.bodies) == 0 {
		if given != "" || len(e.body) > 0 {
			return errors.New("a body is not described")
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(given)
	schema := a.bodies[kind]
	if err != nil || schema == nil {
		return fmt.Errorf("a body of the type %q is not described", given)
	}
	if e.request.Method == http.MethodHead {
		return nil
	}
	if kind != "application/json" && kind != "application/problem+json" {
		return wrap("body", schema.Validate(string(e.body)))
	}
	if err := validateJSON(schema, e.body, "body"); err != nil {
		return err
	}
	if kind == "application/problem+json" {
		return judgeProblem(e)
	}
	return nil
}

// judgeProblem holds a problem document against the answer that it is in.
func judgeProblem(e exchange) error {
	var p struct {
		Status    int
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal(e.body, &p); err != nil {
		return err
	}
	if id := e.header.Get("X-Request-Id"); p.Status != e.status || p.RequestID != id {
		return fmt.Errorf("the problem says status %d, request %s; the head says %d, %s", p.Status, p.RequestID, e.status, id)
	}
	return nil
}

// judgeRequest holds a request that was answered with success against what the
// operation takes.
func (o *operation) judgeRequest(e exchange, named map[string]string) error {
	var errs []error
	query := e.request.URL.Query()
	for _, p := range o.parameters {
		var values []string
		switch p.in {
		case "path":
			values = []string{named[p.name]}
		case "header":
			values = e.request.Header.Values(p.name)
		default:
			values = query[p.name]
			delete(query, p.name)
		}
		switch {
		case len(values) == 0 && p.required, len(values) > 1:
			errs = append(errs, fmt.Errorf("the parameter %s is there %d times", p.name, len(values)))
		case len(values) == 1:
			errs = append(errs, validateText(p.schema, values[0], "parameter "+p.name))
		}
	}
	if slices.ContainsFunc(o.parameters, func(p parameter) bool { return p.in == "query" }) && len(query) > 0 {
		errs = append(errs, fmt.Errorf("query parameters that are not described: %v", query))
	}
	if kind, _, _ := mime.ParseMediaType(e.request.Header.Get("Content-Type")); slices.Contains(o.otherBodies, kind) {
		return errors.Join(errs...)
	}
	if o.body != nil && (o.bodyRequired || len(bytes.TrimSpace(e.sent)) > 0) {
		errs = append(errs, validateJSON(o.body, e.sent, "body of the request"))
	}
	return errors.Join(errs...)
}

func validateJSON(schema *jsonschema.Schema, text []byte, what string) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return wrap(what, err)
	}
	return wrap(what, schema.Validate(value))
}

// validateText validates what has no type of its own: a number if the schema
// takes numbers and it is one, else a string.
func validateText(schema *jsonschema.Schema, text, what string) error {
	var value any = text
	end := schema
	for end.Ref != nil {
		end = end.Ref
	}
	if _, err := strconv.ParseInt(text, 10, 64); err == nil && end.Types != nil && slices.Contains(end.Types.ToStrings(), "integer") {
		value = json.Number(text)
	}
	return wrap(what, schema.Validate(value))
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
