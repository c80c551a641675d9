package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

// Start serves Lambda with what one of this package's functions returned, until
// the process ends. It returns only if it cannot begin.
//
// What other packages print with package log becomes a line of log at level
// DEBUG: aws-lambda-go prints each error in plain words, and here they have been
// logged.
func Start[In, Out any](handle func(context.Context, In) (Out, error), log *slog.Logger) error {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") == "" {
		return errors.New("AWS_LAMBDA_RUNTIME_API is missing: this program is started by Lambda")
	}
	slog.SetLogLoggerLevel(slog.LevelDebug)
	slog.SetDefault(log)
	lambda.Start(handler[In, Out](handle))
	return nil
}

// handler is a lambda.Handler that hands an event which is no In over as the
// zero In: what is malformed is for the function to answer, not for Lambda to
// send again.
type handler[In, Out any] func(context.Context, In) (Out, error)

// Invoke serves one event.
func (h handler[In, Out]) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	var in In
	if json.Unmarshal(event, &in) != nil {
		in = *new(In) // what had been read by then is not to be believed
	}
	out, err := h(ctx, in)
	if err != nil {
		return nil, err
	}
	return json.Marshal(out)
}
