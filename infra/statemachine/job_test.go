package statemachine

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/embedded/asl"
)

// answers is what a step answers at each call, the last one from then on: its
// output, or an error.
type answers map[string][]any

// usual is a job of two chunks and two passes.
func usual() answers {
	return answers{
		"ingest":  {turn("1", "ingest"), turn("2", "plan")},
		"plan":    {planned("deal:1", "plan", 0), planned("part:0:0", "drain", 21600)},
		"drain":   {map[string]any{}},
		"close":   {map[string]any{}},
		"collect": {turn("scatter:1", "collect"), turn("", "finish")},
		"finish":  {map[string]any{"seconds": 2592000, "rows": strings.Repeat("x", 200_000)}},
		"abandon": {map[string]any{"seconds": 60}},
		"forget":  {nil},
	}
}

func turn(cursor, next string) map[string]any {
	return map[string]any{"cursor": cursor, "next": next, "more": strings.Repeat("x", 200_000)}
}

func planned(cursor, next string, seconds int) map[string]any {
	return map[string]any{"cursor": cursor, "next": next, "seconds": seconds}
}

// MalformedError has the name of package trigger's.
type MalformedError struct{}

func (*MalformedError) Error() string { return "the input of the task is not what it takes" }

// run is one execution in a world whose clock jumps to whatever comes next.
type run struct {
	*asl.Execution
	machine *asl.Machine
	answers answers
	now     time.Time
	ids     int
	calls   []string // step, then what its input has beside step and job
	called  map[string]int
	largest int // octets of data between two states

	// draining does what workers do once they have the token: it returns when it
	// wants to be called next, or the zero time to never be called again.
	draining func(r *run, token string) time.Time
	token    string
	wake     time.Time
}

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newRun(t *testing.T, a answers) *run {
	t.Helper()
	machine, err := asl.Load(Job, map[string]string{"PlannerArn": "planner", "CollectorArn": "arn:aws:lambda:eu-central-1:123456789012:function:collector"})
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	r := &run{machine: machine, answers: a, now: start, called: map[string]int{}}
	r.Execution = machine.Begin("job_1", json.RawMessage(`{"job":"job_1"}`), r.now)
	r.draining = func(r *run, token string) time.Time {
		machine.Succeed(r.Execution, token, json.RawMessage(`{"ok":true}`), r.outside())
		return time.Time{}
	}
	return r
}

func (r *run) outside() asl.Outside {
	return asl.Outside{Now: r.now, Rand: func() float64 { return 0.5 }, ID: func() string { r.ids++; return fmt.Sprint("id", r.ids) }}
}

// toTheEnd carries the execution out.
func (r *run) toTheEnd(t *testing.T) {
	t.Helper()
	for range 100_000 {
		action := r.machine.Next(r.Execution, r.outside())
		r.largest = max(r.largest, len(r.Data))
		if r.Status != asl.Running {
			return
		}
		if action.Call != "" {
			out, err := r.call(t, action)
			r.machine.Return(r.Execution, action.Call, out, err, r.outside())
			continue
		}
		if r.wake.IsZero() && action.Until.IsZero() {
			t.Fatalf("nothing to wait for in state %q", r.State)
		}
		if !r.wake.IsZero() && (action.Until.IsZero() || r.wake.Before(action.Until)) {
			r.now = r.wake
			r.wake = r.draining(r, r.token)
			continue
		}
		r.now = action.Until
	}
	t.Fatalf("no end in sight: in state %q", r.State)
}

func (r *run) call(t *testing.T, action asl.Action) ([]byte, error) {
	var in map[string]any
	if err := json.Unmarshal(action.Payload, &in); err != nil {
		t.Fatalf("input %s: %v", action.Payload, err)
	}
	step, _ := in["step"].(string)
	if in["job"] != "job_1" {
		t.Errorf("%s is called for job %v", step, in["job"])
	}
	if want := map[bool]string{true: "planner", false: "collector"}[step == "ingest" || step == "plan"]; action.Function != want {
		t.Errorf("%s goes to %s, want %s", step, action.Function, want)
	}
	delete(in, "step")
	delete(in, "job")
	if token, is := in["token"].(string); is {
		r.token, r.wake = token, r.now.Add(time.Minute)
		in["token"] = "TOKEN"
	}
	rest, _ := json.Marshal(in)
	r.calls = append(r.calls, strings.TrimSpace(step+" "+strings.Trim(string(rest), "{}")))
	n := r.called[step]
	r.called[step]++
	all := r.answers[step]
	if len(all) == 0 {
		t.Fatalf("unknown step %q", step)
	}
	answer := all[min(n, len(all)-1)]
	if err, is := answer.(error); is {
		return nil, err
	}
	return json.Marshal(answer)
}

