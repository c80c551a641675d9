package overlay

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"rcpt/internal/address"
)

func TestLookTellsWhatTheKeyReported(t *testing.T) {
	w := open(t)
	ago := func(r Reason, days int) Event {
		return Event{Reason: r, OccurredAt: noon().Add(-time.Duration(days) * day)}
	}
	for i, tt := range []struct {
		claim  string
		events []Event
		want   string
	}{
		{"nothing", nil, "nothing"},
		{"a soft bounce", []Event{ago(SoftBounce, 0)}, "soft_bounce 2026-11-22 1"},
		{"three within 30 days", []Event{ago(SoftBounce, 29), ago(SoftBounce, 1), ago(SoftBounce, 0)}, "soft_bounce 2026-11-22 3"},
		{"one of three is 30 days old", []Event{ago(SoftBounce, 30), ago(SoftBounce, 1), ago(SoftBounce, 2)}, "soft_bounce 2026-11-21 2 of 3"},
		{"a soft bounce long ago", []Event{ago(SoftBounce, 400)}, "soft_bounce 2025-10-18 0 of 1"},
		{"the strongest stays", []Event{ago(HardBounce, 9), ago(SoftBounce, 1)}, "hard_bounce 2026-11-21 2"},
		{"a complaint goes before all", []Event{ago(HardBounce, 9), ago(Complaint, 12), ago(Unsubscribe, 3)}, "spam_complaint 2026-11-19 3"},
		{"an unsubscribe", []Event{ago(SoftBounce, 1), ago(Unsubscribe, 1)}, "unsubscribe 2026-11-21 2"},
	} {
		email := fmt.Sprintf("user%d@free.example", i)
		for n := range tt.events {
			tt.events[n].Email, tt.events[n].ID = email, fmt.Sprint("test:", i, "/", n)
		}
		w.record(t, keyOf("key"), tt.events...)
		before := w.table.reads.Load()
		if got := says(w.look(t, "key", email)); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.claim, got, tt.want)
		}
		if got := says(w.look(t, "other", email)); got != "nothing" {
			t.Errorf("%s: another key gets %s", tt.claim, got)
		}
		if n := w.table.reads.Load() - before; n != 2 {
			t.Errorf("%s: %d reads for two looks", tt.claim, n)
		}
	}
}

func TestLookAnswersForManyWithOneRead(t *testing.T) {
	w := open(t)
	w.record(t, keyOf("key"), bounces("ok.example", 50)...)
	var addresses []address.Address
	for i := range 200 {
		addresses = append(addresses, mustParse(t, fmt.Sprintf("USER%05d@ok.example", i%100)))
	}
	before := w.table.reads.Load()
	sights, err := w.Look(t.Context(), "key", addresses...)
	if err != nil || len(sights) != 200 || w.table.reads.Load() != before+1 {
		t.Fatalf("%d sights, %v, after %d reads", len(sights), err, w.table.reads.Load()-before)
	}
	for i, s := range sights {
		if s.History.Matched != (i%100 < 50) {
			t.Errorf("address %d: %s", i, says(s))
		}
	}
}

func TestADomainThatBecameFreeIsNoTrap(t *testing.T) {
	w := open(t)
	for _, account := range []string{"a", "b", "c"} {
		w.vote(t, account, "d.example")
	}
	w.cfg.Free = func(domain string) bool { return domain == "d.example" }
	if w.flagged(t, "d.example") {
		t.Error("flagged")
	}
}

// model is the overlay kept the simple way: what each key reported, and when
// which account voted on which domain.
type model struct {
	events map[string][]Event   // by key and address
	seen   map[string]time.Time // by key and id: until when
	votes  map[string]map[string]time.Time
	until  map[string]time.Time
}

