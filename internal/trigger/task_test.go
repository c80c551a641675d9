package trigger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// invoke is what Start gives to Lambda.
func invoke[In, Out any](handle func(context.Context, In) (Out, error)) handler[In, Out] {
	return handle
}

func TestEventsOfAnotherShapeAreAnsweredAndLoggedOnce(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	serve := invoke(HTTP(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("served") }), log))
	take := invoke(Queue(func(context.Context, order) error { t.Error("handled"); return nil }, log))
	for _, event := range []string{`[1]`, `"text"`, `null`, `{}`, `{"version":"2.0"`, ``, `{"rawPath":"/","body":1,"requestContext":{"http":{"method":"GET"}},"Records":7}`} {
		out.Reset()
		answer, err := serve.Invoke(t.Context(), []byte(event))
		var e events.APIGatewayV2HTTPResponse
		if err != nil || json.Unmarshal(answer, &e) != nil || e.StatusCode != 400 || lines(&out) != 1 {
			t.Errorf("as a request, %q is answered %s, %v, logged %s", event, answer, err, out.String())
		}
		out.Reset()
		if answer, err := take.Invoke(t.Context(), []byte(event)); err != nil || string(answer) != `{"batchItemFailures":[]}` || lines(&out) != 1 {
			t.Errorf("as messages, %q are answered %s, %v, logged %s", event, answer, err, out.String())
		}
	}
}

func TestStartNeedsLambda(t *testing.T) {
	t.Setenv("AWS_LAMBDA_RUNTIME_API", "")
	if err := Start(Scheduled(nil, quiet), quiet); err == nil || !strings.HasPrefix(err.Error(), "AWS_LAMBDA_RUNTIME_API is missing") {
		t.Errorf("the error is %v", err)
	}
}

// lines counts what a log holds.
func lines(out *bytes.Buffer) int { return strings.Count(out.String(), "\n") }

func TestTaskGivesInputAndReturnsOutput(t *testing.T) {
	type step struct{ N int }
	double := Task(func(_ context.Context, in step) (step, error) { return step{2 * in.N}, nil }, quiet)
	out, err := invoke(double).Invoke(t.Context(), []byte(`{"N":21}`))
	if err != nil || string(out) != `{"N":42}` {
		t.Errorf("returned %s, %v", out, err)
	}
}

func TestTaskFailures(t *testing.T) {
	broken := errors.New("store is down")
	for _, c := range []struct {
		claim, input string
		do           func(context.Context, order) (order, error)
		malformed    bool
		is           error
	}{
		{"input of another shape", `[1]`, nil, true, nil},
		{"an error", `{}`, func(context.Context, order) (order, error) { return order{}, broken }, false, broken},
		{"a panic", `{}`, func(context.Context, order) (order, error) { panic("victim@example.com") }, false, ErrPanic},
	} {
		t.Run(c.claim, func(t *testing.T) {
			var out bytes.Buffer
			_, err := Task(c.do, slog.New(slog.NewTextHandler(&out, nil)))(t.Context(), json.RawMessage(c.input))
			var malformed *MalformedError
			if errors.As(err, &malformed) != c.malformed || c.is != nil && !errors.Is(err, c.is) || err == nil {
				t.Errorf("the error is %v", err)
			}
			if lines(&out) != 1 || strings.Contains(out.String(), "victim") {
				t.Errorf("logged %s", out.String())
			}
		})
	}
}

func TestTheClockIsHeardWhateverItSays(t *testing.T) {
	files, err := filepath.Glob("../../events/egresscheck/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sample events: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		clock := invoke(Scheduled(func(context.Context) error { calls++; return nil }, quiet))
		if out, err := clock.Invoke(t.Context(), text); err != nil || calls != 1 {
			t.Errorf("%s: %d calls, %s, %v", filepath.Base(file), calls, out, err)
		}
	}
}

func TestScheduledFailuresAreLoggedOnceAndTheNextRunWorks(t *testing.T) {
	var out bytes.Buffer
	calls := 0
	clock := Scheduled(func(context.Context) error {
		switch calls++; calls {
		case 1:
			panic("a bug")
		case 2:
			return errors.New("no network")
		}
		return nil
	}, slog.New(slog.NewTextHandler(&out, nil)))
	for call, want := range []bool{true, true, false} {
		out.Reset()
		if _, err := clock(t.Context(), nil); (err != nil) != want || want != (lines(&out) == 1) {
			t.Errorf("call %d: %v, logged %s", call, err, out.String())
		}
	}
}

func TestPanicIsAnsweredAndTheNextRequestWorks(t *testing.T) {
	var out bytes.Buffer
	calls := 0
	serve := HTTP(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if calls++; calls == 1 {
			panic("victim@example.com")
		}
	}), slog.New(slog.NewTextHandler(&out, nil)))
	first, err := serve(t.Context(), request("GET", "/"))
	if err != nil || first.StatusCode != 500 || first.Headers["Content-Type"] != "application/problem+json" {
		t.Errorf("answered %+v, %v", first, err)
	}
	if lines(&out) != 1 || strings.Contains(out.String(), "victim") {
		t.Errorf("logged %s", out.String())
	}
	if second, err := serve(t.Context(), request("GET", "/")); err != nil || second.StatusCode != 200 {
		t.Errorf("the next is answered %+v, %v", second, err)
	}
}

func TestMalformedRequestIsLoggedOnceAndNotQuoted(t *testing.T) {
	var out bytes.Buffer
	e := request("GET", "/v1/hooks/ses/hk_secret")
	e.RawQueryString = "a\r\nb"
	answer, err := HTTP(http.NotFoundHandler(), slog.New(slog.NewTextHandler(&out, nil)))(t.Context(), e)
	if err != nil || answer.StatusCode != 400 || lines(&out) != 1 || strings.Contains(out.String(), "hk_") {
		t.Errorf("answered %+v, %v; logged %s", answer, err, out.String())
	}
}

func TestWhatTheEndOfTheProcessCutShortIsNoError(t *testing.T) {
	over := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	ended, end := context.WithCancel(t.Context())
	end()
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	for _, c := range []struct {
		claim string
		ctx   context.Context
		level string
	}{{"the process ends", ended, "INFO"}, {"the time is over", late, "ERROR"}} {
		t.Run(c.claim, func(t *testing.T) {
			var out bytes.Buffer
			log := slog.New(slog.NewTextHandler(&out, nil))
			if _, err := Scheduled(over, log)(c.ctx, nil); err == nil {
				t.Error("the run is done")
			}
			response, err := Queue(func(ctx context.Context, _ order) error { return over(ctx) }, log)(c.ctx, batch(`{}`))
			if err != nil || len(response.BatchItemFailures) != 1 {
				t.Errorf("the message is done: %v", err)
			}
			if lines(&out) != 2 || strings.Count(out.String(), "level="+c.level) != 2 {
				t.Errorf("logged %s", out.String())
			}
		})
	}
}
