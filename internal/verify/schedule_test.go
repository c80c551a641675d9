package verify

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/mx"
)

// served is a schedule at work without network: routes are given, errands end
// when the test says so.
type served struct {
	*schedule
	domains map[string]*domain
	next    int
}

// newServed has operators by the host's registrable domain: one session each,
// two where the name begins with "big".
func newServed(sessions int) *served {
	return &served{domains: make(map[string]*domain), schedule: newSchedule(Flow{Sessions: sessions, Operator: func(host string) (string, int) {
		_, operator, _ := strings.Cut(host, ".")
		if strings.HasPrefix(operator, "big") {
			return operator, 2
		}
		return operator, 1
	}})}
}

// add lets n mailboxes of a domain wait. hosts are of equal preference.
func (s *served) add(name string, known CatchAll, n int, hosts ...string) {
	d := s.domains[name]
	if d == nil {
		d = &domain{id: domainID{name: name}, known: known}
		for _, host := range hosts {
			d.answer.Hosts = append(d.answer.Hosts, mx.Host{Name: host, Preference: 10})
		}
		s.domains[name] = d
		s.assign(d)
		s.settleIn(d)
	}
	var jobs []*job
	for range n {
		s.next++
		a, _ := address.Parse(fmt.Sprintf("user%d@%s", s.next, name))
		jobs = append(jobs, &job{e: Evidence{Address: a}, at: s.next})
	}
	s.queue(d, jobs...)
}

// shape prints an errand: its exchanger, and its domains with the number of
// mailboxes, those that are asked for the canary with a "?".
func shape(e *errand) string {
	if e == nil {
		return ""
	}
	parts := []string{e.lane.hosts[0].Name}
	for _, p := range e.parts {
		mark := ""
		if p.domain.scouting {
			mark = "?"
		}
		parts = append(parts, fmt.Sprintf("%s:%d%s", p.domain.id.name, len(p.jobs), mark))
	}
	return strings.Join(parts, " ")
}

func TestErrands(t *testing.T) {
	const host, other = "mx1.small.example", "mx1.other.example"
	for _, tt := range []struct {
		claim   string
		given   func(s *served)
		growing bool
		want    []string // errands, without any ending
	}{
		{"small domains go together", func(s *served) {
			s.add("a.example", Checks, 3, host)
			s.add("b.example", Checks, 2, host)
		}, false, []string{"mx1.small.example a.example:3 b.example:2"}},
		{"each that is not known to check with its canary, as many as a write holds", func(s *served) {
			for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
				s.add(name+".example", CatchAllUnknown, 1, host)
			}
		}, false, []string{"mx1.small.example a.example:1? b.example:1? c.example:1? d.example:1? e.example:1?"}},
		{"no more of them than a session has transactions", func(s *served) {
			for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
				s.add(name+".example", Checks, 1, host)
			}
		}, false, []string{"mx1.small.example a.example:1 b.example:1 c.example:1 d.example:1 e.example:1 f.example:1"}},
		{"a large one sends ten ahead with the canary, and waits for what that shows", func(s *served) {
			s.add("a.example", CatchAllUnknown, 15, "mx1.big.example")
		}, false, []string{"mx1.big.example a.example:10?"}},
		{"one that is known to check is asked in long sessions, side by side", func(s *served) {
			s.add("a.example", Checks, 100, "mx1.big.example")
		}, false, []string{"mx1.big.example a.example:40", "mx1.big.example a.example:30"}},
		{"an operator has as many sessions as it bears", func(s *served) {
			s.add("a.example", Checks, 10, host)
			s.add("b.example", Checks, 10, "mx2.small.example")
		}, false, []string{"mx1.small.example a.example:10"}},
		{"the one with the most to do for each session goes first", func(s *served) {
			s.add("a.example", Checks, 11, host)
			s.add("b.example", Checks, 12, other)
			s.add("c.example", Checks, 20, "mx1.big.example")
		}, false, []string{"mx1.other.example b.example:12", "mx1.small.example a.example:11", "mx1.big.example c.example:10", "mx1.big.example c.example:10"}},
		{"of equal exchangers the one with less to do is taken", func(s *served) {
			s.add("a.example", Checks, 10, host, other)
			s.add("b.example", Checks, 10, host, other)
		}, false, []string{"mx1.small.example a.example:10", "mx1.other.example b.example:10"}},
		{"other exchangers are another session", func(s *served) {
			s.add("a.example", Checks, 1, "mx1.big.example")
			s.add("b.example", Checks, 1, "mx2.big.example")
		}, false, []string{"mx1.big.example a.example:1", "mx2.big.example b.example:1"}},
		{"while more is streaming in, only what fills a write is asked", func(s *served) {
			s.add("a.example", Checks, 9, host)
			s.add("b.example", Checks, 10, other)
		}, true, []string{"mx1.other.example b.example:10"}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			s := newServed(50)
			tt.given(s)
			var got []string
			for e := s.schedule.next(tt.growing); e != nil; e = s.schedule.next(tt.growing) {
				got = append(got, shape(e))
			}
			if g, w := strings.Join(got, "\n"), strings.Join(tt.want, "\n"); g != w {
				t.Errorf("errands\n%s\nwant\n%s", g, w)
			}
		})
	}
}

