package asl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/embedded/asl"
	"rcpt/internal/store/storetest"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// outside is a world at a time, with ids that count.
func outside(now time.Time, ids *int) asl.Outside {
	return asl.Outside{Now: now, Rand: func() float64 { return 0.5 }, ID: func() string { *ids++; return fmt.Sprint("id", *ids) }}
}

func mustLoad(t *testing.T, definition string) *asl.Machine {
	t.Helper()
	m, err := asl.Load([]byte(definition), map[string]string{"F": "f"})
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return m
}

// one is a machine of one state.
func one(state string) string { return `{"StartAt":"A","States":{"A":` + state + `}}` }

func task(fields string) string {
	return one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload":{}},"End":true` + fields + `}`)
}

func choice(rule string) string {
	return `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[` + rule + `],"Default":"S"},"S":{"Type":"Succeed"}}}`
}

func TestLoadRefuses(t *testing.T) {
	for claim, definition := range map[string]string{
		"no JSON":                       `{`,
		"text behind the end":           one(`{"Type":"Succeed"}`) + `{}`,
		"an unknown field":              `{"StartAt":"A","Extra":1,"States":{"A":{"Type":"Succeed"}}}`,
		"another version":               `{"Version":"2.0","StartAt":"A","States":{"A":{"Type":"Succeed"}}}`,
		"JSONata":                       `{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Succeed"}}}`,
		"JSONata in a state":            one(`{"Type":"Succeed","QueryLanguage":"JSONata"}`),
		"no states":                     `{"StartAt":"A","States":{}}`,
		"a start that is not there":     `{"StartAt":"B","States":{"A":{"Type":"Succeed"}}}`,
		"a state nothing leads to":      `{"StartAt":"A","States":{"A":{"Type":"Succeed"},"B":{"Type":"Succeed"}}}`,
		"a target that is not there":    one(`{"Type":"Pass","Next":"B"}`),
		"neither Next nor End":          one(`{"Type":"Pass"}`),
		"both Next and End":             one(`{"Type":"Pass","Next":"A","End":true}`),
		"a name without value":          one(`{"Type":"Fail","Error":"${Unknown}"}`),
		"a name that does not end":      one(`{"Type":"Fail","Error":"${F"}`),
		"an unknown type":               one(`{"Type":"Sleep","End":true}`),
		"a type in small letters":       one(`{"Type":"pass","End":true}`),
		"Map":                           one(`{"Type":"Map","End":true}`),
		"Parallel":                      one(`{"Type":"Parallel","Branches":[],"End":true}`),
		"Assign":                        one(`{"Type":"Pass","Assign":{"a":1},"End":true}`),
		"a field of another type":       one(`{"Type":"Pass","Seconds":1,"End":true}`),
		"a field in small letters":      one(`{"Type":"Pass","inputPath":"$","End":true}`),
		"a misspelt field":              one(`{"Type":"Pass","InputPaht":"$","End":true}`),
		"Next of a Choice":              `{"StartAt":"C","States":{"C":{"Type":"Choice","Choices":[],"Default":"S","Next":"S"},"S":{"Type":"Succeed"}}}`,
		"an intrinsic function":         one(`{"Type":"Pass","Parameters":{"a.$":"States.UUID()"},"End":true}`),
		"a path of no text":             one(`{"Type":"Pass","Parameters":{"a.$":1},"End":true}`),
		"a wildcard path":               one(`{"Type":"Pass","InputPath":"$.a[*]","End":true}`),
		"a filter":                      one(`{"Type":"Pass","InputPath":"$.a[?(@.b)]","End":true}`),
		"a recursive path":              one(`{"Type":"Pass","InputPath":"$..a","End":true}`),
		"a slice":                       one(`{"Type":"Pass","InputPath":"$.a[0:2]","End":true}`),
		"a negative index":              one(`{"Type":"Pass","InputPath":"$.a[-1]","End":true}`),
		"an open bracket":               one(`{"Type":"Pass","InputPath":"$['a","End":true}`),
		"a result at an index":          one(`{"Type":"Pass","ResultPath":"$.a[0]","End":true}`),
		"a result in the context":       one(`{"Type":"Pass","ResultPath":"$$.Task","End":true}`),
		"an unknown place in context":   one(`{"Type":"Pass","InputPath":"$$.Execution.Id","End":true}`),
		"another service":               one(`{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{},"End":true}`),
		"a sync task":                   one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.sync","Parameters":{"FunctionName":"f","Payload":{}},"End":true}`),
		"a function as resource":        one(`{"Type":"Task","Resource":"arn:aws:lambda:::function:f","End":true}`),
		"no function":                   one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"Payload":{}},"End":true}`),
		"a function by path":            one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName.$":"$.f","Payload":{}},"End":true}`),
		"no payload":                    one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f"},"End":true}`),
		"an unknown parameter":          one(`{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"f","Payload":{},"InvocationType":"Event"},"End":true}`),
		"a heartbeat without token":     task(`,"HeartbeatSeconds":5`),
		"a time and its path":           task(`,"TimeoutSeconds":5,"TimeoutSecondsPath":"$.t"`),
		"a negative time":               task(`,"TimeoutSeconds":-1`),
		"a retry of nothing":            task(`,"Retry":[{"ErrorEquals":[]}]`),
		"a retry with unknown field":    task(`,"Retry":[{"ErrorEquals":["a"],"Wait":1}]`),
		"a retry after no time":         task(`,"Retry":[{"ErrorEquals":["a"],"IntervalSeconds":0}]`),
		"a shrinking back-off":          task(`,"Retry":[{"ErrorEquals":["a"],"BackoffRate":0.5}]`),
		"unknown jitter":                task(`,"Retry":[{"ErrorEquals":["a"],"JitterStrategy":"SOME"}]`),
		"all and more":                  task(`,"Retry":[{"ErrorEquals":["States.ALL","a"]}]`),
		"all before others":             task(`,"Retry":[{"ErrorEquals":["States.ALL"]},{"ErrorEquals":["a"]}]`),
		"a catch without target":        task(`,"Catch":[{"ErrorEquals":["a"],"Next":"B"}]`),
		"no choices":                    choice(``),
		"a choice without target":       choice(`{"Variable":"$.a","IsNull":true}`),
		"a choice of two operators":     choice(`{"Variable":"$.a","IsNull":true,"IsString":true,"Next":"S"}`),
		"an unknown operator":           choice(`{"Variable":"$.a","StringContains":"b","Next":"S"}`),
		"an operator of another type":   choice(`{"Variable":"$.a","NumericEquals":"1","Next":"S"}`),
		"an operator of a bad time":     choice(`{"Variable":"$.a","TimestampEquals":"noon","Next":"S"}`),
		"an operator without variable":  choice(`{"StringEquals":"1","Next":"S"}`),
		"And of none":                   choice(`{"And":[],"Next":"S"}`),
		"Not of two":                    choice(`{"Not":[{"Variable":"$.a","IsNull":true}],"Next":"S"}`),
		"a wait for nothing":            one(`{"Type":"Wait","End":true}`),
		"a wait for two things":         one(`{"Type":"Wait","Seconds":1,"SecondsPath":"$.a","End":true}`),
		"a wait for less than nothing":  one(`{"Type":"Wait","Seconds":-1,"End":true}`),
		"a wait for what is no time":    one(`{"Type":"Wait","Timestamp":"tomorrow","End":true}`),
		"a machine of negative time":    `{"TimeoutSeconds":-1,"StartAt":"A","States":{"A":{"Type":"Succeed"}}}`,
		"a heartbeat as long as a task": strings.Replace(task(`,"HeartbeatSeconds":5,"TimeoutSeconds":5`), "invoke", "invoke.waitForTaskToken", 1),
	} {
		if _, err := asl.Load([]byte(definition), map[string]string{"F": "f"}); !errors.Is(err, asl.ErrDefinition) {
			t.Errorf("%s: got %v, want ErrDefinition", claim, err)
		}
	}
}

