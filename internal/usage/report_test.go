package usage

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"rcpt/internal/store"
)

const day = 24 * time.Hour

func usageOf(t testing.TB, m *Meter, from, to time.Time) []Day {
	t.Helper()
	days, err := m.Usage(t.Context(), "k1", from, to)
	if err != nil {
		t.Fatalf("Usage: %v", err)
	}
	return days
}

func check(t testing.TB, m *Meter, c Check, times int) {
	t.Helper()
	for range times {
		if err := mustAdmit(t, m, Limits{Concurrency: 10}).Done(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUsageByDay(t *testing.T) {
	m, table, clock := newMeter(t)
	if got := usageOf(t, m, noon, noon); got != nil {
		t.Errorf("unknown key: got %v, want no days", got)
	}
	check(t, m, valid, 3)
	check(t, m, Check{"soft", "UNKNOWN"}, 2)
	clock.Advance(day)
	check(t, m, Check{"cached", "VALID"}, 1)
	clock.Advance(3 * day)
	late := mustAdmit(t, m, Limits{Concurrency: 10})
	clock.Advance(day)
	check(t, m, valid, 1)
	mustDone(t, late) // counts today

	all := []Day{
		{"2026-11-22", map[string]map[string]int64{"full": {"VALID": 3}, "soft": {"UNKNOWN": 2}}},
		{"2026-11-23", map[string]map[string]int64{"cached": {"VALID": 1}}},
		{"2026-11-27", map[string]map[string]int64{"full": {"VALID": 2}}},
	}
	for _, c := range []struct {
		from, to int
		want     []Day
	}{
		{0, 5, all}, {-365, 365, all}, {0, 0, all[:1]}, {1, 1, all[1:2]}, {2, 4, nil}, {5, 9, all[2:]}, {5, 0, nil}, {-9, -1, nil},
	} {
		got := usageOf(t, m, noon.Add(time.Duration(c.from)*day), noon.Add(time.Duration(c.to)*day))
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("days %d to %d: got %v, want %v", c.from, c.to, got, c.want)
		}
	}
	if got, want := counts(itemOf(t, table)), "2026-11-27/full/VALID 2, m2026-11 8"; got != want {
		t.Errorf("left in the item: %s, want %s", got, want)
	}
}

func TestDaysAreThoseOfUTC(t *testing.T) {
	m, _, clock := newMeter(t)
	zone := time.FixedZone("", -8*3600)
	clock.Advance(11 * time.Hour) // 23:00 UTC
	check(t, m, valid, 1)
	clock.Advance(2 * time.Hour) // the next day
	check(t, m, valid, 1)
	now := clock.Now().In(zone)
	if got := usageOf(t, m, now, now); len(got) != 1 || got[0].Day != "2026-11-23" {
		t.Errorf("got %v, want the 23rd alone", got)
	}
	if got := usageOf(t, m, now.Add(-2*time.Hour), now); len(got) != 2 {
		t.Errorf("got %v, want two days", got)
	}
}

// More counters than one transaction may name, and 64 requests at midnight.
func TestDayTurnsOnce(t *testing.T) {
	m, table, clock := newMeter(t)
	for n := range 45 {
		check(t, m, Check{"full", fmt.Sprint("STATUS", n)}, 2)
	}
	clock.Advance(day)
	atOnce(t, 64, func(int) error {
		m := NewMeter(table, clock.Now, nil)
		ticket, err := m.Admit(t.Context(), "k1", Limits{})
		if err != nil {
			return err
		}
		return ticket.Done(t.Context(), valid)
	})
	item := itemOf(t, table)
	if got, want := counts(item), "2026-11-23/full/VALID 64, m2026-11 154"; got != want || item.Int("archived") != 3 {
		t.Errorf("got %s after %d moves, want %s after 3", got, item.Int("archived"), want)
	}
	past, err := table.Get(t.Context(), dayKey(item.Key.Part, "2026-11-22"))
	if err != nil || len(past.Attrs) != 45 {
		t.Errorf("got %v, %v, want 45 counters", past.Attrs, err)
	}
	for name := range past.Attrs {
		if past.Int(name) != 2 {
			t.Errorf("%s: got %d, want 2", name, past.Int(name))
		}
	}
}

// Of two that saw the same counters of the past only one moves them.
func TestDayIsMovedOnce(t *testing.T) {
	m, table, clock := newMeter(t)
	check(t, m, valid, 3)
	seen := itemOf(t, table)
	clock.Advance(day)
	first, second := m.archive(t.Context(), seen, clock.Now()), m.archive(t.Context(), seen, clock.Now())
	if first != nil || !errors.Is(second, store.ErrCondition) {
		t.Errorf("got %v and %v, want no error and ErrCondition", first, second)
	}
	want := []Day{{"2026-11-22", map[string]map[string]int64{"full": {"VALID": 3}}}}
	if got := usageOf(t, m, noon, clock.Now()); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// failing refuses transactions as long as it is told to.
type failing struct {
	store.Table
	fail bool
}

func (f *failing) Transact(ctx context.Context, ops []store.Op) error {
	if f.fail {
		return store.ErrThrottled
	}
	return f.Table.Transact(ctx, ops)
}

func TestDayThatCouldNotBeMoved(t *testing.T) {
	m, table, clock := newMeter(t)
	broken := &failing{Table: table, fail: true}
	m.table = broken
	for range 3 {
		check(t, m, valid, 1)
		clock.Advance(day)
	}
	want := usageOf(t, m, noon, noon.Add(3*day))
	if len(want) != 3 {
		t.Errorf("got %v, want three days", want)
	}
	broken.fail = false
	check(t, m, valid, 1)
	if got := usageOf(t, m, noon, noon.Add(2*day)); !reflect.DeepEqual(got, want) {
		t.Errorf("after the move: got %v, want %v", got, want)
	}
	if got, want := counts(itemOf(t, table)), "2026-11-25/full/VALID 1, m2026-11 4"; got != want {
		t.Errorf("left in the item: %s, want %s", got, want)
	}
}

// interrupted calls back once, after a Query.
type interrupted struct {
	store.Table
	then func()
}

func (i *interrupted) Query(ctx context.Context, q store.Query) (store.Page, error) {
	page, err := i.Table.Query(ctx, q)
	if then := i.then; then != nil {
		i.then = nil
		then()
	}
	return page, err
}

// A report that is read while a day is moved shows every check once.
func TestReportDuringMove(t *testing.T) {
	m, table, clock := newMeter(t)
	check(t, m, valid, 2)
	clock.Advance(day)
	reader := NewMeter(&interrupted{table, func() { check(t, m, valid, 1) }}, clock.Now, nil)
	want := []Day{
		{"2026-11-22", map[string]map[string]int64{"full": {"VALID": 2}}},
		{"2026-11-23", map[string]map[string]int64{"full": {"VALID": 1}}},
	}
	if got := usageOf(t, reader, noon, clock.Now()); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
