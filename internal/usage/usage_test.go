package usage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

var valid = Check{Kind: "full", Outcome: "VALID"}

// newTable opens a table that is not synced: nothing here pulls the plug.
func newTable(t testing.TB) store.Table {
	t.Helper()
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db.Cache()
}

// newMeter returns a Meter over a fresh table, and what it stands on.
func newMeter(t testing.TB) (*Meter, *watched, *storetest.Clock) {
	t.Helper()
	table, clock := &watched{Table: newTable(t)}, storetest.NewClock(noon)
	return NewMeter(table, clock.Now, nil), table, clock
}

// watched counts updates, and spoils some of them.
type watched struct {
	store.Table
	updates atomic.Int64
	spoil   func(store.Update) error // if set; called after the update has been carried out
}

func (w *watched) Update(ctx context.Context, u store.Update) (store.Item, error) {
	w.updates.Add(1)
	item, err := w.Table.Update(ctx, u)
	if w.spoil != nil && err == nil {
		if err := w.spoil(u); err != nil {
			return store.Item{}, err
		}
	}
	return item, err
}

// repeating carries out every update twice, as an adapter does that lost the
// first answer.
type repeating struct{ store.Table }

func (r *repeating) Update(ctx context.Context, u store.Update) (store.Item, error) {
	_, _ = r.Table.Update(ctx, u)
	return r.Table.Update(ctx, u)
}

// throttled carries out none.
type throttled struct{ store.Table }

func (throttled) Update(context.Context, store.Update) (store.Item, error) {
	return store.Item{}, store.ErrThrottled
}

// counts prints the counters of an item.
func counts(item store.Item) string {
	var found []string
	for name := range item.Attrs {
		if name[0] == 'm' || strings.Contains(name, "/") {
			found = append(found, fmt.Sprint(name, " ", item.Int(name)))
		}
	}
	slices.Sort(found)
	return strings.Join(found, ", ")
}

func mustAdmit(t testing.TB, m *Meter, l Limits) *Ticket {
	t.Helper()
	ticket, err := m.Admit(t.Context(), "k1", l)
	if err != nil {
		t.Fatalf("Admit: %v", err)
	}
	return ticket
}

func mustDone(t testing.TB, ticket *Ticket) {
	t.Helper()
	if err := ticket.Done(t.Context(), valid); err != nil {
		t.Fatalf("Done: %v", err)
	}
}

func wantRefused(t testing.TB, m *Meter, l Limits, want RefusedError) {
	t.Helper()
	_, err := m.Admit(t.Context(), "k1", l)
	var got *RefusedError
	if !errors.As(err, &got) {
		t.Fatalf("Admit: got %v, want a refusal by %s", err, want.Limit)
	}
	if *got != want {
		t.Errorf("Admit: got %+v, want %+v", *got, want)
	}
}

func itemOf(t testing.TB, table store.Table) store.Item {
	t.Helper()
	item, err := table.Get(t.Context(), itemKey("k1"))
	if err != nil {
		t.Fatal(err)
	}
	return item
}

