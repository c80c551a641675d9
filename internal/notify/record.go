package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"rcpt/internal/store"
)

// tries bounds how often a write begins again because another one came between.
const tries = 20

// record writes what came of an attempt into the item that was claimed for it,
// and sends the message of the next one. Who finds the attempt recorded already
// changes nothing, unless with the news that the receiver has the body.
//
// It counts:
//
//	deliveries_delivered  taken by the receiver
//	deliveries_retried    attempts after which another one follows
//	deliveries_failed     given up, all attempts made or none of use
//	deliveries_gone       given up, the receiver answered 410
//	delivery_attempt_ms   how long an attempt took
func (b *Book) record(ctx context.Context, item store.Item, o outcome) error {
	for range tries {
		update, err := b.after(item, o)
		if err != nil {
			return err
		}
		written, err := b.cfg.Table.Update(ctx, update)
		if err == nil {
			b.tell(ctx, written, o)
			return b.pass(ctx, written)
		}
		if !errors.Is(err, store.ErrCondition) {
			return fmt.Errorf("record attempt %d of delivery %s: %w", o.Number, item.Key.Sort, err)
		}
		item = written
		recorded := int64(o.Number) != item.Int("attempt") && !o.delivered()
		if !item.Present() || recorded || int64(o.Round) != item.Int("round") || item.Str("state") != string(Pending) {
			return nil
		}
	}
	return fmt.Errorf("record attempt %d of delivery %s: %w", o.Number, item.Key.Sort, ErrConflict)
}

// after is the update that an outcome makes of an item.
func (b *Book) after(item store.Item, o outcome) (store.Update, error) {
	attempts, err := attemptsOf(item)
	if err != nil {
		return store.Update{}, err
	}
	log, err := logOf(append(attempts, o.Attempt))
	if err != nil {
		return store.Update{}, fmt.Errorf("write attempts of delivery %s: %w", item.Key.Sort, err)
	}
	now := b.cfg.Now()
	u := store.Update{
		Key: item.Key, Set: store.Attrs{"log": log}, Add: map[string]int64{"version": 1}, Remove: []string{"claimed"},
		If: []store.Cond{store.Equal("version", item.Int("version"))},
	}
	switch {
	case o.delivered():
		u.Set["state"], u.Set["ended"] = string(Delivered), now.UnixMilli()
	case o.hopeless || o.Number >= MaxAttempts:
		u.Set["state"], u.Set["ended"] = string(Failed), now.UnixMilli()
	default:
		u.Add["attempt"] = 1
		u.Set["due"] = now.Add(waitAfter(o.Number, o.asked, b.cfg.Rand())).UnixMilli()
	}
	return u, nil
}

// tell counts and logs an attempt. URLs and answers stay out of the log: they
// are the customer's, and may hold secrets.
func (b *Book) tell(ctx context.Context, item store.Item, o outcome) {
	b.cfg.Metric("delivery_attempt_ms", float64(o.Took)/float64(time.Millisecond), "status", strconv.Itoa(o.Status))
	name, level := "deliveries_retried", slog.LevelInfo
	switch State(item.Str("state")) {
	case Delivered:
		name = "deliveries_delivered"
	case Failed:
		name, level = "deliveries_failed", slog.LevelWarn
		if o.Status == http.StatusGone {
			name = "deliveries_gone"
		}
	}
	b.cfg.Metric(name, 1, "status", strconv.Itoa(o.Status))
	b.cfg.Log.LogAttrs(ctx, level, "webhook attempt",
		slog.String("delivery", item.Key.Sort), slog.String("key", item.Str("key")), slog.String("state", item.Str("state")),
		slog.Int("round", o.Round), slog.Int("attempt", o.Number), slog.Int("status", o.Status),
		slog.String("error", o.Error), slog.Int64("duration_ms", o.Took.Milliseconds()))
}