func TestAHeldOperatorWaits(t *testing.T) {
	s := newServed(50)
	s.add("a.example", Checks, 1, "mx1.small.example")
	s.add("b.example", Checks, 1, "mx1.other.example")
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s.hold(s.domains["a.example"].lane.operator, now.Add(time.Minute))
	if wake := s.release(now); !wake.Equal(now.Add(time.Minute)) {
		t.Errorf("wakes at %s", wake)
	}
	if got := shape(s.schedule.next(false)) + shape(s.schedule.next(false)); got != "mx1.other.example b.example:1" {
		t.Errorf("errands %q", got)
	}
	if wake := s.release(now.Add(time.Minute)); !wake.IsZero() {
		t.Errorf("wakes at %s after the hold", wake)
	}
	if got := shape(s.schedule.next(false)); got != "mx1.small.example a.example:1" {
		t.Errorf("errand %q after the hold", got)
	}
}

// TestScheduleLosesNobody lets chance decide what comes, what ends and what has
// to be asked again, and holds the schedule to its bounds.
func TestScheduleLosesNobody(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := newServed(1 + r.IntN(5))
		var running []*errand
		answered := make(map[int]bool)
		total := 0
		for step := 0; step < 400 || len(answered) < total; step++ {
			if step > 5000 {
				t.Fatalf("seed %d: %d of %d answered", seed, len(answered), total)
			}
			switch {
			case step < 400 && r.IntN(2) == 0:
				n, op := 1+r.IntN(12), r.IntN(6)
				name := fmt.Sprintf("d%d.example", r.IntN(30))
				if s.domains[name] == nil || s.domains[name].known != TakesAny {
					s.add(name, CatchAllUnknown, n, fmt.Sprintf("mx1.big%d.example", op), fmt.Sprintf("mx1.small%d.example", op))
					total += n
				}
			case len(running) > 0 && r.IntN(3) > 0:
				i := r.IntN(len(running))
				e := running[i]
				running = append(running[:i], running[i+1:]...)
				s.done(e)
				for _, p := range e.parts {
					if r.IntN(2) == 0 {
						p.domain.known = Checks
					}
					for _, j := range p.jobs {
						if r.IntN(5) == 0 {
							s.queue(p.domain, j)
							continue
						}
						if answered[j.at] {
							t.Fatalf("seed %d: asked again after its answer", seed)
						}
						answered[j.at] = true
					}
					s.enqueue(p.domain)
					if d := p.domain; len(d.waiting) == 0 && d.flying == 0 {
						s.remove(d)
						delete(s.domains, d.id.name)
					}
				}
			default:
				if e := s.schedule.next(r.IntN(3) == 0); e != nil {
					running = append(running, e)
				}
			}
			s.check(t, seed, running)
		}
		if len(s.lanes)+len(s.operators)+len(s.ready)+s.running > 0 && len(running) == 0 {
			t.Fatalf("seed %d: left over: %d lanes, %d operators, %d ready, %d running", seed, len(s.lanes), len(s.operators), len(s.ready), s.running)
		}
	}
}

// check holds errands under way to the bounds of the reference.
func (s *served) check(t *testing.T, seed uint64, running []*errand) {
	t.Helper()
	perOperator, scouts := make(map[*operator]int), make(map[*domain]int)
	for _, e := range running {
		perOperator[e.lane.operator]++
		recipients := 0
		for _, p := range e.parts {
			recipients += len(p.jobs)
			if p.domain.scouting {
				scouts[p.domain]++
			}
		}
		if len(e.parts) == 0 || recipients > perErrand {
			t.Fatalf("seed %d: errand %s", seed, shape(e))
		}
	}
	for d, n := range scouts {
		if n > 1 {
			t.Fatalf("seed %d: %d canaries of %s at once", seed, n, d.id.name)
		}
	}
	for op, n := range perOperator {
		if n > op.sessions {
			t.Fatalf("seed %d: %d sessions at %s", seed, n, op.name)
		}
	}
	if len(running) > s.flow.Sessions || len(running) != s.running {
		t.Fatalf("seed %d: %d sessions, counted %d", seed, len(running), s.running)
	}
}
