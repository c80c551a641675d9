package usage

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

// model is what a key's item should come to, kept the simple way.
type model struct {
	*testing.T
	random *rand.Rand
	table  store.Table
	clock  *storetest.Clock
	limits Limits

	meters  []*Meter // processes
	tickets []*held
	month   map[string]int64           // granted and not given back, by the month of admission
	second  map[string]int64           // granted
	checks  map[string]map[Check]int64 // done, by day
}

// held is a ticket that has not been settled, or whose process has died.
type held struct {
	*Ticket
	process int // -1: dead
}

func newModel(t *testing.T, table store.Table, seed uint64) *model {
	m := &model{
		T: t, random: rand.New(rand.NewPCG(seed, 0)), table: table, clock: storetest.NewClock(noon),
		meters: make([]*Meter, 3), month: map[string]int64{}, second: map[string]int64{}, checks: map[string]map[Check]int64{},
	}
	for i := range m.meters {
		m.meters[i] = m.process()
	}
	return m
}

func (m *model) process() *Meter { return NewMeter(m.table, m.clock.Now, m.random.Int64N) }

func (m *model) key() string { return m.Name() }

func (m *model) item() store.Item {
	item, err := m.table.Get(m.Context(), itemKey(m.key()))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		m.Fatal(err)
	}
	return item
}

// within counts the tickets whose term has not ended, of one process or of all.
func (m *model) within(process int) (n int64) {
	for _, h := range m.tickets {
		if h.end > m.clock.Now().UnixNano() && (process < 0 || h.process == process) {
			n++
		}
	}
	return n
}

// refusal is the one that the limits ask for.
func (m *model) refusal(process int) error {
	l, now := m.limits, m.clock.Now()
	switch {
	case l.Concurrency > 0 && m.within(process) >= l.Concurrency:
		return ErrBusy
	case l.Monthly > 0 && m.month[monthName(now)] >= l.Monthly:
		return ErrQuota
	case l.PerSecond > 0 && m.second[secondName(now)] >= l.PerSecond:
		return ErrRate
	case l.Concurrency > 0 && m.within(-1) >= l.Concurrency:
		return ErrBusy
	}
	return nil
}

// admit asks for admission and keeps the model's books; refused is what came.
func (m *model) admit(process int) (refused error) {
	m.Helper()
	now := m.clock.Now()
	ticket, err := m.meters[process].Admit(m.Context(), m.key(), m.limits)
	if err != nil {
		if !errors.As(err, new(*RefusedError)) {
			m.Fatalf("Admit: %v", err)
		}
		return err
	}
	m.tickets = append(m.tickets, &held{ticket, process})
	m.month[monthName(now)]++
	if m.limits.PerSecond > 0 {
		m.second[secondName(now)]++
	}
	return nil
}

// settle ends a ticket of a living process, some twice.
func (m *model) settle() {
	i := slices.IndexFunc(m.tickets, func(h *held) bool { return h.process >= 0 })
	if i < 0 {
		return
	}
	m.random.Shuffle(len(m.tickets), func(i, j int) { m.tickets[i], m.tickets[j] = m.tickets[j], m.tickets[i] })
	i = slices.IndexFunc(m.tickets, func(h *held) bool { return h.process >= 0 })
	h := m.tickets[i]
	m.tickets = slices.Delete(m.tickets, i, i+1)
	today, c := dayOf(m.clock.Now()), Check{[]string{"full", "soft", "cached"}[m.random.IntN(3)], []string{"VALID", "INVALID"}[m.random.IntN(2)]}
	for range 1 + m.random.IntN(2) {
		if m.random.IntN(4) > 0 && !h.settled || h.settled && m.random.IntN(2) > 0 {
			if !h.settled {
				if m.checks[today] == nil {
					m.checks[today] = map[Check]int64{}
				}
				m.checks[today][c]++
			}
			if err := h.Done(m.Context(), c); err != nil {
				m.Fatalf("Done: %v", err)
			}
			continue
		}
		if !h.settled && (h.end == 0 || h.heldIn(m.item())) {
			m.month[h.month]--
		}
		if err := h.Cancel(m.Context()); err != nil {
			m.Fatalf("Cancel: %v", err)
		}
	}
}

