package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
)

// MalformedError is the error of a Task whose input is not what it takes. Its
// name is what a state machine sees as the error ("MalformedError"), and what
// its Retry must leave out: the same input comes to the same end.
type MalformedError struct{ cause error }

func (e *MalformedError) Error() string { return "the input of the task is not what it takes" }

// Unwrap returns what the decoder said.
func (e *MalformedError) Unwrap() error { return e.cause }

// Task returns a Lambda handler for a state of a state machine: the state's
// input, decoded from JSON, goes to do, and what do returns is the state's
// result. An error is left to the state machine's Retry and Catch, which know it
// by the name of its type; it is logged here, once.
func Task[In, Out any](do func(context.Context, In) (Out, error), log *slog.Logger) func(context.Context, json.RawMessage) (Out, error) {
	return func(ctx context.Context, input json.RawMessage) (out Out, err error) {
		var in In
		if err := json.Unmarshal(input, &in); err != nil {
			log.LogAttrs(ctx, slog.LevelError, "malformed event", slog.String("trigger", "task"))
			return out, &MalformedError{err}
		}
		err = safely(ctx, log, func() (err error) {
			out, err = do(ctx, in)
			return err
		})
		logFailure(ctx, log, err)
		return out, err
	}
}

// Scheduled returns a Lambda handler for a clock. What the event says is of no
// interest, so none is malformed; the result is nothing. An error is logged and
// returned: the clock invokes asynchronously, so that Lambda tries twice more within
// minutes and then puts the event among the dead letters.
func Scheduled(do func(context.Context) error, log *slog.Logger) func(context.Context, json.RawMessage) (any, error) {
	return func(ctx context.Context, _ json.RawMessage) (any, error) {
		err := safely(ctx, log, func() error { return do(ctx) })
		logFailure(ctx, log, err)
		return nil, err
	}
}

// logFailure logs an error, unless it is a panic, which is logged with its
// stack.
func logFailure(ctx context.Context, log *slog.Logger, err error) {
	if err != nil && !errors.Is(err, ErrPanic) {
		log.LogAttrs(ctx, severity(ctx), "invocation failed", slog.String("error", err.Error()))
	}
}

// severity is that of a failure: what the process cut short because it ends (a
// time that is over is another matter) is done again later, and is no error.
func severity(ctx context.Context) slog.Level {
	if errors.Is(ctx.Err(), context.Canceled) {
		return slog.LevelInfo
	}
	return slog.LevelError
}
