package asl

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// path is a reference path: it names one place in a document.
type path struct {
	context bool // $$: in the context object, not in the state's data
	steps   []any
}

var errPath = errors.New("not a reference path")

// parsePath reads $, $.name, $['name'], $[0] and what is composed of them; with
// $$ in front, only what contextObject has.
func parsePath(text string) (path, error) {
	rest, found := strings.CutPrefix(text, "$")
	if !found {
		return path{}, fmt.Errorf("%w: %q", errPath, text)
	}
	var p path
	rest, p.context = strings.CutPrefix(rest, "$")
	for rest != "" {
		var step any
		var err error
		if step, rest, err = cutStep(rest); err != nil {
			return path{}, fmt.Errorf("%w: %q", err, text)
		}
		p.steps = append(p.steps, step)
	}
	if p.context && !knownContext(p.steps) {
		return path{}, fmt.Errorf("unknown place in the context object: %q", text)
	}
	return p, nil
}

func cutStep(text string) (step any, rest string, err error) {
	switch {
	case strings.HasPrefix(text, "."):
		n := strings.IndexAny(text[1:], ".[") + 1
		if n == 0 {
			n = len(text)
		}
		if name := text[1:n]; name != "" && !strings.ContainsAny(name, "*?@()'\"] ,:") {
			return name, text[n:], nil
		}
	case strings.HasPrefix(text, "['"):
		if name, rest, found := strings.Cut(text[2:], "']"); found && name != "" && !strings.ContainsAny(name, `\'`) {
			return name, rest, nil
		}
	case strings.HasPrefix(text, "["):
		inside, rest, found := strings.Cut(text[1:], "]")
		if n, err := strconv.Atoi(inside); found && err == nil && n >= 0 {
			return n, rest, nil
		}
	}
	return nil, "", errPath
}

// look returns what is at the path; found is false when there is nothing.
func (p path) look(data, context any) (value any, found bool) {
	value = data
	if p.context {
		value = context
	}
	for _, step := range p.steps {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			if value, found = object[step]; !found {
				return nil, false
			}
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil, false
			}
			value = list[step]
		}
	}
	return value, true
}

// put returns data with value at the path. Objects on the way are made where
// there are none; ok is false where something else is in the way. Data is not
// changed.
func (p path) put(data, value any) (result any, ok bool) {
	if len(p.steps) == 0 {
		return value, true
	}
	object, is := data.(map[string]any)
	if !is {
		return nil, false
	}
	object = maps.Clone(object)
	name := p.steps[0].(string)
	inner, has := object[name]
	if !has {
		inner = map[string]any{}
	}
	object[name], ok = path{steps: p.steps[1:]}.put(inner, value)
	return object, ok
}

// parseTarget reads a path that a result is put at: of names only.
func parseTarget(text string) (path, error) {
	p, err := parsePath(text)
	if err != nil {
		return path{}, err
	}
	for _, step := range p.steps {
		if _, name := step.(string); !name || p.context {
			return path{}, fmt.Errorf("%w that a result can be put at: %q", errPath, text)
		}
	}
	return p, nil
}

// checkTemplate finds what fill could not do.
func checkTemplate(template any) error {
	switch t := template.(type) {
	case map[string]any:
		for name, value := range t {
			if !strings.HasSuffix(name, ".$") {
				if err := checkTemplate(value); err != nil {
					return err
				}
				continue
			}
			text, is := value.(string)
			if !is {
				return fmt.Errorf("%w: field %q", errPath, name)
			}
			if _, err := parsePath(text); err != nil {
				return fmt.Errorf("field %q: %w", name, err)
			}
		}
	case []any:
		for _, value := range t {
			if err := checkTemplate(value); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill returns the template with each field name.$ replaced by a field name that
// holds what is at the path. The fault names the path where there is nothing.
func fill(template, data, context any) (any, *Fault) {
	switch t := template.(type) {
	case map[string]any:
		filled := make(map[string]any, len(t))
		for name, value := range t {
			bare, isPath := strings.CutSuffix(name, ".$")
			if !isPath {
				v, fault := fill(value, data, context)
				if fault != nil {
					return nil, fault
				}
				filled[name] = v
				continue
			}
			p, _ := parsePath(value.(string)) // checkTemplate has seen it
			v, found := p.look(data, context)
			if !found {
				return nil, &Fault{Name: faultRuntime, Cause: fmt.Sprintf("nothing at %s for %q", value, name)}
			}
			filled[bare] = v
		}
		return filled, nil
	case []any:
		filled := make([]any, len(t))
		for i, value := range t {
			v, fault := fill(value, data, context)
			if fault != nil {
				return nil, fault
			}
			filled[i] = v
		}
		return filled, nil
	}
	return template, nil
}