// die lets a process lose all it knows.
func (m *model) die(process int) {
	m.meters[process] = m.process()
	for _, h := range m.tickets {
		if h.process == process {
			h.process = -1
		}
	}
}

// verify compares the counts.
func (m *model) verify() {
	m.Helper()
	item := m.item()
	for month, want := range m.month {
		if got := item.Int(month); got != want {
			m.Errorf("%s: got %d, want %d", month, got, want)
		}
	}
	days, err := m.meters[0].Usage(m.Context(), m.key(), noon.AddDate(-9, 0, 0), noon.AddDate(9, 0, 0))
	if err != nil {
		m.Fatal(err)
	}
	got := map[string]map[Check]int64{}
	for _, d := range days {
		got[d.Day] = map[Check]int64{}
		for kind, outcomes := range d.Counts {
			for outcome, n := range outcomes {
				got[d.Day][Check{kind, outcome}] = n
			}
		}
	}
	if !maps.EqualFunc(got, m.checks, maps.Equal) {
		m.Errorf("checks: got %v, want %v", got, m.checks)
	}
}

func (m *model) change() {
	pick := func(n ...int64) int64 { return n[m.random.IntN(len(n))] }
	m.limits = Limits{Concurrency: pick(0, 1, 2, 5, 9), Monthly: pick(0, 20, 50, 200), PerSecond: pick(0, 0, 3, 8)}
}

// While the clock goes forward, every answer is known.
func TestModel(t *testing.T) {
	table := newTable(t)
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := newModel(t, table, seed)
			m.change()
			for range 300 {
				switch n := m.random.IntN(100); {
				case n < 50:
					process := m.random.IntN(len(m.meters))
					want := m.refusal(process)
					if got := m.admit(process); !errors.Is(got, want) {
						t.Fatalf("limits %+v: got %v, want %v", m.limits, got, want)
					}
				case n < 80:
					m.settle()
				case n < 83:
					m.die(m.random.IntN(len(m.meters)))
				case n < 87:
					m.change()
				default:
					steps := []time.Duration{time.Millisecond, 300 * time.Millisecond, 5 * time.Second, term, day, 31 * day}
					m.clock.Advance(time.Duration(m.random.Int64N(int64(steps[m.random.IntN(len(steps))]))))
				}
				if t.Failed() {
					return
				}
			}
			m.verify()
		})
	}
}

// When it steps back and forward, terms are a matter of opinion, but counts are
// not: no month grants more than its quota, nothing is lost, and no key is
// blocked for long.
func TestModelWithClockSteps(t *testing.T) {
	table := newTable(t)
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := newModel(t, table, seed)
			m.limits = Limits{Concurrency: 4, Monthly: 60}
			for range 300 {
				switch n := m.random.IntN(100); {
				case n < 50:
					spent := m.month[monthName(m.clock.Now())] >= m.limits.Monthly
					err := m.admit(m.random.IntN(len(m.meters)))
					if err == nil && spent || errors.Is(err, ErrQuota) && !spent {
						t.Fatalf("got %v although the quota is used up: %v", err, spent)
					}
					if n := living(m.item(), m.clock.Now()); n > m.limits.Concurrency {
						t.Fatalf("got %d slots held, want at most %d", n, m.limits.Concurrency)
					}
				case n < 85:
					m.settle()
				case n < 90:
					m.die(m.random.IntN(len(m.meters)))
				case n < 95:
					m.clock.Advance(time.Duration(m.random.Int64N(int64(term))))
				default:
					far := []time.Duration{time.Minute, time.Hour, 31 * day}[m.random.IntN(3)]
					m.clock.Advance([]time.Duration{far, -far}[m.random.IntN(2)])
				}
			}
			m.verify()
			m.limits = Limits{Concurrency: 4}
			for tries := 0; m.admit(0) != nil; tries++ {
				if tries > 3 {
					t.Fatal("key is blocked")
				}
				m.clock.Advance(term)
			}
		})
	}
}
