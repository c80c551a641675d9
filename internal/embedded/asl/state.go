package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// state is one state of a machine: its fields as in the file, and what loading
// has made of them.
type state struct {
	Type, Comment string
	Next          string
	End           bool

	InputPath, OutputPath, ResultPath field
	Parameters, ResultSelector        any

	Resource                              string
	TimeoutSeconds, HeartbeatSeconds      int64
	TimeoutSecondsPath                    string
	HeartbeatSecondsPath                  string
	Retry                                 []retrier
	Catch                                 []catcher
	Choices                               []json.RawMessage
	Default                               string
	Seconds                               *int64
	SecondsPath, Timestamp, TimestampPath string
	Result                                any
	Error, Cause                          string

	input, output, result *path // nil: null in the file
	function              string
	callback              bool // the task waits for its token
	payload               any
	choices               []choice
}

// field is a path in the file, which may be absent, null or a text.
type field struct {
	set  bool
	text *string
}

// UnmarshalJSON tells null from absent.
func (f *field) UnmarshalJSON(raw []byte) error {
	f.set = true
	return json.Unmarshal(raw, &f.text)
}

// fields says what each type of state may have, Type and Comment aside.
var fields = map[string]string{
	"Task": "Next End InputPath OutputPath ResultPath Parameters ResultSelector Resource TimeoutSeconds" +
		" HeartbeatSeconds TimeoutSecondsPath HeartbeatSecondsPath Retry Catch",
	"Choice":  "InputPath OutputPath Choices Default",
	"Wait":    "Next End InputPath OutputPath Seconds SecondsPath Timestamp TimestampPath",
	"Pass":    "Next End InputPath OutputPath ResultPath Parameters Result",
	"Succeed": "InputPath OutputPath",
	"Fail":    "Error Cause",
}

func loadState(raw json.RawMessage) (*state, error) {
	s := &state{}
	if err := decodeStrict(raw, s); err != nil {
		return nil, err
	}
	allowed, known := fields[s.Type]
	if !known {
		return nil, fmt.Errorf("unknown type %q", s.Type)
	}
	var has map[string]json.RawMessage
	if err := json.Unmarshal(raw, &has); err != nil {
		return nil, err
	}
	for name := range has {
		if name != "Type" && name != "Comment" && !slices.Contains(strings.Fields(allowed), name) {
			return nil, fmt.Errorf("field %q is not known for type %s", name, s.Type)
		}
	}
	if strings.Contains(allowed, "Next") && (s.Next == "") != s.End {
		return nil, errors.New("needs either Next or End")
	}
	if err := s.loadData(); err != nil {
		return nil, err
	}
	switch s.Type {
	case "Task":
		return s, s.loadTask()
	case "Choice":
		return s, s.loadChoices()
	case "Wait":
		return s, s.checkWait()
	}
	return s, nil
}

// loadData reads the paths and templates.
func (s *state) loadData() error {
	for _, p := range []struct {
		field field
		to    **path
		parse func(string) (path, error)
	}{
		{s.InputPath, &s.input, parsePath}, {s.OutputPath, &s.output, parsePath}, {s.ResultPath, &s.result, parseTarget},
	} {
		switch {
		case !p.field.set:
			*p.to = &path{}
		case p.field.text != nil:
			parsed, err := p.parse(*p.field.text)
			if err != nil {
				return err
			}
			*p.to = &parsed
		}
	}
	return errors.Join(checkTemplate(s.Parameters), checkTemplate(s.ResultSelector))
}

// The one service a task may call.
const resource = "arn:aws:states:::lambda:invoke"

func (s *state) loadTask() error {
	bare, callback := strings.CutSuffix(s.Resource, ".waitForTaskToken")
	if bare != resource {
		return fmt.Errorf("unknown resource %q", s.Resource)
	}
	s.callback = callback
	parameters, _ := s.Parameters.(map[string]any)
	name, _ := parameters["FunctionName"].(string)
	if s.function = functionName(name); s.function == "" {
		return errors.New("needs Parameters with FunctionName")
	}
	s.payload = map[string]any{}
	for name, value := range parameters {
		if name == "Payload" || name == "Payload.$" {
			s.payload = map[string]any{name: value}
		} else if name != "FunctionName" {
			return fmt.Errorf("unknown parameter %q", name)
		}
	}
	if len(s.payload.(map[string]any)) == 0 {
		return errors.New("needs Parameters with Payload")
	}
	return errors.Join(s.checkTimes(), s.checkErrors())
}

// functionName takes the name out of an ARN and cuts off a qualifier.
func functionName(text string) string {
	if _, behind, isARN := strings.Cut(text, ":function:"); isARN {
		text = behind
	}
	name, _, _ := strings.Cut(text, ":")
	return name
}

func (s *state) checkTimes() error {
	for _, text := range []string{s.TimeoutSecondsPath, s.HeartbeatSecondsPath} {
		if text == "" {
			continue
		}
		if _, err := parsePath(text); err != nil {
			return err
		}
	}
	heartbeat := s.HeartbeatSeconds != 0 || s.HeartbeatSecondsPath != ""
	switch {
	case s.TimeoutSeconds < 0 || s.HeartbeatSeconds < 0:
		return errors.New("time below nothing")
	case s.TimeoutSeconds != 0 && s.TimeoutSecondsPath != "" || s.HeartbeatSeconds != 0 && s.HeartbeatSecondsPath != "":
		return errors.New("a time and its path")
	case heartbeat && !s.callback:
		return errors.New("heartbeat of a task without token")
	case s.TimeoutSeconds != 0 && s.HeartbeatSeconds >= s.TimeoutSeconds:
		return errors.New("HeartbeatSeconds must be less than TimeoutSeconds")
	}
	return nil
}

func (s *state) checkWait() error {
	given := 0
	for _, text := range []string{s.SecondsPath, s.TimestampPath} {
		if text == "" {
			continue
		}
		given++
		if _, err := parsePath(text); err != nil {
			return err
		}
	}
	if s.Seconds != nil {
		if given++; *s.Seconds < 0 {
			return errors.New("time below nothing")
		}
	}
	if s.Timestamp != "" {
		given++
		if _, ok := timestamp(s.Timestamp); !ok {
			return fmt.Errorf("no time: %q", s.Timestamp)
		}
	}
	if given != 1 {
		return errors.New("needs one of Seconds, SecondsPath, Timestamp, TimestampPath")
	}
	return nil
}

// targets lists the states that may come next.
func (s *state) targets() (names []string) {
	for _, name := range []string{s.Next, s.Default} {
		if name != "" {
			names = append(names, name)
		}
	}
	for _, c := range s.choices {
		names = append(names, c.next)
	}
	for _, c := range s.Catch {
		names = append(names, c.Next)
	}
	return names
}
