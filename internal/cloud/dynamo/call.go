package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"rcpt/internal/cloud/wire"
	"rcpt/internal/store"
)

// Waits between tries are random, up to firstWait before the second try and
// twice as much each time: together 0.4 s on average and 0.8 s at most. A
// conflict with a transaction is over within milliseconds, a partition is split
// within minutes; a caller who wants to wait for that has the error.
const (
	maxTries  = 6
	firstWait = 25 * time.Millisecond
)

// repeat says when a call may be sent again although the one before may have
// been carried out.
type repeat int

const (
	never     repeat = iota // a write
	withToken               // a transaction: carried out once all the same
	always                  // a read
)

// call sends a request until it is answered. Its error is that of the SDK, or has
// it inside and Is store.ErrThrottled when nothing was written, store.ErrUnknown
// when something may have been.
func (t *Table) call(ctx context.Context, again repeat, send func(context.Context) error) error {
	lost := false // a try may have been carried out
	for try := 1; ; try++ {
		err := t.try(ctx, send)
		switch classify(err) {
		case answered:
			return err
		case unknown:
			if again == never {
				return fmt.Errorf("%w: %w", store.ErrUnknown, err)
			}
			lost = lost || again == withToken
		}
		if ctx.Err() != nil && again == always {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		if try < maxTries && t.pause(ctx, try) {
			continue
		}
		if lost {
			return fmt.Errorf("%w: %w", store.ErrUnknown, err)
		}
		return fmt.Errorf("%w: %w", store.ErrThrottled, err)
	}
}

func (t *Table) try(ctx context.Context, send func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	return send(ctx)
}

// pause waits before the next try. It is false, and does not wait, when ctx
// would be done by then.
func (t *Table) pause(ctx context.Context, try int) bool {
	n, err := t.number()
	if err != nil {
		return false
	}
	wait := time.Duration(n % uint64(firstWait<<(try-1)))
	if deadline, set := ctx.Deadline(); set && time.Until(deadline) <= wait {
		return false
	}
	t.sleep(ctx, wait)
	return ctx.Err() == nil
}

// class is what an error says about the request.
type class int

const (
	answered class = iota // done, or refused for good
	refused               // not carried out, may be tried again
	unknown               // may have been carried out
)

func classify(err error) class {
	if err == nil {
		return answered
	}
	if cancelled := (*types.TransactionCanceledException)(nil); errors.As(err, &cancelled) {
		return classifyReasons(cancelled.CancellationReasons)
	}
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return classifyCode(api.ErrorCode(), err)
	}
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
		return refused
	}
	if wire.Lost(err) {
		return unknown
	}
	return answered // by the SDK, which could not make a request of it
}

func classifyCode(code string, err error) class {
	switch code {
	case "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded",
		"TransactionConflictException":
		return refused
	case "TransactionInProgressException":
		// Only an earlier try of our own has our token: it is being carried out.
		return unknown
	}
	if inner := (*types.InternalServerError)(nil); errors.As(err, &inner) || wire.Lost(err) {
		return unknown
	}
	return answered
}

// Codes of a types.CancellationReason.
const (
	reasonNone      = "None"
	reasonCondition = "ConditionalCheckFailed"
)

// classifyReasons looks at the first operation that did not go through: when it
// was in the way of another write, nobody knows whether its conditions hold, and
// those of later ones must not be blamed instead.
func classifyReasons(reasons []types.CancellationReason) class {
	for _, reason := range reasons {
		switch text(reason.Code) {
		case reasonNone, "":
			continue
		case "TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError":
			return refused
		}
		return answered
	}
	return answered
}

// isInvalid reports whether DynamoDB found fault with the call itself, or, for
// reasons of a transaction, with one operation.
func isInvalid(err error) bool {
	if cancelled := (*types.TransactionCanceledException)(nil); errors.As(err, &cancelled) {
		for _, reason := range cancelled.CancellationReasons {
			if text(reason.Code) == "ValidationError" {
				return true
			}
		}
		return false
	}
	api := smithy.APIError(nil)
	return errors.As(err, &api) && api.ErrorCode() == "ValidationException"
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
