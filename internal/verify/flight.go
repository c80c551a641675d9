package verify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
)

// tidyUp is the part of the time that is kept back from the exchangers, so that
// what a silent one did not say still reaches the answer.
const tidyUp = 50 * time.Millisecond

// flight is the work of asking about one address: what it found, and how long
// it might take; the zero time means without limit.
type flight struct {
	found Evidence
	until time.Time
}

// gather asks DNS and the exchangers. The work is shared by all requests of
// the key for the address that have the same lists and reports, which say whether
// it is worth asking, and goes on when one of them leaves; a request whose time ends
// takes what is there. A request that joined work with less time than its own,
// and got no answer for that, asks again.
func (v *Verifier) gather(ctx context.Context, r check, facts *domainFacts, e *Evidence) {
	key := fmt.Sprintf("%s\x00%s\x00%t\x00%s\x00%s\x00%s\x00%t\x00%t", r.Scope, r.Mode, r.Fresh, e.Address,
		e.Lists.Version, e.Lists.Tenant.List, e.History.Matched, e.Trap)
	for ctx.Err() == nil {
		blank, mine := *e, false
		landed := v.flights.DoChan(key, func() (any, error) {
			mine = true
			return v.fly(ctx, r, facts, blank), nil
		})
		select {
		case result := <-landed:
			f := result.Val.(flight)
			e.Route, e.Probe, e.Lost = f.found.Route, f.found.Probe, f.found.Lost
			e.Gathered = f.found.Gathered
			r.name(e)
			if mine || !cutShort(*e) || !f.endsBefore(ctx) {
				return
			}
		case <-ctx.Done():
		}
	}
	e.Lost = LostDeadline
	if errors.Is(ctx.Err(), context.Canceled) {
		e.Lost = LostCancelled
	}
}

// endsBefore reports whether the flight had less time than ctx allows.
func (f flight) endsBefore(ctx context.Context) bool {
	deadline, limited := ctx.Deadline()
	return !f.until.IsZero() && (!limited || f.until.Before(deadline))
}

// fly does the work under the deadline of the request that started it, but
// does not end when that leaves. A fault of ours is an answer too.
func (v *Verifier) fly(ctx context.Context, r check, facts *domainFacts, e Evidence) (f flight) {
	f.found = e
	work := context.WithoutCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		f.until = deadline
		var cancel context.CancelFunc
		work, cancel = context.WithDeadline(work, deadline.Add(-tidyUp))
		defer cancel()
	}
	defer func() {
		if fault := recover(); fault != nil {
			f.found.Lost = LostInternal
			v.cfg.Log.LogAttrs(work, slog.LevelError, "check broke off",
				slog.Any("fault", fault), slog.Any("address", e.Address), slog.String("stack", string(debug.Stack())))
		}
	}()
	v.ask(work, r, facts, &f.found)
	return f
}

// timeLeft is the time until ctx's deadline; 0 means no limit.
func timeLeft(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(time.Until(deadline), time.Nanosecond)
}

// cutShort reports evidence that ended with time, not with an answer.
func cutShort(e Evidence) bool {
	return e.Route.Status == mx.Timeout || e.Probe != nil && e.Probe.cutShort()
}

// cutShort reports whether more time might have brought what is missing: the
// answer, the canary's beside an accepted one, the control's beside a weak one.
func (p Probe) cutShort() bool {
	a := p.Answer
	switch {
	case a.Class == smtpprobe.Held:
		return a.Why == pace.Busy
	case a.Accepted():
		return p.Of() == CatchAllUnknown && hurried(p.Canary)
	case a.Weak:
		return hurried(p.Control)
	}
	return a.Class != "" && hurried(a)
}

func hurried(a smtpprobe.Answer) bool {
	switch a.Class {
	case "", reply.Timeout, smtpprobe.NotAsked, smtpprobe.DNSFailure:
		return true
	}
	return false
}
