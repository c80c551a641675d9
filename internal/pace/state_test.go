package pace

import (
	"reflect"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 13, 12, 0, 0, 0, time.UTC)

// at is the moment d after noon in Unix ms.
func at(d time.Duration) int64 { return noon.Add(d).UnixMilli() }

func TestAdmit(t *testing.T) {
	taken := at(time.Minute)
	type held struct {
		why   Why
		until time.Duration // after noon
	}
	tests := []struct {
		name     string
		operator string // small.example if empty
		state    state
		want     state // as it was if held
		slot     int
		held     held
	}{
		{
			name: "the first session ever starts at once",
			want: state{Slots: []int64{taken}, Next: at(time.Second)},
		},
		{
			name:  "a second one may start together with it",
			state: state{Slots: []int64{taken}, Next: at(time.Second)},
			want:  state{Slots: []int64{taken, taken}, Next: at(2 * time.Second)},
			slot:  1,
		},
		{
			name:  "a third one waits for its second",
			state: state{Next: at(2 * time.Second)},
			held:  held{Busy, time.Second},
		},
		{
			name:  "a long rest earns no more than the burst",
			state: state{Next: at(-time.Hour)},
			want:  state{Slots: []int64{taken}, Next: at(time.Second)},
		},
		{
			name:     "a giant bears five starts a second",
			operator: "google.com",
			state:    state{Next: at(400 * time.Millisecond)},
			held:     held{Busy, 200 * time.Millisecond},
		},
		{
			name:  "the brake halves the pace",
			state: state{Slow: true, Next: at(4 * time.Second)},
			held:  held{Busy, 2 * time.Second},
		},
		{
			name:  "a session at the slow pace pushes the next one twice as far",
			state: state{Slow: true},
			want:  state{Slow: true, Slots: []int64{taken}, Next: at(2 * time.Second)},
		},
		{
			name:  "all slots taken: ask again soon",
			state: state{Slots: []int64{at(time.Second), at(time.Hour)}},
			held:  held{Busy, slotPoll},
		},
		{
			name:  "a slot in the middle is free",
			state: state{Slots: []int64{at(time.Second), 0}},
			want:  state{Slots: []int64{at(time.Second), taken}, Next: at(time.Second)},
			slot:  1,
		},
		{
			name:  "a slot whose term is over is free",
			state: state{Slots: []int64{at(0), at(time.Second)}},
			want:  state{Slots: []int64{taken, at(time.Second)}, Next: at(time.Second)},
		},
		{
			name:     "a giant bears ten sessions",
			operator: "google.com",
			state:    state{Slots: slices.Repeat([]int64{at(time.Second)}, 10)},
			held:     held{Busy, slotPoll},
		},
		{
			name:  "the breaker rests",
			state: state{Trips: 1, OpenUntil: at(time.Millisecond)},
			held:  held{Breaker, time.Millisecond},
		},
		{
			name:  "when the rest is over, one session tries and keeps the others out for a minute",
			state: state{Trips: 1, OpenUntil: at(0)},
			want:  state{Trips: 1, OpenUntil: at(time.Minute), Slots: []int64{taken}, Next: at(time.Second)},
		},
		{
			name:  "the brake stops",
			state: state{BrakeUntil: at(time.Hour)},
			held:  held{Brake, time.Hour},
		},
		{
			name:  "of breaker and brake the later one is named",
			state: state{Trips: 1, OpenUntil: at(2 * time.Hour), BrakeUntil: at(time.Hour)},
			held:  held{Breaker, 2 * time.Hour},
		},
		{
			name:  "a breaker's rest does not shorten the brake's",
			state: state{Trips: 1, OpenUntil: at(15 * time.Minute), BrakeUntil: at(time.Hour)},
			held:  held{Brake, time.Hour},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			operator := test.operator
			if operator == "" {
				operator = "small.example"
			}
			before := slices.Clone(test.state.Slots)
			got, slot, e := test.state.admit(operator, noon)
			if test.held.why != "" {
				want := &HeldError{Operator: operator, Why: test.held.why, Until: noon.Add(test.held.until)}
				if !reflect.DeepEqual(e, want) || !reflect.DeepEqual(got, test.state) {
					t.Errorf("admit = %+v, held %+v, want the state as it was, held %+v", got, e, want)
				}
				return
			}
			if e != nil || slot != test.slot || !reflect.DeepEqual(got, test.want) {
				t.Errorf("admit = %+v, slot %d, held %v, want %+v, slot %d", got, slot, e, test.want, test.slot)
			}
			if !slices.Equal(test.state.Slots, before) {
				t.Errorf("admit changed the slots it was given: %v, want %v", test.state.Slots, before)
			}
		})
	}
}

func TestFinishFreesOnlyItsOwnSlot(t *testing.T) {
	s := state{Slots: []int64{at(time.Minute), at(2 * time.Minute)}}
	tests := []struct {
		name string
		slot int
		term int64
		want []int64
	}{
		{"its slot", 1, at(2 * time.Minute), []int64{at(time.Minute), 0}},
		{"a slot that another session has by now", 1, at(time.Minute), s.Slots},
		{"a slot that is gone with an earlier state", 5, at(time.Minute), s.Slots},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := slices.Clone(s.Slots)
			if got := s.finish(test.slot, test.term, Report{}, noon); !slices.Equal(got.Slots, test.want) {
				t.Errorf("slots %v, want %v", got.Slots, test.want)
			}
			if !slices.Equal(s.Slots, before) {
				t.Errorf("finish changed the slots it was given: %v, want %v", s.Slots, before)
			}
		})
	}
}

