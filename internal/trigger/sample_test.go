package trigger

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// samples are the sample events of a function, by name.
func samples(t *testing.T, function string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../events/" + function + "/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sample events of %s: %v", function, err)
	}
	all := make(map[string][]byte)
	for _, file := range files {
		if all[filepath.Base(file)], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestSampleMessagesReachTheHandler(t *testing.T) {
	for _, function := range []string{"prober", "deadletter", "notifier", "vendorqueue", "dropfolder"} {
		for name, text := range samples(t, function) {
			dec := json.NewDecoder(bytes.NewReader(text))
			dec.DisallowUnknownFields() // a sample with a misspelled field shows nothing
			if err := dec.Decode(new(events.SQSEvent)); err != nil {
				t.Errorf("%s/%s: %v", function, name, err)
			}
			handled := 0
			queue := invoke(Queue(func(context.Context, map[string]any) error { handled++; return nil }, quiet))
			answer, err := queue.Invoke(t.Context(), text)
			if err != nil || string(answer) != `{"batchItemFailures":[]}` {
				t.Errorf("%s/%s: answered %s, %v", function, name, answer, err)
			}
			if want := map[bool]int{true: 0, false: 1}[name == "malformed.json"]; handled != want {
				t.Errorf("%s/%s: %d messages handled, want %d", function, name, handled, want)
			}
		}
	}
}

func TestSampleStepsReachTheTask(t *testing.T) {
	type step struct{ Step, Job, Cursor, Token, Error, Cause string }
	seen := make(map[string]bool)
	for _, function := range []string{"planner", "collector"} {
		for name, text := range samples(t, function) {
			task := invoke(Task(func(_ context.Context, in step) (any, error) {
				seen[in.Step] = true
				if in.Job == "" {
					t.Errorf("%s/%s names no job", function, name)
				}
				return nil, nil
			}, quiet))
			if out, err := task.Invoke(t.Context(), text); err != nil {
				t.Errorf("%s/%s: %s, %v", function, name, out, err)
			}
		}
	}
	for _, name := range []string{"ingest", "plan", "drain", "close", "collect", "finish", "forget", "abandon"} {
		if !seen[name] {
			t.Errorf("no sample of the step %s", name)
		}
	}
}
