package asl

import (
	"encoding/json"
	"fmt"
	"time"
)

// Status is how an execution is.
type Status string

// The statuses of an execution, as Step Functions names them.
const (
	Running   Status = "RUNNING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	TimedOut  Status = "TIMED_OUT"
	Aborted   Status = "ABORTED"
)

// Execution says where an execution stands. It is kept as JSON.
type Execution struct {
	Name     string
	Status   Status
	Input    json.RawMessage
	Started  time.Time
	Deadline time.Time `json:",omitzero"` // of the execution

	State   string          // the state it is in
	Data    json.RawMessage // the input of that state
	Entered time.Time
	Tries   []int     `json:",omitempty"` // of each Retry of the state
	Until   time.Time `json:",omitzero"`  // a Wait or a pause before the next try ends
	Task    *Task     `json:",omitempty"` // nil: none under way
	Events  int       // about as many as the service would have counted

	Ended  time.Time       `json:",omitzero"`
	Output json.RawMessage `json:",omitempty"` // when it has succeeded
	Fault  *Fault          `json:",omitempty"` // when it has failed or was stopped
}

// Task is one try of a Task state.
type Task struct {
	ID       string    // never the same again
	Token    string    `json:",omitempty"` // of a task that waits for it
	Called   bool      // the function has returned; only its token ends the task
	Due      time.Time `json:",omitzero"` // time-out
	Beat     time.Time `json:",omitzero"` // time-out without another heartbeat
	Interval time.Duration
}

// Action is what an execution needs from outside to go on.
type Action struct {
	Call     string          // the ID of the task whose function is to be called, else ""
	Function string          // its name
	Payload  json.RawMessage // its input
	Until    time.Time       // look again at this time, whatever else happens; zero: no need
}

// Outside is what an execution takes from the world.
type Outside struct {
	Now  time.Time
	Rand func() float64 // in [0, 1)
	ID   func() string  // never the same, and not to be guessed: it becomes a token
}

// maxEvents is where the service ends an execution ("Step Functions service
// quotas", Developer Guide).
const maxEvents = 25_000

// Begin returns a new execution of the machine. The input is JSON.
func (m *Machine) Begin(name string, input json.RawMessage, now time.Time) *Execution {
	x := &Execution{Name: name, Status: Running, Input: input, Started: now, Data: input}
	if m.timeout > 0 {
		x.Deadline = now.Add(m.timeout)
	}
	x.enter(m.startAt, now)
	return x
}

func (x *Execution) enter(state string, now time.Time) {
	x.State, x.Entered = state, now
	x.Tries, x.Task, x.Until = nil, nil, time.Time{}
	x.Events += 2
}

// Stop ends the execution, unless it has ended.
func (x *Execution) Stop(cause string, now time.Time) {
	if x.Status == Running {
		x.end(Aborted, &Fault{Cause: cause}, now)
	}
}

func (x *Execution) end(status Status, fault *Fault, now time.Time) {
	x.Status, x.Fault, x.Ended = status, fault, now
	x.Task, x.Data, x.Until = nil, nil, time.Time{}
}

// Next moves the execution on as far as it goes without the outside, and says
// what it needs then; nothing when it has ended. The same call again, before the
// outside has answered, changes nothing and gives the same action.
func (m *Machine) Next(x *Execution, out Outside) Action {
	for x.Status == Running {
		if !x.Deadline.IsZero() && !out.Now.Before(x.Deadline) {
			x.end(TimedOut, nil, out.Now)
			break
		}
		if out.Now.Before(x.Until) {
			return Action{Until: earliest(x.Until, x.Deadline)}
		}
		step := m.begin(x)
		if step.fault == nil && x.Events > maxEvents {
			step.fault = &Fault{Name: faultRuntime, Cause: fmt.Sprintf("more than %d events", maxEvents)}
		}
		if step.fault != nil {
			x.fail(step.state, step.fault, out)
			continue
		}
		if action, wait := step.run(out); wait {
			action.Until = earliest(action.Until, x.Deadline)
			return action
		}
	}
	return Action{}
}

