package docs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// described is the description as far as the page shows it.
type described struct {
	Info struct {
		Title, Summary, Description string
	}
	Tags []struct {
		Name, Description string
	}
	Paths      ordered[ordered[json.RawMessage]] // by path; then by method, parameters among the methods
	AnyRequest struct {
		Description string
		Responses   ordered[*answer]
	} `json:"x-any-request"`
	Components components
}

// components are what references lead to.
type components struct {
	SecuritySchemes ordered[*struct{ Description string }]
	Parameters      ordered[*parameter]
	Headers         ordered[*header]
	RequestBodies   ordered[*body]
	Responses       ordered[*answer]
	Schemas         ordered[*schema]
}

// operation is what one method of one path does.
type operation struct {
	Method, Path string `json:"-"`

	ID                   string `json:"operationId"`
	Tags                 []string
	Summary, Description string
	Security             []map[string][]string
	Parameters           []*parameter
	RequestBody          *body
	Responses            ordered[*answer]
}

// Key says in words which key the operation needs.
func (o operation) Key() string {
	if len(o.Security) == 0 {
		return "no key"
	}
	var alternatives []string
	for _, schemes := range o.Security {
		for _, scopes := range schemes {
			if len(scopes) == 0 {
				return "any key"
			}
			alternatives = append(alternatives, strings.Join(scopes, ", "))
		}
	}
	return "a key with the scope " + strings.Join(alternatives, " or ")
}

// Successes are the answers with a status below 400.
func (o operation) Successes() ordered[*answer] { return o.answers("123") }

// Errors are the others.
func (o operation) Errors() ordered[*answer] { return o.answers("45") }

// answers are those whose status begins with one of the digits.
func (o operation) answers(digits string) (found ordered[*answer]) {
	for _, m := range o.Responses {
		if m.Name != "" && strings.Contains(digits, m.Name[:1]) {
			found = append(found, m)
		}
	}
	return found
}

type parameter struct {
	Ref                   string `json:"$ref"`
	Name, In, Description string
	Required              bool
	Schema                *schema
}

type header struct {
	Ref         string `json:"$ref"`
	Description string
	Required    bool
	Schema      *schema
}

type body struct {
	Ref         string `json:"$ref"`
	Description string
	Required    bool
	Content     ordered[*content]
}

type answer struct {
	Ref         string `json:"$ref"`
	Description string
	Headers     ordered[*header]
	Content     ordered[*content]
}

type content struct {
	Schema   *schema
	Examples ordered[*sample]
}

type sample struct {
	Summary string
	Value   json.RawMessage
}

// Text is the value, laid out for reading.
func (s sample) Text() (string, error) {
	var text bytes.Buffer
	err := json.Indent(&text, s.Value, "", "  ")
	return text.String(), err
}

// schema is a JSON Schema, draft 2020-12.
type schema struct {
	Ref                  string `json:"$ref"`
	Description          string
	Type                 words
	Const                *string
	Enum                 []*string       // nil: null
	Meanings             ordered[string] `json:"x-enumDescriptions"`
	Minimum, Maximum     *int64
	MinLength, MaxLength *int64
	Pattern, Format      string
	Default              any
	Items                *schema
	Properties           ordered[*schema]
	Required             []string
	PropertyNames        *schema
	OneOf, AnyOf, AllOf  []*schema
}

// Needs reports whether an object must have the property.
func (s schema) Needs(property string) bool { return slices.Contains(s.Required, property) }

// Section reports whether the schema is shown as a section of its own rather
// than where it is used.
func (s schema) Section() bool {
	return len(s.Properties) > 0 || len(s.Meanings) > 0 || len(s.OneOf) > 0
}

// Bounds says in words what the value may be beside its type.
func (s schema) Bounds() string {
	const unit = " characters"
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		return number(s.Minimum) + " to " + number(s.Maximum)
	case s.Minimum != nil:
		return number(s.Minimum) + " or more"
	case s.MinLength != nil && s.MaxLength != nil:
		return number(s.MinLength) + " to " + number(s.MaxLength) + unit
	case s.MaxLength != nil:
		return "at most " + number(s.MaxLength) + unit
	}
	return s.Format
}

func number(n *int64) string { return strconv.FormatInt(*n, 10) }

// words is one word or several.
type words []string

// UnmarshalJSON takes a string or an array of strings.
func (w *words) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(w))
}

// ordered is a JSON object in the order of its text.
type ordered[T any] []member[T]

type member[T any] struct {
	Name  string
	Value T
}

// UnmarshalJSON takes an object.
func (o *ordered[T]) UnmarshalJSON(text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return fmt.Errorf("an object begins with %v: %w", start, err)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		m := member[T]{Name: name.(string)} // the only tokens there
		if err := dec.Decode(&m.Value); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		*o = append(*o, m)
	}
	return nil
}

// At returns the member with this name, or the zero value.
func (o ordered[T]) At(name string) (value T) {
	for _, m := range o {
		if m.Name == name {
			return m.Value
		}
	}
	return value
}

// target is the last part of a reference: the name of a component.
func target(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

var errNull = errors.New("null stands where something is to be described")

// follow is the component that a reference leads to, or what is in its place.
func follow[T any](here *T, ref func(*T) string, components ordered[*T]) (*T, error) {
	if here == nil {
		return nil, errNull
	}
	to := ref(here)
	if to == "" {
		return here, nil
	}
	if end := components.At(target(to)); end != nil {
		return end, nil
	}
	return nil, fmt.Errorf("%s leads nowhere", to)
}

// schema follows a reference, unless to a schema that has a section of its own.
func (d described) schema(s *schema) (*schema, error) {
	end, err := follow(s, schemaRef, d.Components.Schemas)
	if err != nil || end.Section() {
		return s, err
	}
	return end, nil
}

// meaning is the description of a field, else that of what it refers to.
func (d described) meaning(s *schema) (string, error) {
	end, err := follow(s, schemaRef, d.Components.Schemas)
	switch {
	case err != nil:
		return "", err
	case s.Description != "":
		return s.Description, nil
	}
	return end.Description, nil
}

func schemaRef(s *schema) string { return s.Ref }
