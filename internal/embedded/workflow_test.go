package embedded_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/embedded/asl"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

// load reads a machine in which ${name} stands for the function of this name.
func load(t *testing.T, definition []byte, functions map[string]storetest.Function) (*asl.Machine, map[string]embedded.Function) {
	t.Helper()
	names, converted := map[string]string{}, map[string]embedded.Function{}
	for name, f := range functions {
		names[name] = "arn:aws:lambda:eu-central-1:123456789012:function:" + name + ":live"
		converted[name] = func(ctx context.Context, input []byte) ([]byte, error) {
			out, err := f(ctx, input)
			var fault *storetest.Fault
			if errors.As(err, &fault) {
				err = &asl.Fault{Name: fault.Name, Cause: fault.Cause}
			}
			return out, err
		}
	}
	machine, err := asl.Load(definition, names)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return machine, converted
}

// run runs the workflow until the test ends or stop is called.
func run(t *testing.T, w *embedded.Workflow, functions map[string]embedded.Function) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx, functions); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

func outcome(t *testing.T, w store.Workflow, name string) (storetest.Outcome, bool) {
	x, err := w.(*embedded.Workflow).Execution(t.Context(), name)
	if err != nil {
		t.Fatalf("Execution %s: %v", name, err)
	}
	got := storetest.Outcome{Status: string(x.Status), Output: x.Output}
	if x.Fault != nil {
		got.Fault = storetest.Fault(*x.Fault)
	}
	return got, x.Status != asl.Running
}

func openWorkflow(t *testing.T, definition []byte, functions map[string]storetest.Function) store.Workflow {
	db := mustOpen(t, t.TempDir(), embedded.Options{})
	machine, converted := load(t, definition, functions)
	w := db.Workflow("job", machine)
	run(t, w, converted)
	return w
}

func TestWorkflowContract(t *testing.T) {
	storetest.Workflow(t, storetest.WorkflowTest{Open: openWorkflow, Outcome: outcome, Run: synctest.Test})
}

func TestLanguage(t *testing.T) {
	storetest.Language(t, storetest.WorkflowTest{Open: openWorkflow, Outcome: outcome, Run: synctest.Test})
}

func TestRunNeedsEveryFunction(t *testing.T) {
	db := mustOpen(t, t.TempDir(), embedded.Options{})
	machine, functions := load(t, storetest.JobMachine, map[string]storetest.Function{
		"Ingest": nil, "Plan": nil, "Drain": nil, "Close": nil, "Collect": nil, "Finish": nil,
	})
	delete(functions, "Collect")
	err := db.Workflow("job", machine).Run(t.Context(), functions)
	if !errors.Is(err, embedded.ErrNoFunction) || !strings.Contains(err.Error(), "Collect") {
		t.Errorf("Run: got %v, want ErrNoFunction about Collect", err)
	}
}

// What a function returns because it is told to stop is not its answer: the task
// is carried out by the next Run.
func TestExecutionGoesOnInTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := mustOpen(t, t.TempDir(), embedded.Options{})
		machine, err := asl.Load([]byte(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
			"Parameters":{"FunctionName":"f","Payload":{}},"OutputPath":"$.Payload","End":true}}}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		w := db.Workflow("job", machine)
		calls := 0
		stop := run(t, w, map[string]embedded.Function{"f": func(ctx context.Context, _ []byte) ([]byte, error) {
			calls++
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if err := w.Start(t.Context(), "x", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop()
		if x, err := w.Execution(t.Context(), "x"); err != nil || x.Status != asl.Running || calls != 1 {
			t.Fatalf("after the first Run: %+v, %v, %d calls", x, err, calls)
		}
		stop = run(t, w, map[string]embedded.Function{"f": func(context.Context, []byte) ([]byte, error) {
			calls++
			return []byte(`"done"`), nil
		}})
		synctest.Wait()
		stop()
		if x, err := w.Execution(t.Context(), "x"); err != nil || x.Status != asl.Succeeded || string(x.Output) != `"done"` || calls != 2 {
			t.Errorf("after the second Run: %+v, %v, %d calls", x, err, calls)
		}
	})
}

// A laptop that sleeps through a wait goes on soon after it wakes: its clock has
// moved on, the timers of its processes have not.
func TestAWaitEndsByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
		db := mustOpen(t, t.TempDir(), embedded.Options{Now: now})
		machine, err := asl.Load([]byte(`{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":21600,"End":true}}}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		w := db.Workflow("job", machine)
		run(t, w, nil)
		if err := w.Start(t.Context(), "x", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if x, err := w.Execution(t.Context(), "x"); err != nil || x.Status != asl.Running {
			t.Fatalf("after an hour of six: %+v, %v", x, err)
		}
		slept.Store(int64(5 * time.Hour))
		time.Sleep(2 * time.Minute)
		if x, err := w.Execution(t.Context(), "x"); err != nil || x.Status != asl.Succeeded {
			t.Errorf("after five hours of sleep: %+v, %v, want it to have ended", x, err)
		}
	})
}

func TestPanicOfAFunctionFailsItsTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := mustOpen(t, t.TempDir(), embedded.Options{})
		machine, err := asl.Load([]byte(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
			"Parameters":{"FunctionName":"f","Payload":{}},"End":true}}}`), nil)
		if err != nil {
			t.Fatal(err)
		}
		w := db.Workflow("job", machine)
		run(t, w, map[string]embedded.Function{"f": func(context.Context, []byte) ([]byte, error) { panic("bug") }})
		if err := w.Start(t.Context(), "x", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if x, err := w.Execution(t.Context(), "x"); err != nil || x.Status != asl.Failed || x.Fault.Cause != "bug" {
			t.Errorf("got %+v, %v, want FAILED by the panic", x, err)
		}
	})
}

func TestNamesAreFreeAfterNinetyDays(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	db := mustOpen(t, t.TempDir(), embedded.Options{Now: clock.Now})
	machine, err := asl.Load([]byte(`{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":60,"End":true}}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	w := db.Workflow("job", machine)
	begun := func() time.Time {
		t.Helper()
		if err := w.Start(t.Context(), "x", []byte(`{}`)); err != nil {
			t.Fatal(err)
		}
		x, err := w.Execution(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		return x.Started
	}
	first := begun()
	if err := w.Stop(t.Context(), "x", "enough"); err != nil {
		t.Fatal(err)
	}
	clock.Advance(90*24*time.Hour - time.Second)
	if got := begun(); !got.Equal(first) {
		t.Errorf("within 90 days: begun at %v, want %v", got, first)
	}
	clock.Advance(time.Second)
	if got := begun(); !got.Equal(clock.Now()) {
		t.Errorf("after 90 days: begun at %v, want %v", got, clock.Now())
	}
}
