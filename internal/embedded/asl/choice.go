package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// choice is one rule of a Choice state: a test and where it leads.
type choice struct {
	next string
	test test
}

// test tells whether the data passes. A path to nothing is a fault, except for
// IsPresent.
type test func(data, context any) (bool, *Fault)

func (s *state) loadChoices() error {
	if len(s.Choices) == 0 {
		return errors.New("needs Choices")
	}
	for i, raw := range s.Choices {
		var rule map[string]json.RawMessage
		var c choice
		err := decodeStrict(raw, &rule)
		if err == nil {
			err = json.Unmarshal(rule["Next"], &c.next)
		}
		if err != nil {
			return fmt.Errorf("choice %d: needs Next: %w", i, err)
		}
		delete(rule, "Next")
		if c.test, err = loadTest(rule); err != nil {
			return fmt.Errorf("choice %d: %w", i, err)
		}
		s.choices = append(s.choices, c)
	}
	return nil
}

func loadTest(rule map[string]json.RawMessage) (test, error) {
	delete(rule, "Comment")
	variable, compares := rule["Variable"]
	delete(rule, "Variable")
	if len(rule) != 1 {
		return nil, errors.New("needs one operator")
	}
	for operator, raw := range rule {
		switch {
		case operator == "And" || operator == "Or" || operator == "Not":
			if compares {
				return nil, fmt.Errorf("%s with a Variable", operator)
			}
			return loadCombined(operator, raw)
		case !compares:
			return nil, errors.New("needs Variable")
		}
		var text string
		if err := json.Unmarshal(variable, &text); err != nil {
			return nil, fmt.Errorf("read Variable: %w", err)
		}
		p, err := parsePath(text)
		if err != nil {
			return nil, err
		}
		return loadComparison(p, text, operator, raw)
	}
	return nil, nil
}

func loadCombined(operator string, raw json.RawMessage) (test, error) {
	if operator == "Not" {
		raw = append(append(json.RawMessage("["), raw...), ']')
	}
	var rules []map[string]json.RawMessage
	if err := decodeStrict(raw, &rules); err != nil {
		return nil, fmt.Errorf("read %s: %w", operator, err)
	}
	if len(rules) == 0 {
		return nil, fmt.Errorf("%s of none", operator)
	}
	var tests []test
	for _, rule := range rules {
		t, err := loadTest(rule)
		if err != nil {
			return nil, err
		}
		tests = append(tests, t)
	}
	// And ends at the first that fails, Or and Not at the first that holds.
	end := operator != "And"
	return func(data, context any) (bool, *Fault) {
		for _, t := range tests {
			if holds, fault := t(data, context); fault != nil || holds == end {
				return operator == "Or" && fault == nil, fault
			}
		}
		return operator != "Or", nil
	}, nil
}

func loadComparison(variable path, text, operator string, raw json.RawMessage) (test, error) {
	operand, err := decode(raw)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", operator, err)
	}
	if operator == "IsPresent" {
		want, is := operand.(bool)
		if !is {
			return nil, errors.New("IsPresent of no boolean")
		}
		return func(data, context any) (bool, *Fault) {
			_, found := variable.look(data, context)
			return found == want, nil
		}, nil
	}
	bare, isPath := strings.CutSuffix(operator, "Path")
	compare, err := loadOperator(bare, operand, isPath)
	if err != nil {
		return nil, err
	}
	var from path
	if isPath {
		name, _ := operand.(string)
		if from, err = parsePath(name); err != nil {
			return nil, err
		}
	}
	return func(data, context any) (bool, *Fault) {
		value, found := variable.look(data, context)
		if !found {
			return false, &Fault{Name: faultRuntime, Cause: fmt.Sprintf("nothing at %s to choose by", text)}
		}
		against := operand
		if isPath {
			if against, found = from.look(data, context); !found {
				return false, &Fault{Name: faultRuntime, Cause: fmt.Sprintf("nothing at %v to compare with", operand)}
			}
		}
		return compare(value, against), nil
	}, nil
}

