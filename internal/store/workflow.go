package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Limits of a Workflow: those of AWS Step Functions ("Step Functions service
// quotas", Developer Guide, seen November 2026). Sizes are in octets.
const (
	MaxExecution = 80         // name of an execution
	MaxPayload   = 256 * 1024 // JSON that goes in, out, or between two states
	MaxFault     = 256        // short name of a failure
	MaxCause     = 32 * 1024  // text of a failure
	MaxToken     = 2048       // token of a task
)

// ErrFinished: the task of this token is already finished: it has succeeded,
// failed or run out of time, its execution was stopped, or it never was.
var ErrFinished = errors.New("task already finished")

// Workflow carries out executions of one state machine, which is given where the
// workflow is opened. It is safe for concurrent use.
//
// Executions. Each has a name, runs on its own until it succeeds, fails or is
// stopped, and survives what happens to the process that started it. The tasks
// it calls are called at least once.
//
// Tokens. A task that waits for an answer from outside hands out a token, an
// opaque text of up to MaxToken octets. Whoever holds it ends the task with
// Succeed or Fail, or keeps it alive with Heartbeat. The first end counts; after
// it, after the task's time-out, and after too long without heartbeat the token
// is dead, and each call is ErrFinished. That is a normal answer when work is
// delivered twice. A token is alive from the moment the task is called, so it
// may be used before the task returns.
//
// Context. A context that is done before the work starts stops it with the
// context's error and nothing happens.
//
// Every method may fail with ErrValue, ErrLimit, ErrThrottled and ErrUnknown.
type Workflow interface {
	// Start begins an execution with a JSON input of up to MaxPayload octets. If
	// one of this name exists, running or ended within the last 90 days, nothing
	// happens and it is no error, whatever its input. Names are letters, digits,
	// "-" and "_" of ASCII, 1 to MaxExecution.
	Start(ctx context.Context, name string, input []byte) error

	// Stop ends an execution, as failed, with a cause for people to read. Its
	// token is dead; a task under way is not interrupted, and what it returns is
	// not used. That the execution has ended is no error. ErrNotFound when there
	// is none.
	Stop(ctx context.Context, name, cause string) error

	// Succeed ends a task with a JSON output of up to MaxPayload octets.
	Succeed(ctx context.Context, token string, output []byte) error

	// Fail ends a task with the name of a failure, for the machine, and a cause,
	// for people.
	Fail(ctx context.Context, token, fault, cause string) error

	// Heartbeat says that a task is being worked on: its time without heartbeat
	// counts from now.
	Heartbeat(ctx context.Context, token string) error
}

// CheckExecution reports with ErrValue or ErrLimit what is wrong with the name
// of an execution.
func CheckExecution(name string) error {
	if len(name) > MaxExecution {
		return fmt.Errorf("%w: execution name of %d octets", ErrLimit, len(name))
	}
	for _, c := range []byte(name) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
			return fmt.Errorf("%w: execution name %q", ErrValue, name)
		}
	}
	if name == "" {
		return fmt.Errorf("%w: empty execution name", ErrValue)
	}
	return nil
}

// CheckPayload reports with ErrValue or ErrLimit what is wrong with an input or
// output.
func CheckPayload(payload []byte) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("%w: payload of %d octets", ErrLimit, len(payload))
	}
	if !utf8.Valid(payload) || !json.Valid(payload) {
		return fmt.Errorf("%w: payload is not JSON", ErrValue)
	}
	return nil
}

// CheckFailure reports with ErrValue or ErrLimit what is wrong with the name and
// the cause of a failure. Both may be empty.
func CheckFailure(fault, cause string) error {
	if len(fault) > MaxFault || len(cause) > MaxCause {
		return fmt.Errorf("%w: failure of %d and %d octets", ErrLimit, len(fault), len(cause))
	}
	if !utf8.ValidString(fault) || !utf8.ValidString(cause) {
		return fmt.Errorf("%w: failure is not UTF-8", ErrValue)
	}
	return nil
}

// CheckToken reports with ErrValue or ErrLimit what no token can be.
func CheckToken(token string) error {
	if len(token) > MaxToken {
		return fmt.Errorf("%w: token of %d octets", ErrLimit, len(token))
	}
	if token == "" || !utf8.ValidString(token) {
		return fmt.Errorf("%w: token %q", ErrValue, token)
	}
	return nil
}
