package pace

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/store"
)

var small = Target{Host: "mx.small.example", IP: netip.MustParseAddr("192.0.2.1"), Domain: "customer.example"}

func still() float64 { return 0 }

func newPacer(table store.Table) *Pacer {
	return New(Config{Mode: On, Table: table, Jitter: still})
}

// admit wants a permit.
func admit(t *testing.T, p *Pacer) Permit {
	t.Helper()
	x, err := p.Admit(t.Context(), small)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// done wants the report to be taken.
func done(t *testing.T, x Permit, r Report) Trust {
	t.Helper()
	trust, err := x.Done(t.Context(), r)
	if err != nil {
		t.Error(err)
	}
	return trust
}

// held wants the target to be held, without waiting, until d from now.
func held(t *testing.T, p *Pacer, target Target, why Why, d time.Duration) {
	t.Helper()
	began := time.Now()
	_, err := p.Admit(t.Context(), target)
	var e *HeldError
	if !errors.As(err, &e) {
		t.Fatalf("Admit: %v, want it held by the %s", err, why)
	}
	if got := e.Until.Sub(began); e.Why != why || got != d {
		t.Errorf("held by %s for %v, want by %s for %v", e.Why, got, why, d)
	}
	if waited := time.Since(began); waited != 0 {
		t.Errorf("waited %v for a rest that no caller can await", waited)
	}
}

func TestSessionsStartAtTheOperatorsPace(t *testing.T) {
	tests := []struct {
		name   string
		jitter float64
		want   []time.Duration
	}{
		{"no jitter", 0, []time.Duration{0, 0, 1000 * time.Millisecond, 2000 * time.Millisecond}},
		{"full jitter", 1, []time.Duration{0, 0, 1200 * time.Millisecond, 2160 * time.Millisecond}}, // a fifth of what was left to wait
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New(Config{Mode: On, Table: newTable(), Jitter: func() float64 { return test.jitter }})
				began := time.Now()
				var got []time.Duration
				for range test.want {
					x := admit(t, p)
					got = append(got, time.Since(began))
					done(t, x, Report{Asked: 1})
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("starts at %v, want %v", got, test.want)
				}
			})
		})
	}
}

func TestASlotIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(newTable())
		first, began := admit(t, p), time.Now()
		admit(t, p)
		time.AfterFunc(10*time.Second, func() { done(t, first, Report{}) })
		admit(t, p)
		if got := time.Since(began); got < 10*time.Second || got > 10*time.Second+slotPoll {
			t.Errorf("a third session started after %v, want it when one of two has ended after 10s", got)
		}
	})
}

func TestASlotOutlivesItsHolderByNoMoreThanItsTerm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(newTable())
		dead, began := admit(t, p), time.Now() // its process dies
		admit(t, p)
		second := admit(t, p)
		if got := time.Since(began); got < slotTerm || got > slotTerm+slotPoll {
			t.Errorf("slot was free after %v, want %v", got, slotTerm)
		}
		admit(t, p)

		// The one taken for dead comes back: the slot is not its own any more.
		done(t, dead, Report{})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var e *HeldError
		if _, err := p.Admit(ctx, small); !errors.As(err, &e) || e.Why != Busy {
			t.Errorf("Admit: %v, want both slots taken", err)
		}
		done(t, second, Report{})
		admit(t, p)
	})
}

func TestAdmitKeepsToTheDeadline(t *testing.T) {
	tests := []struct {
		name    string
		state   func(now time.Time) state
		timeout time.Duration
		least   time.Duration // how long it takes to say no
		most    time.Duration
	}{
		{
			name:    "a start beyond it is refused at once",
			state:   func(now time.Time) state { return state{Next: now.Add(3 * time.Second).UnixMilli()} },
			timeout: 1900 * time.Millisecond,
		},
		{
			name: "slots are awaited up to it and not beyond",
			state: func(now time.Time) state {
				return state{Slots: slices.Repeat([]int64{now.Add(time.Minute).UnixMilli()}, 2)}
			},
			timeout: 1950 * time.Millisecond,
			least:   1950*time.Millisecond - slotPoll,
			most:    1950 * time.Millisecond,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPacer(newTable())
				if err := p.save(t.Context(), "small.example", test.state(time.Now()), 0); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), test.timeout)
				defer cancel()
				began := time.Now()
				_, err := p.Admit(ctx, small)
				took := time.Since(began)
				var e *HeldError
				if !errors.As(err, &e) || e.Why != Busy || !e.Until.After(began) {
					t.Errorf("Admit: %v, want it busy for a while", err)
				}
				if took < test.least || took > test.most {
					t.Errorf("took %v to say so, want %v to %v", took, test.least, test.most)
				}
			})
		})
	}
}

func TestACallerWhoGoesAwayStopsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(newTable())
		admit(t, p)
		admit(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		time.AfterFunc(1500*time.Millisecond, cancel)
		_, err := p.Admit(ctx, small)
		if !errors.Is(err, context.Canceled) || time.Since(began) != 1500*time.Millisecond {
			t.Errorf("Admit: %v after %v, want %v after 1.5s", err, time.Since(began), context.Canceled)
		}
	})
}

func TestBreakerFromTripToTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(newTable())
		done(t, admit(t, p), Report{Refused: true})
		held(t, p, small, Breaker, 15*time.Minute)
		if _, err := p.Admit(t.Context(), Target{Host: "mx.other.example", Domain: small.Domain}); err != nil {
			t.Errorf("another operator: %v, want a permit", err)
		}

		time.Sleep(15 * time.Minute)
		try := admit(t, p)
		held(t, p, small, Breaker, time.Minute)
		time.Sleep(10 * time.Second)
		done(t, try, Report{Refused: true})
		held(t, p, small, Breaker, 30*time.Minute)

		time.Sleep(30 * time.Minute)
		admit(t, p) // its process dies
		time.Sleep(time.Minute)
		done(t, admit(t, p), Report{Asked: 1, Missing: 1})
		done(t, admit(t, p), Report{Asked: 1})
	})
}