func TestFunctionsAreNamedWhateverTheARN(t *testing.T) {
	for _, name := range []string{"f", "f:live", "arn:aws:lambda:eu-central-1:123456789012:function:f", "arn:aws:lambda:eu-central-1:123456789012:function:f:$LATEST"} {
		m, err := asl.Load([]byte(strings.Replace(task(``), `"f"`, `"${F}"`, 1)), map[string]string{"F": name})
		if err != nil || !slices.Equal(m.Functions(), []string{"f"}) {
			t.Errorf("%s: got %v, %v, want f", name, m.Functions(), err)
		}
	}
	names := map[string]string{}
	for _, name := range []string{"Ingest", "Plan", "Drain", "Close", "Collect", "Finish"} {
		names[name] = name
	}
	m, err := asl.Load(storetest.JobMachine, names)
	if want := []string{"Close", "Collect", "Drain", "Finish", "Ingest", "Plan"}; err != nil || !slices.Equal(m.Functions(), want) {
		t.Errorf("got %v, %v, want %v", m.Functions(), err, want)
	}
}

// Before every step the execution is written and read, and asked twice: that
// must make no difference.
func TestExecutionsAreValues(t *testing.T) {
	m := mustLoad(t, strings.Replace(task(`,"TimeoutSeconds":60,"Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":5,"MaxAttempts":2,"JitterStrategy":"FULL"}]`),
		`"Payload":{}`, `"Payload":{"n.$":"$.n","tries.$":"$$.State.RetryCount"}`, 1))
	ids, now := 0, start
	x := m.Begin("x", json.RawMessage(`{"n":9007199254740993}`), now)
	next := func() asl.Action {
		t.Helper()
		text, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		again := &asl.Execution{}
		if err := json.Unmarshal(text, again); err != nil {
			t.Fatal(err)
		}
		x = again
		first := m.Next(x, outside(now, &ids))
		before, _ := json.Marshal(x)
		second := m.Next(x, outside(now, &ids))
		after, _ := json.Marshal(x)
		if string(before) != string(after) || !reflect.DeepEqual(first, second) {
			t.Errorf("asked twice: %s, %+v and %s, %+v", before, first, after, second)
		}
		return first
	}
	for try := range 2 {
		action := next()
		if want := fmt.Sprintf(`{"n":9007199254740993,"tries":%d}`, try); string(action.Payload) != want || action.Function != "f" || !action.Until.Equal(now.Add(time.Minute)) {
			t.Fatalf("try %d: got %+v, want payload %s", try, action, want)
		}
		m.Return(x, "another", nil, errors.New("of no interest"), outside(now, &ids))
		m.Return(x, action.Call, nil, &asl.Fault{Name: "Busy"}, outside(now, &ids))
		wait := 2500 * time.Millisecond << try // half of 5 s, of 10 s
		if action := next(); action.Call != "" || !action.Until.Equal(now.Add(wait)) {
			t.Errorf("after try %d: got %+v, want a pause of %v", try, action, wait)
		}
		now = now.Add(wait)
	}
	action := next()
	m.Return(x, action.Call, json.RawMessage(`{"ok":1}`), nil, outside(now, &ids))
	if want := `{"ExecutedVersion":"$LATEST","Payload":{"ok":1},"StatusCode":200}`; x.Status != asl.Succeeded || string(x.Output) != want {
		t.Errorf("got %s with %s, %v, want %s", x.Status, x.Output, x.Fault, want)
	}
	if action := next(); action.Call != "" || !action.Until.IsZero() {
		t.Errorf("after the end: got %+v, want nothing", action)
	}
}

