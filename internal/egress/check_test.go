package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"rcpt/internal/mx"
	"rcpt/internal/store"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// shelf is a table of one item by a clock that the test moves.
type shelf struct {
	store.Table // the other methods are not called
	now         time.Time
	item        store.Item
	reads       int
	err         error
}

func (s *shelf) clock() time.Time { return s.now }

func (s *shelf) Get(context.Context, store.Key) (store.Item, error) {
	s.reads++
	if s.err != nil {
		return store.Item{}, s.err
	}
	if !s.item.Present() || s.item.Expired(s.now) {
		return store.Item{}, store.ErrNotFound
	}
	return s.item, nil
}

func (s *shelf) Put(_ context.Context, item store.Item, conds ...store.Cond) error {
	current := s.item
	if current.Expired(s.now) {
		current = store.Item{}
	}
	for _, cond := range conds {
		if !cond.Holds(current) {
			return store.ErrCondition
		}
	}
	s.item = item
	return s.err
}

// world is what a Checker meets: targets by name, DNS by name.
type world struct {
	t       *testing.T
	targets map[string]any // greeting (string) or error
	names   map[string]mx.Addrs
	said    chan string
}

func (w *world) Addrs(_ context.Context, host string) mx.Addrs {
	if a, ok := w.names[host]; ok {
		return a
	}
	return mx.Addrs{Status: mx.NXDomain}
}

func (w *world) dial(ctx context.Context, _, address string) (net.Conn, error) {
	switch behavior := w.targets[address].(type) {
	case error:
		return nil, &net.OpError{Op: "dial", Err: behavior}
	case string:
		ours, theirs := net.Pipe()
		go func() {
			defer func() { _ = theirs.Close() }()
			_, _ = io.WriteString(theirs, behavior)
			words := make([]byte, 64)
			n, _ := theirs.Read(words)
			w.said <- string(words[:n])
		}()
		return ours, nil
	default:
		w.t.Errorf("connected to %s", address)
		return nil, syscall.ECONNREFUSED
	}
}

func (w *world) found(ip ...string) mx.Addrs {
	a := mx.Addrs{Status: mx.Found}
	for _, s := range ip {
		a.IPs = append(a.IPs, netip.MustParseAddr(s))
	}
	return a
}

func newWorld(t *testing.T) *world {
	return &world{t: t, targets: map[string]any{}, names: map[string]mx.Addrs{}, said: make(chan string, 10)}
}

func (w *world) checker(table *shelf, targets ...string) *Checker {
	return NewChecker(Config{Targets: targets, Resolver: w, Table: table, Dial: w.dial, Now: table.clock})
}

// Behaviors of targets.
const (
	greets = "220 mx.example ESMTP\r\n"
	bars   = "554 5.7.1 your address is listed\r\n"
)

func TestOneTarget(t *testing.T) {
	for _, c := range []struct {
		claim    string
		behavior any
		want     State
		said     string
	}{
		{"220 is open", greets, Open, "QUIT\r\n"},
		{"so is a greeting of several lines", "220-mx.example\r\n220-hello\r\n220 ESMTP\r\n", Open, "QUIT\r\n"},
		{"421 is their trouble of the moment", "421 4.3.2 too busy\r\n", Open, "QUIT\r\n"},
		{"554 is a refusal of us", bars, Listed, ""},
		{"the last line of a greeting decides", "220-mx.example\r\n" + bars, Listed, ""},
		{"something else answers there", "HTTP/1.1 400 Bad Request\r\n", Closed, ""},
		{"an empty line", "\n", Closed, ""},
		{"a line that does not end", "220 " + strings.Repeat("x", 5000), Closed, ""},
		{"a refused connection", syscall.ECONNREFUSED, Closed, ""},
		{"no route", syscall.ENETUNREACH, Closed, ""},
		{"a connection that is not answered", context.DeadlineExceeded, Closed, ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			w, table := newWorld(t), &shelf{now: noon}
			w.targets["192.0.2.25:25"] = c.behavior
			checker := w.checker(table, "192.0.2.25:25")
			var report Report
			for range confirmed {
				var err error
				if report, err = checker.Check(t.Context()); err != nil {
					t.Fatal(err)
				}
				table.now = table.now.Add(time.Minute)
			}
			if report.State != c.want {
				t.Errorf("state %s (%s), want %s", report.State, report.Seen, c.want)
			}
			if _, greeted := c.behavior.(string); greeted {
				if got := <-w.said; got != c.said {
					t.Errorf("said %q, want %q", got, c.said)
				}
			}
		})
	}
}

