// Package telemetry writes what an operator of rcpt sees: log lines, metrics and
// traces. It is the one place that knows CloudWatch's and X-Ray's formats; the
// domain is given plain functions and imports nothing of it.
//
//	log.go      slog as JSON lines; hide.go keeps addresses and secrets out
//	metrics.go  CloudWatch embedded metric format, a line per value
//	xray.go     steps of a request through X-Ray; left out with the build tag notrace
//
// Logs and metrics share one output, a whole line per write: Lambda carries
// standard output to CloudWatch Logs, which finds the metrics by their format.
// Nothing waits in memory for a flush, since an environment may be frozen or
// ended between two requests.
//
// TRACED of the Makefile names the functions that trace their steps: verify,
// account, webhooks, egresscheck. The others are built with notrace, because the SDK
// of X-Ray brings grpc and protobuf, and those call methods by names that the
// linker does not know, so that it keeps every method of everything: 9 to 14 MB of a
// binary. In a trace they are the segment that Lambda itself writes, and jobs the
// states that Step Functions writes.
//
// What never leaves the process through this package: the local part of a mail
// address, and the random part of an API key, hook token or webhook secret.
// Callers do not log such things; hiding is the second guard, not the first. It
// knows secrets by the form we give them: of other people's, callers take care.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/aws/smithy-go/middleware"
)

// Telemetry is what the parts of one process report to.
type Telemetry struct {
	Log *slog.Logger

	// Metric counts or measures; see Metrics.Record.
	Metric func(name string, value float64, labels ...string)

	// Step begins a step of a request; see Steps.
	Step Steps

	// Instrument adds a step for every call of an AWS client to the options the
	// client is made with.
	Instrument func(options *[]func(*middleware.Stack) error)
}

// New returns the telemetry of a Lambda function that writes to out, which must
// take concurrent writes. The environment is read through lookup: the level of
// the log is AWS_LAMBDA_LOG_LEVEL (DEBUG, INFO, WARN, ERROR; default INFO).
// Steps are traced where the X-Ray daemon is announced (AWS_XRAY_DAEMON_ADDRESS,
// which Lambda sets), unless AWS_XRAY_SDK_DISABLED is true.
func New(function string, lookup func(name string) string, out io.Writer) Telemetry {
	metrics := Metrics{Function: function, Out: out, Now: time.Now}
	steps, instrument := tracer(lookup)
	return Telemetry{
		Log:    slog.New(NewHandler(out, level(lookup("AWS_LAMBDA_LOG_LEVEL")))),
		Metric: metrics.Record, Step: steps, Instrument: instrument,
	}
}

func level(name string) slog.Level {
	var l slog.Level
	if l.UnmarshalText([]byte(name)) != nil {
		return slog.LevelInfo
	}
	return l
}

// Steps begins a step of a request: work that may take time, such as a look-up.
// The step is a child of the one that ctx belongs to, and the context returned
// belongs to it. It lasts until end is called, once; end takes pairs of name and
// value that say how it went. A nil Steps must not be called.
type Steps = func(ctx context.Context, step string) (_ context.Context, end func(notes ...string))

// NoSteps traces nothing.
func NoSteps(ctx context.Context, _ string) (context.Context, func(notes ...string)) {
	return ctx, func(...string) {}
}

func noInstrument(*[]func(*middleware.Stack) error) {}
