// Package host runs a Lambda function the way Lambda does: the real bootstrap
// binary in a process of its own, fed over the Runtime API ("Lambda runtime API",
// AWS Lambda Developer Guide, version 2018-06-01). It is for tests and
// measurements on a machine without AWS.
//
// As there, one process handles one event at a time, a process that dies or takes
// too long is replaced before the next event, and what is said about the failure
// has Lambda's form. Left out: memory limits, freezing between events, scaling
// (start several), and extensions other than the one that aws-lambda-go
// registers to be told of SIGTERM.
package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Config names a function. Binary is required.
type Config struct {
	Name    string        // of the function; default "function"
	Binary  string        // path of the bootstrap
	Env     []string      // NAME=value, all that the process sees besides what Lambda sets
	Timeout time.Duration // of one event; default 30 s
	Log     io.Writer     // stdout and stderr of the process; default: this process's stderr
}

// Function is a function that can be invoked. It is safe for concurrent use;
// events wait for each other.
type Function struct {
	cfg Config

	mu      sync.Mutex // held for an event
	running *process   // nil: none, the next event starts one
	count   int
}

// Result is what came of one event.
type Result struct {
	Payload []byte // the answer, or the error document
	Failed  bool   // X-Amz-Function-Error: Unhandled
	Cold    bool   // a process was started for it
}

// New returns a function whose process starts with its first event.
func New(cfg Config) *Function {
	if cfg.Name == "" {
		cfg.Name = "function"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = os.Stderr
	}
	return &Function{cfg: cfg}
}

// Invoke hands over one event and waits for what comes of it. An error means that
// the function could not be run at all; what the function itself does wrong is in
// the Result. When ctx ends the process is killed, as at a timeout.
func (f *Function) Invoke(ctx context.Context, body []byte) (Result, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	id := fmt.Sprintf("%s-%d", f.cfg.Name, f.count)
	limit, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	cold, err := f.deliver(limit, event{id, body})
	if err != nil {
		return Result{}, err
	}
	answer, err := f.running.answer(limit)
	if err == nil {
		return Result{Payload: answer.payload, Failed: answer.failed, Cold: cold}, nil
	}
	f.running.stop()
	f.running = nil
	if ctx.Err() != nil {
		return Result{}, context.Cause(ctx)
	}
	return Result{Payload: failure(err, f.cfg.Timeout), Failed: true, Cold: cold}, nil
}

// deliver hands the event to the process, or to a new one if there is none or it
// has ended since its last event, as one does that panicked.
func (f *Function) deliver(ctx context.Context, e event) (cold bool, err error) {
	if f.running != nil {
		if err = f.running.deliver(ctx, e); err == nil {
			return false, nil
		}
		f.running.stop()
	}
	if f.running, err = start(f.cfg); err != nil {
		return true, fmt.Errorf("start %s: %w", f.cfg.Name, err)
	}
	// That it does not take the event shows when its answer is waited for.
	_ = f.running.deliver(ctx, e)
	return true, nil
}

// failure is the error document of a process that did not answer.
func failure(err error, timeout time.Duration) []byte {
	document := map[string]string{"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited: " + err.Error()}
	if errors.Is(err, context.DeadlineExceeded) {
		document = map[string]string{"errorMessage": fmt.Sprintf("Task timed out after %.2f seconds", timeout.Seconds())}
	}
	text, _ := json.Marshal(document)
	return text
}

// PID returns the id of the running process, 0 if none is.
func (f *Function) PID() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running == nil {
		return 0
	}
	return f.running.command.Process.Pid
}

// Close ends the process.
func (f *Function) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running != nil {
		f.running.stop()
		f.running = nil
	}
}