func TestSilenceIsTold(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0") // accepts, and greets nobody
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	checker := NewChecker(Config{Targets: []string{l.Addr().String()}, Table: &shelf{now: noon}, Now: time.Now})
	report, err := checker.Check(ctx)
	if want := l.Addr().String() + " is silent"; err != nil || report.Seen != want {
		t.Errorf("the report is %+v, %v, want %q", report, err, want)
	}
}

func TestTargetsTogether(t *testing.T) {
	list := func(behaviors ...any) []any { return behaviors }
	refuses := error(syscall.ECONNREFUSED)
	for _, c := range []struct {
		claim     string
		behaviors []any // nil: the name does not resolve
		want      State
	}{
		{"one that is down is not our door", list(refuses, greets, greets), Open},
		{"one that greets shows that the port is open", list(refuses, refuses, greets), Open},
		{"all of them refuse", list(refuses, refuses, refuses), Closed},
		{"most of them refuse, one is not to be found", list(refuses, refuses, nil), Closed},
		{"half of them are not to be found", list(refuses, nil), Unchecked},
		{"none is to be found", list(nil, nil), Unchecked},
		{"most refuse our address", list(bars, bars, greets), Listed},
		{"one refuses our address", list(bars, greets, greets), Open},
		{"half of them refuse our address", list(bars, greets), Open},
		{"one refuses our address, the other the connection", list(bars, refuses), Unchecked},
	} {
		t.Run(c.claim, func(t *testing.T) {
			w, table := newWorld(t), &shelf{now: noon}
			var targets []string
			for i, behavior := range c.behaviors {
				host := "mx" + string(rune('a'+i)) + ".example"
				targets = append(targets, host+":25")
				if behavior != nil {
					ip := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}).String()
					w.names[host], w.targets[ip+":25"] = w.found(ip), behavior
				}
			}
			checker := w.checker(table, targets...)
			for range confirmed {
				if _, err := checker.Check(t.Context()); err != nil {
					t.Fatal(err)
				}
				table.now = table.now.Add(time.Minute)
			}
			got, err := load(t.Context(), table, table.now)
			if err != nil || got.State != c.want {
				t.Errorf("state %s, %v, want %s", got.State, err, c.want)
			}
		})
	}
}

func TestBadNewsIsConfirmedGoodNewsCountsAtOnce(t *testing.T) {
	w, table := newWorld(t), &shelf{now: noon}
	checker := w.checker(table, "192.0.2.25:25")
	for i, step := range []struct {
		behavior any
		wait     time.Duration
		state    State
		changed  bool
	}{
		{syscall.ECONNREFUSED, 0, Unchecked, false},
		{syscall.ECONNREFUSED, 500 * time.Millisecond, Unchecked, false}, // the clock came twice
		{syscall.ECONNREFUSED, time.Minute, Closed, true},
		{bars, time.Minute, Listed, true},
		{greets, time.Minute, Open, true},
		{syscall.ECONNREFUSED, time.Minute, Open, false},
		{greets, time.Minute, Open, false},
		{syscall.ECONNREFUSED, time.Minute, Open, false},
		{syscall.ECONNREFUSED, time.Minute, Closed, true},
		{syscall.ECONNREFUSED, life, Unchecked, false}, // the finding has lapsed, the count with it
	} {
		table.now = table.now.Add(step.wait)
		w.targets["192.0.2.25:25"] = step.behavior
		report, err := checker.Check(t.Context())
		if err != nil || report.State != step.state || report.Changed != step.changed {
			t.Errorf("step %d: %+v, %v; want %s, changed %t", i, report, err, step.state, step.changed)
		}
	}
}

func TestRoundsThatFindNothingLetKnowledgeLapse(t *testing.T) {
	w, table := newWorld(t), &shelf{now: noon}
	w.names["mx.example"], w.targets["192.0.2.25:25"] = w.found("192.0.2.25"), greets
	checker := w.checker(table, "mx.example:25")
	if _, err := checker.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	delete(w.names, "mx.example")
	for passed := time.Minute; passed <= life; passed += time.Minute {
		table.now = noon.Add(passed)
		report, err := checker.Check(t.Context())
		want := Open
		if passed >= life {
			want = Unchecked
		}
		if err != nil || report.State != want {
			t.Errorf("after %s: %s, %v, want %s", passed, report.State, err, want)
		}
	}
}

