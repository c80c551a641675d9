package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
)

// logged returns the fields of the one line that write logs, its time left out.
func logged(t *testing.T, write func(*slog.Logger)) map[string]any {
	t.Helper()
	var out strings.Builder
	write(slog.New(NewHandler(&out, slog.LevelInfo)))
	if strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("not one line: %q", out.String())
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(out.String()), &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "time")
	return fields
}

func TestLinesHideWhatTheyAreGiven(t *testing.T) {
	type account struct{ Email, Key string }
	secret := account{"victim@example.com", "rk_live_k7m2abcd_q5fhyz22"}
	got := logged(t, func(log *slog.Logger) {
		log.With("owner", secret.Email).WithGroup("g").Warn("about victim@example.com",
			"text", secret.Key, "error", errors.New("read "+secret.Email), "struct", secret, "pointer", &secret,
			"list", []string{secret.Email}, slog.Group("inner", "text", secret.Email), "stringer", stringer{},
			"number", 7, "yes", true, "wait", time.Second, "none", nil, "broken", func() {})
	})
	want := map[string]any{
		"level": "WARN", "msg": "about v***@example.com", "owner": "v***@example.com",
		"g": map[string]any{
			"text": "rk_live_***", "error": "read v***@example.com",
			"struct": `{"Email":"v***@example.com","Key":"rk_live_***"}`, "pointer": `{"Email":"v***@example.com","Key":"rk_live_***"}`,
			"list": `["v***@example.com"]`, "inner": map[string]any{"text": "v***@example.com"}, "stringer": "v***@example.com",
			"number": 7.0, "yes": true, "wait": 1e9, "none": nil, "broken": "func()",
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("logged\n %v\nwant\n %v", got, want)
	}
}

type stringer struct{}

func (stringer) String() string { return "victim@example.com" }

func TestLinesTellTheirRequest(t *testing.T) {
	lambda := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "inv-1"})
	for _, c := range []struct {
		claim string
		ctx   context.Context
		attrs []any
		want  map[string]any
	}{
		{"nothing is known", context.Background(), nil, map[string]any{}},
		{"the invocation stands for a request", lambda, nil, map[string]any{"request_id": "inv-1", "invocation": "inv-1"}},
		{"marks", Mark(Mark(lambda, "request_id", "req-1"), "key", "k1"), nil,
			map[string]any{"request_id": "req-1", "key": "k1", "invocation": "inv-1"}},
		{"a later mark of the same name counts", Mark(Mark(context.Background(), "key", "k1"), "key", "k2"), nil, map[string]any{"key": "k2"}},
		{"the line's own words win", Mark(lambda, "key", "k1"), []any{"key", "k3", "request_id", "req-3"},
			map[string]any{"request_id": "req-3", "key": "k3", "invocation": "inv-1"}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got := logged(t, func(log *slog.Logger) { log.InfoContext(c.ctx, "m", c.attrs...) })
			c.want["level"], c.want["msg"] = "INFO", "m"
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("logged %v, want %v", got, c.want)
			}
		})
	}
}

func TestLevelComesFromLambda(t *testing.T) {
	for name, want := range map[string]slog.Level{
		"": slog.LevelInfo, "DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "WARN": slog.LevelWarn, "ERROR": slog.LevelError, "FATAL": slog.LevelInfo,
	} {
		var out strings.Builder
		log := New("f", func(string) string { return name }, &out).Log
		if got := log.Enabled(t.Context(), want); !got {
			t.Errorf("level %q leaves out %s", name, want)
		}
		if got := log.Enabled(t.Context(), want-1); got {
			t.Errorf("level %q lets pass what is below %s", name, want)
		}
	}
}
