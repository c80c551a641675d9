package usage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"rcpt/internal/store"
)

// Ticket is one admitted request. It is safe for concurrent use; the first of
// Done and Cancel that succeeds decides, later calls do nothing.
//
// Both should be called with a context that outlives the request's own.
type Ticket struct {
	place
	meter    *Meter
	month    string   // the counter that Admit counted on
	stale    []string // counters seen by Admit that Done takes away
	standing Standing
	used     int64 // checks of the month before this one, at admission

	mu      sync.Mutex
	settled bool
	tried   bool // a call ended in an error that leaves open whether it was carried out
}

// Standing is how the limit with the least left stood right after admission.
func (t *Ticket) Standing() Standing { return t.standing }

// Spent returns the *RefusedError that Is ErrQuota if the checks of the month were as
// many as monthly (0: no limit) when the request was admitted without regard to it;
// else nil. It is for requests whose checks are charged later.
func (t *Ticket) Spent(monthly int64) error {
	if monthly <= 0 || t.used < monthly {
		return nil
	}
	return &RefusedError{Limit: Month, Max: monthly, RetryAfter: untilMonth(t.meter.now())}
}

// Check is what became of an admitted request.
type Check struct {
	Kind    string // "full", "soft" or "cached"; any name without a slash
	Outcome string // the status of the verdict, e.g. "VALID"
}

// Done frees the slot and counts the check on the present day, UTC. When the
// term has ended and the slot is somebody else's, it is left alone and the check
// is counted.
//
// store.ErrValue when the check is not named. After any other error Done may be
// called again: it frees the slot, and the check is not counted twice. It may
// not be counted at all if the error was no store.ErrThrottled and the slot is
// lost by then, or there was none because the key has no limit of concurrency.
func (t *Ticket) Done(ctx context.Context, c Check) error {
	if c.Kind == "" || strings.Contains(c.Kind, "/") || c.Outcome == "" {
		return fmt.Errorf("count check %q, %q: %w", c.Kind, c.Outcome, store.ErrValue)
	}
	now := t.meter.now()
	counter := dayOf(now) + "/" + c.Kind + "/" + c.Outcome
	count := store.Update{Key: itemKey(t.key), Add: map[string]int64{counter: 1}}
	both := count
	both.Remove = t.stale
	item, err := t.settle(ctx, both, count)
	if err != nil {
		return fmt.Errorf("count check of key %s: %w", t.key, err)
	}
	if item.Int(counter) == 1 {
		// The day is new, at least to this counter. What cannot be moved now is
		// reported from where it is, and moved by the next such Done.
		_ = t.meter.archive(ctx, item, now)
	}
	return nil
}

// Cancel frees the slot of a request that was not carried out and gives its
// check back to the month it was counted in, never below zero. It gives nothing
// back once the slot is somebody else's, which takes longer than any request.
// After an error it may be called again.
func (t *Ticket) Cancel(ctx context.Context) error {
	key := itemKey(t.key)
	both := store.Update{Key: key, Add: map[string]int64{t.month: -1}, If: []store.Cond{store.AtLeast(t.month, 1)}}
	if _, err := t.settle(ctx, both, t.freeing(store.Update{Key: key})); err != nil {
		return fmt.Errorf("cancel check of key %s: %w", t.key, err)
	}
	return nil
}

// freeing adds to a write that it frees the slot, which must be ours.
func (t *Ticket) freeing(u store.Update) store.Update {
	if t.end == 0 {
		return u
	}
	slot := slotName(t.slot)
	u.Remove = append(slices.Clone(u.Remove), slot)
	u.If = append(slices.Clone(u.If), store.Equal(slot, t.end))
	return u
}

// settle frees the slot together with both; when that is refused it does the
// rest, unless an earlier call may have done both. The item returned is zero
// when nothing was written.
func (t *Ticket) settle(ctx context.Context, both, rest store.Update) (store.Item, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.settled || t.tried && t.end == 0 {
		return store.Item{}, nil
	}
	item, err := t.meter.table.Update(ctx, t.freeing(both))
	if errors.Is(err, store.ErrCondition) && !t.tried {
		item, err = t.meter.table.Update(ctx, rest)
	}
	switch {
	case errors.Is(err, store.ErrCondition):
		item = store.Item{}
	case err != nil:
		t.tried = t.tried || !errors.Is(err, store.ErrThrottled)
		return store.Item{}, err
	}
	t.settled = true
	t.meter.release(t.place)
	return item, nil
}