func TestRoundsThatCannotBeKeptAreErrors(t *testing.T) {
	w, table := newWorld(t), &shelf{now: noon, err: store.ErrThrottled}
	w.targets["192.0.2.25:25"] = greets
	if _, err := w.checker(table, "192.0.2.25:25").Check(t.Context()); !errors.Is(err, store.ErrThrottled) {
		t.Errorf("the error is %v", err)
	}
	if _, err := w.checker(table).Check(t.Context()); !errors.Is(err, ErrNothingToAsk) {
		t.Errorf("without anything to ask the error is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calm := &shelf{now: noon}
	w.targets["192.0.2.25:25"] = context.Canceled
	if _, err := w.checker(calm, "192.0.2.25:25").Check(ctx); !errors.Is(err, context.Canceled) || calm.item.Present() {
		t.Errorf("a round that was cancelled: %v, kept %v", err, calm.item)
	}
}

func TestLists(t *testing.T) {
	const zone = "key.dnsbl.example"
	honest := map[string]string{"2.0.0.127": "127.0.0.2"}
	for _, c := range []struct {
		claim   string
		answers map[string]string // reversed address -> answer
		want    State
		seen    string
	}{
		{"a listing stops everything", map[string]string{"2.0.0.127": "127.0.0.2", "7.113.0.203": "127.0.0.4"}, Listed, "dnsbl.example lists us"},
		{"none does not", honest, Open, "dnsbl.example does not list us"},
		{"a refused resolver is no listing", map[string]string{"2.0.0.127": "127.255.255.254", "7.113.0.203": "127.255.255.254"}, Unchecked, "dnsbl.example is not usable"},
		{"a list that says yes to everybody is none", map[string]string{"2.0.0.127": "127.0.0.2", "1.0.0.127": "127.0.0.2", "7.113.0.203": "127.0.0.2"}, Unchecked, "dnsbl.example is not usable"},
		{"nor is one without its test entry", map[string]string{"7.113.0.203": "127.0.0.2"}, Unchecked, "dnsbl.example is not usable"},
		{"a resolver that makes up answers lists nobody", map[string]string{"2.0.0.127": "198.51.100.1", "7.113.0.203": "198.51.100.1"}, Unchecked, "dnsbl.example is not usable"},
		{"a list that fails says nothing", map[string]string{"7.113.0.203": "fails"}, Unchecked, "dnsbl.example is not usable"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			w, table := newWorld(t), &shelf{now: noon}
			for name, ip := range c.answers {
				if w.names[name+"."+zone] = (mx.Addrs{Status: mx.Failed}); ip != "fails" {
					w.names[name+"."+zone] = w.found(ip)
				}
			}
			checker := NewChecker(Config{
				Address: netip.MustParseAddr("203.0.113.7"), Lists: []string{zone}, Resolver: w, Table: table, Dial: w.dial, Now: table.clock,
			})
			var report Report
			for range confirmed {
				var err error
				if report, err = checker.Check(t.Context()); err != nil {
					t.Fatal(err)
				}
				table.now = table.now.Add(time.Minute)
			}
			if report.State != c.want || report.Seen != c.seen {
				t.Errorf("got %s, %q; want %s, %q", report.State, report.Seen, c.want, c.seen)
			}
		})
	}
}

func TestListsAndTargetsTogether(t *testing.T) {
	w, table := newWorld(t), &shelf{now: noon}
	w.targets["192.0.2.25:25"] = syscall.ECONNREFUSED
	checker := NewChecker(Config{
		Targets: []string{"192.0.2.25:25"}, Address: netip.MustParseAddr("203.0.113.7"), Lists: []string{"dnsbl.example"},
		Resolver: w, Table: table, Dial: w.dial, Now: table.clock,
	})
	_, _ = checker.Check(t.Context())
	table.now = table.now.Add(time.Minute)
	report, err := checker.Check(t.Context())
	if err != nil || report.State != Closed {
		t.Errorf("not on a list, but without a way out: %+v, %v", report, err)
	}
}

func TestNamesInLists(t *testing.T) {
	for ip, want := range map[string]string{
		"203.0.113.7":        "7.113.0.203",
		"::ffff:203.0.113.7": "7.113.0.203",
		"2001:db8::1":        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2",
	} {
		if got := reversed(netip.MustParseAddr(ip)); got != want {
			t.Errorf("%s is named %s, want %s", ip, got, want)
		}
	}
}
