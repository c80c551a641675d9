package telemetry

import (
	"encoding/json"
	"io"
	"strings"
	"time"
)

// Namespace is where CloudWatch files our metrics.
const Namespace = "rcpt"

// Metrics writes values in CloudWatch's embedded metric format ("Embedded metric
// format specification", seen November 2026): a JSON line of which CloudWatch
// makes metrics while the rest stays searchable text. It is safe for concurrent
// use if Out is.
//
// Each combination of a name with values of dimensions is a metric that is paid
// for ($0.30 a month). So there are two sets of dimensions and no more: Service
// and Function, or Service and Provider where a label "provider" is given. What
// must be alarmed on by cause has the cause in its name; other labels are fields
// of the line, for queries in Logs Insights. Names and the values of provider
// come from closed lists.
type Metrics struct {
	Function string
	Out      io.Writer
	Now      func() time.Time
}

// Record writes one value. Labels are pairs of name and value. The unit is told
// by the name's end: "_ms" milliseconds, "_seconds" seconds, else a count. Every
// value is kept as it is, so that percentiles can be asked for. A value that is
// no number in JSON (NaN, infinite) is dropped, as is a line that cannot be
// written: there is nobody to tell.
func (m Metrics) Record(name string, value float64, labels ...string) {
	line := map[string]any{"Service": Namespace, name: value}
	dimension := "Function"
	for i := 0; i+1 < len(labels); i += 2 {
		key := labels[i]
		if key == "provider" {
			key, dimension = "Provider", "Provider"
		}
		if _, taken := line[key]; !taken {
			line[key] = Hide(labels[i+1])
		}
	}
	if _, named := line["Function"]; !named {
		line["Function"] = m.Function
	}
	line["_aws"] = directive{m.Now().UnixMilli(), []metricSet{{
		Namespace: Namespace, Dimensions: [][]string{{"Service", dimension}}, Metrics: []metric{{name, unit(name)}},
	}}}
	text, err := json.Marshal(line)
	if err != nil {
		return
	}
	_, _ = m.Out.Write(append(text, '\n'))
}

type directive struct {
	Timestamp         int64 // Unix ms
	CloudWatchMetrics []metricSet
}

type metricSet struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []metric
}

type metric struct{ Name, Unit string }

func unit(name string) string {
	switch {
	case strings.HasSuffix(name, "_ms"):
		return "Milliseconds"
	case strings.HasSuffix(name, "_seconds"):
		return "Seconds"
	}
	return "Count"
}
