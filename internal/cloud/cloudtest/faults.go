package cloudtest

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"

	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Fault stands between a client and the service for one try of a call. send
// sends the try; a fault calls it, or not, and what it returns the caller sees.
type Fault func(ctx context.Context, send func(context.Context) (any, error)) (result any, err error)

// Refuse answers with an error of the service, or of the way to it. The try is
// not sent.
func Refuse(err error) Fault {
	return func(context.Context, func(context.Context) (any, error)) (any, error) { return nil, err }
}

// LoseRequest ends the connection before anything was carried out.
func LoseRequest() Fault { return Refuse(reset()) }

// LoseAnswer has the try carried out and ends the connection then.
func LoseAnswer() Fault {
	return func(ctx context.Context, send func(context.Context) (any, error)) (any, error) {
		_, _ = send(ctx)
		return nil, reset()
	}
}

// Stall does nothing until the try has lasted too long.
func Stall() Fault {
	return func(ctx context.Context, _ func(context.Context) (any, error)) (any, error) {
		<-ctx.Done()
		return nil, &smithyhttp.RequestSendError{Err: ctx.Err()}
	}
}

// StallAnswer has the try carried out and says nothing until it has lasted too
// long.
func StallAnswer() Fault {
	return func(ctx context.Context, send func(context.Context) (any, error)) (any, error) {
		_, _ = send(ctx)
		<-ctx.Done()
		return nil, &smithyhttp.RequestSendError{Err: ctx.Err()}
	}
}

// Alter has the try carried out and changes what came of it.
func Alter(change func(result any, err error) (any, error)) Fault {
	return func(ctx context.Context, send func(context.Context) (any, error)) (any, error) {
		return change(send(ctx))
	}
}

func reset() error { return &smithyhttp.RequestSendError{Err: syscall.ECONNRESET} }

// Between is an SDK middleware, for the APIOptions of a client, that asks choose
// about every try, those of the SDK's own retries included. A nil Fault lets it
// through. choose is called from several goroutines at once.
func Between(choose func(operation string) Fault) func(*middleware.Stack) error {
	between := func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
		out middleware.FinalizeOutput, metadata middleware.Metadata, err error,
	) {
		fault := choose(middleware.GetOperationName(ctx))
		if fault == nil {
			return next.HandleFinalize(ctx, in)
		}
		out.Result, err = fault(ctx, func(ctx context.Context) (any, error) {
			sent, seen, err := next.HandleFinalize(ctx, in)
			metadata = seen
			return sent.Result, err
		})
		return out, metadata, err
	}
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("faults", between), "Retry", middleware.After)
	}
}

// Plan is a choose that is said in advance, try by try.
type Plan struct {
	mu     sync.Mutex
	faults []Fault
	calls  []string
}

// Next sets the faults of the next tries; nil lets one through, as all later
// ones.
func (p *Plan) Next(faults ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.calls = faults, nil
}

// Calls returns the operations tried since Next.
func (p *Plan) Calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// Choose is for Between.
func (p *Plan) Choose(operation string) (fault Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, operation)
	if len(p.faults) > 0 {
		fault, p.faults = p.faults[0], p.faults[1:]
	}
	return fault
}

// Storm is a choose at random: one try in every gets one of the faults. The same
// seed gives the same sequence.
func Storm(seed uint64, every int, faults ...Fault) func(operation string) Fault {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 0))
	return func(string) Fault {
		mu.Lock()
		defer mu.Unlock()
		if random.IntN(every) > 0 {
			return nil
		}
		return faults[random.IntN(len(faults))]
	}
}
