// Package wire reads from an error of the AWS SDK what became of the request.
package wire

import (
	"context"
	"errors"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Lost reports that no answer came, or one that says nothing about the request:
// it may have been carried out. The SDK repeats most requests, so that this may
// be so although the last try found nobody.
//
// It is false for what the service refused and for what never became a request.
func Lost(err error) bool {
	if api := smithy.APIError(nil); errors.As(err, &api) {
		// "HTTP status code 5xx", Error Handling with DynamoDB, Developer Guide: after
		// one of these a write may have been carried out. The other services promise
		// no more.
		answer := (*smithyhttp.ResponseError)(nil)
		return errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError
	}
	var sent *smithyhttp.RequestSendError
	var garbled *smithy.DeserializationError
	var canceled *smithy.CanceledError
	return errors.As(err, &sent) || errors.As(err, &garbled) || errors.As(err, &canceled) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