// loadOperator returns what an operator does. Values of another type than it
// compares are not equal, not less and so on.
func loadOperator(name string, operand any, isPath bool) (func(value, operand any) bool, error) {
	fits := func(ok bool) error {
		if isPath || ok {
			return nil
		}
		return fmt.Errorf("%s of %v", name, operand)
	}
	if kind, is := strings.CutPrefix(name, "Is"); is {
		_, boolean := operand.(bool)
		holds, known := kinds[kind]
		if !known || !boolean || isPath {
			return nil, fmt.Errorf("unknown operator %s of %v", name, operand)
		}
		return func(value, want any) bool { return holds(value) == want.(bool) }, nil
	}
	switch {
	case name == "BooleanEquals":
		_, ok := operand.(bool)
		return func(value, operand any) bool {
			v, is := value.(bool)
			o, comparable := operand.(bool)
			return is && comparable && v == o
		}, fits(ok)
	case name == "StringMatches" && !isPath:
		pattern, ok := operand.(string)
		matches := wildcard(pattern)
		return func(value, _ any) bool { v, is := value.(string); return is && matches.MatchString(v) }, fits(ok)
	}
	for family, order := range orders {
		relation, is := strings.CutPrefix(name, family)
		holds, known := relations[relation]
		if !is || !known {
			continue
		}
		_, ok := order(operand, operand)
		return func(value, operand any) bool { n, ok := order(value, operand); return ok && holds(n) }, fits(ok)
	}
	return nil, fmt.Errorf("unknown operator %s", name)
}

var kinds = map[string]func(v any) bool{
	"Null":      func(v any) bool { return v == nil },
	"String":    func(v any) bool { _, is := v.(string); return is },
	"Numeric":   func(v any) bool { _, is := v.(json.Number); return is },
	"Boolean":   func(v any) bool { _, is := v.(bool); return is },
	"Timestamp": func(v any) bool { _, is := timestamp(v); return is },
}

var relations = map[string]func(order int) bool{
	"Equals":            func(n int) bool { return n == 0 },
	"LessThan":          func(n int) bool { return n < 0 },
	"GreaterThan":       func(n int) bool { return n > 0 },
	"LessThanEquals":    func(n int) bool { return n <= 0 },
	"GreaterThanEquals": func(n int) bool { return n >= 0 },
}

// orders compare two values of one type; ok is false when one is of another.
var orders = map[string]func(a, b any) (order int, ok bool){
	"String": func(a, b any) (int, bool) {
		x, first := a.(string)
		y, second := b.(string)
		return strings.Compare(x, y), first && second
	},
	"Numeric": func(a, b any) (int, bool) {
		x, first := number(a)
		y, second := number(b)
		switch {
		case x < y:
			return -1, first && second
		case x > y:
			return 1, first && second
		}
		return 0, first && second
	},
	"Timestamp": func(a, b any) (int, bool) {
		x, first := timestamp(a)
		y, second := timestamp(b)
		return x.Compare(y), first && second
	},
}

func number(v any) (float64, bool) {
	n, is := v.(json.Number)
	f, err := n.Float64()
	return f, is && err == nil
}

// timestamp reads the profile of RFC 3339 that the language asks for: capital T,
// capital Z.
func timestamp(v any) (time.Time, bool) {
	text, is := v.(string)
	t, err := time.Parse(time.RFC3339, text)
	return t, is && err == nil
}

// wildcard reads a pattern in which * stands for any text and \ quotes.
func wildcard(pattern string) *regexp.Regexp {
	var out strings.Builder
	out.WriteString("(?s)^")
	quoted := false
	for _, r := range pattern {
		switch {
		case !quoted && r == '\\':
			quoted = true
			continue
		case !quoted && r == '*':
			out.WriteString(".*")
		default:
			out.WriteString(regexp.QuoteMeta(string(r)))
		}
		quoted = false
	}
	return regexp.MustCompile(out.String() + "$")
}
