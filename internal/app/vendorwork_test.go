package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// The sample messages of the vendor queue are what it carries, one of each kind.
func TestSamplesOfVendorWork(t *testing.T) {
	for name, whole := range map[string]func(VendorWork) bool{
		"rest": func(w VendorWork) bool {
			return w.Enrolment == nil && w.Account != "" && w.Key != "" && w.Action != "" && len(w.Sealed) > 0 && !w.Until.IsZero()
		},
		"enrolment": func(w VendorWork) bool {
			e := w.Enrolment
			return e != nil && e.Account != "" && e.Key != "" && e.Sequence != "" && len(e.Members) == 2 && !e.Until.IsZero()
		},
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "events", "vendorqueue", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var event events.SQSEvent
		if err := json.Unmarshal(text, &event); err != nil || len(event.Records) != 1 {
			t.Fatalf("%s: %d records, %v", name, len(event.Records), err)
		}
		body := json.NewDecoder(strings.NewReader(event.Records[0].Body))
		body.DisallowUnknownFields()
		var work VendorWork
		if err := body.Decode(&work); err != nil || !whole(work) {
			t.Errorf("%s: got %+v, %v", name, work, err)
		}
	}
}
