package host

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

// TestMain makes this test binary a function when it is started as one.
func TestMain(m *testing.M) {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(handler)
	}
	os.Exit(m.Run())
}

func handler(ctx context.Context, do string) (string, error) {
	switch do {
	case "fail":
		return "", errors.New("as asked")
	case "panic":
		panic("as asked")
	case "exit":
		os.Exit(3)
	case "hang":
		time.Sleep(time.Hour) // it is killed
	case "deadline":
		deadline, _ := ctx.Deadline()
		return deadline.UTC().Format(time.RFC3339), nil
	case "env":
		return os.Getenv("GIVEN") + " " + os.Getenv("HOME"), nil
	}
	return "did " + do, nil
}

func open(t *testing.T, cfg Config) *Function {
	t.Helper()
	cfg.Binary, cfg.Log = os.Args[0], t.Output()
	f := New(cfg)
	t.Cleanup(f.Close)
	return f
}

func invoke(t *testing.T, f *Function, do string) Result {
	t.Helper()
	r, err := f.Invoke(t.Context(), []byte(`"`+do+`"`))
	if err != nil {
		t.Fatalf("invoke with %q: %v", do, err)
	}
	return r
}

func TestProcessIsKeptBetweenEvents(t *testing.T) {
	f := open(t, Config{})
	for i, cold := range []bool{true, false, false} {
		r := invoke(t, f, "work")
		if string(r.Payload) != `"did work"` || r.Failed || r.Cold != cold {
			t.Errorf("event %d: got %s, failed %v, cold %v; want \"did work\", cold %v", i, r.Payload, r.Failed, r.Cold, cold)
		}
	}
}

func TestEveryFailureIsToldAndTheNextEventWorks(t *testing.T) {
	for do, want := range map[string]struct {
		document string
		replaced bool
	}{
		"fail":  {"as asked", false},
		"panic": {"as asked", true},
		"exit":  {"exit status 3", true},
		"hang":  {"Task timed out after 1.00 seconds", true},
	} {
		t.Run(do, func(t *testing.T) {
			f := open(t, Config{Timeout: time.Second})
			r := invoke(t, f, do)
			if !r.Failed || !strings.Contains(string(r.Payload), want.document) {
				t.Errorf("got %s, failed %v; want failure with %q", r.Payload, r.Failed, want.document)
			}
			if r = invoke(t, f, "work"); string(r.Payload) != `"did work"` {
				t.Errorf("after it: got %s, want \"did work\"", r.Payload)
			}
		})
	}
}

func TestFunctionSeesWhatLambdaWouldShow(t *testing.T) {
	f := open(t, Config{Env: []string{"GIVEN=setting"}, Timeout: 20 * time.Second})
	if got := string(invoke(t, f, "env").Payload); got != `"setting "` {
		t.Errorf("environment: got %s, want the given setting and no HOME of ours", got)
	}
	before := time.Now()
	got, err := time.Parse(`"`+time.RFC3339+`"`, string(invoke(t, f, "deadline").Payload))
	if left := got.Sub(before); err != nil || left < 18*time.Second || left > 40*time.Second {
		t.Errorf("deadline: got %v (%v), want one 20 s ahead", got, err)
	}
}

func TestCanceledCallerKillsTheProcess(t *testing.T) {
	f := open(t, Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if r, err := f.Invoke(ctx, []byte(`"hang"`)); err == nil {
		t.Errorf("got %s, want the caller's error", r.Payload)
	}
	if pid := f.PID(); pid != 0 {
		t.Errorf("process %d still runs", pid)
	}
}

func TestMissingBinaryIsAnError(t *testing.T) {
	f := New(Config{Name: "nothing", Binary: "/nowhere/bootstrap"})
	if _, err := f.Invoke(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "start nothing") {
		t.Errorf("got %v, want an error that names the function", err)
	}
}
