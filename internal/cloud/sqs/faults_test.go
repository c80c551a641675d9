package sqs_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/store"
)

// quick tries often and hardly waits between.
func quick(o *sdk.Options) {
	o.Retryer = retry.AddWithMaxBackoffDelay(retry.AddWithMaxAttempts(retry.NewStandard(), 3), time.Millisecond)
}

func throttle() cloudtest.Fault {
	return cloudtest.Refuse(&smithy.GenericAPIError{Code: "RequestThrottled", Message: "slow down"})
}

// nowhere returns a queue whose every call is answered by plan.
func nowhere(plan *cloudtest.Plan) *sqs.Queue {
	c := sdk.NewFromConfig(cloudtest.Nowhere(), quick, func(o *sdk.Options) {
		o.APIOptions = append(o.APIOptions, cloudtest.Between(plan.Choose))
	})
	return sqs.New(c, "http://127.0.0.1:1/queue", sqs.Options{})
}

func many(n int) (messages []store.Message) {
	for i := range n {
		messages = append(messages, store.Message{Body: fmt.Sprint("message ", i)})
	}
	return messages
}

func TestErrorsAreThePortsOwn(t *testing.T) {
	code := func(code string) cloudtest.Fault {
		return cloudtest.Refuse(&smithy.GenericAPIError{Code: code})
	}
	send := func(q *sqs.Queue) error { return q.Send(t.Context(), many(1)...) }
	receive := func(q *sqs.Queue) error { _, err := q.Receive(t.Context(), 1, 0, time.Minute); return err }
	extend := func(q *sqs.Queue) error { return q.Extend(t.Context(), "receipt", time.Minute) }
	remove := func(q *sqs.Queue) error { return q.Delete(t.Context(), "receipt") }
	for claim, c := range map[string]struct {
		fault cloudtest.Fault
		call  func(*sqs.Queue) error
		want  error
	}{
		"send, throttled":              {throttle(), send, store.ErrThrottled},
		"receive, throttled":           {throttle(), receive, store.ErrThrottled},
		"receive, too many under way":  {cloudtest.Refuse(&types.OverLimit{}), receive, store.ErrThrottled},
		"delete, throttled":            {throttle(), remove, store.ErrThrottled},
		"extend, throttled":            {throttle(), extend, store.ErrThrottled},
		"extend, receipt unknown":      {cloudtest.Refuse(&types.ReceiptHandleIsInvalid{}), extend, store.ErrLease},
		"extend, lease over":           {cloudtest.Refuse(&types.MessageNotInflight{}), extend, store.ErrLease},
		"extend, message gone":         {code("InvalidParameterValue"), extend, store.ErrLease},
		"extend, of the old protocol":  {code("AWS.SimpleQueueService.MessageNotInflight"), extend, store.ErrLease},
		"send, no such queue":          {cloudtest.Refuse(&types.QueueDoesNotExist{}), send, nil},
		"send, the line is cut":        {cloudtest.LoseRequest(), send, store.ErrUnknown},
		"receive, the line is cut":     {cloudtest.LoseRequest(), receive, store.ErrUnknown},
		"extend, refused for the role": {code("AccessDenied"), extend, nil},
	} {
		plan := &cloudtest.Plan{}
		plan.Next(c.fault, c.fault, c.fault)
		err := c.call(nowhere(plan))
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", claim, err, c.want)
		}
		if c.want == nil && slices.ContainsFunc([]error{store.ErrThrottled, store.ErrUnknown, store.ErrLease, store.ErrValue}, func(s error) bool { return errors.Is(err, s) }) {
			t.Errorf("%s: got %v, want none of the port's errors", claim, err)
		}
	}
}

// A request that fails for good leaves the rest of a long Send, all of it named.
func TestSendNamesWhatIsNotSent(t *testing.T) {
	plan := &cloudtest.Plan{}
	sent := cloudtest.Alter(func(any, error) (any, error) { return &sdk.SendMessageBatchOutput{}, nil })
	plan.Next(sent, throttle(), throttle(), throttle())
	err := nowhere(plan).Send(t.Context(), many(25)...)
	var failed *store.SendError
	if !errors.As(err, &failed) || !errors.Is(err, store.ErrThrottled) {
		t.Fatalf("got %v, want a SendError that is ErrThrottled", err)
	}
	var want []int
	for i := 10; i < 25; i++ {
		want = append(want, i)
	}
	if !reflect.DeepEqual(failed.Unsent, want) || len(plan.Calls()) != 4 {
		t.Errorf("got %v after %v, want %v", failed.Unsent, plan.Calls(), want)
	}
}

// partially sends a part of most batches and says that the other entries failed.
func partially(stack *middleware.Stack) error {
	random := rand.New(rand.NewPCG(1, 1))
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("partially", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		input, is := in.Parameters.(*sdk.SendMessageBatchInput)
		if !is {
			return next.HandleInitialize(ctx, in)
		}
		n := 1 + random.IntN(len(input.Entries))
		in.Parameters = &sdk.SendMessageBatchInput{QueueUrl: input.QueueUrl, Entries: input.Entries[:n]}
		out, metadata, err := next.HandleInitialize(ctx, in)
		if sent, ok := out.Result.(*sdk.SendMessageBatchOutput); ok && err == nil {
			for _, e := range input.Entries[n:] {
				sent.Failed = append(sent.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InternalError")})
			}
		}
		return out, metadata, err
	}), middleware.After)
}

// In a storm of throttles, lost requests, lost answers and entries that fail,
// whoever sends again what SendError names loses nothing.
func TestNothingIsLostInAStorm(t *testing.T) {
	url, _ := create(t)
	choose := cloudtest.Storm(1, 3, throttle(), cloudtest.LoseRequest(), cloudtest.LoseAnswer())
	stormy := sdk.NewFromConfig(cloudtest.Config(t, cloudtest.Moto), quick, func(o *sdk.Options) {
		o.APIOptions = append(o.APIOptions, cloudtest.Between(choose), partially)
	})
	q := sqs.New(stormy, url, sqs.Options{})

	const total = 300
	got, failures := map[string]int{}, 0
	for left := many(total); len(left) > 0; {
		err := q.Send(t.Context(), left...)
		var failed *store.SendError
		if !errors.As(err, &failed) && err != nil {
			t.Fatalf("Send: %v", err)
		}
		if failed == nil {
			break
		}
		failures++
		var again []store.Message
		for _, i := range failed.Unsent {
			again = append(again, left[i])
		}
		left = again
	}
	for empty := 0; empty < 5; {
		batch, err := q.Receive(t.Context(), store.MaxReceive, 0, 2*time.Second)
		if err != nil {
			failures++
			continue
		}
		if empty++; len(batch) > 0 {
			empty = 0
		} else {
			time.Sleep(time.Second) // for what was received by a request whose answer was lost
		}
		var receipts []string
		for _, d := range batch {
			got[d.Body]++
			receipts = append(receipts, d.Receipt)
		}
		if err := q.Delete(t.Context(), receipts...); err != nil {
			failures++
		}
	}
	if len(got) != total {
		t.Errorf("%d of %d messages came", len(got), total)
	}
	if failures == 0 {
		t.Error("no call failed: the storm is too weak to show anything")
	}
}
