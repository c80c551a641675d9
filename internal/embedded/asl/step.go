package asl

import (
	"encoding/json"
	"fmt"
	"time"

	"rcpt/internal/store"
)

// step is the state an execution is in, with its data read.
type step struct {
	x       *Execution
	state   *state
	raw     any // input of the state
	data    any // raw behind InputPath
	context any
	fault   *Fault
}

// begin reads what the state needs.
func (m *Machine) begin(x *Execution) step {
	p := step{x: x, state: m.states[x.State]}
	if p.state == nil {
		p.fault = &Fault{Name: faultRuntime, Cause: fmt.Sprintf("the machine has no state %q", x.State)}
		return p
	}
	var err error
	if p.raw, err = decode(x.Data); err == nil {
		p.context, err = x.contextObject()
	}
	if err != nil {
		p.fault = &Fault{Name: faultRuntime, Cause: "the data is no JSON"}
		return p
	}
	p.data, p.fault = p.through(p.state.input, p.raw)
	return p
}

// through applies InputPath or OutputPath, which give an empty object for null.
func (p step) through(by *path, data any) (any, *Fault) {
	if by == nil {
		return map[string]any{}, nil
	}
	found, ok := by.look(data, p.context)
	if !ok {
		return nil, &Fault{Name: faultRuntime, Cause: "InputPath or OutputPath leads to nothing"}
	}
	return found, nil
}

// run does what the state is for. With wait it cannot go on by itself.
func (p step) run(out Outside) (action Action, wait bool) {
	switch s := p.state; s.Type {
	case "Task":
		return p.task(out)
	case "Wait":
		return p.wait(out)
	case "Choice":
		p.choose(out)
	case "Pass":
		result := p.data
		if s.Parameters != nil {
			if result, p.fault = fill(s.Parameters, p.data, p.context); p.fault != nil {
				p.x.fail(s, p.fault, out)
				return Action{}, false
			}
		}
		if s.Result != nil {
			result = s.Result
		}
		p.leave(result, out)
	case "Succeed":
		p.finish(p.data, out)
	case "Fail":
		p.x.end(Failed, &Fault{Name: s.Error, Cause: s.Cause}, out.Now)
	}
	return Action{}, false
}

func (p step) choose(out Outside) {
	next := p.state.Default
	for _, c := range p.state.choices {
		holds, fault := c.test(p.data, p.context)
		if fault != nil {
			p.x.fail(p.state, fault, out)
			return
		}
		if holds {
			next = c.next
			break
		}
	}
	if next == "" {
		p.x.fail(p.state, &Fault{Name: faultNoChoice, Cause: "no choice holds and there is no Default"}, out)
		return
	}
	result, fault := p.through(p.state.output, p.data)
	if fault != nil {
		p.x.fail(p.state, fault, out)
		return
	}
	p.x.moveTo(next, result, out)
}

func (p step) wait(out Outside) (Action, bool) {
	if p.x.Until.IsZero() {
		until, fault := p.waitUntil()
		if fault != nil {
			p.x.fail(p.state, fault, out)
			return Action{}, false
		}
		if p.x.Until = until; out.Now.Before(until) {
			return Action{Until: until}, true
		}
	}
	p.finish(p.data, out)
	return Action{}, false
}

func (p step) waitUntil() (time.Time, *Fault) {
	s := p.state
	if s.Seconds != nil {
		return p.x.Entered.Add(seconds(*s.Seconds)), nil
	}
	if s.SecondsPath != "" {
		n, fault := p.seconds(s.SecondsPath)
		return p.x.Entered.Add(n), fault
	}
	var value any = s.Timestamp
	if s.TimestampPath != "" {
		from, _ := parsePath(s.TimestampPath)
		value, _ = from.look(p.data, p.context)
	}
	t, ok := timestamp(value)
	if !ok {
		return time.Time{}, &Fault{Name: faultRuntime, Cause: fmt.Sprintf("no time at %s", s.TimestampPath)}
	}
	return t, nil
}

// seconds reads a whole number of seconds from the data.
func (p step) seconds(text string) (time.Duration, *Fault) {
	from, _ := parsePath(text) // loading has seen it
	value, _ := from.look(p.data, p.context)
	number, _ := value.(json.Number)
	n, err := number.Int64()
	if err != nil || n < 0 || n > 99_999_999 {
		return 0, &Fault{Name: faultRuntime, Cause: fmt.Sprintf("no number of seconds at %s", text)}
	}
	return seconds(n), nil
}

