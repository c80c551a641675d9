package pace

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestAClockThatWasAheadClosesNothing lets sessions run while the clock stands
// days ahead, and then sets it right.
func TestAClockThatWasAheadClosesNothing(t *testing.T) {
	for _, test := range []struct {
		name   string
		report Report
	}{
		{"slots that were never freed", Report{}},
		{"a refusal", Report{Refused: true}},
		{"unknown recipients", Report{Asked: 200, Missing: 200}},
		{"a refusal by the domain", Report{Asked: 1, Refusing: []string{small.Domain}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var ahead time.Duration
				p := newPacer(newTable())
				p.cfg.Now = func() time.Time { return time.Now().Add(ahead) }
				ahead = 72 * time.Hour
				admit(t, p) // its process dies
				done(t, admit(t, p), test.report)

				ahead = 0
				began := time.Now()
				x := admit(t, p)
				if waited := time.Since(began); waited != 0 {
					t.Errorf("waited %v after the clock was set right", waited)
				}
				done(t, x, Report{Asked: 1})
				if s := stateOf(t, p); s.Trips != 0 || s.OpenUntil != 0 {
					t.Errorf("an answer left the breaker at %+v, want it closed", s)
				}
			})
		})
	}
}

func TestClocksOfAFleetMayDiffer(t *testing.T) {
	late := noon.Add(-skew)
	for _, s := range []state{
		{Slots: []int64{at(slotTerm)}, Next: at(4 * time.Second), RateAt: at(0)},
		{OpenUntil: at(longestRest), TrippedAt: at(0), Trips: 9, BrakeUntil: at(brakeRest)},
	} {
		got := s.sane(late)
		if got.Slots != nil && got.Slots[0] != s.Slots[0] || got.Next != s.Next || got.RateAt != s.RateAt ||
			got.OpenUntil != s.OpenUntil || got.TrippedAt != s.TrippedAt || got.BrakeUntil != s.BrakeUntil {
			t.Errorf("a clock %v late sees %+v, want %+v", skew, got, s)
		}
	}
}
