package httpapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// log writes the line of one request. Every value comes from a closed set or
// from us, so that no caller writes into the log.
func (a *api) log(w *recorder, r *http.Request, c *call, took time.Duration) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("method", method(r)),
		slog.String("route", c.route),
		slog.Int("status", w.status),
		slog.Int64("duration_ms", took.Milliseconds()),
		slog.String("request_id", c.id),
		slog.String("key", c.key.ID),
	}
	if c.err != nil {
		row := answerFor(c.err)
		attrs = append(attrs, slog.String("problem", row.slug))
		// The caller's mistakes are told to the caller; their text may quote what
		// was sent.
		if answerFor(causeOf(c.err)).status >= http.StatusInternalServerError {
			level = slog.LevelError
			attrs = append(attrs, slog.String("error", c.err.Error()))
		}
	}
	if c.unsettled != nil {
		level = max(level, slog.LevelWarn)
		attrs = append(attrs, slog.String("unsettled", c.unsettled.Error()))
	}
	if c.panicked != nil {
		attrs = append(attrs, slog.String("panic", c.panicked.what), slog.String("stack", c.panicked.stack))
	}
	a.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// method is the request's method if it is one of HTTP's own (RFC 9110 §9.3);
// any token may stand there.
func method(r *http.Request) string {
	known := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"}
	if slices.Contains(known, r.Method) {
		return r.Method
	}
	return "other"
}

// panicked is what may be logged of a panic.
type panicked struct{ what, stack string }

// newPanicked describes a recovered panic. Only the runtime's own messages are
// known to quote no address: of any other value the type alone is kept. Stacks
// show arguments as numbers.
func newPanicked(value any) *panicked {
	what := fmt.Sprintf("%T", value)
	if err, ok := value.(runtime.Error); ok {
		what = err.Error()
	}
	return &panicked{what: what, stack: string(debug.Stack())}
}
