package usage

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"rcpt/internal/store"
)

func TestChecksOfJobsAreReportedByTheirDay(t *testing.T) {
	m, table, clock := newMeter(t)
	count := func(key string, shard int64, checks map[Check]int64) {
		t.Helper()
		op, err := m.Batch(key, shard, checks)
		if err == nil {
			err = table.Transact(t.Context(), []store.Op{op})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for day := range 4 {
		for shard := range int64(20) {
			count("k", shard, map[Check]int64{{"job_full", "VALID"}: 90, {"job_full", "UNKNOWN"}: int64(day), {"job_cached", "INVALID"}: 1})
		}
		count("other", 3, map[Check]int64{{"job_full", "VALID"}: 7})
		clock.Advance(24 * time.Hour)
	}
	ticket, err := m.Admit(t.Context(), "k", Limits{})
	if err == nil {
		err = ticket.Done(t.Context(), valid)
	}
	if err != nil {
		t.Fatal(err)
	}
	jobs := func(day string, unknown int64) Day {
		return Day{Day: day, Counts: map[string]map[string]int64{
			"job_full": {"VALID": 1800, "UNKNOWN": unknown}, "job_cached": {"INVALID": 20},
		}}
	}
	alone := Day{Day: "2026-11-26", Counts: map[string]map[string]int64{"full": {"VALID": 1}}}
	for _, tt := range []struct {
		from, to int // days after the first
		want     []Day
	}{
		{1, 2, []Day{jobs("2026-11-23", 20), jobs("2026-11-24", 40)}},
		{3, 9, []Day{jobs("2026-11-25", 60), alone}},
		{-9, -1, nil},
	} {
		got, err := m.Usage(t.Context(), "k", noon.AddDate(0, 0, tt.from), noon.AddDate(0, 0, tt.to))
		if err != nil || len(got)+len(tt.want) > 0 && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("days %d to %d: got %v, %v, want %v", tt.from, tt.to, got, err, tt.want)
		}
	}
}

func TestChecksOfJobsHaveNames(t *testing.T) {
	m, _, _ := newMeter(t)
	for _, c := range []Check{{}, {Kind: "job_full"}, {Outcome: "VALID"}, {Kind: "job/full", Outcome: "VALID"}} {
		if _, err := m.Batch("k", 0, map[Check]int64{c: 1}); !errors.Is(err, store.ErrValue) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// once is the marker of a charge.
func once(name string) store.Item {
	return store.Item{Key: store.Key{Part: "JOB#" + name, Sort: "CHARGE"}}
}

// charged is how many checks the month of noon holds.
func charged(t *testing.T, table store.Table) int64 {
	t.Helper()
	item, err := table.Get(t.Context(), itemKey("k"))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return item.Int(monthName(noon))
}

func TestAJobIsChargedOnceAndWholly(t *testing.T) {
	m, table, _ := newMeter(t)
	for _, tt := range []struct {
		job     string
		n       int64
		monthly int64
		refused bool
		want    int64 // on the month, afterwards
	}{
		{"first", 60, 100, false, 60},
		{"first", 60, 100, false, 60}, // again
		{"second", 41, 100, true, 60}, // not even a part of it
		{"second", 40, 100, false, 100},
		{"first", 60, 100, false, 100}, // again, though the month is used up
		{"third", 1, 100, true, 100},
		{"fourth", 200, 100, true, 100},
		{"fifth", 1000, 0, false, 1100}, // no limit
		{"third", 1, 2000, false, 1101}, // a higher one
	} {
		err := m.Charge(t.Context(), "k", noon, tt.n, tt.monthly, once(tt.job))
		var refused *RefusedError
		switch {
		case !tt.refused && err != nil:
			t.Errorf("%s: %v", tt.job, err)
		case tt.refused && (!errors.As(err, &refused) || !errors.Is(err, ErrQuota) || refused.Max != tt.monthly || refused.Limit != Month):
			t.Errorf("%s: got %v", tt.job, err)
		case tt.refused && refused.RetryAfter != 8*24*time.Hour+12*time.Hour:
			t.Errorf("%s: again after %v", tt.job, refused.RetryAfter)
		}
		if got := charged(t, table); got != tt.want {
			t.Errorf("%s: %d checks on the month, want %d", tt.job, got, tt.want)
		}
	}
}

// TestJobsAndRequestsShareAMonth: the one of the job's making, also when the month
// has turned since.
func TestJobsAndRequestsShareAMonth(t *testing.T) {
	m, table, clock := newMeter(t)
	if err := m.Charge(t.Context(), "k", noon, 99, 100, once("job")); err != nil {
		t.Fatal(err)
	}
	for n, want := range []error{nil, ErrQuota} {
		if _, err := m.Admit(t.Context(), "k", Limits{Monthly: 100}); !errors.Is(err, want) {
			t.Errorf("request %d: %v, want %v", n, err, want)
		}
	}
	clock.Advance(20 * 24 * time.Hour)
	if err := table.Transact(t.Context(), []store.Op{m.GiveBack("k", noon, 50)}); err != nil {
		t.Fatal(err)
	}
	if err := m.Charge(t.Context(), "k", noon, 51, 100, once("late")); !errors.Is(err, ErrQuota) {
		t.Errorf("51 of the 50 that were given back: %v", err)
	}
	if err := m.Charge(t.Context(), "k", noon, 50, 100, once("late")); err != nil || charged(t, table) != 100 {
		t.Errorf("%d checks on the month, %v", charged(t, table), err)
	}
}

// TestOneChargeFromManySides: duplicates of a step at once, at the very limit.
func TestOneChargeFromManySides(t *testing.T) {
	m, table, _ := newMeter(t)
	var all sync.WaitGroup
	for n := range 40 {
		all.Go(func() {
			if err := m.Charge(t.Context(), "k", noon, 25, 100, once(fmt.Sprint(n%4))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := charged(t, table); got != 100 {
		t.Errorf("%d checks on the month, want 100", got)
	}
}

// TestAChargeWhoseAnswerIsLost is not repeated by the call that asks again.
func TestAChargeWhoseAnswerIsLost(t *testing.T) {
	m, table, _ := newMeter(t)
	lost := &losing{Table: table.Table, next: true}
	m.table = lost
	if err := m.Charge(t.Context(), "k", noon, 80, 100, once("job")); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	if err := m.Charge(t.Context(), "k", noon, 80, 100, once("job")); err != nil || charged(t, table) != 80 {
		t.Errorf("%d checks on the month, %v", charged(t, table), err)
	}
}

// losing carries out a transaction and loses the answer.
type losing struct {
	store.Table
	next bool
}

func (l *losing) Transact(ctx context.Context, ops []store.Op) error {
	err := l.Table.Transact(ctx, ops)
	if l.next && err == nil {
		l.next = false
		return store.ErrUnknown
	}
	return err
}
