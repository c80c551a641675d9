package usage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rcpt/internal/store"
)

// Checks of a job are counted many at once, in the transaction that marks their
// shard as done, and so exactly once. Several items a day share the writes of
// shards that end at the same time.
const (
	batchPrefix = "BATCH#"
	batchItems  = 8
)

func batchKey(key, day string, shard int64) store.Key {
	return store.Key{Part: itemKey(key).Part, Sort: fmt.Sprintf("%s%s#%d", batchPrefix, day, shard%batchItems)}
}

// Batch returns the operation that counts checks of a shard on the present day.
func (m *Meter) Batch(key string, shard int64, checks map[Check]int64) (store.Op, error) {
	add := make(map[string]int64, len(checks))
	for c, n := range checks {
		if c.Kind == "" || strings.Contains(c.Kind, "/") || c.Outcome == "" {
			return store.Op{}, fmt.Errorf("count check %q, %q: %w", c.Kind, c.Outcome, store.ErrValue)
		}
		add[c.Kind+"/"+c.Outcome] = n
	}
	return store.UpdateOp(store.Update{Key: batchKey(key, dayOf(m.now()), shard), Add: add}), nil
}

// Charge counts n checks on the month of a time, if the limit, 0 for none, allows
// all of them; else a *RefusedError that Is ErrQuota. They are counted once
// however often it is called with the same marker, an item that is written along.
// So is also; store.ErrCondition when one of its conditions does not hold.
func (m *Meter) Charge(ctx context.Context, key string, at time.Time, n, monthly int64, once store.Item, also ...store.Op) error {
	u := store.Update{Key: itemKey(key), Add: map[string]int64{monthName(at): n}}
	if monthly > 0 {
		u.If = []store.Cond{store.AtMost(monthName(at), monthly-n)}
	}
	err := m.table.Transact(ctx, append([]store.Op{store.PutOp(once, store.Absent()), store.UpdateOp(u)}, also...))
	var refused *store.TransactError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &refused), refused.Index > 1:
		return fmt.Errorf("charge checks of key %s: %w", key, err)
	case refused.Index == 0:
		return nil
	}
	// The marker may have been written by another call in between, which then
	// used up what is missing now.
	_, err = m.table.Get(ctx, once.Key)
	if err == nil {
		return nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("charge checks of key %s: %w", key, err)
	}
	return &RefusedError{Limit: Month, Max: monthly, RetryAfter: untilMonth(m.now())}
}

// GiveBack returns the operation that takes back n checks of a Charge at a time.
func (m *Meter) GiveBack(key string, at time.Time, n int64) store.Op {
	return store.UpdateOp(store.Update{Key: itemKey(key), Add: map[string]int64{monthName(at): -n}})
}

// addBatches adds what jobs have counted.
func (m *Meter) addBatches(ctx context.Context, r report, key string, from, to time.Time) error {
	before := batchPrefix + dayOf(from.UTC().AddDate(0, 0, -1)) + "#9"
	query := store.Query{Part: itemKey(key).Part, Prefix: batchPrefix, After: store.Cursor(before)}
	for {
		page, err := m.table.Query(ctx, query)
		if err != nil {
			return fmt.Errorf("read batch usage of key %s: %w", key, err)
		}
		for _, item := range page.Items {
			day, _, _ := strings.Cut(strings.TrimPrefix(item.Key.Sort, batchPrefix), "#")
			if day > dayOf(to) {
				return nil
			}
			for counter := range item.Attrs {
				r.add(day, counter, item.Int(counter))
			}
		}
		if query.After = page.Next; query.After == "" {
			return nil
		}
	}
}
