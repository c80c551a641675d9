package trigger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
)

// ErrPanic is the error of a call that panicked.
var ErrPanic = errors.New("panic")

// safely calls f and turns a panic into ErrPanic, logged with its stack. Only
// the runtime's own messages are known to quote no address: of any other value
// the type alone is told.
func safely(ctx context.Context, log *slog.Logger, f func() error) (err error) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		what := fmt.Sprintf("%T", value)
		if e, ok := value.(runtime.Error); ok {
			what = e.Error()
		}
		log.LogAttrs(ctx, slog.LevelError, "panic", slog.String("panic", what), slog.String("stack", string(debug.Stack())))
		err = fmt.Errorf("%w: %s", ErrPanic, what)
	}()
	return f()
}
