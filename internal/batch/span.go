package batch

import (
	"context"
	"time"
)

const (
	// stepTime is how long one call of a step works before it lets the state
	// machine note where it stands; a function has 15 minutes.
	stepTime = 5 * time.Minute

	// stepMargin is what must be left of the function's time for one more piece of
	// work.
	stepMargin = 4 * time.Minute
)

// Span is the time that one call of a step has for taking up more work.
type Span struct {
	now   func() time.Time
	until time.Time
}

// NewSpan begins now. It ends well before ctx does.
func NewSpan(ctx context.Context, now func() time.Time) Span {
	until := now().Add(stepTime)
	if end, ok := ctx.Deadline(); ok {
		until = now().Add(min(stepTime, time.Until(end)-stepMargin))
	}
	return Span{now, until}
}

// Over reports whether the call should say where it stands and return.
func (s Span) Over() bool { return s.now().After(s.until) }
