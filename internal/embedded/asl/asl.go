// Package asl carries out a state machine that is written in the Amazon States
// Language (states-language.net, version 1.0), so that one machine runs the very
// file that is deployed to AWS Step Functions.
//
// It is pure: an Execution is a value that says where an execution stands, and
// Machine's methods move it on, given the time and what tasks have answered.
// Who keeps executions, waits and calls functions is another's matter.
//
// What it knows:
//
//	states      Task, Choice, Wait, Pass, Succeed, Fail
//	tasks       arn:aws:states:::lambda:invoke, plain and .waitForTaskToken
//	data        InputPath, Parameters, ResultSelector, ResultPath, OutputPath,
//	            with reference paths of JSONPath: $.a.b, $['a b'], $.a[0]
//	context     $$.Execution.Name, .Input, .StartTime; $$.State.Name,
//	            .EnteredTime, .RetryCount; $$.Task.Token
//	time        TimeoutSeconds, HeartbeatSeconds, each also as a Path
//	errors      Retry with back-off and full jitter, Catch
//
// Everything else (Map, Parallel, intrinsic functions, JSONata, variables, other
// services) is refused when the file is loaded, never ignored. The limits of the
// service are kept: 256 KiB between states, 25,000 events.
//
// It departs from the service in this: a function's answer holds Payload,
// StatusCode and ExecutedVersion but no metadata of the request, and a function
// cannot be throttled or be away, so that no error is named Lambda.something.
package asl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// ErrDefinition: the file is no state machine, or one that needs more than this
// package knows.
var ErrDefinition = errors.New("state machine refused")

// Machine is a state machine. It does not change and is safe for concurrent use.
type Machine struct {
	startAt string
	timeout time.Duration // of an execution; 0: none
	states  map[string]*state
}

// Load reads a definition. As when a template is deployed, each ${name} in it
// is replaced by the value that names has for it (DefinitionSubstitutions).
// ErrDefinition when something is wrong, and says in which state.
func Load(definition []byte, names map[string]string) (*Machine, error) {
	text, err := substitute(string(definition), names)
	if err != nil {
		return nil, err
	}
	var file struct {
		Comment, Version, QueryLanguage, StartAt string
		TimeoutSeconds                           int64
		States                                   map[string]json.RawMessage
	}
	if err := decodeStrict([]byte(text), &file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDefinition, err)
	}
	if file.Version != "" && file.Version != "1.0" || file.QueryLanguage != "" && file.QueryLanguage != "JSONPath" {
		return nil, fmt.Errorf("%w: version %q, query language %q", ErrDefinition, file.Version, file.QueryLanguage)
	}
	if file.TimeoutSeconds < 0 {
		return nil, fmt.Errorf("%w: TimeoutSeconds of %d", ErrDefinition, file.TimeoutSeconds)
	}
	m := &Machine{startAt: file.StartAt, timeout: seconds(file.TimeoutSeconds), states: map[string]*state{}}
	for name, raw := range file.States {
		if m.states[name], err = loadState(raw); err != nil {
			return nil, fmt.Errorf("%w: state %q: %w", ErrDefinition, name, err)
		}
	}
	return m, m.checkTargets()
}

// Functions lists the functions that the machine calls, by name, each once.
func (m *Machine) Functions() []string {
	called := map[string]bool{}
	for _, s := range m.states {
		if s.Type == "Task" {
			called[s.function] = true
		}
	}
	return slices.Sorted(maps.Keys(called))
}

func substitute(text string, names map[string]string) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "${")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		name, behind, closed := strings.Cut(rest, "}")
		value, known := names[name]
		if !closed || !known {
			return "", fmt.Errorf("%w: no value for ${%.40s}", ErrDefinition, name)
		}
		quoted, err := json.Marshal(value)
		if err != nil {
			return "", fmt.Errorf("%w: value of %s: %w", ErrDefinition, name, err)
		}
		out.Write(quoted[1 : len(quoted)-1])
		text = behind
	}
}

// checkTargets finds targets that do not exist and states that nothing leads to.
func (m *Machine) checkTargets() error {
	reached := map[string]bool{}
	todo := []string{m.startAt}
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		if reached[name] {
			continue
		}
		s, known := m.states[name]
		if !known {
			return fmt.Errorf("%w: no state %q", ErrDefinition, name)
		}
		reached[name] = true
		todo = append(todo, s.targets()...)
	}
	for name := range m.states {
		if !reached[name] {
			return fmt.Errorf("%w: nothing leads to state %q", ErrDefinition, name)
		}
	}
	return nil
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// decodeStrict reads one JSON value and refuses fields that v does not have.
func decodeStrict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text behind the end")
	}
	return nil
}

// decode reads a JSON value whose numbers keep all of their digits.
func decode(text []byte) (any, error) {
	var v any
	return v, decodeStrict(text, &v)
}

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode data: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