// atOnce calls from n goroutines and returns how many calls were granted and
// refused; another error fails the test.
func atOnce(t testing.TB, n int, call func(i int) error) (granted, refused int64) {
	t.Helper()
	var all sync.WaitGroup
	var yes, no atomic.Int64
	for i := range n {
		all.Go(func() {
			switch err := call(i); {
			case err == nil:
				yes.Add(1)
			case errors.As(err, new(*RefusedError)):
				no.Add(1)
			default:
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	all.Wait()
	return yes.Load(), no.Load()
}

func TestManyAtOnceFromOneProcess(t *testing.T) {
	m, table, _ := newMeter(t)
	start := time.Now()
	granted, refused := atOnce(t, 10_000, func(int) error {
		_, err := m.Admit(t.Context(), "k1", Limits{Concurrency: 10})
		return err
	})
	took := time.Since(start)
	if granted != 10 || refused != 9_990 {
		t.Errorf("got %d granted and %d refused, want 10 and 9,990", granted, refused)
	}
	if n := table.updates.Load(); n != 10 {
		t.Errorf("got %d writes, want 10: refusals are to be local", n)
	}
	t.Logf("10,000 in %v", took)
}

// 64 processes are 64 meters: none knows what the others hold.
func TestContention(t *testing.T) {
	for _, meters := range []int{1, 64} {
		for _, width := range []int64{10, 64, 100} {
			t.Run(fmt.Sprintf("%d meters, concurrency %d", meters, width), func(t *testing.T) {
				contend(t, meters, Limits{Concurrency: width})
			})
		}
	}
}

func contend(t *testing.T, meters int, l Limits) {
	_, table, clock := newMeter(t)
	var shared []*Meter
	for range meters {
		shared = append(shared, NewMeter(table, clock.Now, nil))
	}
	tickets := make([]*Ticket, 64)
	granted, _ := atOnce(t, 64, func(i int) (err error) {
		tickets[i], err = shared[i%meters].Admit(t.Context(), "k1", l)
		return err
	})
	tries := table.updates.Swap(0)
	if want := min(64, l.Concurrency); granted != want {
		t.Errorf("got %d granted, want %d", granted, want)
	}
	if n := living(itemOf(t, table), clock.Now()); n != granted {
		t.Errorf("got %d slots held, want %d", n, granted)
	}
	if tries > 64*4 {
		t.Errorf("got %d writes for 64 requests, want at most 4 each", tries)
	}
	t.Logf("%d writes for 64 requests, %d granted", tries, granted)
	atOnce(t, 64, func(i int) error {
		if tickets[i] == nil {
			return nil
		}
		return tickets[i].Done(t.Context(), valid)
	})
	if n := table.updates.Load(); n != granted {
		t.Errorf("got %d writes for %d calls of Done", n, granted)
	}
	if n := living(itemOf(t, table), clock.Now()); n != 0 {
		t.Errorf("got %d slots held at last, want none", n)
	}
}

// Requests come and go from 64 processes; who is in is counted here.
func TestConcurrencyIsExact(t *testing.T) {
	_, table, clock := newMeter(t)
	var within, most, admitted atomic.Int64
	l := Limits{Concurrency: 10}
	atOnce(t, 64, func(int) error {
		m := NewMeter(table, clock.Now, nil)
		for range 40 {
			ticket, err := m.Admit(t.Context(), "k1", l)
			if errors.Is(err, ErrBusy) {
				continue
			}
			if err != nil {
				return err
			}
			n := within.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			admitted.Add(1)
			_ = itemOf(t, table) // stay for a while
			within.Add(-1)
			if err := ticket.Done(t.Context(), valid); err != nil {
				return err
			}
		}
		return nil
	})
	if most.Load() > l.Concurrency {
		t.Errorf("got %d requests at once, want at most %d", most.Load(), l.Concurrency)
	}
	days, err := NewMeter(table, clock.Now, nil).Usage(t.Context(), "k1", noon, noon)
	if err != nil || len(days) != 1 || days[0].Counts["full"]["VALID"] != admitted.Load() {
		t.Errorf("Usage: got %+v, %v, want %d checks", days, err, admitted.Load())
	}
	t.Logf("%d admitted, %d at once, %d writes", admitted.Load(), most.Load(), table.updates.Load())
}

func TestQuotaIsExact(t *testing.T) {
	for _, meters := range []int{1, 64} {
		_, table, clock := newMeter(t)
		var shared []*Meter
		for range meters {
			shared = append(shared, NewMeter(table, clock.Now, nil))
		}
		var granted atomic.Int64
		atOnce(t, 64, func(i int) error {
			for {
				ticket, err := shared[i%meters].Admit(t.Context(), "k1", Limits{Monthly: 500, Concurrency: 100})
				if errors.Is(err, ErrQuota) {
					return nil
				}
				if err != nil {
					return err
				}
				granted.Add(1)
				if err := ticket.Done(t.Context(), valid); err != nil {
					return err
				}
			}
		})
		if granted.Load() != 500 {
			t.Errorf("%d meters: got %d granted, want 500", meters, granted.Load())
		}
	}
}

func TestRateIsExact(t *testing.T) {
	m, table, clock := newMeter(t)
	for second := range 3 {
		granted, _ := atOnce(t, 64, func(int) error {
			_, err := m.Admit(t.Context(), "k1", Limits{PerSecond: 20})
			return err
		})
		if granted != 20 {
			t.Errorf("second %d: got %d granted, want 20", second, granted)
		}
		clock.Advance(time.Second)
	}
	if n := itemOf(t, table).Int("m2026-11"); n != 60 {
		t.Errorf("got %d checks in the month, want 60: what is refused does not count", n)
	}
}