// ingested and collected are the calls before Plan and behind Drain.
var (
	ingested  = []string{`ingest "cursor":""`, `ingest "cursor":"1"`}
	allPlaned = append(slices.Clone(ingested), `plan "cursor":""`, `plan "cursor":"deal:1"`)
	collected = []string{`collect "cursor":""`, `collect "cursor":"scatter:1"`, "finish", "forget"}
)

func TestPaths(t *testing.T) {
	down := errors.New("store is down")
	fault := func(name string) error { return &asl.Fault{Name: name, Cause: "c"} }
	for _, c := range []struct {
		claim  string
		change func(answers)
		drains func(*run, string) time.Time
		want   []string
		keeps  time.Duration // of results
	}{
		{"a job goes from input to oblivion", nil, nil,
			slices.Concat(allPlaned, []string{`drain "token":"TOKEN"`}, collected), 720 * time.Hour},
		{"a job cancelled before it is ingested is collected", func(a answers) { a["ingest"] = []any{turn("", "collect")} }, nil,
			append([]string{`ingest "cursor":""`}, collected...), 720 * time.Hour},
		{"a job cancelled during plan is collected", func(a answers) { a["plan"] = []any{planned("deal:1", "plan", 9), planned("", "collect", 9)} }, nil,
			slices.Concat(allPlaned, collected), 720 * time.Hour},
		{"input that is no list fails the job through finish", func(a answers) { a["ingest"] = []any{turn("", "fail")} }, nil,
			[]string{`ingest "cursor":""`, "finish", "forget"}, 720 * time.Hour},
		{"a quota used up fails the job through finish", func(a answers) { a["plan"] = []any{planned("", "fail", 9)} }, nil,
			slices.Concat(ingested, []string{`plan "cursor":""`, "finish", "forget"}), 720 * time.Hour},
		{"out of time, the job is closed and collected", nil, never,
			slices.Concat(allPlaned, []string{`drain "token":"TOKEN"`, "close"}, collected), 720 * time.Hour},
		{"a deadline that is all but over is kept", func(a answers) { a["plan"] = []any{planned("", "drain", 1)} }, never,
			slices.Concat(ingested, []string{`plan "cursor":""`, `drain "token":"TOKEN"`, "close"}, collected), 720 * time.Hour},
		{"a failed token closes the job", func(a answers) { a["drain"] = []any{fault("MalformedError")} }, nil,
			slices.Concat(allPlaned, []string{`drain "token":"TOKEN"`, "close"}, collected), 720 * time.Hour},
		{"a step is repeated where it stood", func(a answers) {
			a["plan"] = []any{planned("deal:1", "plan", 9), down, fault("States.Timeout"), fault("Lambda.TooManyRequestsException"), planned("", "collect", 9)}
		}, nil, slices.Concat(allPlaned, slices.Repeat([]string{`plan "cursor":"deal:1"`}, 3), collected), 720 * time.Hour},
		{"a step that cannot be done abandons the job", func(a answers) { a["ingest"] = []any{turn("1", "ingest"), &MalformedError{}} }, nil,
			append(slices.Clone(ingested), abandoned("MalformedError"), "forget"), time.Minute},
		{"collect that cannot be done abandons the job", func(a answers) { a["collect"] = []any{&MalformedError{}} }, nil,
			slices.Concat(allPlaned, []string{`drain "token":"TOKEN"`, `collect "cursor":""`, abandoned("MalformedError"), "forget"}), time.Minute},
		{"close that cannot be done abandons the job", func(a answers) { a["close"] = []any{&MalformedError{}} }, never,
			slices.Concat(allPlaned, []string{`drain "token":"TOKEN"`, "close", abandoned("MalformedError"), "forget"}), time.Minute},
		{"finish that cannot be done abandons the job", func(a answers) { a["ingest"], a["finish"] = []any{turn("", "fail")}, []any{&MalformedError{}} }, nil,
			[]string{`ingest "cursor":""`, "finish", abandoned("MalformedError"), "forget"}, time.Minute},
		{"a next that nobody knows abandons the job", func(a answers) { a["plan"] = []any{planned("", "dance", 9)} }, nil,
			slices.Concat(ingested, []string{`plan "cursor":""`,
				`abandon "cause":"a step named a next step that the state machine does not have","error":"UnknownNext"`, "forget"}), time.Minute},
	} {
		t.Run(c.claim, func(t *testing.T) {
			r := newRun(t, usual())
			if c.change != nil {
				c.change(r.answers)
			}
			if c.drains != nil {
				r.draining = c.drains
			}
			r.toTheEnd(t)
			if r.Status != asl.Succeeded {
				t.Errorf("ended %s, %v", r.Status, r.Fault)
			}
			if !slices.Equal(r.calls, c.want) {
				t.Errorf("got calls\n%s\nwant\n%s", strings.Join(r.calls, "\n"), strings.Join(c.want, "\n"))
			}
			if took := r.now.Sub(start); took < c.keeps || took > c.keeps+24*time.Hour {
				t.Errorf("forgotten after %v, want %v and what the job took", took, c.keeps)
			}
			if r.largest > 2000 {
				t.Errorf("%d octets go from state to state, want cursors only", r.largest)
			}
		})
	}
}

