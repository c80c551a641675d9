// Package sqs is store.Queue on Amazon SQS.
//
// One standard queue, not FIFO: at least once and unordered is what the port
// promises, and per-message delays and throughput are what FIFO queues lack. A
// group is the MessageGroupId, which on a standard queue only asks for fairness
// ("Amazon SQS fair queues", Developer Guide). Which queue takes the dead
// letters, after how many receives, and how long a message is kept are settings
// of the queue (RedrivePolicy, MessageRetentionPeriod), made where it is created.
//
// A request that fails as a whole is repeated by the SDK's own retries; entries
// of a batch that fail alone are repeated here. A request whose answer was lost
// is among those repeated, so a message may be sent twice.
package sqs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"rcpt/internal/cloud/wire"
	"rcpt/internal/store"
)

// Options of a Queue. The zero value is ready for use.
type Options struct {
	// Rand gives numbers in [0, 1), which spread repeated calls in time; safe for
	// concurrent use. Default: math/rand/v2.
	Rand func() float64
}

// Queue is a store.Queue. It is safe for concurrent use.
type Queue struct {
	client *sqs.Client
	url    string
	rand   func() float64
}

// Open returns the queue at url.
func Open(config aws.Config, url string) *Queue {
	return New(sqs.NewFromConfig(config), url, Options{})
}

// New returns the queue at url, to be reached through client.
func New(client *sqs.Client, url string, opts Options) *Queue {
	if opts.Rand == nil {
		opts.Rand = rand.Float64
	}
	return &Queue{client: client, url: url, rand: opts.Rand}
}

// Receive is one ReceiveMessage.
func (q *Queue) Receive(ctx context.Context, max int, wait, lease time.Duration) ([]store.Delivery, error) {
	if err := store.CheckReceive(max, wait, lease); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:            &q.url,
		MaxNumberOfMessages: int32(max),
		WaitTimeSeconds:     int32(store.Seconds(wait)),
		VisibilityTimeout:   int32(store.Seconds(lease)),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameApproximateReceiveCount,
			types.MessageSystemAttributeNameMessageGroupId,
			types.MessageSystemAttributeNameSentTimestamp,
		},
	})
	if err != nil {
		return nil, fault("receive", err)
	}
	got := make([]store.Delivery, len(out.Messages))
	for i, m := range out.Messages {
		got[i] = delivery(m)
	}
	return got, nil
}

func delivery(m types.Message) store.Delivery {
	number := func(name types.MessageSystemAttributeName) int64 {
		n, _ := strconv.ParseInt(m.Attributes[string(name)], 10, 64)
		return n
	}
	return store.Delivery{
		ID:       aws.ToString(m.MessageId),
		Receipt:  aws.ToString(m.ReceiptHandle),
		Body:     aws.ToString(m.Body),
		Group:    m.Attributes[string(types.MessageSystemAttributeNameMessageGroupId)],
		Received: max(1, int(number(types.MessageSystemAttributeNameApproximateReceiveCount))),
		Sent:     time.UnixMilli(number(types.MessageSystemAttributeNameSentTimestamp)).UTC().Truncate(time.Second),
	}
}

// Extend is one ChangeMessageVisibility. A lease that would last more than
// store.MaxLease in all is store.ErrLease too: it cannot be had.
func (q *Queue) Extend(ctx context.Context, receipt string, lease time.Duration) error {
	if err := store.CheckExtend(receipt, lease); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
		QueueUrl:          &q.url,
		ReceiptHandle:     &receipt,
		VisibilityTimeout: int32(store.Seconds(lease)),
	})
	if err == nil {
		return nil
	}
	// The call's own values are checked above, so an invalid one is the receipt.
	switch code(err) {
	case "ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue":
		return fmt.Errorf("extend lease: %w: %w", store.ErrLease, err)
	}
	return fault("extend lease", err)
}

// code is the service's name of an error, without the prefix it bears in the
// older of the two protocols; "" when it is not the service's.
func code(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	return bare(api.ErrorCode())
}

// fault gives an error of the SDK the port's sentinel, if one fits, and keeps the
// cause.
func fault(call string, err error) error {
	if throttled(code(err)) {
		return fmt.Errorf("%s: %w: %w", call, store.ErrThrottled, err)
	}
	if wire.Lost(err) {
		return fmt.Errorf("%s: %w: %w", call, store.ErrUnknown, err)
	}
	return fmt.Errorf("%s: %w", call, err)
}

// throttled also counts OverLimit, too many messages under lease: it passes when
// some are deleted.
func throttled(code string) bool {
	_, known := retry.DefaultThrottleErrorCodes[code]
	return known || code == "OverLimit" || code == "KmsThrottled"
}
