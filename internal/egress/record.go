package egress

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rcpt/internal/store"
)

// record is what is known, as kept in the table.
type record struct {
	State   State
	Why     string    // what the last round that decided saw
	Since   time.Time // when State became what it is
	Failed  int       // bad rounds in a row
	LastBad time.Time // when the last of them began
	Until   time.Time // when all of this lapses
	rev     int64     // 0: nothing is kept
}

// after is the record that a round makes of this one.
func (r record) after(f finding, now time.Time) record {
	switch {
	case f.state == Unchecked:
		return r
	case f.state == Open:
		r.Failed, r.LastBad = 0, time.Time{}
	case r.Failed > 0 && now.Sub(r.LastBad) < apart && !now.Before(r.LastBad):
		return r // the same round twice
	default:
		r.Failed, r.LastBad = r.Failed+1, now
	}
	if f.state == Open || r.Failed >= confirmed {
		if r.State != f.state {
			r.State, r.Since = f.state, now
		}
		r.Why = f.why
	}
	r.Until = now.Add(life)
	return r
}

// key is where the record is, one for the whole installation.
func key() store.Key { return store.Key{Part: "EGRESS"} }

// load reads the record; one that is absent or has lapsed is empty.
func load(ctx context.Context, table store.Table, now time.Time) (record, error) {
	item, err := table.Get(ctx, key())
	if errors.Is(err, store.ErrNotFound) {
		return record{State: Unchecked}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("read state of our way out: %w", err)
	}
	r := record{
		State: State(item.Str("state")), Why: item.Str("why"), Failed: int(item.Int("failed")), rev: item.Int("rev"),
		Since: time.UnixMilli(item.Int("since")), LastBad: time.UnixMilli(item.Int("last_bad")), Until: item.Expires,
	}
	if !now.Before(r.Until) {
		return record{State: Unchecked, rev: r.rev}, nil
	}
	return r, nil
}

// save writes the record unless another round has written meanwhile; that one
// counts then.
func (r record) save(ctx context.Context, table store.Table) error {
	unchanged := store.Absent()
	if r.rev > 0 {
		unchanged = store.Any(store.Absent(), store.Equal("rev", r.rev))
	}
	err := table.Put(ctx, store.Item{
		Key: key(),
		Attrs: store.Attrs{
			"state": string(r.State), "why": r.Why, "since": r.Since.UnixMilli(),
			"failed": int64(r.Failed), "last_bad": r.LastBad.UnixMilli(), "rev": r.rev + 1,
		},
		Expires: r.Until,
	}, unchanged)
	if err != nil && !errors.Is(err, store.ErrCondition) {
		return fmt.Errorf("keep state of our way out: %w", err)
	}
	return nil
}
