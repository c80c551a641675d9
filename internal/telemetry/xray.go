//go:build !notrace

package telemetry

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-xray-sdk-go/v2/instrumentation/awsv2"
	"github.com/aws/aws-xray-sdk-go/v2/strategy/ctxmissing"
	"github.com/aws/aws-xray-sdk-go/v2/strategy/exception"
	"github.com/aws/aws-xray-sdk-go/v2/xray"
	"github.com/aws/aws-xray-sdk-go/v2/xraylog"
	"github.com/aws/smithy-go/middleware"
)

// tracer returns steps that X-Ray records, or none where it is off.
func tracer(lookup func(string) string) (Steps, func(*[]func(*middleware.Stack) error)) {
	daemon := lookup("AWS_XRAY_DAEMON_ADDRESS")
	if daemon == "" || strings.EqualFold(lookup("AWS_XRAY_SDK_DISABLED"), "true") {
		return NoSteps, noInstrument
	}
	xray.SetLogger(xraylog.NullLogger) // lines of its own between ours are nothing that can be searched
	err := xray.Configure(xray.Config{
		DaemonAddr:                  daemon,
		ContextMissingStrategy:      ctxmissing.NewDefaultIgnoreErrorStrategy(), // work outside of an invocation
		ExceptionFormattingStrategy: wordless{},
	})
	if err != nil {
		return NoSteps, noInstrument // an address that nobody can send to
	}
	return step, awsv2.AWSV2Instrumentor
}

// step is Steps through X-Ray. It must run under Lambda's context, which carries
// the trace; elsewhere nothing is recorded.
func step(ctx context.Context, name string) (context.Context, func(notes ...string)) {
	ctx, segment := xray.BeginSubsegment(ctx, name)
	if segment == nil {
		return ctx, func(...string) {}
	}
	return ctx, func(notes ...string) {
		for i := 0; i+1 < len(notes); i += 2 {
			_ = segment.AddAnnotation(notes[i], Hide(notes[i+1])) // fails for a closed segment only
		}
		segment.Close(nil)
	}
}

// wordless keeps the text of errors out of traces: it may quote what was sent.
type wordless struct{}

func (wordless) Error(string) *exception.XRayError { return &exception.XRayError{Type: "error"} }

func (wordless) Errorf(string, ...any) *exception.XRayError {
	return &exception.XRayError{Type: "error"}
}

func (wordless) Panic(string) *exception.XRayError { return &exception.XRayError{Type: "panic"} }

func (wordless) Panicf(string, ...any) *exception.XRayError {
	return &exception.XRayError{Type: "panic"}
}

func (wordless) ExceptionFromError(err error) exception.Exception {
	return exception.Exception{Type: fmt.Sprintf("%T", err)}
}
