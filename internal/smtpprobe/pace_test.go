package smtpprobe

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/pace"
	"rcpt/internal/store"
)

// memory is the part of a Table that pace uses.
type memory struct {
	store.Table
	mu    sync.Mutex
	items map[store.Key]store.Item
	err   error // of every call
}

func (m *memory) Get(_ context.Context, key store.Key) (store.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	item, found := m.items[key]
	switch {
	case m.err != nil:
		return store.Item{}, m.err
	case !found:
		return store.Item{}, store.ErrNotFound
	}
	return item, nil
}

func (m *memory) Put(_ context.Context, item store.Item, conds ...store.Cond) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	if !store.AllHold(conds, m.items[item.Key]) {
		return store.ErrCondition
	}
	if m.items == nil {
		m.items = make(map[store.Key]store.Item)
	}
	m.items[item.Key] = item
	return nil
}

func paced(table *memory) *pace.Pacer {
	return pace.New(pace.Config{Mode: pace.On, Table: table, Jitter: func() float64 { return 0 }})
}

// TestWhatPaceIsTold shows it by what becomes of the next probe: it is asked,
// or held without a connection.
func TestWhatPaceIsTold(t *testing.T) {
	listed := "554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org"
	asked := []script{pipelined + last(ok, "alice "+yes) + bye}
	tarpit := probe{mx1: []script{pipelined + last(ok, "alice")}}
	for _, test := range []struct {
		name  string
		first []probe
		held  pace.Why // "": the next probe is asked
	}{
		{"an answered session", []probe{{mx1: asked}}, ""},
		{"421 at the greeting closes the breaker", []probe{{mx1: []script{"S: 421 too busy\nC: QUIT"}}}, pace.Breaker},
		{"a blocklist at RCPT does", []probe{{mx1: []script{pipelined + last(ok, "alice "+listed) + bye}}}, pace.Breaker},
		{"a blocklist at the greeting does", []probe{{mx1: []script{"S: " + listed + "\nC: QUIT"}}}, pace.Breaker},
		{"the recipient domain's policy does", []probe{{mx1: []script{
			"S: 220 mx.google.com ESMTP gsmtp\nC: EHLO probe.rcpt.example\nS: 250-mx\nS: 250 PIPELINING\n" +
				last(ok, "alice 550 5.7.1 The user or domain that you are sending to has a policy that prohibited the mail. violates the domain's email policy gcdp") + bye}}}, pace.Breaker},
		{"a missing mailbox does not", []probe{{mx1: []script{pipelined + last(ok, "alice "+no) + bye}}}, ""},
		{"a hang-up does not", []probe{{mx1: []script{"close"}}}, ""},
		{"one rate limit does not", []probe{{mx1: []script{pipelined + last(ok, "alice 451 4.7.1 too many messages from you") + bye}}}, ""},
		{"too many recipients at once is no rate limit", []probe{
			{ask: "alice bob", mx1: []script{pipelined + last(ok, "alice "+yes, "bob 452 4.5.3 Too many recipients") + bye, pipelined + last(ok, "bob "+yes) + bye}},
			{ask: "alice bob", mx1: []script{pipelined + last(ok, "alice "+yes, "bob 452 4.5.3 Too many recipients") + bye, pipelined + last(ok, "bob "+yes) + bye}},
		}, ""},
		{"two time-outs do not", []probe{tarpit, tarpit}, ""},
		{"three time-outs do", []probe{tarpit, tarpit, tarpit}, pace.Breaker},
		{"three callers in a hurry do not", []probe{hurried(tarpit), hurried(tarpit), hurried(tarpit)}, ""},
		{"a private address does not", []probe{{mx1: []script{"forbidden"}}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pacer := paced(&memory{})
				for _, p := range test.first {
					if p.ask == "" {
						p.ask = "alice"
					}
					p.noCanary = true
					p.play(t, t.Context(), pacer)
				}
				next := probe{ask: "alice", noCanary: true}
				if test.held == "" {
					next.mx1 = asked
				}
				result, _ := next.play(t, t.Context(), pacer)
				a := result.Answers[0]
				if a.Why != test.held || (a.Class == Held) != (test.held != "") || a.Until.IsZero() != (test.held == "") {
					t.Errorf("next probe: got %+v, want held by %q", a, test.held)
				}
			})
		})
	}
}

func hurried(p probe) probe {
	p.timeout = 500 * time.Millisecond
	return p
}

func TestEverySessionIsPacedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &memory{}
		p := probe{ask: "alice bob", noCanary: true, mx1: []script{
			pipelined + last(ok, "alice "+no, "bob") + "close",
			pipelined + last(ok, "bob "+no) + bye,
		}}
		// The slots of a small operator are two. Were one kept by each session,
		// the third probe would be held.
		for range 3 {
			result, _ := p.play(t, t.Context(), paced(table))
			if got := show(result); got != trim(expect(1, 2, "mailbox_not_found rcpt 550")) {
				t.Errorf("got %s", got)
			}
		}
	})
}

func TestWhoIsLeftWhenTheBreakerClosesIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &memory{}
		rate := "451 4.7.1 too many messages from you"
		one := probe{ask: "alice", noCanary: true, mx1: []script{pipelined + last(ok, "alice "+rate) + bye}}
		one.play(t, t.Context(), paced(table))
		two := probe{ask: "alice bob", noCanary: true, mx1: []script{pipelined + last(ok, "alice "+rate, "bob") + "close"}}
		result, _ := two.play(t, t.Context(), paced(table))
		if got := show(result); got != "1 rate_limited rcpt 451\n2 held" || result.Answers[1].Until.IsZero() {
			t.Errorf("got %s, want the second held until some time", got)
		}
	})
}

func TestAPacerThatCannotReadItsStateLetsNobodyConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result, _ := probe{ask: "alice"}.play(t, t.Context(), paced(&memory{err: errors.New("table down")}))
		if got := show(result); got != "1 fault\ncanary fault" {
			t.Errorf("got %s, want fault", got)
		}
	})
}
