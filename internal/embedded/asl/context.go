package asl

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// places are those of the context object, each with what lies in it open.
var places = []string{
	"Execution.Name", "Execution.StartTime", "Execution.Input",
	"State.Name", "State.EnteredTime", "State.RetryCount", "Task.Token",
}

// knownContext tells whether contextObject has the place. Below Execution.Input
// anything may be.
func knownContext(steps []any) bool {
	var names []string
	for _, step := range steps[:min(2, len(steps))] {
		name, _ := step.(string)
		names = append(names, name)
	}
	place := strings.Join(names, ".")
	return slices.Contains(places, place) && (len(steps) == 2 || place == "Execution.Input")
}

// contextObject is what paths that begin with $$ look into.
func (x *Execution) contextObject() (any, error) {
	input, err := decode(x.Input)
	if err != nil {
		return nil, err
	}
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
	tries := 0
	for _, n := range x.Tries {
		tries += n
	}
	object := map[string]any{
		"Execution": map[string]any{"Name": x.Name, "Input": input, "StartTime": stamp(x.Started)},
		"State": map[string]any{
			"Name": x.State, "EnteredTime": stamp(x.Entered), "RetryCount": json.Number(strconv.Itoa(tries)),
		},
	}
	if x.Task != nil && x.Task.Token != "" {
		object["Task"] = map[string]any{"Token": x.Task.Token}
	}
	return object, nil
}
