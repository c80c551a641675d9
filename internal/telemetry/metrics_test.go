package telemetry

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestLinesOfMetrics(t *testing.T) {
	const stamp = `"_aws":{"Timestamp":1795348800123,"CloudWatchMetrics":[{"Namespace":"rcpt","Dimensions":[["Service",`
	for _, c := range []struct {
		claim, name string
		value       float64
		labels      []string
		want        string
	}{
		{"a count", "panics", 1, nil,
			`{"Function":"verify","Service":"rcpt",` + stamp + `"Function"]],"Metrics":[{"Name":"panics","Unit":"Count"}]}]},"panics":1}`},
		{"a duration, with fields that are no dimensions", "latency_ms", 248.5, []string{"route", "/v1/verify", "status", "200"},
			`{"Function":"verify","Service":"rcpt",` + stamp + `"Function"]],"Metrics":[{"Name":"latency_ms","Unit":"Milliseconds"}]}]},"latency_ms":248.5,"route":"/v1/verify","status":"200"}`},
		{"an age", "lists_age_seconds", 86400, nil,
			`{"Function":"verify","Service":"rcpt",` + stamp + `"Function"]],"Metrics":[{"Name":"lists_age_seconds","Unit":"Seconds"}]}]},"lists_age_seconds":86400}`},
		{"a provider is the one other dimension", "probe_refused", 3, []string{"provider", "Google"},
			`{"Function":"verify","Provider":"Google","Service":"rcpt",` + stamp + `"Provider"]],"Metrics":[{"Name":"probe_refused","Unit":"Count"}]}]},"probe_refused":3}`},
		{"no label stands in for a dimension or the value", "n", 1, []string{"Service", "x", "n", "x", "odd"},
			`{"Function":"verify","Service":"rcpt",` + stamp + `"Function"]],"Metrics":[{"Name":"n","Unit":"Count"}]}]},"n":1}`},
		{"labels are hidden, too", "n", 1, []string{"who", "victim@example.com"},
			`{"Function":"verify","Service":"rcpt",` + stamp + `"Function"]],"Metrics":[{"Name":"n","Unit":"Count"}]}]},"n":1,"who":"v***@example.com"}`},
		{"no number, no line", "n", math.NaN(), nil, ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			var out strings.Builder
			m := Metrics{Function: "verify", Out: &out, Now: func() time.Time { return time.UnixMilli(1795348800123) }}
			m.Record(c.name, c.value, c.labels...)
			if got := strings.TrimSuffix(out.String(), "\n"); got != c.want {
				t.Errorf("wrote\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