func TestEndlessLoopsEnd(t *testing.T) {
	m := mustLoad(t, `{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Next":"A"}}}`)
	ids := 0
	x := m.Begin("x", json.RawMessage(`{}`), start)
	m.Next(x, outside(start, &ids))
	if x.Status != asl.Failed || x.Fault.Name != "States.Runtime" || x.Events < 25_000 {
		t.Errorf("got %s, %v after %d events", x.Status, x.Fault, x.Events)
	}
}

func TestErrorsAreNamedAsOnLambda(t *testing.T) {
	for want, err := range map[string]error{
		"errorString": errors.New("plain"), "wrapError": fmt.Errorf("wrapped: %w", errors.New("plain")), "SyntaxError": &json.SyntaxError{},
		"Own": fmt.Errorf("wrapped: %w", &asl.Fault{Name: "Own", Cause: "c"}),
	} {
		m := mustLoad(t, task(``))
		ids := 0
		x := m.Begin("x", json.RawMessage(`{}`), start)
		action := m.Next(x, outside(start, &ids))
		m.Return(x, action.Call, nil, err, outside(start, &ids))
		if x.Status != asl.Failed || x.Fault.Name != want {
			t.Errorf("%v: got %s, %v, want %s", err, x.Status, x.Fault, want)
		}
	}
}

