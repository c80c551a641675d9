package usage

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"rcpt/internal/store"
)

var errLost = errors.New("answer lost")

func TestDoneIsIdempotent(t *testing.T) {
	m, table, _ := newMeter(t)
	first := mustAdmit(t, m, Limits{Concurrency: 1})
	mustDone(t, first)
	second := mustAdmit(t, m, Limits{Concurrency: 1})
	mustDone(t, first)
	if err := first.Cancel(t.Context()); err != nil {
		t.Errorf("Cancel after Done: %v", err)
	}
	item := itemOf(t, table)
	if !second.heldIn(item) {
		t.Error("the slot of the second request is free")
	}
	if got, want := counts(item), "2026-11-22/full/VALID 1, m2026-11 2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The update is carried out, but the answer does not arrive.
func TestLostAnswers(t *testing.T) {
	for claim, c := range map[string]struct {
		limits Limits
		call   func(*Ticket) error
		want   string
	}{
		"Done counts once":                 {Limits{Concurrency: 1}, func(x *Ticket) error { return x.Done(t.Context(), valid) }, "2026-11-22/full/VALID 1, m2026-11 1"},
		"Cancel gives back once":           {Limits{Concurrency: 1}, func(x *Ticket) error { return x.Cancel(t.Context()) }, "m2026-11 0"},
		"Done without a slot counts once":  {Limits{}, func(x *Ticket) error { return x.Done(t.Context(), valid) }, "2026-11-22/full/VALID 1, m2026-11 1"},
		"Cancel without a slot, back once": {Limits{}, func(x *Ticket) error { return x.Cancel(t.Context()) }, "m2026-11 0"},
	} {
		m, table, clock := newMeter(t)
		ticket := mustAdmit(t, m, c.limits)
		table.spoil = func(store.Update) error { return errLost }
		if err := c.call(ticket); !errors.Is(err, errLost) {
			t.Errorf("%s: got %v, want the table's error", claim, err)
		}
		table.spoil = nil
		clock.Advance(time.Hour)
		for range 2 {
			if err := c.call(ticket); err != nil {
				t.Errorf("%s, again: %v", claim, err)
			}
		}
		if got := counts(itemOf(t, table)); got != c.want {
			t.Errorf("%s: got %s, want %s", claim, got, c.want)
		}
	}
}

// An adapter that repeats an update whose answer was lost meets its own slot.
func TestAdmitKnowsItsOwnSlot(t *testing.T) {
	m, table, _ := newMeter(t)
	m.table = &repeating{table}
	ticket := mustAdmit(t, m, Limits{Concurrency: 1, Monthly: 1})
	item := itemOf(t, table)
	if got, want := counts(item), "m2026-11 1"; got != want || !ticket.heldIn(item) {
		t.Errorf("got %s, slot held: %v, want %s and true", got, ticket.heldIn(item), want)
	}
}

func TestThrottledDoneIsRepeated(t *testing.T) {
	m, table, clock := newMeter(t)
	ticket := mustAdmit(t, m, Limits{Concurrency: 1})
	m.table = throttled{table}
	if err := ticket.Done(t.Context(), valid); !errors.Is(err, store.ErrThrottled) {
		t.Errorf("got %v, want ErrThrottled", err)
	}
	m.table = table
	wantRefused(t, m, Limits{Concurrency: 1}, RefusedError{Concurrency, 1, time.Second})
	clock.Advance(term + time.Millisecond)
	mustAdmit(t, m, Limits{Concurrency: 1})
	mustDone(t, ticket)
	if got, want := counts(itemOf(t, table)), "2026-11-22/full/VALID 1, m2026-11 2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAfterTheTerm(t *testing.T) {
	for claim, c := range map[string]struct {
		call func(*Ticket) error
		want string
	}{
		"Done counts":               {func(x *Ticket) error { return x.Done(t.Context(), valid) }, "2026-11-22/full/VALID 1, m2026-11 2"},
		"Cancel gives nothing back": {func(x *Ticket) error { return x.Cancel(t.Context()) }, "m2026-11 2"},
	} {
		m, table, clock := newMeter(t)
		late := mustAdmit(t, m, Limits{Concurrency: 1})
		clock.Advance(term - 1)
		wantRefused(t, m, Limits{Concurrency: 1}, RefusedError{Concurrency, 1, time.Second})
		clock.Advance(2 * time.Millisecond)
		next := mustAdmit(t, m, Limits{Concurrency: 1})
		for range 2 {
			if err := c.call(late); err != nil {
				t.Errorf("%s: %v", claim, err)
			}
		}
		item := itemOf(t, table)
		if got := counts(item); got != c.want || !next.heldIn(item) {
			t.Errorf("%s: got %s, slot of the next one held: %v, want %s and true", claim, got, next.heldIn(item), c.want)
		}
		wantRefused(t, m, Limits{Concurrency: 1}, RefusedError{Concurrency, 1, time.Second})
	}
}

func TestCancelIsNeverBelowZero(t *testing.T) {
	m, table, _ := newMeter(t)
	ticket := mustAdmit(t, m, Limits{Concurrency: 1})
	if _, err := table.Update(t.Context(), store.Update{Key: itemKey("k1"), Remove: []string{"m2026-11"}}); err != nil {
		t.Fatal(err)
	}
	if err := ticket.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	item := itemOf(t, table)
	if got := counts(item); got != "" || living(item, noon) != 0 {
		t.Errorf("got %q and %d slots held, want nothing", got, living(item, noon))
	}
}

func TestCancelGivesTheCheckBack(t *testing.T) {
	m, _, clock := newMeter(t)
	quota := Limits{Monthly: 1, Concurrency: 5}
	ticket := mustAdmit(t, m, quota)
	wantRefused(t, m, quota, RefusedError{Month, 1, untilMonth(noon)})
	if err := ticket.Cancel(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustDone(t, mustAdmit(t, m, quota))
	wantRefused(t, m, quota, RefusedError{Month, 1, untilMonth(noon)})
	clock.Advance(untilMonth(noon))
	mustAdmit(t, m, quota)
}

func TestUnnamedCheck(t *testing.T) {
	m, _, _ := newMeter(t)
	ticket := mustAdmit(t, m, Limits{})
	for _, c := range []Check{{}, {Kind: "full"}, {Outcome: "VALID"}, {Kind: "a/b", Outcome: "VALID"}} {
		if err := ticket.Done(t.Context(), c); !errors.Is(err, store.ErrValue) {
			t.Errorf("%+v: got %v, want ErrValue", c, err)
		}
	}
}

// A limit that is lowered counts what was admitted before it was.
func TestLoweredLimit(t *testing.T) {
	_, table, clock := newMeter(t)
	var tickets []*Ticket
	for range 8 {
		tickets = append(tickets, mustAdmit(t, NewMeter(table, clock.Now, nil), Limits{Concurrency: 8}))
	}
	lowered := Limits{Concurrency: 3}
	for left := 7; left >= 0; left-- {
		mustDone(t, tickets[left])
		m := NewMeter(table, clock.Now, nil)
		if left >= 3 {
			wantRefused(t, m, lowered, RefusedError{Concurrency, 3, time.Second})
			continue
		}
		mustDone(t, mustAdmit(t, m, lowered))
	}
	if got := itemOf(t, table).Int("width"); got != 3 {
		t.Errorf("width: got %d, want 3", got)
	}
}

// 64 processes, half of which have not heard yet that the limit is lower.
func TestLoweredLimitUnderContention(t *testing.T) {
	_, table, clock := newMeter(t)
	for range 3 { // one beyond the lower limit at least
		mustAdmit(t, NewMeter(table, clock.Now, nil), Limits{Concurrency: 20})
	}
	var high, low int64
	high, _ = atOnce(t, 64, func(i int) error {
		_, err := NewMeter(table, clock.Now, nil).Admit(t.Context(), "k1", Limits{Concurrency: int64(10 - 5*(i%2))})
		return err
	})
	if high += 3; high != 10 {
		t.Errorf("got %d requests under limits of 10 and 5, want 10", high)
	}
	clock.Advance(term + time.Millisecond)
	low, _ = atOnce(t, 64, func(int) error {
		_, err := NewMeter(table, clock.Now, nil).Admit(t.Context(), "k1", Limits{Concurrency: 5})
		return err
	})
	if low != 5 {
		t.Errorf("got %d requests under a limit of 5, want 5", low)
	}
}

// What is left out when there is little to do is left out of the table, too.
func TestItemStaysSmall(t *testing.T) {
	m, table, clock := newMeter(t)
	l := Limits{Concurrency: 10, Monthly: 1e9, PerSecond: 10}
	for range 200 {
		mustDone(t, mustAdmit(t, m, l))
		clock.Advance(41 * time.Hour)
	}
	item := itemOf(t, table)
	if n := item.Size(); n > 512 {
		t.Errorf("got %d octets after a year, want at most 512: %v", n, item.Attrs)
	}
	if n := table.updates.Load(); n != 400 {
		t.Errorf("got %d updates for 200 checks, want 400", n)
	}
	if len(m.held) != 0 {
		t.Errorf("got %v held in memory, want nothing", m.held)
	}
}

func TestClockSteps(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, 31 * 24 * time.Hour} {
		for _, first := range []time.Duration{step, -step} {
			m, table, clock := newMeter(t)
			quota := Limits{Monthly: 10, Concurrency: 2, PerSecond: 5}
			granted := 0
			for _, d := range []time.Duration{0, first, -first, first, -first} {
				clock.Advance(d)
				// A process that died has left its slots behind, and so has this one.
				for _, m := range []*Meter{NewMeter(table, clock.Now, nil), m} {
					if _, err := m.Admit(t.Context(), "k1", quota); err == nil {
						granted++
					} else if !errors.Is(err, ErrQuota) && !errors.Is(err, ErrBusy) {
						t.Errorf("step of %v: %v", d, err)
					}
				}
				clock.Advance(2*term + 1)
				mustDone(t, mustAdmit(t, m, Limits{Concurrency: 2}))
			}
			if used := 2 * quota.Monthly; int64(granted) > used {
				t.Errorf("steps of %v: got %d granted, want at most %d", first, granted, used)
			}
		}
	}
}

// The refusal of a month holds for this month, whatever the clock did before.
func TestMonthsAreKept(t *testing.T) {
	m, _, clock := newMeter(t)
	quota := Limits{Monthly: 1}
	mustDone(t, mustAdmit(t, m, quota))
	clock.Advance(31 * 24 * time.Hour)
	mustDone(t, mustAdmit(t, m, quota))
	clock.Advance(-31 * 24 * time.Hour)
	wantRefused(t, m, quota, RefusedError{Month, 1, untilMonth(noon)})
	clock.Advance(31 * 24 * time.Hour)
	wantRefused(t, m, quota, RefusedError{Month, 1, untilMonth(clock.Now())})
	clock.Advance(31 * 24 * time.Hour)
	mustAdmit(t, m, quota)
}

func TestStandingAfterAdmission(t *testing.T) {
	m, _, clock := newMeter(t)
	l := Limits{Concurrency: 3, Monthly: 4, PerSecond: 9}
	var got []Standing
	for range 3 {
		got = append(got, mustAdmit(t, m, l).Standing())
	}
	clock.Advance(term + time.Millisecond)
	got = append(got, mustAdmit(t, m, l).Standing(), mustAdmit(t, m, Limits{}).Standing())
	want := []Standing{{3, 2, time.Second}, {3, 1, time.Second}, {3, 0, time.Second}, {4, 0, untilMonth(clock.Now())}, {}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
