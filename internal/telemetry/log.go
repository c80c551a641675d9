package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// NewHandler returns a slog.Handler that writes JSON lines to out, each in one
// write, without addresses and secrets. A line tells which request it belongs
// to: what Mark put into the context, and under Lambda the id of the invocation.
// Where no request_id is known, the invocation's stands for it.
func NewHandler(out io.Writer, level slog.Level) slog.Handler {
	return handler{slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: hideAttr})}
}

// hideAttr hides what texts, errors and whole structures hold. A structure
// becomes a text, so that nothing hidden can spoil it.
func hideAttr(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(Hide(a.Value.String()))
	case slog.KindAny:
		a.Value = hideAny(a.Value)
	}
	return a
}

func hideAny(v slog.Value) slog.Value {
	switch value := v.Any().(type) {
	case slog.Level, *slog.Source, nil:
		return v
	case error:
		return slog.StringValue(Hide(value.Error()))
	case fmt.Stringer:
		return slog.StringValue(Hide(value.String()))
	default:
		text, err := json.Marshal(value)
		if err != nil {
			return slog.StringValue(fmt.Sprintf("%T", value))
		}
		return slog.StringValue(Hide(string(text)))
	}
}

// handler adds to every record which request it belongs to.
type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	named := false
	for _, a := range marks(ctx) {
		if !has(r, a.Key) {
			r.AddAttrs(a)
		}
		named = named || a.Key == "request_id"
	}
	if lambda, ok := lambdacontext.FromContext(ctx); ok {
		if !named && !has(r, "request_id") {
			r.AddAttrs(slog.String("request_id", lambda.AwsRequestID))
		}
		r.AddAttrs(slog.String("invocation", lambda.AwsRequestID))
	}
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }

func has(r slog.Record, key string) bool {
	found := false
	r.Attrs(func(a slog.Attr) bool {
		found = a.Key == key
		return !found
	})
	return found
}

// markKey finds the marks of a context.
type markKey struct{}

// Mark returns a context whose log lines carry the name and value, unless they
// have the name already. A mark of the same name is replaced.
func Mark(ctx context.Context, name, value string) context.Context {
	all := slices.DeleteFunc(slices.Clone(marks(ctx)), func(a slog.Attr) bool { return a.Key == name })
	return context.WithValue(ctx, markKey{}, append(all, slog.String(name, value)))
}

func marks(ctx context.Context) []slog.Attr {
	all, _ := ctx.Value(markKey{}).([]slog.Attr)
	return all
}
