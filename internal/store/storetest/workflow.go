package storetest

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/store"
)

// Function is what a task of a machine calls, with JSON in and out. It fails
// under a name of its own with a *Fault.
type Function func(ctx context.Context, input []byte) ([]byte, error)

// Fault is an error that a function returns, or how an execution ended.
type Fault struct{ Name, Cause string }

// Error names the fault.
func (f *Fault) Error() string { return f.Name + ": " + f.Cause }

// Outcome is how an execution ended.
type Outcome struct {
	Status string // SUCCEEDED, FAILED, TIMED_OUT or ABORTED
	Output []byte // JSON, when it has succeeded
	Fault  Fault  // when it has not
}

// WorkflowTest says how the workflow under test is opened and how its time
// passes.
type WorkflowTest struct {
	// Open returns a workflow without executions that runs the machine; ${name}
	// in the definition stands for the function of this name. It is called once
	// for each case and cleans up by t.Cleanup.
	Open func(t *testing.T, definition []byte, functions map[string]Function) store.Workflow

	// Outcome tells how an execution ended; ended is false while it runs.
	Outcome func(t *testing.T, w store.Workflow, name string) (outcome Outcome, ended bool)

	// Run carries out a case; as in QueueTest.
	Run func(t *testing.T, f func(t *testing.T))

	// Without names cases to leave out, by their claims. This is for a stand-in
	// that is known to get them wrong, never for an adapter.
	Without []string
}

// Workflow runs the contract of store.Workflow, and with it how the machine of
// testdata/job.asl.json is carried out: the same calls in the same order with the
// same inputs on every adapter.
func Workflow(t *testing.T, test WorkflowTest) {
	if test.Run == nil {
		test.Run = func(t *testing.T, f func(t *testing.T)) { f(t) }
	}
	without := slices.Clone(test.Without)
	for _, c := range workflowCases {
		if i := slices.Index(without, c.claim); i >= 0 {
			without = slices.Delete(without, i, i+1)
			continue
		}
		t.Run(c.claim, func(t *testing.T) {
			test.Run(t, func(t *testing.T) {
				w := &workflowTest{T: t, test: test, calls: map[string][]string{}, tokens: map[string]string{}, on: map[string]step{}}
				w.Workflow = test.Open(t, JobMachine, w.functions())
				c.run(w)
			})
		})
	}
	for _, claim := range without {
		t.Errorf("no case claims that %s", claim)
	}
}

// JobMachine is a machine that has the shape of a batch job. It calls Ingest,
// Plan, Drain, Close, Collect and Finish.
//
//go:embed testdata/job.asl.json
var JobMachine []byte

var workflowCases = []struct {
	claim string
	run   func(*workflowTest)
}{
	{"carries a job out from input to output", carriesOut},
	{"a choice leaves out what is not needed", choiceLeavesOut},
	{"a name starts one execution", nameStartsOne},
	{"of many starts of one name one counts", startsOfOneName},
	{"an execution outlives the call that started it", outlivesCall},
	{"many executions do not mix", executionsDoNotMix},
	{"a task that fails is tried again", triedAgain},
	{"a task that keeps failing is caught", caughtAtLast},
	{"a fault nobody retries is caught at once", caughtAtOnce},
	{"a fault nobody catches fails the execution", faultFails},
	{"a waiting task may fail before it waits", failsBeforeWaiting},
	{"a token may be used before its task returns", tokenBeforeReturn},
	{"a token is dead when its execution has ended", deadAtTheEnd},
	{"a token is dead when its task is over, however it ended", deadTokens},
	{"of many ends of one task one counts", endsOfOneTask},
	{"a token fails its task", tokenFails},
	{"heartbeats keep a task alive", heartbeatsKeepAlive},
	{"a task without heartbeat is over", noHeartbeat},
	{"a task out of time is over, heartbeats or not", outOfTime},
	{"stop ends an execution between two tries", stopBetweenTries},
	{"stop ends an execution that waits for a token", stopEnds},
	{"unknown tokens and executions", unknownNames},
	{"limits of a workflow are kept", workflowLimits},
	{"malformed calls of a workflow are refused", workflowMalformed},
	{"a cancelled context stops the call", workflowCancelled},
}

// step is what a function does: call counts from 1 within one execution.
type step func(t *workflowTest, call int, input map[string]any) (any, error)

// workflowTest is the workflow under test with what the functions were asked.
type workflowTest struct {
	*testing.T
	store.Workflow
	test WorkflowTest

	mu     sync.Mutex
	calls  map[string][]string // by execution
	tokens map[string]string   // by execution, the last one
	on     map[string]step     // instead of what the function usually does
}