// earliest returns the earlier of two times that may be zero.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Return takes the answer of the function of a task: what it returned or, if err
// is not nil, how it failed. It is of no interest when the task is over.
func (m *Machine) Return(x *Execution, id string, output json.RawMessage, err error, out Outside) {
	if x.Task == nil || x.Task.ID != id || x.Task.Called {
		return
	}
	step := m.begin(x)
	switch {
	case step.fault != nil:
		x.fail(step.state, step.fault, out)
	case err != nil:
		x.fail(step.state, faultOf(err), out)
	case step.state.callback:
		x.Task.Called = true
	default:
		payload, err := decode(output)
		if err != nil {
			x.fail(step.state, &Fault{Name: faultRuntime, Cause: "the function returned no JSON"}, out)
			return
		}
		step.succeed(wrap(payload), out)
	}
}

// Succeed ends the task of a token with a JSON output; false when it is over.
func (m *Machine) Succeed(x *Execution, token string, output json.RawMessage, out Outside) bool {
	if !m.alive(x, token, out) {
		return false
	}
	step := m.begin(x)
	result, err := decode(output)
	if err != nil {
		step.fault = &Fault{Name: faultRuntime, Cause: "the output of the task is no JSON"}
	}
	if step.fault != nil {
		x.fail(step.state, step.fault, out)
		return true
	}
	step.succeed(result, out)
	return true
}

// Fail ends the task of a token with a fault; false when it is over.
func (m *Machine) Fail(x *Execution, token string, fault *Fault, out Outside) bool {
	if !m.alive(x, token, out) {
		return false
	}
	x.fail(m.begin(x).state, fault, out)
	return true
}

// Heartbeat lets the task of a token live on; false when it is over.
func (m *Machine) Heartbeat(x *Execution, token string, out Outside) bool {
	if !m.alive(x, token, out) {
		return false
	}
	if x.Task.Interval > 0 {
		x.Task.Beat = out.Now.Add(x.Task.Interval)
	}
	return true
}

// alive looks whether the token is that of the task under way, once what has run
// out of time is gone.
func (m *Machine) alive(x *Execution, token string, out Outside) bool {
	m.Next(x, out)
	return x.Task != nil && x.Task.Token != "" && x.Task.Token == token
}

// fail lets the state's Retry and Catch have the fault, else ends the execution.
func (x *Execution) fail(s *state, fault *Fault, out Outside) {
	x.Task = nil
	x.Events++
	if s == nil {
		x.end(Failed, fault, out.Now)
		return
	}
	for i, r := range s.Retry {
		if !fault.named(r.ErrorEquals) {
			continue
		}
		if x.Tries == nil {
			x.Tries = make([]int, len(s.Retry))
		}
		if wait, ok := r.again(x.Tries[i], out.Rand); ok {
			x.Tries[i]++
			x.Until = out.Now.Add(wait)
			return
		}
		break
	}
	for _, c := range s.Catch {
		if fault.named(c.ErrorEquals) {
			x.caught(c, fault, out)
			return
		}
	}
	x.end(Failed, fault, out.Now)
}

func (x *Execution) caught(c catcher, fault *Fault, out Outside) {
	data, err := decode(x.Data)
	if err == nil && c.result != nil {
		var ok bool
		if data, ok = c.result.put(data, fault.output()); !ok {
			x.end(Failed, &Fault{Name: faultResult, Cause: "no room for the error output"}, out.Now)
			return
		}
	}
	x.moveTo(c.Next, data, out)
}

// moveTo enters a state with its input.
func (x *Execution) moveTo(state string, data any, out Outside) {
	text, fault := sized(data)
	if fault != nil {
		x.end(Failed, fault, out.Now)
		return
	}
	x.Data = text
	x.enter(state, out.Now)
}