func TestBreaker(t *testing.T) {
	var (
		fine    = Report{Asked: 1}
		refused = Report{Refused: true}
		rate    = Report{RateLimited: true}
		silent  = Report{TimedOut: true}
	)
	// Times are in seconds after noon.
	type session struct {
		began, ended int
		report       Report
	}
	tests := []struct {
		name     string
		sessions []session // in the order in which they end
		trips    int
		open     int // until; 0: closed
	}{
		{"good sessions leave it closed", []session{{0, 60, fine}, {60, 120, fine}}, 0, 0},
		{"a refusal trips it", []session{{0, 60, refused}}, 1, 960},
		{"a refusal among answers trips it", []session{{0, 60, Report{Asked: 5, Refused: true}}}, 1, 960},
		{"the policy of one recipient domain does not", []session{{0, 60, Report{Asked: 1, Refusing: []string{"ok.example"}}}}, 0, 0},

		{"one rate refusal does not", []session{{0, 60, rate}}, 0, 0},
		{"two rate refusals within a minute do", []session{{0, 60, rate}, {0, 114, rate}}, 1, 1014},
		{"two rate refusals a minute apart do not", []session{{0, 60, rate}, {60, 120, rate}}, 0, 0},
		{"a good session between two rate refusals changes nothing", []session{{0, 60, rate}, {60, 66, fine}, {60, 72, rate}}, 1, 972},

		{"two time-outs in a row do not", []session{{0, 60, silent}, {60, 120, silent}}, 0, 0},
		{"three time-outs in a row do", []session{{0, 60, silent}, {60, 120, silent}, {120, 180, silent}}, 1, 1080},
		{"an answer breaks the row", []session{{0, 60, silent}, {60, 120, silent}, {120, 180, fine}, {180, 240, silent}}, 0, 0},
		{"a session without an answer does not", []session{{0, 60, silent}, {60, 120, silent}, {120, 180, Report{}}, {180, 240, silent}}, 1, 1140},
		{"a row begins anew after the breaker closed", []session{
			{0, 60, silent}, {60, 120, silent}, {120, 180, silent}, {1080, 1140, fine}, {1140, 1200, silent}, {1200, 1260, silent},
		}, 0, 0},

		{"refusals side by side are one trip", []session{{0, 60, refused}, {0, 66, refused}, {60, 72, refused}}, 1, 960},
		{"an answer to a session that began before the trip does not close it", []session{{0, 60, refused}, {0, 120, fine}}, 1, 960},
		{"the try's answer closes it", []session{{0, 60, refused}, {960, 1020, fine}}, 0, 0},
		{"one domain's policy at the try closes it too", []session{{0, 60, refused}, {960, 1020, Report{Asked: 1, Refusing: []string{"ok.example"}}}}, 0, 0},
		{"the try refused: the rest doubles", []session{{0, 60, refused}, {960, 1020, refused}}, 2, 2820},
		{"the try slowed down: the rest doubles", []session{{0, 60, refused}, {960, 1020, rate}}, 2, 2820},
		{"the try met with silence: the rest doubles", []session{{0, 60, refused}, {960, 1020, silent}}, 2, 2820},
		{"the try learned nothing: another may", []session{{0, 60, refused}, {960, 1020, Report{}}}, 1, 960},
		{"another try after one that learned nothing closes it", []session{{0, 60, refused}, {960, 1020, Report{}}, {1020, 1080, fine}}, 0, 0},
		{"after success the first rest is the short one", []session{{0, 60, refused}, {960, 1020, fine}, {1020, 1080, refused}}, 1, 1980},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			after := func(seconds int) time.Duration { return time.Duration(seconds) * time.Second }
			var s state
			for _, x := range test.sessions {
				s = s.finish(0, at(after(x.began)+slotTerm), x.report, noon.Add(after(x.ended)))
			}
			var open int64
			if test.open > 0 {
				open = at(after(test.open))
			}
			if s.Trips != test.trips || s.OpenUntil != open {
				t.Errorf("trips %d, open until %v, want %d, %v", s.Trips, time.UnixMilli(s.OpenUntil).UTC(), test.trips, time.UnixMilli(open).UTC())
			}
		})
	}
}

func TestBreakerRestDoublesUpToADay(t *testing.T) {
	var s state
	now := noon
	var got []time.Duration
	for range 80 { // far beyond what a shift of the first rest bears
		s = s.finish(0, now.Add(slotTerm).UnixMilli(), Report{Refused: true}, now.Add(time.Second))
		rest := time.UnixMilli(s.OpenUntil).Sub(now.Add(time.Second))
		got = append(got, rest)
		now = now.Add(time.Second + rest)
	}
	want := []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 16 * time.Hour}
	for len(want) < len(got) {
		want = append(want, 24*time.Hour)
	}
	if !slices.Equal(got, want) {
		t.Errorf("rests %v, want %v", got, want)
	}
}
