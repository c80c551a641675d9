package sqs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"rcpt/internal/store"
)

// What one request carries: ten entries, and of bodies as much as one message
// may have ("Amazon SQS message quotas").
const (
	maxEntries = 10
	maxOctets  = 1024 * 1024
)

// Entries that fail alone are tried so often in all, about 50, 100, 200, 400 ms
// apart, less a random part: long enough for a partition of the queue that is
// busy, short enough for the function that waits.
const (
	maxTries  = 5
	firstWait = 50 * time.Millisecond
)

// Send sends in batches, one after the other.
func (q *Queue) Send(ctx context.Context, messages ...store.Message) error {
	if err := store.CheckMessages(messages); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for first := 0; first < len(messages); {
		n := batchSize(messages[first:])
		failed, err := q.each(ctx, n, func(ctx context.Context, of []int) ([]types.BatchResultErrorEntry, error) {
			return q.sendBatch(ctx, messages[first:], of)
		})
		if err != nil {
			unsent := &store.SendError{Cause: fmt.Errorf("send: %w", err)}
			for _, i := range failed {
				unsent.Unsent = append(unsent.Unsent, first+i)
			}
			// What makes one batch fail makes the next one fail: it is not tried.
			for i := first + n; i < len(messages); i++ {
				unsent.Unsent = append(unsent.Unsent, i)
			}
			return unsent
		}
		first += n
	}
	return nil
}

// batchSize returns how many of the messages, one at least, go into one request.
func batchSize(messages []store.Message) int {
	octets := 0
	for i, m := range messages {
		if octets += len(m.Body) + len(m.Group); i == maxEntries || i > 0 && octets > maxOctets {
			return i
		}
	}
	return len(messages)
}

func (q *Queue) sendBatch(ctx context.Context, messages []store.Message, of []int) ([]types.BatchResultErrorEntry, error) {
	in := &sqs.SendMessageBatchInput{QueueUrl: &q.url}
	for _, i := range of {
		entry := types.SendMessageBatchRequestEntry{
			Id:           aws.String(strconv.Itoa(i)),
			MessageBody:  &messages[i].Body,
			DelaySeconds: int32(store.Seconds(messages[i].Delay)),
		}
		if messages[i].Group != "" {
			entry.MessageGroupId = &messages[i].Group
		}
		in.Entries = append(in.Entries, entry)
	}
	out, err := q.client.SendMessageBatch(ctx, in)
	if err != nil {
		return nil, err
	}
	return out.Failed, nil
}

// Delete deletes in batches, one after the other, to the end even if one fails.
func (q *Queue) Delete(ctx context.Context, receipts ...string) error {
	for _, receipt := range receipts {
		if receipt == "" {
			return fmt.Errorf("%w: empty receipt", store.ErrValue)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var errs []error
	for first := 0; first < len(receipts); first += maxEntries {
		n := min(maxEntries, len(receipts)-first)
		_, err := q.each(ctx, n, func(ctx context.Context, of []int) ([]types.BatchResultErrorEntry, error) {
			return q.deleteBatch(ctx, receipts[first:], of)
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("delete messages: %w", err))
		}
	}
	return errors.Join(errs...)
}

// deleteBatch counts a receipt that is no longer known as deleted.
func (q *Queue) deleteBatch(ctx context.Context, receipts []string, of []int) (failed []types.BatchResultErrorEntry, err error) {
	in := &sqs.DeleteMessageBatchInput{QueueUrl: &q.url}
	for _, i := range of {
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{
			Id:            aws.String(strconv.Itoa(i)),
			ReceiptHandle: &receipts[i],
		})
	}
	out, err := q.client.DeleteMessageBatch(ctx, in)
	if err != nil {
		return nil, err
	}
	for _, entry := range out.Failed {
		if bare(aws.ToString(entry.Code)) != "ReceiptHandleIsInvalid" {
			failed = append(failed, entry)
		}
	}
	return failed, nil
}

// each carries out a batch of the entries 0 to n-1 and repeats it for those that
// failed through no fault of ours. It returns the entries that are not known to
// be done, ascending, and why one of them is not.
func (q *Queue) each(ctx context.Context, n int, batch func(ctx context.Context, of []int) ([]types.BatchResultErrorEntry, error)) ([]int, error) {
	pending := make([]int, n)
	for i := range pending {
		pending[i] = i
	}
	var refused []int // no use in repeating
	var refusal, failure error
	for try := 1; ; try++ {
		failed, err := batch(ctx, pending)
		if err != nil {
			failure = fault("batch", err)
			break
		}
		pending = nil
		for _, entry := range failed {
			i, err := strconv.Atoi(aws.ToString(entry.Id))
			if err != nil || i < 0 || i >= n {
				return nil, fmt.Errorf("answer names entry %q of %d", aws.ToString(entry.Id), n)
			}
			if entry.SenderFault && !throttled(bare(aws.ToString(entry.Code))) {
				refused, refusal = append(refused, i), entryFault(entry)
				continue
			}
			pending, failure = append(pending, i), entryFault(entry)
		}
		if len(pending) == 0 {
			return refused, refusal
		}
		if try == maxTries {
			break
		}
		if err := q.pause(ctx, try); err != nil {
			failure = err
			break
		}
	}
	return slices.Sorted(slices.Values(append(refused, pending...))), errors.Join(refusal, failure)
}

// entryFault is what one entry of an answer says, with the port's sentinel.
func entryFault(entry types.BatchResultErrorEntry) error {
	code := bare(aws.ToString(entry.Code))
	switch {
	case throttled(code):
		return fmt.Errorf("%w: %s: %s", store.ErrThrottled, code, aws.ToString(entry.Message))
	case entry.SenderFault:
		return fmt.Errorf("%w: %s: %s", store.ErrValue, code, aws.ToString(entry.Message))
	}
	return fmt.Errorf("%s: %s", code, aws.ToString(entry.Message))
}

// bare cuts the prefix off an error code of the older protocol.
func bare(code string) string { return strings.TrimPrefix(code, "AWS.SimpleQueueService.") }

// pause waits before the try after this one, twice as long each time, less up to
// half so that many who failed together do not come again together.
func (q *Queue) pause(ctx context.Context, try int) error {
	longest := firstWait << (try - 1)
	timer := time.NewTimer(longest - time.Duration(q.rand()*float64(longest)/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
