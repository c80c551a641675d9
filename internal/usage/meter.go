// Package usage admits requests under the limits of their API key and counts
// the checks they make.
//
// A request enters by one conditional write to the item of its key and leaves by
// another: Admit takes a slot and counts on the month and the second; Done frees
// the slot and counts the check by kind and outcome; Cancel frees the slot and
// gives the check back. What is refused writes nothing.
//
// A counter carries its period in its name: "m2026-11" for a month, "r1795348800"
// for a second, "2026-11-22/full/VALID" for a day. So nobody has to turn a label
// when a period begins, and a clock that steps to another month and back finds
// both counts as it left them. Done takes old seconds and months away and moves
// the counters of past days to an item of their day (report.go).
//
// Concurrency is a set of slots, not a counter, which a process that dies would
// leave too high. A slot holds the end of its term. One that has ended is free;
// so is one that ends more than two terms ahead, which only a clock that stepped
// back can have made: the requests it admitted then hold nothing any more. All
// slots held are below "width", so that a limit lower than the one before is
// noticed; slots beyond it count until they end (admit.go).
//
// The first slot tried is a guess, at random among those this process does not
// hold. A wrong guess is answered with the item as it stands, and the next one
// looks at all slots. A process that holds them all itself refuses without
// asking the table.
//
// The clocks of processes that share a table may differ by a few seconds.
// DynamoDB takes 1,000 writes of 1 KB a second to one item ("Amazon DynamoDB
// Developer Guide", "Burst and adaptive capacity"): 500 checks of one key of up
// to about 50 slots. Left out: a memory of refusals by month and second; each
// costs one write that fails.
package usage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"rcpt/internal/store"
)

const (
	// term is how long a slot is held at most: the longest request takes 25
	// seconds, the rest is for its answer, a late Done, and clocks that differ.
	term = 30 * time.Second

	// busyRetry is when to ask again for a slot. Requests end at any time, most
	// of them within seconds.
	busyRetry = time.Second

	// maxTries bounds the guesses of one Admit. Each wrong one after the first
	// means that another process took the slot while we were looking: who loses
	// that often stands before a key that is busy all the time.
	maxTries = 16
)

// Limits are what one key may do. Zero, or less, is no limit. Requests admitted
// without a limit of concurrency hold no slot and do not count under a later one.
type Limits struct {
	Concurrency int64 // requests at once; meant for up to about 200
	Monthly     int64 // checks in a calendar month, UTC
	PerSecond   int64 // requests in a second of the clock; up to twice as many across its turn
}

// Meter admits and counts. It is safe for concurrent use, and any number of
// them may share a table.
type Meter struct {
	table store.Table
	now   func() time.Time
	rand  func(n int64) int64

	mu   sync.Mutex
	held map[string]map[int64]int64 // key, slot, end of term: what this process holds or is about to take
}

// NewMeter returns a Meter over the control table. now is time.Now when nil.
// random returns a number of at least 0 and below n and is safe for concurrent
// use; math/rand/v2.Int64N when nil.
func NewMeter(table store.Table, now func() time.Time, random func(n int64) int64) *Meter {
	if now == nil {
		now = time.Now
	}
	if random == nil {
		random = rand.Int64N
	}
	return &Meter{table: table, now: now, rand: random, held: make(map[string]map[int64]int64)}
}

// Admit lets a request of the key in, or returns a *RefusedError that Is
// ErrQuota, ErrRate or ErrBusy; the first of them that applies, in this order,
// unless this process alone keeps the key busy. The limits are those of this
// call: they may change from one to the next. Any other error is the Table's.
// After one the check may have been counted, and a slot be held to the end of
// its term.
//
// The Ticket ends with Done or Cancel. One that is forgotten frees its slot 30
// seconds after its admission.
func (m *Meter) Admit(ctx context.Context, key string, l Limits) (*Ticket, error) {
	var seen store.Item
	for range maxTries {
		now := m.now()
		t, ok := m.reserve(key, l, seen, now)
		if !ok {
			return nil, busy(l)
		}
		item, err := m.table.Update(ctx, admission(t.place, l, seen, now))
		if err == nil || errors.Is(err, store.ErrCondition) && t.heldIn(item) {
			t.standing, t.stale, t.used = tightest(item, l, now), stale(item, now), item.Int(t.month)-1
			return t, nil
		}
		m.release(t.place)
		if !errors.Is(err, store.ErrCondition) {
			return nil, fmt.Errorf("admit key %s: %w", key, err)
		}
		if refused := judge(item, l, now); refused != nil {
			return nil, refused
		}
		seen = item
	}
	return nil, busy(l)
}

// reserve picks a slot that neither this process holds nor the item seen last
// shows as taken, and keeps other requests of this process off it.
func (m *Meter) reserve(key string, l Limits, seen store.Item, now time.Time) (*Ticket, bool) {
	t := &Ticket{meter: m, place: place{key: key}, month: monthName(now)}
	if l.Concurrency <= 0 {
		return t, true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.held[key]
	maps.DeleteFunc(held, func(_, end int64) bool { return !alive(end, now) })
	if int64(len(held)) >= l.Concurrency {
		return nil, false
	}
	first := m.rand(l.Concurrency)
	for i := range l.Concurrency {
		slot := (first + i) % l.Concurrency
		if held[slot] != 0 || alive(seen.Int(slotName(slot)), now) {
			continue
		}
		if held == nil {
			held = make(map[int64]int64)
			m.held[key] = held
		}
		// The digits below the millisecond tell tickets apart.
		t.slot = slot
		t.end = now.Add(term).Truncate(time.Millisecond).UnixNano() + m.rand(int64(time.Millisecond))
		held[slot] = t.end
		return t, true
	}
	return nil, false
}

// release lets other requests of this process have the slot.
func (m *Meter) release(p place) {
	m.mu.Lock()
	defer m.mu.Unlock()
	held := m.held[p.key]
	if held[p.slot] == p.end {
		delete(held, p.slot)
	}
	if len(held) == 0 {
		delete(m.held, p.key)
	}
}
