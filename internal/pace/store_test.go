package pace

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/store"
)

// State outlives the version that wrote it: this text may only grow.
func TestStoredStateKeepsItsForm(t *testing.T) {
	const text = `{"slots":[1,2],"next":3,"open":4,"tripped":5,"trips":6,"rate":7,"touts":8,"slow":true,"stop":9,` +
		`"hold":10,"asked":11,"missing":12,"pasked":13,"pmissing":14}`
	full := state{
		Slots: []int64{1, 2}, Next: 3, OpenUntil: 4, TrippedAt: 5, Trips: 6, RateAt: 7, Timeouts: 8, Slow: true, BrakeUntil: 9,
		HoldUntil: 10, Asked: 11, Missing: 12, PastAsked: 13, PastMissing: 14,
	}
	if got, err := json.Marshal(full); err != nil || string(got) != text {
		t.Errorf("state is written as %s, %v, want %s", got, err, text)
	}
	tests := []struct {
		name, text string
		want       state
	}{
		{"every field", text, full},
		{"fields of an earlier version are missing", `{"next":3}`, state{Next: 3}},
		{"fields of a later version are passed over", `{"next":3,"warm":{"since":4}}`, state{Next: 3}},
		{"a form that nobody reads counts as none", `{"trips":6,"next":"soon"}`, state{}},
		{"nothing", ``, state{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPacer(newTable())
			item := store.Item{Key: operatorKey("small.example"), Attrs: store.Attrs{"state": []byte(test.text), "rev": int64(41)}}
			if err := p.cfg.Table.Put(t.Context(), item); err != nil {
				t.Fatal(err)
			}
			if got := stateOf(t, p); !reflect.DeepEqual(got, test.want) {
				t.Errorf("state %+v, want %+v", got, test.want)
			}
			done(t, admit(t, p), Report{Asked: 1})
			if got := stateOf(t, p); got.Asked != test.want.Asked+1 {
				t.Errorf("asked %d after a session, want %d", got.Asked, test.want.Asked+1)
			}
		})
	}
}

func TestAnOperatorIsForgottenAMonthAfterTheLastSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(newTable())
		done(t, admit(t, p), Report{Asked: 1})
		time.Sleep(29 * 24 * time.Hour)
		done(t, admit(t, p), Report{Asked: 1})
		time.Sleep(29 * 24 * time.Hour)
		if got := stateOf(t, p).Asked; got != 2 {
			t.Errorf("asked %d, want 2", got)
		}
		time.Sleep(24 * time.Hour)
		if got := stateOf(t, p); !reflect.DeepEqual(got, state{}) {
			t.Errorf("state %+v after a month, want none", got)
		}
		done(t, admit(t, p), Report{Asked: 1}) // over an item that may not be swept yet
	})
}

func TestWritersWhoComeBetweenAreNotOverwritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := newTable()
		p, other := newPacer(table), newPacer(table)
		x := admit(t, other)
		table.meanwhile = func() { done(t, x, Report{Asked: 10}) }
		mine := admit(t, p)
		theirs := admit(t, other)
		table.meanwhile = func() { done(t, theirs, Report{Asked: 20}) }
		done(t, mine, Report{Asked: 30})
		got := stateOf(t, p)
		if got.Asked != 60 {
			t.Errorf("asked %d, want the 60 of all", got.Asked)
		}
		if want := []int64{0, 0}; !reflect.DeepEqual(got.Slots, want) {
			t.Errorf("slots %v, want %v", got.Slots, want)
		}
	})
}

func TestAThrottledTableIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := newTable()
		p := newPacer(table)
		refuse := 0
		table.fail = func(put bool) error {
			if put && refuse > 0 {
				refuse--
				return store.ErrThrottled
			}
			return nil
		}
		refuse = 3
		x := admit(t, p)
		refuse = 3
		done(t, x, Report{Asked: 1})
		if got := stateOf(t, p); got.Asked != 1 || refuse != 0 {
			t.Errorf("asked %d, want 1", got.Asked)
		}
	})
}

func TestDoneTellsOfALostReport(t *testing.T) {
	tests := []struct {
		name string
		err  error
	}{
		{"the table is down", errors.New("table is down")},
		{"others came first until the time was over", store.ErrCondition},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := newTable()
				p := newPacer(table)
				x := admit(t, p)
				table.fail = func(put bool) error {
					if put {
						return test.err
					}
					return nil
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				began := time.Now()
				if _, err := x.Done(ctx, Report{Asked: 1}); !errors.Is(err, test.err) {
					t.Errorf("Done: %v, want %v", err, test.err)
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("Done took %v of the 2s it had", took)
				}
			})
		})
	}
}

// Closing the domain is one write, freeing the slot another.
func TestASlotIsFreedAlthoughTheDomainCouldNotBeClosed(t *testing.T) {
	table := newTable()
	p := newPacer(table)
	x := admit(t, p)
	down, puts := errors.New("table is down"), 0
	table.fail = func(put bool) error {
		if put {
			puts++
		}
		if put && puts == 1 {
			return down
		}
		return nil
	}
	if _, err := x.Done(t.Context(), Report{Asked: 1, Refusing: []string{"ok.example"}}); !errors.Is(err, down) {
		t.Errorf("Done: %v, want %v", err, down)
	}
	if got := stateOf(t, p); got.Slots[0] != 0 || got.Asked != 1 {
		t.Errorf("state %+v, want a free slot and the report", got)
	}
}
