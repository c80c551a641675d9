package usage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rcpt/internal/store"
)

// Day is what a key's checks came to on one day.
type Day struct {
	Day    string                      // UTC, "2026-11-22"
	Counts map[string]map[string]int64 // kind, outcome, number of checks; only what is above 0
}

const dayPrefix = "DAY#"

func dayKey(part, day string) store.Key { return store.Key{Part: part, Sort: dayPrefix + day} }

// Usage returns what a key's checks came to from the day of one time to that of
// another, both included, in UTC and in order. Days without checks are left out.
// It counts the checks of all calls of Done that returned before, whether their
// counters have been moved or not.
func (m *Meter) Usage(ctx context.Context, key string, from, to time.Time) ([]Day, error) {
	for {
		before, err := m.present(ctx, key)
		if err != nil {
			return nil, err
		}
		report := make(report)
		if err := errors.Join(m.addPast(ctx, report, key, from, to), m.addBatches(ctx, report, key, from, to)); err != nil {
			return nil, err
		}
		item, err := m.present(ctx, key)
		if err != nil {
			return nil, err
		}
		// A move in between would show counters twice, or not at all.
		if item.Int(archivedAttr) != before.Int(archivedAttr) {
			continue
		}
		for name := range item.Attrs {
			day, counter, ok := strings.Cut(name, "/")
			if ok && day >= dayOf(from) && day <= dayOf(to) {
				report.add(day, counter, item.Int(name))
			}
		}
		return report.days(), nil
	}
}

// present reads the item with the counters that have not been moved yet.
func (m *Meter) present(ctx context.Context, key string) (store.Item, error) {
	item, err := m.table.Get(ctx, itemKey(key))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Item{}, fmt.Errorf("read usage of key %s: %w", key, err)
	}
	return item, nil
}

// addPast adds the counters that have been moved.
func (m *Meter) addPast(ctx context.Context, r report, key string, from, to time.Time) error {
	part := itemKey(key).Part
	last := dayKey(part, dayOf(to)).Sort
	query := store.Query{Part: part, Prefix: dayPrefix, After: store.Cursor(dayKey(part, dayOf(from.UTC().AddDate(0, 0, -1))).Sort)}
	for {
		page, err := m.table.Query(ctx, query)
		if err != nil {
			return fmt.Errorf("read past usage of key %s: %w", key, err)
		}
		for _, item := range page.Items {
			if item.Key.Sort > last {
				return nil
			}
			for counter := range item.Attrs {
				r.add(strings.TrimPrefix(item.Key.Sort, dayPrefix), counter, item.Int(counter))
			}
		}
		if query.After = page.Next; query.After == "" {
			return nil
		}
	}
}

// report gathers counts by day.
type report map[string]Day

// add counts n checks; a counter is named by its kind and outcome.
func (r report) add(day, counter string, n int64) {
	kind, outcome, _ := strings.Cut(counter, "/")
	if r[day].Counts == nil {
		r[day] = Day{Day: day, Counts: make(map[string]map[string]int64)}
	}
	if r[day].Counts[kind] == nil {
		r[day].Counts[kind] = make(map[string]int64)
	}
	r[day].Counts[kind][outcome] += n
}

func (r report) days() []Day {
	var days []Day
	for _, day := range r {
		days = append(days, day)
	}
	slices.SortFunc(days, func(a, b Day) int { return strings.Compare(a.Day, b.Day) })
	return days
}

// maxMoved keeps the conditions of one move below store.MaxConds.
const maxMoved = 20

// archive moves the counters of past days, as the item shows them, to the items
// of their days. It stops when another process is doing the same.
func (m *Meter) archive(ctx context.Context, item store.Item, now time.Time) error {
	for day, counters := range pastDays(item, now) {
		for names := range slices.Chunk(counters, maxMoved) {
			from := store.Update{Key: item.Key, Remove: names, Add: map[string]int64{archivedAttr: 1}}
			to := store.Update{Key: dayKey(item.Key.Part, day), Add: make(map[string]int64)}
			for _, name := range names {
				from.If = append(from.If, store.Equal(name, item.Int(name)))
				to.Add[strings.TrimPrefix(name, day+"/")] = item.Int(name)
			}
			if err := m.table.Transact(ctx, []store.Op{store.UpdateOp(from), store.UpdateOp(to)}); err != nil {
				return fmt.Errorf("archive %s: %w", day, err)
			}
		}
	}
	return nil
}

// pastDays returns the names of all counters of days before now's.
func pastDays(item store.Item, now time.Time) map[string][]string {
	today, days := dayOf(now), make(map[string][]string)
	for name := range item.Attrs {
		if day, _, counter := strings.Cut(name, "/"); counter && day < today {
			days[day] = append(days[day], name)
		}
	}
	return days
}
