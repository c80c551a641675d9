package pace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rcpt/internal/store"
)

// The numbers of smtp-probing.md §9, §10 and §13.
const (
	slotTerm    = 60 * time.Second // longer than any session; a dead process blocks a slot no longer
	firstRest   = 15 * time.Minute // of the breaker; doubles with each trip
	longestRest = 24 * time.Hour
	brakeRest   = time.Hour
	halfOpen    = time.Minute // one session tries; the next one waits for its outcome that long

	window      = 200 // recipients per judgement of the brake
	slowAbove   = 30  // percent unknown in a window: half the pace
	stopAbove   = 60  // percent unknown in a window: stop for brakeRest
	holdSamples = 50  // recipients before a jump of the unknown ratio counts
	holdTimes   = 3   // how far above its own past the ratio must be
	holdFloor   = 10  // percent; below it nothing is called a jump

	rateLimitPair = time.Minute // two rate refusals within it trip the breaker
	timeoutRow    = 3           // time-outs in a row that trip it
	burst         = 2           // sessions that may start together before the interval applies
)

// Report is what one session saw.
type Report struct {
	Asked       int  // recipients answered by RCPT replies, the canary left out
	Missing     int  // of those, refused as absent
	Refused     bool // a refusal that names our address, name or sender (reply.Meaning.Listed, a 421 at greeting)
	RateLimited bool
	TimedOut    bool

	DomainRefused bool // the recipient domain's own policy refused us (reply.Meaning.DomainOnly)
}

// Trust says how far an operator's answers may be believed.
type Trust struct {
	HoldNotFound bool // "no such user" jumped far above this operator's past: not proof for now
}

// state is all that is known about one operator, as stored.
type state struct {
	Revision int64   `json:"-"`
	Slots    []int64 `json:"slots,omitempty"` // end of each slot's term, Unix ms; 0 is free
	Next     int64   `json:"next,omitempty"`  // theoretical start of the next session, Unix ms (GCRA)
	Slow     bool    `json:"slow,omitempty"`  // the brake halves the pace

	OpenUntil int64 `json:"open,omitempty"`  // breaker or brake, Unix ms
	Braked    bool  `json:"brake,omitempty"` // OpenUntil was set by the brake
	Trips     int   `json:"trips,omitempty"` // of the breaker, since the last success

	RateAt   int64 `json:"rate,omitempty"` // last rate refusal, Unix ms
	Timeouts int   `json:"touts,omitempty"`

	Asked       int `json:"asked,omitempty"` // in the current window
	Missing     int `json:"missing,omitempty"`
	PastAsked   int `json:"pasked,omitempty"` // earlier windows, halved at each turn
	PastMissing int `json:"pmissing,omitempty"`
}

// admit takes a free slot if the rules allow a session now.
func (s state) admit(operator string, now time.Time) (state, int, *HeldError) {
	ms := now.UnixMilli()
	if s.OpenUntil > ms {
		why := Breaker
		if s.Braked {
			why = Brake
		}
		return s, 0, &HeldError{Operator: operator, Why: why, Until: time.UnixMilli(s.OpenUntil)}
	}
	interval := time.Second.Milliseconds() / int64(sessionsAtOnce(operator)/2)
	if s.Slow {
		interval *= 2
	}
	if start := s.Next - (burst-1)*interval; start > ms {
		return s, 0, &HeldError{Operator: operator, Why: Busy, Until: time.UnixMilli(start)}
	}
	slot, freeAt := s.freeSlot(operator, ms)
	if freeAt > ms {
		// A slot usually comes back long before its term; ask again soon.
		return s, 0, &HeldError{Operator: operator, Why: Busy, Until: now.Add(100 * time.Millisecond)}
	}
	next := s
	next.Slots = append(append([]int64(nil), s.Slots...), make([]int64, max(0, slot+1-len(s.Slots)))...)
	next.Slots[slot] = now.Add(slotTerm).UnixMilli()
	next.Next = max(s.Next, ms) + interval
	if s.Trips > 0 {
		next.OpenUntil = now.Add(halfOpen).UnixMilli()
		next.Braked = false
	}
	return next, slot, nil
}

