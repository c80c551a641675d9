package esp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rcpt/internal/esp"
)

// batches are bodies of n events each, for the ESPs that send many at once.
var batches = map[string]func(n int) (esp.Hook, string){
	"sendgrid": func(n int) (esp.Hook, string) {
		return esp.Hook{}, "[" + repeat(n, `{"email":"user%[1]d@example.org","timestamp":1768382467,"event":"bounce","type":"bounce","status":"5.1.1","reason":"550 5.1.1 user unknown","sg_event_id":"ev%[1]d"}`) + "]"
	},
	"generic": func(n int) (esp.Hook, string) {
		return esp.Hook{Mapping: json.RawMessage(`{"events":"$.list[*]","event":"$.e","values":{"b":"hard_bounce"},"email":"$.to[*]","id":["$.n","body:$.list[1].n"]}`)},
			`{"list":[` + repeat(n, `{"e":"b","to":["user%[1]d@example.org"],"n":%[1]d}`) + "]}"
	},
}

func repeat(n int, format string) string {
	events := make([]string, n)
	for i := range events {
		events[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(events, ",\r\n")
}

func batchOf(slug string, n int) (esp.Hook, esp.Request) {
	hook, body := batches[slug](n)
	return hook, esp.Request{Method: "POST", Header: http.Header{}, Body: []byte(body), Received: noon}
}

// The work of ten times as many events is ten times the work: counted in
// allocations, since time on a shared machine proves nothing.
func TestTenThousandEventsAreReadInLinearWork(t *testing.T) {
	for slug := range batches {
		work := func(n int) float64 {
			hook, r := batchOf(slug, n)
			return testing.AllocsPerRun(1, func() {
				if d, err := esp.Read(slug, hook, r); err != nil || len(d.Events) != n {
					t.Fatalf("%s: %d events of %d, %v", slug, len(d.Events), n, err)
				}
			})
		}
		if few, many := work(1000), work(10000); many > 11*few {
			t.Errorf("%s: %.0f allocations for 1,000 events, %.0f for 10,000", slug, few, many)
		}
	}
}

func TestManyNamesOfIgnoredEventsAreKeptTogether(t *testing.T) {
	body := "[" + repeat(5000, `{"event":"folded%d"}`) + "]"
	d, err := esp.Read("sendgrid", esp.Hook{}, esp.Request{Method: "POST", Header: http.Header{}, Body: []byte(body), Received: noon})
	total := 0
	for _, i := range d.Ignored {
		total += i.Count
	}
	if err != nil || total != 5000 || len(d.Ignored) > 80 {
		t.Errorf("%d names, %d events, %v; want few names and 5000 events", len(d.Ignored), total, err)
	}
}

func TestABodyThatWouldFillTheMemoryIsRefused(t *testing.T) {
	many := strings.Repeat("{},", 1_600_000)
	for slug, body := range map[string]string{
		"resend":   `{"data":[` + many + `{}]}`,
		"sendgrid": `[{"event":[` + many + `{}]}]`,
		"generic":  `[` + many + `{}]`,
	} {
		hook := esp.Hook{Mapping: declare("email", `"$.to"`)}
		_, err := esp.Read(slug, hook, esp.Request{Method: "POST", Header: http.Header{}, Body: []byte(body), Received: noon})
		if !errors.Is(err, esp.ErrBody) {
			t.Errorf("%s: %v, want ErrBody", slug, err)
		}
	}
	body := `{"type":"email.complained","data":{"to":["ana@example.org"],"subject":"` + strings.Repeat(`{},[\"`, 800_000) + `"}}`
	d, err := esp.Read("resend", esp.Hook{}, esp.Request{Method: "POST", Header: http.Header{}, Body: []byte(body), Received: noon})
	if err != nil || len(d.Events) != 1 {
		t.Errorf("five megabytes in one text: %d events, %v", len(d.Events), err)
	}
}

func BenchmarkRead10000(b *testing.B) {
	for slug := range batches {
		b.Run(slug, func(b *testing.B) {
			hook, r := batchOf(slug, 10000)
			b.SetBytes(int64(len(r.Body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := esp.Read(slug, hook, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