// abandoned is the call of Abandon after an error of package trigger.
func abandoned(name string) string {
	cause, _ := json.Marshal(fmt.Sprintf(`{"errorMessage":%q,"errorType":%q}`, (&MalformedError{}).Error(), name))
	return fmt.Sprintf(`abandon "cause":%s,"error":%q`, cause, name)
}

// never is workers that are gone.
func never(*run, string) time.Time { return time.Time{} }

func TestDrainTakesItsTimeAndNoMore(t *testing.T) {
	for claim, c := range map[string]struct {
		drains func(*run, string) time.Time
		want   time.Duration
	}{
		"silence ends it at the deadline": {never, 21600 * time.Second},
		"the last shard ends it":          {nil, time.Minute},
	} {
		r := newRun(t, usual())
		if c.drains != nil {
			r.draining = c.drains
		}
		r.toTheEnd(t)
		if took := r.now.Sub(start) - 720*time.Hour; took != c.want {
			t.Errorf("%s: drained for %v, want %v", claim, took, c.want)
		}
	}
}

func TestOutagesOfHalfAnHourAreSatOut(t *testing.T) {
	for step, last := range map[string]string{
		"ingest": "abandon", "plan": "abandon", "drain": "close", "collect": "abandon", "finish": "abandon",
	} {
		r := newRun(t, usual())
		r.answers[step] = []any{errors.New("store is down")}
		r.toTheEnd(t)
		if r.called[step] != 11 || r.called[last] != 1 || r.Status != asl.Succeeded {
			t.Errorf("%s: called %d times, then %s %d times, %s", step, r.called[step], last, r.called[last], r.Status)
		}
		kept := map[bool]time.Duration{true: time.Minute, false: 720 * time.Hour}[r.called["abandon"] == 1]
		if out := r.now.Sub(start) - kept; out < 10*time.Minute || out > time.Hour {
			t.Errorf("%s: given up after %v", step, out)
		}
	}
}

// Nothing is left to do when not even this can be done: the execution fails, and
// an alarm watches for that.
func TestWhatCannotEndFails(t *testing.T) {
	for step, calls := range map[string]int{"abandon": 1001, "forget": 11} {
		r := newRun(t, usual())
		r.answers["ingest"] = []any{&MalformedError{}}
		r.answers[step] = []any{errors.New("store is down")}
		r.toTheEnd(t)
		if r.Status != asl.Failed || r.called[step] != calls {
			t.Errorf("%s: ended %s after %d calls", step, r.Status, r.called[step])
		}
	}
}

// TestLargestJob: Step Functions ends an execution at 25,000 events. A turn of a
// loop is 7 (a task entered, scheduled, started, succeeded, left; a choice
// entered, left), a try that fails 3 more (package asl counts 4). 5,000,000 rows
// are 100 chunks:
//
//	ingest   100 turns, a chunk each
//	plan     100 that deal chunks, and at most 64 + 5,000,000/100,000 = 114 passes
//	collect  100 that scatter (500 of 50,000 full shards each), 100 that join, 3 × 100 that write
//
// That is 814 turns and 5,700 events; 10,600 when each fails twice. Turns that do more than
// one chunk, as long as their time lasts, make it fewer.
func TestLargestJob(t *testing.T) {
	const ingest, plan, collect = 100, 100 + 114, 500
	down := errors.New("throttled")
	loop := func(turns, faults int, step, next string) (all []any) {
		for n := range turns {
			all = append(all, slices.Repeat([]any{down}, faults)...)
			to := step
			if n == turns-1 {
				to = next
			}
			all = append(all, planned(fmt.Sprint(n), to, 21600))
		}
		return all
	}
	for faults, most := range []int{6_000, 9_000, 12_500} {
		r := newRun(t, usual())
		r.answers["ingest"] = loop(ingest, faults, "ingest", "plan")
		r.answers["plan"] = loop(plan, faults, "plan", "drain")
		r.answers["collect"] = loop(collect, faults, "collect", "finish")
		r.toTheEnd(t)
		if r.Status != asl.Succeeded || r.Events > most || r.Events < 7*(ingest+plan+collect) {
			t.Errorf("%d faults a turn: %s after %d events, want at most %d", faults, r.Status, r.Events, most)
		}
	}
}
