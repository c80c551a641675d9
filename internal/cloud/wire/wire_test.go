package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

func answered(status int) error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: "Some"},
	}
}

func TestLost(t *testing.T) {
	for _, c := range []struct {
		claim string
		err   error
		want  bool
	}{
		{"nothing went wrong", nil, false},
		{"a reset", &smithyhttp.RequestSendError{Err: syscall.ECONNRESET}, true},
		{"a last try that found nobody", &smithyhttp.RequestSendError{Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, true},
		{"an answer cut short", &smithy.DeserializationError{Err: errors.New("EOF")}, true},
		{"a time-out", fmt.Errorf("put: %w", context.DeadlineExceeded), true},
		{"a caller who left", &smithy.CanceledError{Err: context.Canceled}, true},
		{"a status of 500", answered(500), true},
		{"a status of 503", answered(503), true},
		{"a refusal", answered(400), false},
		{"a refusal without a status", &smithy.GenericAPIError{Code: "Some"}, false},
		{"what never became a request", &smithy.SerializationError{Err: errors.New("no name")}, false},
	} {
		if got := Lost(c.err); got != c.want {
			t.Errorf("%s: got %v, want %v", c.claim, got, c.want)
		}
	}
}