// The machine may change while executions go on: what is gone fails, and says so.
func TestStateThatIsGone(t *testing.T) {
	old := mustLoad(t, `{"StartAt":"Old","States":{"Old":{"Type":"Wait","Seconds":60,"End":true}}}`)
	ids := 0
	x := old.Begin("x", json.RawMessage(`{}`), start)
	old.Next(x, outside(start, &ids))
	mustLoad(t, one(`{"Type":"Succeed"}`)).Next(x, outside(start.Add(time.Minute), &ids))
	if x.Status != asl.Failed || x.Fault.Name != "States.Runtime" || !strings.Contains(x.Fault.Cause, `"Old"`) {
		t.Errorf("got %s, %v, want States.Runtime about Old", x.Status, x.Fault)
	}
}

func TestFunctionThatReturnsNoJSON(t *testing.T) {
	m := mustLoad(t, task(``))
	for _, output := range []string{"", "{", "{} {}"} {
		ids := 0
		x := m.Begin("x", json.RawMessage(`{}`), start)
		action := m.Next(x, outside(start, &ids))
		m.Return(x, action.Call, json.RawMessage(output), nil, outside(start, &ids))
		if x.Status != asl.Failed {
			t.Errorf("%q: got %s, want FAILED", output, x.Status)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(one(`{"Type":"Wait","SecondsPath":"$.s","End":true}`)), []byte(`{"s":1}`))
	f.Add([]byte(choice(`{"Not":{"Variable":"$['a'][0]","StringMatches":"a*\\*"},"Next":"S"}`)), []byte(`{"a":["ab*"]}`))
	f.Add([]byte(task(`,"ResultSelector":{"x.$":"$.Payload"},"ResultPath":"$.r.s","OutputPath":"$.r"`)), []byte(`{}`))
	f.Fuzz(func(t *testing.T, definition, input []byte) {
		m, err := asl.Load(definition, map[string]string{"F": "f"})
		if err != nil || !json.Valid(input) {
			return
		}
		ids, now := 0, start
		x := m.Begin("x", input, now)
		for range 50 {
			action := m.Next(x, outside(now, &ids))
			if x.Status != asl.Running {
				return
			}
			if action.Call == "" && action.Until.IsZero() && (x.Task == nil || !x.Task.Called) {
				t.Fatalf("nothing to wait for in state %q", x.State)
			}
			if action.Call != "" {
				m.Return(x, action.Call, json.RawMessage(`{"done":true}`), nil, outside(now, &ids))
			}
			now = now.Add(time.Hour)
		}
	})
}
