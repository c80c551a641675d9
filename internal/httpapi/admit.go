package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"rcpt/internal/keys"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// testKind is what checks of test keys are counted as. The others are soft,
// full and cached.
const testKind = "test"

// settleWithin bounds the write that ends a check. It is not cut short by a
// caller who hangs up; a check that cannot be settled in that time frees its slot
// when its term ends and stays uncounted.
const settleWithin = 4 * time.Second

// errLate says that the answer did not wait for its check to be settled.
var errLate = errors.New("the deadline came before the check was settled")

// admit lets a check in under the limits of its key, or says which of them
// refuses. How they stand is in the headers of the answer either way.
//
// A store that does not answer by the request's deadline is an error: unlike a
// verdict, an admission cannot be left open.
func (a *api) admit(w http.ResponseWriter, r *http.Request, c *call, deadline time.Time) (*usage.Ticket, error) {
	return a.admitUnder(limitsOf(c.key), w, r, c, deadline)
}

func (a *api) admitUnder(limits usage.Limits, w http.ResponseWriter, r *http.Request, c *call, deadline time.Time) (*usage.Ticket, error) {
	ctx, cancel := context.WithTimeout(r.Context(), deadline.Sub(a.Now()))
	defer cancel()
	ticket, err := a.Meter.Admit(ctx, c.key.ID, limits)
	var refused *usage.RefusedError
	if errors.As(err, &refused) {
		writeStanding(w.Header(), refused.Standing())
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAdmission, err)
	}
	writeStanding(w.Header(), ticket.Standing())
	return ticket, nil
}

// limitsOf is what governs the checks of a key. Those of test keys cost nothing
// and are not counted against the month.
func limitsOf(key keys.Key) usage.Limits {
	l := usage.Limits{
		Concurrency: key.Limits.Concurrency, Monthly: key.Limits.Monthly, PerSecond: key.Limits.RequestsPerSecond,
	}
	if key.Test {
		l.Monthly = 0
	}
	return l
}

// enter lets in a request whose checks do not count on the month of the key here:
// vendors answer it, or it is a list that is charged when it is read. leave must be
// called when it is over. spent is why the month would refuse it; nil: it would not.
func (a *api) enter(w http.ResponseWriter, r *http.Request, c *call, deadline time.Time) (leave func(), spent, err error) {
	limits := limitsOf(c.key)
	monthly := limits.Monthly
	limits.Monthly = 0
	ticket, err := a.admitUnder(limits, w, r, c, deadline)
	if err != nil {
		return nil, nil, err
	}
	return func() { c.unsettled = a.settle(r.Context(), ticket.Cancel, deadline) }, ticket.Spent(monthly), nil
}

// admitted carries out a check that was let in and settles it: counted by what
// it came to, or given back when the verifier panics. The verdict stands even if
// that fails, and does not wait for it beyond the deadline.
func (a *api) admitted(ctx context.Context, c *call, ticket *usage.Ticket, verifier Verifier, request verify.Request) verdict.Verdict {
	settle := ticket.Cancel
	defer func() {
		c.unsettled = a.settle(ctx, settle, request.Deadline)
	}()
	v := verifier.Verify(ctx, request)
	c.verdict = v
	check := usage.Check{Kind: kindOf(c.key, request, v), Outcome: string(v.Status)}
	settle = func(ctx context.Context) error { return ticket.Done(ctx, check) }
	return v
}

// settle ends a check. A verdict that comes at its deadline leaves half of the
// margin for it.
func (a *api) settle(ctx context.Context, end func(context.Context) error, deadline time.Time) error {
	settled := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWithin)
		defer cancel()
		settled <- end(ctx)
	}()
	late := time.NewTimer(deadline.Sub(a.Now()) + answerMargin/2)
	defer late.Stop()
	select {
	case err := <-settled:
		return err
	case <-late.C:
		return errLate
	}
}

func kindOf(key keys.Key, request verify.Request, v verdict.Verdict) string {
	switch {
	case key.Test:
		return testKind
	case v.Cached:
		return "cached"
	}
	return string(request.Mode)
}

// writeStanding tells how the tightest limit stands; of none there is nothing
// to tell.
func writeStanding(h http.Header, s usage.Standing) {
	if s.Limit == 0 {
		return
	}
	h.Set("RateLimit-Limit", strconv.FormatInt(s.Limit, 10))
	h.Set("RateLimit-Remaining", strconv.FormatInt(s.Remaining, 10))
	h.Set("RateLimit-Reset", wholeSeconds(s.Reset))
}

// wholeSeconds writes a wait as headers have it: never too short, and at least
// a second.
func wholeSeconds(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}
