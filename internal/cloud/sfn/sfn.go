// Package sfn is store.Workflow on one state machine of AWS Step Functions, of
// type Standard.
//
// The names of executions are unique for 90 days after their end ("StartExecution",
// API Reference), which is what makes Start idempotent. The SDK repeats a call
// whose answer was lost; then Start finds its own execution, and the end of a task
// finds a token that is dead through itself: store.ErrFinished, as if another had
// been faster.
package sfn

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/smithy-go"

	"rcpt/internal/cloud/wire"
	"rcpt/internal/store"
)

// Workflow is a store.Workflow. It is safe for concurrent use.
type Workflow struct {
	client  *sfn.Client
	machine string // ARN
}

// Open returns the workflow of the state machine with this ARN.
func Open(config aws.Config, machine string) *Workflow {
	return New(sfn.NewFromConfig(config), machine)
}

// New returns the executions of the state machine with this ARN, to be reached
// through client.
func New(client *sfn.Client, machine string) *Workflow {
	return &Workflow{client: client, machine: machine}
}

// Start is StartExecution.
func (w *Workflow) Start(ctx context.Context, name string, input []byte) error {
	if err := errors.Join(store.CheckExecution(name), store.CheckPayload(input)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := w.client.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &w.machine,
		Name:            &name,
		Input:           aws.String(string(input)),
	})
	if code(err) == "ExecutionAlreadyExists" {
		return nil
	}
	return fault("start execution "+name, err)
}

// Stop is StopExecution.
func (w *Workflow) Stop(ctx context.Context, name, cause string) error {
	if err := errors.Join(store.CheckExecution(name), store.CheckFailure("", cause)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := w.client.StopExecution(ctx, &sfn.StopExecutionInput{
		ExecutionArn: aws.String(executionARN(w.machine, name)),
		Cause:        &cause,
	})
	return fault("stop execution "+name, err)
}

// executionARN is the ARN of an execution of a machine, which only differs in
// its last two parts.
func executionARN(machine, name string) string {
	return strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + name
}

// Succeed is SendTaskSuccess.
func (w *Workflow) Succeed(ctx context.Context, token string, output []byte) error {
	if err := errors.Join(store.CheckToken(token), store.CheckPayload(output)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := w.client.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{
		TaskToken: &token,
		Output:    aws.String(string(output)),
	})
	return fault("finish task", err)
}

// Fail is SendTaskFailure.
func (w *Workflow) Fail(ctx context.Context, token, name, cause string) error {
	if err := errors.Join(store.CheckToken(token), store.CheckFailure(name, cause)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := w.client.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{
		TaskToken: &token,
		Error:     &name,
		Cause:     &cause,
	})
	return fault("fail task", err)
}

// Heartbeat is SendTaskHeartbeat.
func (w *Workflow) Heartbeat(ctx context.Context, token string) error {
	if err := store.CheckToken(token); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := w.client.SendTaskHeartbeat(ctx, &sfn.SendTaskHeartbeatInput{TaskToken: &token})
	return fault("keep task alive", err)
}

// code is the service's name of an error; "" when it is not the service's.
func code(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	return api.ErrorCode()
}

// fault gives an error of the SDK the port's sentinel, if one fits, and keeps the
// cause.
func fault(call string, err error) error {
	if err == nil {
		return nil
	}
	var sentinel error
	switch name := code(err); name {
	case "TaskTimedOut", "TaskDoesNotExist", "InvalidToken":
		sentinel = store.ErrFinished
	case "ExecutionDoesNotExist":
		sentinel = store.ErrNotFound
	case "InvalidExecutionInput", "InvalidOutput", "InvalidName":
		sentinel = store.ErrValue
	case "ExecutionLimitExceeded": // a million at a time: wait until some have ended
		sentinel = store.ErrThrottled
	default:
		_, throttled := retry.DefaultThrottleErrorCodes[name]
		switch {
		case throttled:
			sentinel = store.ErrThrottled
		case wire.Lost(err):
			sentinel = store.ErrUnknown
		default:
			return fmt.Errorf("%s: %w", call, err)
		}
	}
	return fmt.Errorf("%s: %w: %w", call, sentinel, err)
}
