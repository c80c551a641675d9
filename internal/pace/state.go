package pace

import (
	"slices"
	"time"
)

// The numbers of smtp-probing.md §9, §10 and §13.
const (
	slotTerm = 60 * time.Second       // longer than any session; a dead process blocks a slot no longer
	slotPoll = 100 * time.Millisecond // a slot comes back long before its term: sessions take a second or two
	burst    = 2                      // sessions that may start together before the interval applies

	longestLead = 10 * time.Second // of Next: the burst, at half the pace of a small host

	firstRest     = 15 * time.Minute // of the breaker; doubles with each trip
	longestRest   = 24 * time.Hour
	halfOpen      = time.Minute // one session tries; the next one waits for its outcome that long
	rateLimitPair = time.Minute // two rate refusals within it trip the breaker
	timeoutRow    = 3           // time-outs in a row that trip it

	window    = 200 // recipients per judgement of the brake
	slowAbove = 30  // percent unknown in a window: half the pace
	stopAbove = 60  // percent unknown in a window: stop for brakeRest
	brakeRest = time.Hour

	holdSamples = 50 // recipients, now and in the past, before a jump of the unknown ratio counts
	holdTimes   = 3  // how far above its own past the ratio must be
	holdFloor   = 10 // percent; below it nothing is called a jump
	holdRest    = 24 * time.Hour
)

// Report is what one session saw.
type Report struct {
	Asked       int  // recipients answered by RCPT replies, the canary left out
	Missing     int  // of those, refused as absent
	Refused     bool // a refusal that names our address, name or sender (reply.Meaning.Listed, a 421 at greeting)
	RateLimited bool
	TimedOut    bool // the exchanger kept silent; not: the caller's time was over

	Refusing []string // recipient domains whose own policy refused us (reply.Meaning.DomainOnly)
}

// Trust says how far an operator's answers may be believed.
type Trust struct {
	HoldNotFound bool // "no such user" jumped far above this operator's past: not proof for now
}

// state is all that is known about one operator, as stored. Moments are in Unix
// ms, 0 for never. Names in JSON keep their meaning: a field that changes gets
// a new one, and what is missing is zero.
type state struct {
	Slots []int64 `json:"slots,omitempty"` // end of each slot's term; past or 0 is free
	Next  int64   `json:"next,omitempty"`  // theoretical start of the next session (GCRA)

	OpenUntil int64 `json:"open,omitempty"`    // the breaker's rest, or the minute of a try
	TrippedAt int64 `json:"tripped,omitempty"` // last time
	Trips     int   `json:"trips,omitempty"`   // since the last success; while there are any, one session tries
	RateAt    int64 `json:"rate,omitempty"`    // last rate refusal
	Timeouts  int   `json:"touts,omitempty"`   // in a row

	Slow       bool  `json:"slow,omitempty"` // the brake halves the pace
	BrakeUntil int64 `json:"stop,omitempty"`

	HoldUntil   int64 `json:"hold,omitempty"`
	Asked       int   `json:"asked,omitempty"` // in the current window
	Missing     int   `json:"missing,omitempty"`
	PastAsked   int   `json:"pasked,omitempty"` // earlier windows, halved at each turn
	PastMissing int   `json:"pmissing,omitempty"`
}

// skew is how far the clocks of a fleet may be apart.
const skew = time.Minute

// sane forgets the moments that lie further ahead than any rule puts them: they
// are of a clock that went wrong for a while, and would close the operator for as
// long. The hold may stay: it ends with the next usual window.
func (s state) sane(now time.Time) state {
	beyond := func(moment int64, reach time.Duration) bool {
		return moment > now.Add(reach+skew).UnixMilli()
	}
	for i, end := range s.Slots {
		if beyond(end, slotTerm) {
			s.Slots = slices.Clone(s.Slots)
			s.Slots[i] = 0
		}
	}
	if beyond(s.Next, longestLead) {
		s.Next = 0
	}
	if beyond(s.OpenUntil, longestRest) || beyond(s.TrippedAt, 0) {
		s.OpenUntil, s.TrippedAt = 0, 0 // Trips stay: one session tries
	}
	if beyond(s.BrakeUntil, brakeRest) {
		s.BrakeUntil = 0
	}
	if beyond(s.RateAt, 0) {
		s.RateAt = 0
	}
	return s
}