func (m *model) record(key Key, e Event, now time.Time) {
	if m.seen[key.ID+e.ID].Unix() > now.Unix() {
		return
	}
	m.seen[key.ID+e.ID] = now.Add(markerLife)
	m.events[key.ID+e.Email] = append(m.events[key.ID+e.Email], e)
	domain := e.Email[len(e.Email)-len("dN.example"):]
	if e.Reason != HardBounce && e.Reason != Complaint || now.Sub(e.OccurredAt) >= window {
		return
	}
	if m.votes[domain] == nil {
		m.votes[domain] = make(map[string]time.Time)
	}
	m.votes[domain][key.Account] = now
	n, third := 0, now
	for _, at := range m.votes[domain] {
		if now.Sub(at) < window {
			n++
		}
	}
	if n < quorum {
		return
	}
	var latest []time.Time
	for _, at := range m.votes[domain] {
		latest = append(latest, at)
	}
	for range quorum { // the latest three, one by one
		best := 0
		for i := range latest {
			if latest[i].After(latest[best]) {
				best = i
			}
		}
		third = latest[best]
		latest = append(latest[:best], latest[best+1:]...)
	}
	if until := third.Add(window + tail); until.After(m.until[domain]) {
		m.until[domain] = until
	}
}

func (m *model) look(key, email string, now time.Time) string {
	var r record
	for _, e := range m.events[key+email] {
		r.add(e, e.OccurredAt.UnixMilli())
	}
	domain := email[len(email)-len("dN.example"):]
	return says(Sight{History: r.history(now), Trap: m.until[domain].After(now)})
}

// Whatever several keys of several accounts report and ask, each sees its own
// reports, and of all others' nothing but the consensus.
func TestNothingButConsensusCrossesKeys(t *testing.T) {
	for seed := range uint64(12) {
		w := open(t)
		chance := rand.New(rand.NewPCG(seed, 4))
		m := &model{events: map[string][]Event{}, seen: map[string]time.Time{}, votes: map[string]map[string]time.Time{}, until: map[string]time.Time{}}
		var keys []Key
		for n := range 8 {
			keys = append(keys, Key{ID: fmt.Sprint("k", n), Account: fmt.Sprint("a", n/2)})
		}
		email := func() string { return fmt.Sprintf("u%d@d%d.example", chance.IntN(5), chance.IntN(4)) }
		traps := 0
		for step := range 400 {
			key := keys[chance.IntN(len(keys))]
			switch chance.IntN(10) {
			case 0:
				// By hours, at least two: marks are exact to one.
				w.clock.Advance(2*time.Hour + time.Duration(chance.Int64N(int64(4*day))))
			case 1, 2, 3:
				events := make([]Event, 1+chance.IntN(4))
				for i := range events {
					events[i] = Event{
						Email: email(), Reason: []Reason{HardBounce, SoftBounce, Complaint, Unsubscribe}[chance.IntN(4)],
						ID: fmt.Sprint("test:", chance.IntN(500)), OccurredAt: w.clock.Now().Add(-time.Duration(chance.Int64N(int64(60 * day)))),
					}
				}
				o, err := w.Record(t.Context(), key, events, w.clock.Now(), Terms{})
				if err != nil || o.Recorded+o.Duplicates != len(events) {
					t.Fatalf("%+v, %v", o, err)
				}
				for _, e := range events {
					m.record(key, e, w.clock.Now())
				}
			default:
				email := email()
				got, want := says(w.look(t, key.ID, email)), m.look(key.ID, email, w.clock.Now())
				if got != want {
					t.Fatalf("seed %d, step %d: %s asks for %s and gets %s, want %s", seed, step, key.ID, email, got, want)
				}
				if len(got) > 4 && got[len(got)-4:] == "trap" {
					traps++
				}
			}
		}
		if traps == 0 {
			t.Errorf("seed %d: nobody saw a trap", seed)
		}
	}
}

func TestATableThatCannotBeReadIsAnError(t *testing.T) {
	w := open(t)
	_ = w.db.Close()
	if _, err := w.Look(t.Context(), "key", mustParse(t, "a@ok.example")); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("error %v", err)
	}
}