// usual is what the functions do: three turns of ingest, two of plan, and a drain
// that leaves its token behind.
var usual = map[string]step{
	"Ingest": func(_ *workflowTest, _ int, in map[string]any) (any, error) {
		cursor := in["cursor"].(float64) + 1
		return map[string]any{"cursor": cursor, "done": cursor >= 3, "noise": "<é>"}, nil
	},
	"Plan": func(_ *workflowTest, _ int, in map[string]any) (any, error) {
		plan := in["plan"].(map[string]any)
		return map[string]any{"partition": plan["partition"].(float64) + 1, "shards": plan["shards"].(float64) + 2, "partitions": 2}, nil
	},
	"Drain":   func(*workflowTest, int, map[string]any) (any, error) { return nil, nil },
	"Close":   func(*workflowTest, int, map[string]any) (any, error) { return "closed", nil },
	"Collect": func(*workflowTest, int, map[string]any) (any, error) { return map[string]any{"rows": 7}, nil },
	"Finish":  func(_ *workflowTest, _ int, in map[string]any) (any, error) { return in, nil },
}

func (t *workflowTest) functions() map[string]Function {
	all := map[string]Function{}
	for name := range usual {
		all[name] = func(_ context.Context, input []byte) ([]byte, error) { return t.called(name, input) }
	}
	return all
}

func (t *workflowTest) called(function string, input []byte) ([]byte, error) {
	var in map[string]any
	if err := json.Unmarshal(input, &in); err != nil {
		t.Errorf("%s got %q: %v", function, input, err)
		return nil, err
	}
	job, _ := in["job"].(string)
	if function == "Collect" {
		job, _ = in["id"].(string)
	}
	t.mu.Lock()
	do, has := t.on[function]
	if !has {
		do = usual[function]
	}
	if token, is := in["token"].(string); is {
		t.tokens[job] = token
		in["token"] = "TOKEN"
	}
	seen, _ := json.Marshal(in)
	line := function + " " + string(seen)
	t.calls[job] = append(t.calls[job], line)
	call := 0
	for _, l := range t.calls[job] {
		if strings.HasPrefix(l, function+" ") {
			call++
		}
	}
	t.mu.Unlock()
	out, err := do(t, call, in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}

// set makes a function do something else from now on.
func (t *workflowTest) set(function string, do step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.on[function] = do
}

// name returns a name for an execution that no other test uses.
func (t *workflowTest) name(short string) string {
	return fmt.Sprintf("%s-%d", short, time.Now().UnixNano())
}

// input of a job whose waiting task has so many seconds.
func input(name string, deadline, heartbeat int) []byte {
	return fmt.Appendf(nil, `{"id":%q,"ingest":{"cursor":0},"deadline":%d,"heartbeat":%d}`, name, deadline, heartbeat)
}

// start begins a job that has a minute for everything.
func (t *workflowTest) start(name string) {
	t.Helper()
	t.startIn(name, 60, 50)
}

func (t *workflowTest) startIn(name string, deadline, heartbeat int) {
	t.Helper()
	if err := t.Start(t.Context(), name, input(name, deadline, heartbeat)); err != nil {
		t.Fatalf("Start: %v", err)
	}
}

// until asks until the answer is yes, for two minutes of the workflow's time.
func (t *workflowTest) until(what string, yes func() bool) {
	t.Helper()
	for range 1200 {
		if yes() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

// token waits for the token of an execution.
func (t *workflowTest) token(name string) (token string) {
	t.Helper()
	t.until("a token of "+name, func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		token = t.tokens[name]
		return token != ""
	})
	return token
}

func (t *workflowTest) wantOutcome(name, status, output, fault string) {
	t.Helper()
	var got Outcome
	t.until("the end of "+name, func() (ended bool) {
		got, ended = t.test.Outcome(t.T, t.Workflow, name)
		return ended
	})
	if got.Status != status || got.Fault.Name != fault {
		t.Errorf("got %s, %s, want %s, %s", got.Status, got.Fault.Error(), status, fault)
	}
	if output == "" {
		return
	}
	var have, want any
	if err := errors.Join(json.Unmarshal(got.Output, &have), json.Unmarshal([]byte(output), &want)); err != nil || !reflect.DeepEqual(have, want) {
		t.Errorf("got output %s, %v, want %s", got.Output, err, output)
	}
}

// wantCalls compares the functions called with the names; what they were given
// when a name is followed by it.
func (t *workflowTest) wantCalls(name string, want ...string) {
	t.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	same := slices.EqualFunc(t.calls[name], want, func(got, want string) bool {
		function, _, _ := strings.Cut(got, " ")
		return got == want || function == want
	})
	if !same {
		t.Errorf("got calls\n%s\nwant\n%s", strings.Join(t.calls[name], "\n"), strings.Join(want, "\n"))
	}
}

func (t *workflowTest) wantErr(call string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", call, got, want)
	}
}