// admit takes a free slot if the rules allow a session now.
func (s state) admit(operator string, now time.Time) (state, int, *HeldError) {
	ms := now.UnixMilli()
	held := func(why Why, until int64) (state, int, *HeldError) {
		return s, 0, &HeldError{Operator: operator, Why: why, Until: time.UnixMilli(until).UTC()}
	}
	switch until := max(s.OpenUntil, s.BrakeUntil); {
	case until > ms && until == s.BrakeUntil:
		return held(Brake, until)
	case until > ms:
		return held(Breaker, until)
	}
	interval := startInterval(operator).Milliseconds()
	if s.Slow {
		interval *= 2
	}
	if start := s.Next - (burst-1)*interval; start > ms {
		return held(Busy, start)
	}
	slot, free := s.freeSlot(operator, ms)
	if !free {
		return held(Busy, ms+slotPoll.Milliseconds())
	}
	s.Slots = append(slices.Clone(s.Slots), make([]int64, max(0, slot+1-len(s.Slots)))...)
	s.Slots[slot] = ms + slotTerm.Milliseconds()
	s.Next = max(s.Next, ms) + interval
	if s.Trips > 0 {
		s.OpenUntil = ms + halfOpen.Milliseconds()
	}
	return s, slot, nil
}

func (s state) freeSlot(operator string, ms int64) (slot int, free bool) {
	for i := range SessionsAtOnce(operator) {
		if i >= len(s.Slots) || s.Slots[i] <= ms {
			return i, true
		}
	}
	return 0, false
}

// finish frees the slot and draws the conclusions of a session.
func (s state) finish(slot int, term int64, r Report, now time.Time) state {
	s.Slots = slices.Clone(s.Slots)
	if slot < len(s.Slots) && s.Slots[slot] == term { // else its term is over and another session has the slot
		s.Slots[slot] = 0
	}
	s = s.breaker(term-slotTerm.Milliseconds(), r, now)
	s.Asked += r.Asked
	s.Missing += r.Missing
	return s.hold(now).brake(now)
}

// breaker trips on a refusal about us. Then one session tries when the rest is
// over: an answer to a recipient closes the breaker, another refusal doubles
// the rest, and a session that learned neither leaves the try to the next one.
func (s state) breaker(began int64, r Report, now time.Time) state {
	if began <= s.TrippedAt {
		// It ran beside the session that tripped. A refusal of both is one trip,
		// and what it heard before is no sign that we are welcome again.
		return s
	}
	ms := now.UnixMilli()
	trying := s.Trips > 0
	trip := r.Refused || trying && (r.RateLimited || r.TimedOut)
	if r.RateLimited {
		trip = trip || ms-s.RateAt < rateLimitPair.Milliseconds()
		s.RateAt = ms
	}
	if r.TimedOut {
		s.Timeouts++
		trip = trip || s.Timeouts >= timeoutRow
	} else if r.Asked > 0 {
		s.Timeouts = 0
	}
	switch {
	case trip:
		rest := min(firstRest<<min(s.Trips, 10), longestRest)
		s.Trips++
		s.TrippedAt, s.OpenUntil = ms, ms+rest.Milliseconds()
	case trying && r.Asked > 0:
		s.Trips, s.OpenUntil = 0, 0
	}
	return s
}

// brake judges the unknown recipients of the window, and ends it when it is
// full or we stop.
func (s state) brake(now time.Time) state {
	// Until the window is full its rest counts as known, so that a bad list is
	// noticed as soon as nothing can make up for it.
	over := func(percent int) bool { return s.Missing*100 > max(s.Asked, window)*percent }
	full := s.Asked >= window
	s.Slow = over(slowAbove) || s.Slow && !full
	if over(stopAbove) {
		s.BrakeUntil = now.Add(brakeRest).UnixMilli()
		full = true
	}
	if full {
		return s.turn()
	}
	return s
}

// turn starts a new window. The old one becomes part of the past, but not while
// the hold lasts: it would make the odd hours look usual.
func (s state) turn() state {
	if !s.jumped() {
		s.HoldUntil = 0 // a whole window as ever: the odd hours are over
	}
	if s.HoldUntil == 0 {
		s.PastAsked, s.PastMissing = (s.PastAsked+s.Asked)/2, (s.PastMissing+s.Missing)/2
	}
	s.Asked, s.Missing = 0, 0
	return s
}

// hold begins when the unknown ratio jumps: large providers have had hours in
// which live mailboxes were "unknown". What still lasts after a day is the
// operator's new normal, and its past is learned anew.
func (s state) hold(now time.Time) state {
	ms := now.UnixMilli()
	if s.HoldUntil > 0 && s.HoldUntil <= ms {
		s.HoldUntil, s.PastAsked, s.PastMissing = 0, 0, 0
	}
	if s.HoldUntil == 0 && s.jumped() {
		s.HoldUntil = ms + holdRest.Milliseconds()
	}
	return s
}

// jumped reports whether the unknown ratio stands far above its own past.
func (s state) jumped() bool {
	return s.Asked >= holdSamples && s.PastAsked >= holdSamples &&
		s.Missing*100 >= s.Asked*holdFloor &&
		s.Missing*s.PastAsked > holdTimes*s.PastMissing*s.Asked
}

func (s state) trust(now time.Time) Trust {
	return Trust{HoldNotFound: s.HoldUntil > now.UnixMilli()}
}
