package trigger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// order is a message of the tests.
type order struct{ ID string }

func batch(bodies ...string) events.SQSEvent {
	var e events.SQSEvent
	for i, body := range bodies {
		e.Records = append(e.Records, events.SQSMessage{
			MessageId: "m" + string(rune('0'+i)), Body: body, Attributes: map[string]string{"ApproximateReceiveCount": "3"},
		})
	}
	return e
}

// failures runs a batch and returns the ids reported.
func failures(t *testing.T, e events.SQSEvent, log *slog.Logger, handle func(context.Context, order) error) []string {
	t.Helper()
	response, err := Queue(handle, log)(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, f := range response.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

func TestEachMessageStandsForItself(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	e := batch(`{"ID":"good"}`, `{"ID":"bad"}`, `{"ID":`, `{"ID":"panics"}`, `["good"]`, `{"ID":"good too"}`)
	var out bytes.Buffer
	got := failures(t, e, slog.New(slog.NewJSONHandler(&out, nil)), func(_ context.Context, o order) error {
		mu.Lock()
		seen = append(seen, o.ID)
		mu.Unlock()
		switch o.ID {
		case "bad":
			return errors.New("store is down")
		case "panics":
			var none []int
			_ = none[len(o.ID)]
		}
		return nil
	})
	slices.Sort(seen)
	if want := []string{"bad", "good", "good too", "panics"}; !slices.Equal(seen, want) {
		t.Errorf("handled %q, want %q", seen, want)
	}
	if want := []string{"m1", "m3"}; !slices.Equal(got, want) {
		t.Errorf("reported %q, want %q", got, want)
	}
	lines := make(map[string][]string)
	for line := range strings.Lines(out.String()) {
		var fields struct{ Msg, Message, Received, Error string }
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		lines[fields.Message] = append(lines[fields.Message], fields.Msg+", "+fields.Received+", "+fields.Error)
	}
	want := map[string][]string{
		"m1": {"message not done, 3, store is down"},
		"m2": {"malformed message, 3, "},
		"":   {"panic, , "}, // with its stack
		"m3": {"message not done, 3, panic: runtime error: index out of range [6] with length 0"},
		"m4": {"malformed message, 3, "},
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("logged %v, want %v", lines, want)
	}
	if strings.Contains(out.String(), `["good"]`) {
		t.Errorf("the log quotes a message: %s", out.String())
	}
}

func TestNothingFailedIsAnEmptyList(t *testing.T) {
	response, err := Queue(func(context.Context, order) error { return nil }, quiet)(t.Context(), batch(`{}`))
	text, _ := json.Marshal(response)
	if err != nil || string(text) != `{"batchItemFailures":[]}` {
		t.Errorf("answered %s, %v", text, err)
	}
}

func TestMessagesDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		got := failures(t, batch(`{"ID":"a"}`, `{"ID":"b"}`, `{"ID":"c"}`), quiet, func(context.Context, order) error {
			time.Sleep(time.Minute)
			return nil
		})
		if took := time.Since(began); took != time.Minute || len(got) != 0 {
			t.Errorf("took %v, reported %q", took, got)
		}
	})
}

func TestTimeIsLeftToReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		response, err := Queue(func(ctx context.Context, o order) error {
			if o.ID == "slow" {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}, quiet)(ctx, batch(`{"ID":"slow"}`, `{"ID":"quick"}`))
		if err != nil || len(response.BatchItemFailures) != 1 || ctx.Err() != nil {
			t.Errorf("answered %+v, %v, invocation's context %v", response, err, ctx.Err())
		}
	})
}
