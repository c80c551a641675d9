package esp

import (
	"errors"
	"strconv"
	"strings"
)

// path selects values below another. It is the part of JSONPath that webhooks
// need (RFC 9535 §2.3): $ and then .name, ['name'], [0], [*]. [*] are all
// elements of an array, and it stands for "one event each".
type path []step

type step struct {
	name  string
	index int // noIndex: a member of that name; every: all elements
}

const (
	noIndex = -1
	every   = -2
)

// maxSteps bounds a path. Bodies that need more are not webhooks.
const maxSteps = 16

// parsePath reads a path. The error says what is wrong, for people.
func parsePath(text string) (path, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, errors.New("a path begins with $")
	}
	var p path
	for rest != "" {
		var s step
		var err error
		if s, rest, err = cutStep(rest); err != nil {
			return nil, err
		}
		if p = append(p, s); len(p) > maxSteps {
			return nil, errors.New("the path has more than 16 steps")
		}
	}
	return p, nil
}

// cutStep takes the first step off a path.
func cutStep(text string) (step, string, error) {
	switch {
	case strings.HasPrefix(text, "[*]"):
		return step{index: every}, text[3:], nil
	case strings.HasPrefix(text, "['"), strings.HasPrefix(text, `["`):
		name, rest, ok := strings.Cut(text[2:], text[1:2]+"]")
		if !ok || name == "" {
			return step{}, "", errors.New(`a name in brackets is written ['name']`)
		}
		return step{name: name, index: noIndex}, rest, nil
	case text[0] == '[':
		digits, rest, ok := strings.Cut(text[1:], "]")
		n, err := strconv.ParseUint(digits, 10, 16)
		if !ok || err != nil {
			return step{}, "", errors.New("brackets hold a name in quotes, a number or *")
		}
		return step{index: int(n)}, rest, nil
	case text[0] == '.':
		end := strings.IndexAny(text[1:], ".[") + 1
		if end == 0 {
			end = len(text)
		}
		name := text[1:end]
		if name == "" || strings.ContainsAny(name, " *'\"]()?@") {
			return step{}, "", errors.New("after a dot a name is expected; other names are written ['name']")
		}
		return step{name: name, index: noIndex}, text[end:], nil
	}
	return step{}, "", errors.New("a step begins with a dot or a bracket")
}

// fans reports whether p can select more than one value.
func (p path) fans() bool {
	for _, s := range p {
		if s.index == every {
			return true
		}
	}
	return false
}

// from returns what p selects below v, in order; what does not exist is left
// out.
func (p path) from(v value) []value {
	found := []value{v}
	for _, s := range p {
		var deeper []value
		for _, v := range found {
			deeper = append(deeper, s.from(v)...)
		}
		found = deeper
	}
	return found
}

func (s step) from(v value) []value {
	if s.index == noIndex {
		if v = v.get(s.name); v.exists() {
			return []value{v}
		}
		return nil
	}
	if s.index == every {
		return v.items()
	}
	// No copy of the elements: this may be asked for every event of a body.
	if list, _ := v.v.([]any); s.index < len(list) {
		return []value{{list[s.index]}}
	}
	return nil
}
