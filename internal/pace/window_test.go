package pace

import (
	"testing"
	"time"
)

// lot is how many recipients sessions asked for and how many were unknown.
type lot struct{ asked, missing int }

// report lets one session a minute report a lot, and returns the last moment.
func report(s state, begin time.Time, lots ...lot) (state, time.Time) {
	now := begin
	for _, l := range lots {
		now = now.Add(time.Minute)
		s = s.finish(0, now.Add(slotTerm).UnixMilli(), Report{Asked: l.asked, Missing: l.missing}, now)
	}
	return s, now
}

func TestBrake(t *testing.T) {
	tests := []struct {
		name    string
		lots    []lot
		slow    bool
		stopped bool
		window  lot // what the current window holds afterwards
	}{
		{"nobody unknown", []lot{{150, 0}}, false, false, lot{150, 0}},
		{"a few bad ones in a young window prove nothing", []lot{{60, 60}}, false, false, lot{60, 60}},
		{"30 percent of a window is borne", []lot{{100, 30}, {100, 30}}, false, false, lot{}},
		{"more halves the pace", []lot{{100, 30}, {100, 31}}, true, false, lot{}},
		{"so many that the rest of the window cannot make up for them: at once", []lot{{100, 61}}, true, false, lot{100, 61}},
		{"the slow pace lasts through the next window", []lot{{200, 61}, {199, 0}}, true, false, lot{199, 0}},
		{"and ends with a good one", []lot{{200, 61}, {199, 0}, {1, 0}}, false, false, lot{}},
		{"60 percent is slow", []lot{{200, 120}}, true, false, lot{}},
		{"more stops", []lot{{200, 121}}, true, true, lot{}},
		{"so many that nothing can make up for them: at once", []lot{{120, 120}, {1, 1}}, true, true, lot{}},
		{"a lot larger than the window is judged by its own size", []lot{{400, 200}}, true, false, lot{}},
		{"windows do not add up", []lot{{200, 60}, {199, 60}}, false, false, lot{199, 60}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, now := report(state{}, noon, test.lots...)
			var until int64
			if test.stopped {
				until = now.Add(time.Hour).UnixMilli()
			}
			if s.Slow != test.slow || s.BrakeUntil != until {
				t.Errorf("slow %v, stopped until %d, want %v, %d", s.Slow, s.BrakeUntil, test.slow, until)
			}
			if got := (lot{s.Asked, s.Missing}); got != test.window {
				t.Errorf("window holds %v, want %v", got, test.window)
			}
		})
	}
}

func TestHoldBegins(t *testing.T) {
	tests := []struct {
		name      string
		past, now lot
		want      bool
	}{
		{"three times the past", lot{200, 10}, lot{50, 8}, true},
		{"a little less", lot{200, 10}, lot{50, 7}, false},
		{"percentages are not rounded", lot{1000, 39}, lot{100, 11}, false},
		{"everybody unknown, too few samples", lot{200, 10}, lot{49, 49}, false},
		{"everybody unknown, samples enough", lot{200, 10}, lot{50, 50}, true},
		{"three times next to nothing is still little", lot{200, 2}, lot{50, 4}, false},
		{"a spotless past and ten percent", lot{200, 0}, lot{50, 5}, true},
		{"no past to compare with", lot{}, lot{100, 100}, false},
		{"too short a past", lot{49, 0}, lot{100, 100}, false},
		{"a past full of unknown recipients is usual for this operator", lot{200, 80}, lot{100, 100}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, now := report(state{PastAsked: test.past.asked, PastMissing: test.past.missing}, noon, test.now)
			if got := s.trust(now).HoldNotFound; got != test.want {
				t.Errorf("hold %v, want %v", got, test.want)
			}
		})
	}
}

func TestHoldLasts(t *testing.T) {
	usual := state{PastAsked: 200, PastMissing: 10}
	quiet := func(lots int) []lot { // of a hundred recipients, as ever
		all := make([]lot, lots)
		for i := range all {
			all[i] = lot{100, 5}
		}
		return all
	}
	t.Run("beyond the window it began in", func(t *testing.T) {
		s, now := report(usual, noon, lot{150, 150}, lot{40, 40}, lot{10, 0})
		if !s.trust(now).HoldNotFound {
			t.Errorf("no hold in a young window of the same bad hour: %+v", s)
		}
		if s.PastAsked != 200 || s.PastMissing != 10 {
			t.Errorf("the bad hour became the usual: %+v", s)
		}
	})
	t.Run("until a whole window is as ever", func(t *testing.T) {
		s, now := report(usual, noon, lot{150, 100}, lot{50, 50})
		s, now = report(s, now, quiet(1)...)
		if !s.trust(now).HoldNotFound {
			t.Error("hold ended in the middle of a window")
		}
		s, now = report(s, now, quiet(1)...)
		if s.trust(now).HoldNotFound || s.PastAsked != 200 || s.PastMissing != 10 {
			t.Errorf("hold %v, past %d of %d, want it over and a past of 10 of 200", s.trust(now).HoldNotFound, s.PastMissing, s.PastAsked)
		}
	})
	t.Run("a day at most", func(t *testing.T) {
		s, began := report(usual, noon, lot{100, 60})
		end := began.Add(24 * time.Hour)
		if !s.trust(end.Add(-time.Millisecond)).HoldNotFound || s.trust(end).HoldNotFound {
			t.Errorf("held until %v, want %v", time.UnixMilli(s.HoldUntil).UTC(), end)
		}
		s, now := report(s, end, lot{100, 60}, lot{100, 60}, lot{100, 60})
		if s.trust(now).HoldNotFound {
			t.Error("held again although nothing changed for a day")
		}
	})
	t.Run("and may begin again against the new past", func(t *testing.T) {
		s, began := report(usual, noon, lot{100, 20}) // 20 percent are the new normal
		s, now := report(s, began.Add(24*time.Hour), lot{100, 20})
		if s, now := report(s, now, lot{50, 31}); !s.trust(now).HoldNotFound {
			t.Errorf("no hold at three times the new past: %+v", s)
		}
	})
}

// A past is a mean of earlier windows in which each counts half of what the
// one after it does.
func TestPastFades(t *testing.T) {
	s, _ := report(state{}, noon, lot{200, 40}, lot{200, 0}, lot{200, 0})
	if s.PastAsked != 175 || s.PastMissing != 5 {
		t.Errorf("past %d of %d, want 5 of 175", s.PastMissing, s.PastAsked)
	}
}
