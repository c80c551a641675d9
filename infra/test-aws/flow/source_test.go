package flow

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"rcpt/infra/host"
)

// source stands for an event source mapping of Lambda between a queue and a
// function, as the template has it: batches of one message, ReportBatchItemFailures.
// One thing is otherwise: a message that is not done comes again at once, and not
// when its visibility timeout is over.
type source struct {
	client *awssqs.Client
	queue  queue
	atOnce int

	// handle has the function handle the event of a message.
	handle func(ctx context.Context, body string, event []byte) (host.Result, error)

	// times is how often each message is delivered, the last time when the others
	// are over, and the others at once. SQS delivers at least once.
	times int
}

const (
	// poll is how long an empty queue is waited for.
	poll = 2

	// receives is how many messages one call takes at most.
	receives = 10
)

// source puts a function behind a queue until the test is over.
func (s *stack) source(queue string, atOnce, times int, handle func(ctx context.Context, body string, event []byte) (host.Result, error)) {
	s.t.Helper()
	on := source{client: awssqs.NewFromConfig(s.moto), queue: s.queues[queue], atOnce: atOnce, times: times, handle: handle}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { on.run(ctx, s.t) })
	s.t.Cleanup(func() { cancel(); running.Wait() })
}

// plainly has a pool handle whatever comes.
func plainly(p *pool) func(context.Context, string, []byte) (host.Result, error) {
	return func(ctx context.Context, _ string, event []byte) (host.Result, error) { return p.invoke(ctx, event) }
}

func (s source) run(ctx context.Context, t *testing.T) {
	slots := make(chan struct{}, s.atOnce)
	var busy sync.WaitGroup
	defer busy.Wait()
	for ctx.Err() == nil {
		got, err := s.client.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{
			QueueUrl: &s.queue.url, MaxNumberOfMessages: receives, WaitTimeSeconds: poll,
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		if err != nil {
			if ctx.Err() == nil {
				t.Errorf("receive from %s: %v", s.queue.url, err)
			}
			return
		}
		for _, m := range got.Messages {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			busy.Go(func() {
				defer func() { <-slots }()
				s.deliver(ctx, t, m)
			})
		}
	}
}

// deliver invokes the function, and deletes the message if it is done with.
func (s source) deliver(ctx context.Context, t *testing.T, m types.Message) {
	event, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: *m.MessageId, ReceiptHandle: *m.ReceiptHandle, Body: *m.Body, Attributes: m.Attributes,
		Md5OfBody: aws.ToString(m.MD5OfBody), EventSource: "aws:sqs", EventSourceARN: s.queue.arn, AWSRegion: "us-east-1",
	}}})
	if err != nil {
		t.Error(err)
		return
	}
	done := make([]bool, s.times)
	var all sync.WaitGroup
	for i := range s.times - 1 {
		all.Go(func() { done[i] = s.invoke(ctx, t, *m.Body, event) })
	}
	all.Wait()
	done[s.times-1] = s.invoke(ctx, t, *m.Body, event)
	for _, ok := range done {
		if !ok {
			_, err = s.client.ChangeMessageVisibility(ctx, &awssqs.ChangeMessageVisibilityInput{QueueUrl: &s.queue.url, ReceiptHandle: m.ReceiptHandle})
			s.settled(ctx, t, err)
			return
		}
	}
	_, err = s.client.DeleteMessage(ctx, &awssqs.DeleteMessageInput{QueueUrl: &s.queue.url, ReceiptHandle: m.ReceiptHandle})
	s.settled(ctx, t, err)
}

func (s source) settled(ctx context.Context, t *testing.T, err error) {
	if err != nil && ctx.Err() == nil {
		t.Errorf("settle message of %s: %v", s.queue.url, err)
	}
}

// invoke reports whether the message is done with.
func (s source) invoke(ctx context.Context, t *testing.T, body string, event []byte) bool {
	result, err := s.handle(ctx, body, event)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			t.Errorf("function behind %s: %v", s.queue.url, err)
		}
		return false
	}
	if result.Failed {
		return false
	}
	var answer events.SQSEventResponse
	if err := json.Unmarshal(result.Payload, &answer); err != nil || answer.BatchItemFailures == nil {
		t.Errorf("function behind %s: answer is %.200q: %v", s.queue.url, result.Payload, err)
		return false
	}
	return len(answer.BatchItemFailures) == 0
}

// Timeouts of the functions behind queues, as in the template.
const (
	proberTime = 180 * time.Second
	otherTime  = 60 * time.Second
)
