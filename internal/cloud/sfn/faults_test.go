package sfn_test

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/sfn"
	"rcpt/internal/store"
)

// quick hardly waits between tries.
func quick(o *sdk.Options) {
	o.Retryer = retry.AddWithMaxBackoffDelay(retry.NewStandard(), time.Millisecond)
}

const machine = "arn:aws:states:us-east-1:123456789012:stateMachine:job"

func TestErrorsAreThePortsOwn(t *testing.T) {
	calls := map[string]func(store.Workflow) error{
		"Start":     func(w store.Workflow) error { return w.Start(t.Context(), "job", []byte(`{}`)) },
		"Stop":      func(w store.Workflow) error { return w.Stop(t.Context(), "job", "cause") },
		"Succeed":   func(w store.Workflow) error { return w.Succeed(t.Context(), "token", []byte(`{}`)) },
		"Fail":      func(w store.Workflow) error { return w.Fail(t.Context(), "token", "Name", "cause") },
		"Heartbeat": func(w store.Workflow) error { return w.Heartbeat(t.Context(), "token") },
	}
	tokens := []string{"Succeed", "Fail", "Heartbeat"}
	all := []string{"Start", "Stop", "Succeed", "Fail", "Heartbeat"}
	other := errors.New("any other")
	for claim, c := range map[string]struct {
		err   error
		calls []string
		want  error
	}{
		"a name that was used":     {&types.ExecutionAlreadyExists{}, []string{"Start"}, nil},
		"a million executions":     {&types.ExecutionLimitExceeded{}, []string{"Start"}, store.ErrThrottled},
		"no execution":             {&types.ExecutionDoesNotExist{}, []string{"Stop"}, store.ErrNotFound},
		"a task out of time":       {&types.TaskTimedOut{}, tokens, store.ErrFinished},
		"a task that has ended":    {&types.TaskDoesNotExist{}, tokens, store.ErrFinished},
		"no token":                 {&types.InvalidToken{}, tokens, store.ErrFinished},
		"an output of bad JSON":    {&types.InvalidOutput{}, []string{"Succeed"}, store.ErrValue},
		"an input of bad JSON":     {&types.InvalidExecutionInput{}, []string{"Start"}, store.ErrValue},
		"a throttle":               {&smithy.GenericAPIError{Code: "ThrottlingException"}, all, store.ErrThrottled},
		"a line that is cut":       {&smithyhttp.RequestSendError{Err: syscall.ECONNRESET}, all, store.ErrUnknown},
		"a machine that is gone":   {&types.StateMachineDoesNotExist{}, []string{"Start"}, other},
		"a role that may not call": {&smithy.GenericAPIError{Code: "AccessDeniedException"}, all, other},
	} {
		for _, call := range c.calls {
			plan := &cloudtest.Plan{}
			plan.Next(slices.Repeat([]cloudtest.Fault{cloudtest.Refuse(c.err)}, 3)...)
			client := sdk.NewFromConfig(cloudtest.Nowhere(), quick, func(o *sdk.Options) {
				o.APIOptions = append(o.APIOptions, cloudtest.Between(plan.Choose))
			})
			got := calls[call](sfn.New(client, machine))
			if c.want != other && !errors.Is(got, c.want) {
				t.Errorf("%s meets %s: got %v, want %v", call, claim, got, c.want)
			}
			if c.want == other && (got == nil || slices.ContainsFunc(
				[]error{store.ErrThrottled, store.ErrUnknown, store.ErrFinished, store.ErrNotFound, store.ErrValue},
				func(s error) bool { return errors.Is(got, s) })) {
				t.Errorf("%s meets %s: got %v, want none of the port's errors", call, claim, got)
			}
		}
	}
}

func TestStopNamesTheExecution(t *testing.T) {
	plan := &cloudtest.Plan{}
	var asked string
	client := sdk.NewFromConfig(cloudtest.Nowhere(), func(o *sdk.Options) {
		o.APIOptions = append(o.APIOptions, cloudtest.Between(plan.Choose), keepARN(&asked))
	})
	plan.Next(cloudtest.Alter(func(any, error) (any, error) { return &sdk.StopExecutionOutput{}, nil }))
	if err := sfn.New(client, machine).Stop(t.Context(), "job-1", "cause"); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	if want := "arn:aws:states:us-east-1:123456789012:execution:job:job-1"; asked != want {
		t.Errorf("got %s, want %s", asked, want)
	}
}

// keepARN remembers which execution was to be stopped.
func keepARN(asked *string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("keepARN", func(
			ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
		) (middleware.InitializeOutput, middleware.Metadata, error) {
			*asked = *in.Parameters.(*sdk.StopExecutionInput).ExecutionArn
			return next.HandleInitialize(ctx, in)
		}), middleware.After)
	}
}

// The calls of a job whose every answer is lost once go through all the same.
func TestLostAnswersAreHarmless(t *testing.T) {
	w := open(t, []byte(`{"StartAt":"Wait","States":{"Wait":{"Type":"Wait","Seconds":60,"End":true}}}`), nil).(*workflow)
	plan := &cloudtest.Plan{}
	client := sdk.NewFromConfig(cloudtest.Config(t, cloudtest.Moto), quick, func(o *sdk.Options) {
		o.APIOptions = append(o.APIOptions, cloudtest.Between(plan.Choose))
	})
	under := sfn.New(client, w.machine)
	for _, fault := range []cloudtest.Fault{cloudtest.LoseAnswer(), cloudtest.LoseRequest()} {
		plan.Next(fault)
		if err := under.Start(t.Context(), "job", []byte(`{}`)); err != nil {
			t.Errorf("Start: %v", err)
		}
	}
	out, err := client.ListExecutions(t.Context(), &sdk.ListExecutionsInput{StateMachineArn: &w.machine})
	if err != nil || len(out.Executions) != 1 {
		t.Errorf("got %d executions, %v, want 1", len(out.Executions), err)
	}
	plan.Next(cloudtest.LoseAnswer())
	if err := under.Stop(t.Context(), "job", "cause"); err != nil {
		t.Errorf("Stop: %v", err)
	}
}