func TestADomainsOwnPolicyClosesOnlyTheDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(newTable())
		own := small
		own.Domain = "small.example" // the name of its operator too
		x, err := p.Admit(t.Context(), own)
		if err != nil {
			t.Fatal(err)
		}
		done(t, x, Report{Asked: 1, Refusing: []string{own.Domain}})
		held(t, p, own, Breaker, 15*time.Minute)
		done(t, admit(t, p), Report{Asked: 1}) // another domain
		if got := stateOf(t, p).Asked; got != 2 {
			t.Errorf("asked %d at the operator, want 2", got)
		}
		time.Sleep(15 * time.Minute)
		if _, err := p.Admit(t.Context(), own); err != nil {
			t.Errorf("after the rest: %v, want a permit", err)
		}
	})
}

func TestASessionAboutSeveralDomainsAsksForEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(newTable())
		done(t, admit(t, p), Report{Asked: 3, Refusing: []string{"one.example", "two.example"}})
		for domain, want := range map[string]bool{"one.example": true, "two.example": true, "three.example": false} {
			other := small
			other.Domain = domain
			err := p.DomainHeld(t.Context(), other)
			if held := (*HeldError)(nil); errors.As(err, &held) != want || want && held.Why != Breaker {
				t.Errorf("%s: %v, want held: %v", domain, err, want)
			}
			if err := New(Config{Mode: Off}).DomainHeld(t.Context(), other); err != nil {
				t.Errorf("%s without pacing: %v", domain, err)
			}
		}
	})
}

func TestBrakeStopsForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPacer(newTable())
		for range 13 {
			done(t, admit(t, p), Report{Asked: 10, Missing: 10})
		}
		held(t, p, small, Brake, time.Hour)
		time.Sleep(time.Hour)
		began := time.Now()
		for range 3 {
			done(t, admit(t, p), Report{Asked: 1})
		}
		if got := time.Since(began); got != 2*time.Second {
			t.Errorf("three sessions after the stop took %v, want the slow pace of 2s", got)
		}
	})
}

func TestTrust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := newTable()
		p := newPacer(table)
		for range 20 {
			if trust := done(t, admit(t, p), Report{Asked: 10}); trust.HoldNotFound {
				t.Fatal("held on a good day")
			}
		}
		if trust := done(t, admit(t, p), Report{Asked: 49, Missing: 49}); trust.HoldNotFound {
			t.Error("held after 49 samples")
		}
		if trust := done(t, admit(t, p), Report{Asked: 1, Missing: 1}); !trust.HoldNotFound {
			t.Error("not held although nobody is known any more")
		}

		// What was known at the start holds when the end cannot be looked up.
		x := admit(t, p)
		table.fail = func(bool) error { return errors.New("table is down") }
		if trust, err := x.Done(t.Context(), Report{Asked: 1, Missing: 1}); !trust.HoldNotFound || err == nil {
			t.Errorf("Done = %+v, %v, want the hold of before and an error", trust, err)
		}
	})
}

func TestWhatIsNotGovernedCostsNothing(t *testing.T) {
	mine := func(host string, ip netip.Addr) bool { return host == small.Host && ip == small.IP }
	tests := []struct {
		name     string
		mode     Mode
		exempt   func(string, netip.Addr) bool
		governed bool
	}{
		{"off", Off, nil, false},
		{"auto and exempt", Auto, mine, false},
		{"no mode is auto", "", mine, false},
		{"auto", Auto, func(string, netip.Addr) bool { return false }, true},
		{"auto without exemptions", Auto, nil, true},
		{"on knows no exemptions", On, mine, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			table := newTable()
			p := New(Config{Mode: test.mode, Exempt: test.exempt, Table: table})
			for range 3 {
				x := admit(t, p)
				report := Report{Asked: 1, Missing: 1, Refused: !test.governed}
				if !test.governed {
					report.Refusing = []string{small.Domain}
				}
				trust := done(t, x, report)
				if trust != (Trust{}) {
					t.Errorf("trust %+v, want %+v", trust, Trust{})
				}
				if test.governed {
					break
				}
			}
			if got := table.calls > 0; got != test.governed {
				t.Errorf("%d calls to the table, want some: %v", table.calls, test.governed)
			}
		})
	}
}

func TestZeroPermitGovernsNothing(t *testing.T) {
	if trust, err := (Permit{}).Done(t.Context(), Report{Refused: true, Refusing: []string{"ok.example"}}); trust != (Trust{}) || err != nil {
		t.Errorf("Done = %+v, %v, want nothing", trust, err)
	}
}

func TestAnOperatorWhoseStateIsUnknownIsNotContacted(t *testing.T) {
	down := errors.New("table is down")
	for _, broken := range []string{"domain", "operator", "slot"} {
		t.Run("no "+broken, func(t *testing.T) {
			table := newTable()
			table.fail = func(put bool) error {
				switch {
				case broken == "domain", broken == "operator" && table.calls > 1, broken == "slot" && put:
					return down
				}
				return nil
			}
			x, err := newPacer(table).Admit(t.Context(), small)
			var e *HeldError
			if !errors.Is(err, down) || errors.As(err, &e) || !reflect.DeepEqual(x, Permit{}) {
				t.Errorf("Admit = %+v, %v, want no permit and %v", x, err, down)
			}
		})
	}
}
