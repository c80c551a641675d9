package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

func TestFilesOfSampleEvents(t *testing.T) {
	for name, want := range map[string][]File{
		"put":        {{"drop/sampleid/customers of 2026/Café+Bar.csv", "0f3c8c1f6e1b5a6f9f1c2d3e4f5a6b7c", 5120}},
		"multipart":  {{"drop/sampleid/million.jsonl.gz", "9b2cf535f27731c974343645a3985328-7", 41943040}},
		"test-event": nil,
	} {
		text, err := os.ReadFile("../../events/dropfolder/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var got []File
		answer, err := invoke(Object(func(_ context.Context, f File) error { got = append(got, f); return nil }, quiet)).Invoke(t.Context(), text)
		if err != nil || string(answer) != `{"batchItemFailures":[]}` || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, answered %s, %v, want %+v", name, got, answer, err, want)
		}
	}
}

// created is a notification about files with these keys.
func created(keys ...string) string {
	var e events.S3Event
	for _, key := range keys {
		e.Records = append(e.Records, events.S3EventRecord{EventName: "ObjectCreated:Put", S3: events.S3Entity{Object: events.S3Object{Key: key}}})
	}
	text, _ := json.Marshal(e)
	return string(text)
}

func TestEachNotificationStandsForItself(t *testing.T) {
	removed := `{"Records":[{"eventName":"ObjectRemoved:Delete","s3":{"object":{"key":"gone"}}}]}`
	for _, c := range []struct {
		claim, body string
		want        []string
		again       bool
	}{
		{"a file is handled", created("good"), []string{"good"}, false},
		{"one that fails does not keep the next from being handled, and all come again", created("bad", "good+too"), []string{"bad", "good too"}, true},
		{"a file that is gone is no file", removed, nil, false},
		{"a name that is not encoded as promised comes to nothing", created("%zz"), nil, false},
		{"no file is no failure", created(), nil, false},
	} {
		var seen []string
		response, err := Object(func(_ context.Context, f File) error {
			seen = append(seen, f.Name)
			if f.Name == "bad" {
				return errors.New("store is down")
			}
			return nil
		}, quiet)(t.Context(), batch(c.body))
		if err != nil || !slices.Equal(seen, c.want) || (len(response.BatchItemFailures) == 1) != c.again {
			t.Errorf("%s: handled %q, answered %+v, %v", c.claim, seen, response, err)
		}
	}
}