// freeSlot returns a free slot, or the one that ends first.
func (s state) freeSlot(operator string, ms int64) (slot int, freeAt int64) {
	for i := range sessionsAtOnce(operator) {
		if i >= len(s.Slots) {
			return i, 0
		}
		if i == 0 || s.Slots[i] < freeAt {
			slot, freeAt = i, s.Slots[i]
		}
		if freeAt <= ms {
			return slot, freeAt
		}
	}
	return slot, freeAt
}

// finish frees the slot and draws the conclusions of a session.
func (s state) finish(slot int, term int64, r Report, now time.Time, jitter float64) (state, Trust) {
	next := s
	next.Slots = append([]int64(nil), s.Slots...)
	if slot < len(next.Slots) && next.Slots[slot] == term {
		next.Slots[slot] = 0
	}
	next.Asked += r.Asked
	next.Missing += r.Missing
	trust := Trust{HoldNotFound: next.jumped()}
	next = next.breaker(r, now, jitter)
	return next.brake(now), trust
}

// breaker trips on a refusal about us and closes on a session that went well.
func (s state) breaker(r Report, now time.Time, jitter float64) state {
	ms := now.UnixMilli()
	trip := r.Refused
	if r.RateLimited {
		trip = trip || ms-s.RateAt < rateLimitPair.Milliseconds()
		s.RateAt = ms
	}
	switch {
	case r.TimedOut:
		s.Timeouts++
		trip = trip || s.Timeouts >= timeoutRow
	case r.Asked > 0:
		s.Timeouts = 0
	}
	if trip {
		s.Trips++
		rest := min(firstRest<<min(s.Trips-1, 10), longestRest)
		s.OpenUntil = now.Add(rest + time.Duration(jitter*float64(rest)/5)).UnixMilli()
		s.Braked, s.Timeouts = false, 0
		return s
	}
	if s.Trips > 0 && r.Asked > 0 && !r.RateLimited {
		s.Trips, s.OpenUntil = 0, 0
	}
	return s
}

// brake judges the window once it is full, or once its unknown recipients
// alone are too many for it.
func (s state) brake(now time.Time) state {
	stop := s.Missing*100 > window*stopAbove
	if s.Asked < window && !stop {
		return s
	}
	s.Slow = s.Missing*100 > s.Asked*slowAbove
	if stop || s.Missing*100 > s.Asked*stopAbove {
		if until := now.Add(brakeRest).UnixMilli(); until > s.OpenUntil {
			s.OpenUntil, s.Braked = until, true
		}
	}
	s.PastAsked, s.PastMissing = (s.PastAsked+s.Asked)/2, (s.PastMissing+s.Missing)/2
	s.Asked, s.Missing = 0, 0
	return s
}

// jumped reports whether the unknown ratio stands far above its own past:
// large providers have had hours in which live mailboxes were "unknown".
func (s state) jumped() bool {
	if s.Asked < holdSamples || s.PastAsked < holdSamples {
		return false
	}
	now := s.Missing * 100 / s.Asked
	past := s.PastMissing * 100 / s.PastAsked
	return now >= holdFloor && now > holdTimes*past
}

func operatorKey(operator string) store.Key { return store.Key{Part: "OPER#" + operator} }
func domainKey(domain string) store.Key     { return store.Key{Part: "OPER#@" + domain} }

func (p *Pacer) load(ctx context.Context, operator string) (state, error) {
	item, err := p.cfg.Table.Get(ctx, operatorKey(operator))
	if errors.Is(err, store.ErrNotFound) {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	var s state
	if err := json.Unmarshal(item.Bytes("state"), &s); err != nil {
		return state{}, fmt.Errorf("decode state: %w", err)
	}
	s.Revision = item.Int("rev")
	return s, nil
}

// stateLife keeps an operator's past for a month after the last session.
const stateLife = 30 * 24 * time.Hour

// save writes next if nobody else wrote since read was loaded.
func (p *Pacer) save(ctx context.Context, operator string, read, next state) error {
	text, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	unchanged := store.Absent()
	if read.Revision > 0 {
		unchanged = store.Equal("rev", read.Revision)
	}
	return p.cfg.Table.Put(ctx, store.Item{
		Key:     operatorKey(operator),
		Attrs:   store.Attrs{"state": text, "rev": read.Revision + 1},
		Expires: p.cfg.Now().Add(stateLife),
	}, unchanged)
}