func (p step) task(out Outside) (Action, bool) {
	t := p.x.Task
	if t == nil {
		if fault := p.startTask(out); fault != nil {
			p.x.fail(p.state, fault, out)
			return Action{}, false
		}
		t = p.x.Task
		p.context, _ = p.x.contextObject() // now with the token
	}
	switch {
	case !t.Due.IsZero() && !out.Now.Before(t.Due):
		p.x.fail(p.state, &Fault{Name: faultTimeout, Cause: "the task ran out of time"}, out)
		return Action{}, false
	case !t.Beat.IsZero() && !out.Now.Before(t.Beat):
		p.x.fail(p.state, &Fault{Name: faultHeartbeat, Cause: "the task had no heartbeat"}, out)
		return Action{}, false
	case t.Called:
		return Action{Until: earliest(t.Due, t.Beat)}, true
	}
	payload, fault := p.payload()
	if fault != nil {
		p.x.fail(p.state, fault, out)
		return Action{}, false
	}
	return Action{Call: t.ID, Function: p.state.function, Payload: payload, Until: earliest(t.Due, t.Beat)}, true
}

func (p step) startTask(out Outside) *Fault {
	due, fault := p.limit(p.state.TimeoutSeconds, p.state.TimeoutSecondsPath)
	if fault != nil {
		return fault
	}
	beat, fault := p.limit(p.state.HeartbeatSeconds, p.state.HeartbeatSecondsPath)
	if fault != nil {
		return fault
	}
	t := &Task{ID: out.ID(), Interval: beat}
	if due > 0 {
		t.Due = out.Now.Add(due)
	}
	if beat > 0 {
		t.Beat = out.Now.Add(beat)
	}
	if p.state.callback {
		t.Token = out.ID()
	}
	p.x.Task, p.x.Until = t, time.Time{}
	p.x.Events += 3
	return nil
}

// limit is a time of the state, or at a path in its data; 0: none.
func (p step) limit(fixed int64, text string) (time.Duration, *Fault) {
	if text == "" {
		return seconds(fixed), nil
	}
	return p.seconds(text)
}

// payload is what the function gets.
func (p step) payload() (json.RawMessage, *Fault) {
	filled, fault := fill(p.state.payload, p.data, p.context)
	if fault != nil {
		return nil, fault
	}
	return sized(filled.(map[string]any)["Payload"])
}

// succeed ends the task with its result.
func (p step) succeed(result any, out Outside) {
	p.x.Task = nil
	if _, fault := sized(result); fault != nil {
		p.x.fail(p.state, fault, out)
		return
	}
	if p.state.ResultSelector != nil {
		selected, fault := fill(p.state.ResultSelector, result, p.context)
		if fault != nil {
			p.x.fail(p.state, fault, out)
			return
		}
		result = selected
	}
	p.leave(result, out)
}

// leave puts a result where ResultPath says, then finishes.
func (p step) leave(result any, out Outside) {
	data := p.raw
	if p.state.result != nil {
		var ok bool
		if data, ok = p.state.result.put(p.raw, result); !ok {
			p.x.fail(p.state, &Fault{Name: faultResult, Cause: "no room at the ResultPath"}, out)
			return
		}
	}
	p.finish(data, out)
}

// finish applies OutputPath and goes to the next state, if there is one.
func (p step) finish(data any, out Outside) {
	data, fault := p.through(p.state.output, data)
	if fault != nil {
		p.x.fail(p.state, fault, out)
		return
	}
	if p.state.Next != "" {
		p.x.moveTo(p.state.Next, data, out)
		return
	}
	text, fault := sized(data)
	if fault != nil {
		p.x.end(Failed, fault, out.Now)
		return
	}
	p.x.Output = text
	p.x.end(Succeeded, nil, out.Now)
}

// sized writes data and keeps to the limit between states.
func sized(data any) (json.RawMessage, *Fault) {
	text, err := encode(data)
	if err != nil {
		return nil, &Fault{Name: faultRuntime, Cause: err.Error()}
	}
	if len(text) > store.MaxPayload {
		return nil, &Fault{Name: faultSize, Cause: fmt.Sprintf("%d octets between two states", len(text))}
	}
	return text, nil
}
