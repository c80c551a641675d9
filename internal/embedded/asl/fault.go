package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"
)

// Fault is how a task or an execution fails. A function may return one, to fail
// under a name of its own; any other error fails as it would on Lambda, under the
// name of its type.
type Fault struct {
	Name  string // what Retry and Catch name: ErrorEquals
	Cause string // for people
}

// Error names the fault and its cause.
func (f *Fault) Error() string { return f.Name + ": " + f.Cause }

// Names of the language (states-language.net, Appendix A) that arise here.
const (
	faultAll       = "States.ALL"
	faultTask      = "States.TaskFailed"
	faultTimeout   = "States.Timeout"
	faultHeartbeat = "States.HeartbeatTimeout"
	faultResult    = "States.ResultPathMatchFailure"
	faultNoChoice  = "States.NoChoiceMatched"
	faultSize      = "States.DataLimitExceeded"
	faultRuntime   = "States.Runtime"
)

// faultOf tells a function's error as Lambda's runtime for Go does.
func faultOf(err error) *Fault {
	var fault *Fault
	if errors.As(err, &fault) {
		return fault
	}
	kind := reflect.TypeOf(err)
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	cause, _ := encode(map[string]any{"errorMessage": err.Error(), "errorType": kind.Name()})
	return &Fault{Name: kind.Name(), Cause: string(cause)}
}

// named tells whether a Retry or Catch with these names is for the fault.
func (f *Fault) named(names []string) bool {
	timeout := f.Name == faultTimeout || f.Name == faultHeartbeat
	return slices.ContainsFunc(names, func(name string) bool {
		switch name {
		case faultAll:
			return f.Name != faultSize && f.Name != faultRuntime
		case faultTask:
			return !timeout && f.Name != faultRuntime && f.Name != faultSize
		case faultTimeout:
			return timeout
		}
		return name == f.Name
	})
}

// output is what a Catch hands on.
func (f *Fault) output() any { return map[string]any{"Error": f.Name, "Cause": f.Cause} }

type retrier struct {
	Comment         string
	ErrorEquals     []string
	IntervalSeconds *int64
	MaxAttempts     *int64
	MaxDelaySeconds int64
	BackoffRate     *float64
	JitterStrategy  string
}

type catcher struct {
	Comment     string
	ErrorEquals []string
	Next        string
	ResultPath  field

	result *path
}

func (s *state) checkErrors() error {
	for i, r := range s.Retry {
		switch {
		case r.IntervalSeconds != nil && *r.IntervalSeconds < 1, r.MaxAttempts != nil && *r.MaxAttempts < 0,
			r.BackoffRate != nil && *r.BackoffRate < 1, r.MaxDelaySeconds < 0:
			return fmt.Errorf("retry %d: number too small", i)
		case r.JitterStrategy != "" && r.JitterStrategy != "FULL" && r.JitterStrategy != "NONE":
			return fmt.Errorf("retry %d: unknown jitter %q", i, r.JitterStrategy)
		}
		if err := checkNames(r.ErrorEquals, i == len(s.Retry)-1); err != nil {
			return fmt.Errorf("retry %d: %w", i, err)
		}
	}
	for i := range s.Catch {
		c := &s.Catch[i]
		if err := checkNames(c.ErrorEquals, i == len(s.Catch)-1); err != nil {
			return fmt.Errorf("catch %d: %w", i, err)
		}
		switch {
		case !c.ResultPath.set:
			c.result = &path{}
		case c.ResultPath.text != nil:
			p, err := parseTarget(*c.ResultPath.text)
			if err != nil {
				return fmt.Errorf("catch %d: %w", i, err)
			}
			c.result = &p
		}
	}
	return nil
}

func checkNames(names []string, last bool) error {
	if len(names) == 0 {
		return errors.New("needs ErrorEquals")
	}
	if slices.Contains(names, faultAll) && (len(names) > 1 || !last) {
		return errors.New("States.ALL must stand alone and last")
	}
	return nil
}

// again returns how long to wait before the next try, after so many that this
// retrier has had; ok is false when there is none left. rand is in [0, 1).
func (r retrier) again(tries int, rand func() float64) (wait time.Duration, ok bool) {
	most, interval, rate := int64(3), int64(1), 2.0
	if r.MaxAttempts != nil {
		most = *r.MaxAttempts
	}
	if int64(tries) >= most {
		return 0, false
	}
	if r.IntervalSeconds != nil {
		interval = *r.IntervalSeconds
	}
	if r.BackoffRate != nil {
		rate = *r.BackoffRate
	}
	delay := float64(interval) * math.Pow(rate, float64(tries))
	if r.MaxDelaySeconds > 0 {
		delay = min(delay, float64(r.MaxDelaySeconds))
	}
	delay = min(delay, 365*24*3600) // an execution lasts no longer
	if r.JitterStrategy == "FULL" {
		delay *= rand()
	}
	return time.Duration(delay * float64(time.Second)), true
}

// wrap is the answer of lambda:invoke around what the function returned.
func wrap(payload any) any {
	return map[string]any{"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": json.Number("200")}
}
