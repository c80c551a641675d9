package usage

import (
	"errors"
	"fmt"
	"time"

	"rcpt/internal/store"
)

// The reasons of a *RefusedError.
var (
	ErrBusy  = errors.New("too many requests at once")
	ErrRate  = errors.New("too many requests in this second")
	ErrQuota = errors.New("monthly quota used up")
)

// Name names one of the Limits.
type Name string

// The limits that refuse.
const (
	Concurrency Name = "concurrency" // ErrBusy
	Rate        Name = "rate"        // ErrRate
	Month       Name = "month"       // ErrQuota
)

// RefusedError says that a request was not admitted, and why. It Is ErrBusy,
// ErrRate or ErrQuota.
type RefusedError struct {
	Limit      Name
	Max        int64         // what the limit allows
	RetryAfter time.Duration // until it is worth asking again; more than 0
}

// Error names the limit.
func (e *RefusedError) Error() string { return fmt.Sprintf("%v: limit %d", e.Unwrap(), e.Max) }

// Unwrap returns the sentinel of the limit.
func (e *RefusedError) Unwrap() error {
	switch e.Limit {
	case Rate:
		return ErrRate
	case Month:
		return ErrQuota
	}
	return ErrBusy
}

// Standing is how the limit that refused stands.
func (e *RefusedError) Standing() Standing { return Standing{Limit: e.Max, Reset: e.RetryAfter} }

// Standing says how much of a limit is left. The zero Standing: there is no
// limit.
type Standing struct {
	Limit     int64
	Remaining int64         // 0 to Limit
	Reset     time.Duration // until all of it is free again; a second if that depends on requests under way
}

func busy(l Limits) *RefusedError {
	return &RefusedError{Limit: Concurrency, Max: l.Concurrency, RetryAfter: busyRetry}
}

// place is the slot that a request holds. No end: it holds none.
type place struct {
	key  string
	slot int64
	end  int64 // of the term, Unix ns; names the ticket, too
}

// heldIn reports whether the item shows the slot as held by this very request.
func (p place) heldIn(item store.Item) bool {
	return p.end != 0 && item.Int(slotName(p.slot)) == p.end
}

// admission is the write that admits a request to its place, if the limits
// allow.
//
// All slots that are alive are below width, so that below a limit of at least
// width there is one for each of them, and it is enough that the slot taken is
// free. Below a lower limit it is not: slots beyond have to be counted, and the
// count in the item seen last holds only if nobody was admitted since. As soon
// as the slots beyond have ended, width comes down.
func admission(p place, l Limits, seen store.Item, now time.Time) store.Update {
	month, second := monthName(now), secondName(now)
	u := store.Update{Key: itemKey(p.key), Set: store.Attrs{}, Add: map[string]int64{month: 1}}
	if l.Monthly > 0 {
		u.If = append(u.If, store.AtMost(month, l.Monthly-1))
	}
	if l.PerSecond > 0 {
		u.Add[second] = 1
		u.If = append(u.If, store.AtMost(second, l.PerSecond-1))
	}
	if p.end == 0 {
		return u
	}
	slot := slotName(p.slot)
	u.Set[slot] = p.end
	u.Add[admittedAttr] = 1
	u.If = append(u.If, ended(slot, now))
	if seen.Int(widthAttr) <= l.Concurrency {
		u.Set[widthAttr] = l.Concurrency
		u.If = append(u.If, store.AtMost(widthAttr, l.Concurrency))
		return u
	}
	u.If = append(u.If, store.Equal(admittedAttr, seen.Int(admittedAttr)))
	dead, held := beyond(seen, l.Concurrency, now)
	u.Remove = dead[:min(len(dead), maxStale)]
	if !held && len(dead) <= maxStale {
		u.Set[widthAttr] = l.Concurrency
	}
	return u
}

// judge returns the refusal that the item as it stands calls for; nil if there
// is none, and a wrong guess was all that went wrong.
func judge(item store.Item, l Limits, now time.Time) *RefusedError {
	switch {
	case l.Monthly > 0 && item.Int(monthName(now)) >= l.Monthly:
		return &RefusedError{Limit: Month, Max: l.Monthly, RetryAfter: untilMonth(now)}
	case l.PerSecond > 0 && item.Int(secondName(now)) >= l.PerSecond:
		return &RefusedError{Limit: Rate, Max: l.PerSecond, RetryAfter: untilSecond(now)}
	case l.Concurrency > 0 && living(item, now) >= l.Concurrency:
		return busy(l)
	}
	return nil
}

// tightest is how the limit stands that has the least left.
func tightest(item store.Item, l Limits, now time.Time) (least Standing) {
	for _, one := range []struct {
		limit, used int64
		reset       time.Duration
	}{
		{l.Monthly, item.Int(monthName(now)), untilMonth(now)},
		{l.PerSecond, item.Int(secondName(now)), untilSecond(now)},
		{l.Concurrency, living(item, now), busyRetry},
	} {
		left := max(0, one.limit-one.used)
		if one.limit > 0 && (least.Limit == 0 || left < least.Remaining) {
			least = Standing{Limit: one.limit, Remaining: left, Reset: one.reset}
		}
	}
	return least
}

func untilMonth(now time.Time) time.Duration {
	now = now.UTC()
	return time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC).Sub(now)
}

func untilSecond(now time.Time) time.Duration {
	return time.Second - time.Duration(now.Nanosecond())
}
