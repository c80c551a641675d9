package sfn_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/sfn"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

var machines atomic.Int64

// open makes a state machine under a name of its own, whose functions moto calls
// in this process.
func open(t *testing.T, definition []byte, functions map[string]storetest.Function) store.Workflow {
	c := sdk.NewFromConfig(cloudtest.Config(t, cloudtest.Moto))
	called := map[string]cloudtest.Function{}
	text := string(definition)
	for name, f := range functions {
		called[name] = func(ctx context.Context, input []byte) ([]byte, error) {
			out, err := f(ctx, input)
			if fault := (*storetest.Fault)(nil); errors.As(err, &fault) {
				err = named{fault}
			}
			return out, err
		}
		text = strings.ReplaceAll(text, "${"+name+"}", "arn:aws:lambda:us-east-1:123456789012:function:"+name)
	}
	cloudtest.Functions(t, called)
	out, err := c.CreateStateMachine(t.Context(), &sdk.CreateStateMachineInput{
		Name:       aws.String(fmt.Sprintf("rcpt-%d-%d", os.Getpid(), machines.Add(1))),
		Definition: &text,
		RoleArn:    aws.String("arn:aws:iam::123456789012:role/rcpt"),
	})
	if err != nil {
		t.Fatalf("CreateStateMachine: %v", err)
	}
	t.Cleanup(func() {
		if _, err := c.DeleteStateMachine(context.Background(), &sdk.DeleteStateMachineInput{StateMachineArn: out.StateMachineArn}); err != nil {
			t.Errorf("DeleteStateMachine: %v", err)
		}
	})
	return &workflow{Workflow: sfn.New(c, *out.StateMachineArn), client: c, machine: *out.StateMachineArn}
}

type named struct{ *storetest.Fault }

func (n named) FaultName() string { return n.Name }

type workflow struct {
	store.Workflow
	client  *sdk.Client
	machine string
}

func outcome(t *testing.T, w store.Workflow, name string) (storetest.Outcome, bool) {
	under := w.(*workflow)
	arn := strings.Replace(under.machine, ":stateMachine:", ":execution:", 1) + ":" + name
	x, err := under.client.DescribeExecution(t.Context(), &sdk.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		t.Fatalf("DescribeExecution: %v", err)
	}
	return storetest.Outcome{
		Status: string(x.Status),
		Output: []byte(aws.ToString(x.Output)),
		Fault:  storetest.Fault{Name: aws.ToString(x.Error), Cause: aws.ToString(x.Cause)},
	}, x.Status != types.ExecutionStatusRunning
}

// What moto 5.2.5 does otherwise than Step Functions stands over each case left
// out.
func TestContractOnMoto(t *testing.T) {
	cloudtest.Config(t, cloudtest.Moto)
	storetest.Workflow(t, storetest.WorkflowTest{Open: open, Outcome: outcome, Without: []string{
		// A token used before the waiting begins is waited for all the same.
		"a token may be used before its task returns",
		// A token dies with its execution only, for SendTaskFailure never.
		"a token is dead when its task is over, however it ended",
		"of many ends of one task one counts",
		// The task goes on waiting, and its time-out is the end that counts.
		"stop ends an execution that waits for a token",
		// A stop that comes while the task's function runs is lost now and then.
		"stop ends an execution between two tries",
	}})
}

func TestLanguageOnMoto(t *testing.T) {
	cloudtest.Config(t, cloudtest.Moto)
	storetest.Language(t, storetest.WorkflowTest{Open: open, Outcome: outcome, Without: []string{
		// Any length of data goes from state to state.
		"too-much-data-cannot-be-caught-by-all",
		// The fault is States.Runtime with a message of Python.
		"no-choice-and-no-default",
		// A path to nothing leads to the Default.
		"a-choice-by-nothing",
	}})
}
