package apitest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// operation is one method of one path, compiled.
type operation struct {
	method       string
	path         *regexp.Regexp // its groups are the parameters of the path
	parameters   []parameter
	body         *jsonschema.Schema // nil: none is described
	bodyRequired bool
	otherBodies  []string          // media types beside application/json, of which only the type is described
	answers      map[string]answer // by status
}

type parameter struct {
	name, in string
	schema   *jsonschema.Schema
	required bool
}

// answer is what may be answered under one status.
type answer struct {
	headers map[string]header
	bodies  map[string]*jsonschema.Schema // by media type; empty: no body
}

type header struct {
	schema   *jsonschema.Schema
	required bool
}

// description is the text as far as it is compiled. Schemas are found by where
// they stand in it.
type description struct {
	Paths      map[string]map[string]json.RawMessage
	AnyRequest struct {
		Responses map[string]response
	} `json:"x-any-request"`
	Components struct {
		Parameters    map[string]declared
		Headers       map[string]declared
		RequestBodies map[string]declared
		Responses     map[string]response
		Schemas       map[string]json.RawMessage
	}
}

// declared is a parameter, a header or a body, or a reference to one.
type declared struct {
	Ref      string `json:"$ref"`
	Name, In string
	Required bool
	Content  map[string]json.RawMessage
}

type response struct {
	Ref     string `json:"$ref"`
	Headers map[string]declared
	Content map[string]json.RawMessage
}

// compiler turns places of the text into schemas.
type compiler struct {
	text    description
	schemas *jsonschema.Compiler
	err     error // the first one
}

// New compiles an OpenAPI 3.1 description, with every schema of its components
// whether it is used or not.
func New(text string) (*Validator, error) {
	c := &compiler{schemas: jsonschema.NewCompiler()}
	c.schemas.AssertFormat()
	tree, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &c.text); err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	if err := c.schemas.AddResource(base, tree); err != nil {
		return nil, err
	}
	for name := range c.text.Components.Schemas {
		c.schema(place("components", "schemas", name))
	}
	v := &Validator{elsewhere: c.answers(c.text.AnyRequest.Responses, place("x-any-request"))}
	for path, methods := range c.text.Paths {
		v.operations = append(v.operations, c.path(path, methods)...)
	}
	return v, c.err
}

// base is the name of the description among schemas.
const base = "urn:description"

// place is a JSON pointer (RFC 6901).
func place(parts ...string) string {
	var pointer strings.Builder
	for _, part := range parts {
		pointer.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(part))
	}
	return pointer.String()
}

func (c *compiler) schema(at string) *jsonschema.Schema {
	schema, err := c.schemas.Compile(base + "#" + (&url.URL{Fragment: at}).EscapedFragment())
	if err != nil && c.err == nil {
		c.err = fmt.Errorf("compile %s: %w", at, err)
	}
	return schema
}

// path compiles the operations of one path.
func (c *compiler) path(path string, methods map[string]json.RawMessage) []*operation {
	var shared []parameter
	if text, given := methods["parameters"]; given {
		shared = c.parameters(text, place("paths", path, "parameters"))
	}
	pattern := regexp.MustCompile(`\\\{([A-Za-z_]+)\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "(?P<$1>[^/]+)")
	var all []*operation
	for method, text := range methods {
		if method == "parameters" {
			continue
		}
		at := place("paths", path, method)
		var o struct {
			Parameters  json.RawMessage
			RequestBody *declared
			Responses   map[string]response
		}
		c.read(text, &o, at)
		compiled := &operation{
			method: strings.ToUpper(method), path: regexp.MustCompile("^" + pattern + "$"),
			parameters: slices.Concat(shared, c.parameters(o.Parameters, at+"/parameters")), answers: c.answers(o.Responses, at),
		}
		if o.RequestBody != nil {
			body, at := c.follow(*o.RequestBody, at+"/requestBody", c.text.Components.RequestBodies)
			compiled.bodyRequired = body.Required
			compiled.body = c.schema(at + place("content", "application/json", "schema"))
			for kind := range body.Content {
				if kind != "application/json" {
					compiled.otherBodies = append(compiled.otherBodies, kind)
				}
			}
		}
		all = append(all, compiled)
	}
	return all
}

func (c *compiler) read(text json.RawMessage, into any, at string) {
	if err := json.Unmarshal(text, into); err != nil && c.err == nil {
		c.err = fmt.Errorf("read %s: %w", at, err)
	}
}

// follow is what a reference leads to and where that is, or what is here.
func (c *compiler) follow(d declared, at string, components map[string]declared) (declared, string) {
	if d.Ref == "" {
		return d, at
	}
	return component(c, d.Ref, at, components), strings.TrimPrefix(d.Ref, "#")
}

// component is what a reference leads to.
func component[T any](c *compiler, ref, at string, components map[string]T) T {
	found, known := components[ref[strings.LastIndexByte(ref, '/')+1:]]
	if !known && c.err == nil {
		c.err = fmt.Errorf("%s refers to %s, which there is not", at, ref)
	}
	return found
}

func (c *compiler) parameters(text json.RawMessage, at string) []parameter {
	var given []declared
	if len(text) > 0 {
		c.read(text, &given, at)
	}
	all := make([]parameter, len(given))
	for i, one := range given {
		found, at := c.follow(one, fmt.Sprintf("%s/%d", at, i), c.text.Components.Parameters)
		all[i] = parameter{name: found.Name, in: found.In, required: found.Required, schema: c.schema(at + "/schema")}
	}
	return all
}

func (c *compiler) answers(given map[string]response, at string) map[string]answer {
	all := make(map[string]answer, len(given))
	for status, one := range given {
		at := at + place("responses", status)
		if one.Ref != "" {
			one, at = component(c, one.Ref, at, c.text.Components.Responses), strings.TrimPrefix(one.Ref, "#")
		}
		a := answer{headers: make(map[string]header), bodies: make(map[string]*jsonschema.Schema)}
		for name, declared := range one.Headers {
			found, at := c.follow(declared, at+place("headers", name), c.text.Components.Headers)
			a.headers[name] = header{schema: c.schema(at + "/schema"), required: found.Required}
		}
		for kind := range one.Content {
			a.bodies[kind] = c.schema(at + place("content", kind, "schema"))
		}
		all[status] = a
	}
	return all
}
