package storetest

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// Machines are small machines in a txtar archive, one for each rule of the
// language that this project relies on: files named CLAIM/machine, CLAIM/input
// and CLAIM/end. The end is the status, for one that failed the name of its fault,
// and the output in JSON.
//
//go:embed testdata/machines.txtar
var machines []byte

// Language runs the machines of testdata/machines.txtar, to their ends as stated
// there, on any Workflow. They call Echo, which returns its input, Boom, which
// fails as Boom, Flaky, which fails as Busy while its input's "tries" is below 2,
// and Large, which returns 300,000 octets. Test.Without names machines to leave
// out.
func Language(t *testing.T, test WorkflowTest) {
	if test.Run == nil {
		test.Run = func(t *testing.T, f func(t *testing.T)) { f(t) }
	}
	files := map[string]string{}
	var claims []string
	without := slices.Clone(test.Without)
	for _, f := range txtar.Parse(machines).Files {
		files[f.Name] = string(f.Data)
		claim, is := strings.CutSuffix(f.Name, "/machine")
		if i := slices.Index(without, claim); i >= 0 {
			without = slices.Delete(without, i, i+1)
		} else if is {
			claims = append(claims, claim)
		}
	}
	for _, claim := range without {
		t.Errorf("no machine shows that %s", claim)
	}
	for _, claim := range claims {
		t.Run(claim, func(t *testing.T) {
			test.Run(t, func(t *testing.T) {
				w := test.Open(t, []byte(files[claim+"/machine"]), languageFunctions())
				name := fmt.Sprintf("language-%d", time.Now().UnixNano())
				if err := w.Start(t.Context(), name, []byte(files[claim+"/input"])); err != nil {
					t.Fatalf("Start: %v", err)
				}
				wt := &workflowTest{T: t, Workflow: w, test: test}
				var got Outcome
				wt.until("the end", func() (ended bool) {
					got, ended = test.Outcome(t, w, name)
					return ended
				})
				wantEnd(t, got, files[claim+"/end"])
			})
		})
	}
}

func wantEnd(t *testing.T, got Outcome, end string) {
	t.Helper()
	first, output, _ := strings.Cut(end, "\n")
	have := strings.TrimSpace(got.Status + " " + got.Fault.Name)
	if have != first {
		t.Errorf("got %s (%s), want %s", have, got.Fault.Cause, first)
	}
	if strings.TrimSpace(output) == "" {
		return
	}
	var a, b any
	if err := json.Unmarshal([]byte(output), &b); err != nil {
		t.Fatalf("the end is no JSON: %v", err)
	}
	if err := json.Unmarshal(got.Output, &a); err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("got output %s, want %s", got.Output, output)
	}
}

func languageFunctions() map[string]Function {
	return map[string]Function{
		"Echo": func(_ context.Context, input []byte) ([]byte, error) { return input, nil },
		"Boom": func(context.Context, []byte) ([]byte, error) { return nil, &Fault{Name: "Boom", Cause: "it burst"} },
		"Large": func(context.Context, []byte) ([]byte, error) {
			return []byte(`"` + strings.Repeat("x", 300_000) + `"`), nil
		},
		"Flaky": func(_ context.Context, input []byte) ([]byte, error) {
			var in struct{ Tries int }
			if err := json.Unmarshal(input, &in); err != nil {
				return nil, err
			}
			if in.Tries < 2 {
				return nil, &Fault{Name: "Busy", Cause: "try again"}
			}
			return input, nil
		},
	}
}
