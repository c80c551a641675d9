package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/store"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// The tests of this file run where no socket can be opened (noSockets), beside a
// simulation on sockets that must not be touched, and mostly in a bubble of
// synctest, where waits cost nothing and a goroutine that stays is a failure.

// testKeyTable is a table in memory with what the verifier of test keys uses;
// any other method panics.
type testKeyTable struct {
	store.Table
	mu    sync.Mutex
	items map[store.Key]store.Item
}

func newTestKeyTable() *testKeyTable { return &testKeyTable{items: make(map[store.Key]store.Item)} }

// at returns the item under a key, the zero Item if there is none.
func (m *testKeyTable) at(key store.Key) store.Item {
	if item := m.items[key]; !item.Expired(time.Now()) {
		return item
	}
	return store.Item{}
}

func (m *testKeyTable) Get(_ context.Context, key store.Key) (store.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if item := m.at(key); item.Present() {
		return item, nil
	}
	return store.Item{}, store.ErrNotFound
}

func (m *testKeyTable) BatchGet(_ context.Context, keys []store.Key) (found []store.Item, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		if item := m.at(key); item.Present() {
			found = append(found, item)
		}
	}
	return found, nil
}

func (m *testKeyTable) BatchPut(_ context.Context, items []store.Item) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, item := range items {
		m.items[item.Key] = item
	}
	return nil
}

func (m *testKeyTable) Update(_ context.Context, update store.Update) (store.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	current := m.at(update.Key)
	if !store.AllHold(update.If, current) {
		return current, store.ErrCondition
	}
	item, err := update.Apply(current)
	if err == nil {
		m.items[update.Key] = item
	}
	return item, err
}

func testKeyVerifier(t *testing.T, cache store.Table) *verify.Verifier {
	t.Helper()
	noSockets(t)
	ports := Ports{
		Control: newTestKeyTable(), Cache: cache, Sim: forbidden{t}, Secret: []byte("secret"), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	ports.Lists, ports.Tenant = Lists(ports), Tenant(ports)
	v, err := testVerifier(ports)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// forbidden is the simulation on sockets.
type forbidden struct{ t *testing.T }

func (f forbidden) DNS() string { f.t.Error("the simulated DNS is asked"); return "" }
func (f forbidden) Owns(h string) bool {
	f.t.Errorf("the simulation is asked about %s", h)
	return false
}
func (f forbidden) Dial(context.Context, netip.Addr) (net.Conn, error) {
	f.t.Error("the simulation is dialed")
	return nil, errors.New("forbidden")
}

// noSockets takes from the process the right to open another descriptor until
// the test ends.
func noSockets(t *testing.T) {
	t.Helper()
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 0, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
	})
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		_ = l.Close()
		t.Fatal("a socket can still be opened")
	}
}

// checkAs asks as a test key does through the API with a timeout of 4.5 s, the
// default, unless another is given.
func checkAs(v *verify.Verifier, key, email string, timeout time.Duration) verdict.Verdict {
	now := time.Now()
	return v.Verify(context.Background(), verify.Request{
		Scope: key, Email: email, Mode: verify.Full, Policy: verify.DefaultPolicy(),
		Received: now, Deadline: now.Add(timeout), Explain: true,
	})
}

const defaultTimeout = 4500 * time.Millisecond

// contractTable is the public table of the simulated mail internet. Where it
// promises no reason there is none.
var contractTable = []struct {
	email  string
	status verdict.Status
	reason verdict.Reason
}{
	{"alice@ok.test", verdict.Valid, verdict.SMTPVerified},
	{"bob@ok-2.test", verdict.Valid, verdict.SMTPVerified},
	{"user.of.ours@ok.test", verdict.Valid, verdict.SMTPVerified},
	{"nobody@ok.test", verdict.Invalid, verdict.MailboxNotFound},
	{"alice@catchall.test", verdict.CatchAll, verdict.CatchAllDomain},
	{"nobody@catchall-a-b.test", verdict.CatchAll, verdict.CatchAllDomain},
	{"alice@full.test", verdict.Risky, verdict.MailboxFull},
	{"alice@disabled.test", verdict.Invalid, verdict.MailboxDisabled},
	{"alice@greylist.test", verdict.Unknown, verdict.Greylisted},
	{"alice@blocked.test", verdict.Unknown, verdict.ProbeBlocked},
	{"alice@busy.test", verdict.Unknown, ""},
	{"alice@relay.test", verdict.Unknown, verdict.RelayDenied},
	{"alice@slow.test", verdict.Valid, verdict.SMTPVerified},
	{"nobody@slow.test", verdict.Invalid, verdict.MailboxNotFound},
	{"alice@tarpit.test", verdict.Unknown, verdict.Timeout},
	{"alice@drop.test", verdict.Unknown, ""},
	{"alice@tls.test", verdict.Valid, verdict.SMTPVerified},
	{"nobody@tls.test", verdict.Invalid, verdict.MailboxNotFound},
	{"alice@nullmx.test", verdict.Invalid, verdict.NullMX},
	{"alice@nomx.test", verdict.Invalid, verdict.NoMX},
	{"alice@nonesuch.test", verdict.Invalid, verdict.DomainNotFound},
	{"alice@implicit.test", verdict.Valid, verdict.SMTPVerified},
	{"nobody@implicit-7.test", verdict.Invalid, verdict.MailboxNotFound},
	{"alice@disposable.test", verdict.Disposable, verdict.DisposableDomain},
	{"alice..b@ok.test", verdict.Invalid, verdict.InvalidSyntax},
}

func TestTestKeysGetTheContractsTable(t *testing.T) {
	for _, row := range contractTable {
		t.Run(row.email, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := testKeyVerifier(t, newTestKeyTable())
				began := time.Now()
				got := checkAs(v, "key", row.email, defaultTimeout)
				if got.Status != row.status || row.reason != "" && got.Reason != row.reason {
					t.Errorf("got %s %s, want %s %s\nevidence: %+v", got.Status, got.Reason, row.status, row.reason, got.Evidence)
				}
				if took := time.Since(began); took > defaultTimeout {
					t.Errorf("took %v, longer than the %v there were", took, defaultTimeout)
				}
				if got.Reason == verdict.Greylisted && got.RetryAt == nil {
					t.Error("no retry_at")
				}
			})
		})
	}
}

func TestTestKeysKnowNothingOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testKeyVerifier(t, newTestKeyTable())
		for _, email := range []string{"alice@mail.example", "alice@gmail.com", "alice@ok.test.example", "alice@jürgen.example"} {
			got := checkAs(v, "key", email, defaultTimeout)
			const detail = "a test key knows only the simulated domains under .test"
			if got.Status != verdict.Unknown || got.Reason != verdict.DNSFailure || got.Detail != detail {
				t.Errorf("%s: got %s %s %q, want %s %s %q", email, got.Status, got.Reason, got.Detail, verdict.Unknown, verdict.DNSFailure, detail)
			}
		}
	})
}

// TestGreylistingEndsInAnotherProcess: on Lambda the second attempt may meet
// another instance than the first.
func TestGreylistingEndsInAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newTestKeyTable()
		here, there := testKeyVerifier(t, cache), testKeyVerifier(t, cache)
		for _, test := range []struct {
			email  string
			status verdict.Status
			reason verdict.Reason
		}{
			{"alice@greylist-5.test", verdict.Valid, verdict.SMTPVerified},
			{"nobody@greylist-6.test", verdict.Invalid, verdict.MailboxNotFound},
		} {
			first := checkAs(here, "key", test.email, defaultTimeout)
			if first.Reason != verdict.Greylisted || first.RetryAt == nil {
				t.Fatalf("%s: got %s, retry at %v, want %s and a time", test.email, first.Reason, first.RetryAt, verdict.Greylisted)
			}
			if wait := first.RetryAt.Sub(first.CheckedAt); wait < 20*time.Second || wait > 30*time.Second {
				t.Errorf("%s: retry after %v, want 20 s and a margin", test.email, wait)
			}
			if again := checkAs(there, "key", test.email, defaultTimeout); again.Reason != verdict.Greylisted {
				t.Errorf("%s: asked at once again: got %s, want %s", test.email, again.Reason, verdict.Greylisted)
			}
			time.Sleep(time.Until(*first.RetryAt))
			if got := checkAs(there, "key", test.email, defaultTimeout); got.Status != test.status || got.Reason != test.reason {
				t.Errorf("%s: after the wait got %s %s, want %s %s", test.email, got.Status, got.Reason, test.status, test.reason)
			}
		}
	})
}

func TestSlowIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testKeyVerifier(t, newTestKeyTable())
		began := time.Now()
		got := checkAs(v, "key", "alice@slow.test", defaultTimeout)
		if took := time.Since(began); got.Status != verdict.Valid || took < 3*time.Second || took > 3*time.Second+100*time.Millisecond {
			t.Errorf("got %s after %v, want %s after 3 s", got.Status, took, verdict.Valid)
		}
		got = checkAs(v, "key", "bob@slow.test", time.Second)
		if got.Status != verdict.Unknown {
			t.Errorf("with a second: got %s %s, want %s", got.Status, got.Reason, verdict.Unknown)
		}
	})
}

// TestFactsOfTestKeysStayApart: a live key may meet a real catchall.test.
func TestFactsOfTestKeysStayApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newTestKeyTable()
		v := testKeyVerifier(t, cache)
		checkAs(v, "key", "alice@catchall.test", defaultTimeout)
		if item := cache.at(store.Key{Part: "DOM#catchall.test"}); item.Present() {
			t.Errorf("facts for live keys: %v, want none", item)
		}
		got := checkAs(v, "another", "bob@catchall.test", defaultTimeout)
		evidence := got.Evidence.(verify.Evidence)
		if got.Status != verdict.CatchAll || len(evidence.Probe.Contacts) != 0 {
			t.Errorf("another test key: got %s after %d contacts, want %s from what is known", got.Status, len(evidence.Probe.Contacts), verdict.CatchAll)
		}
	})
}

func TestTestKeysHaveACacheOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testKeyVerifier(t, newTestKeyTable())
		for _, test := range []struct {
			key    string
			cached bool
		}{{"key", false}, {"key", true}, {"another", false}} {
			if got := checkAs(v, test.key, "alice@ok.test", defaultTimeout); got.Status != verdict.Valid || got.Cached != test.cached {
				t.Errorf("%s: got %s, cached %t, want %s, %t", test.key, got.Status, got.Cached, verdict.Valid, test.cached)
			}
		}
	})
}

// TestTheTarpitHoldsNobodyElse: sessions that wait take nothing from the others.
func TestTheTarpitHoldsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := testKeyVerifier(t, newTestKeyTable())
		var all sync.WaitGroup
		for n := range 500 {
			all.Go(func() {
				expectVerdict(t, v, fmt.Sprintf("user%d@tarpit-%d.test", n, n), verdict.Timeout, defaultTimeout)
			})
			all.Go(func() { expectVerdict(t, v, fmt.Sprintf("user%d@slow.test", n), verdict.SMTPVerified, defaultTimeout) })
		}
		all.Wait()
	})
}

func expectVerdict(t *testing.T, v *verify.Verifier, email string, reason verdict.Reason, timeout time.Duration) {
	t.Helper()
	began := time.Now()
	got := checkAs(v, "key", email, timeout)
	if took := time.Since(began); got.Reason != reason || took > timeout {
		t.Errorf("%s: got %s %s after %v, want %s within %v", email, got.Status, got.Reason, took, reason, timeout)
	}
}

// TestAThousandChecksAtOnce runs on the machine's clock.
func TestAThousandChecksAtOnce(t *testing.T) {
	v := testKeyVerifier(t, newTestKeyTable())
	checkAs(v, "key", "alice@ok.test", time.Minute) // what runs from the first use on
	before := runtime.NumGoroutine()
	kinds := []struct {
		local, domain string
		reason        verdict.Reason
	}{
		{"user", "ok", verdict.SMTPVerified}, {"x", "ok", verdict.MailboxNotFound}, {"x", "catchall", verdict.CatchAllDomain},
		{"x", "full", verdict.MailboxFull}, {"x", "disabled", verdict.MailboxDisabled}, {"x", "greylist", verdict.Greylisted},
		{"x", "blocked", verdict.ProbeBlocked}, {"x", "relay", verdict.RelayDenied}, {"user", "tls", verdict.SMTPVerified},
		{"x", "nullmx", verdict.NullMX}, {"user", "implicit", verdict.SMTPVerified}, {"x", "nomx", verdict.NoMX},
	}
	var all sync.WaitGroup
	for n := range 1000 {
		kind := kinds[n%len(kinds)]
		all.Go(func() {
			expectVerdict(t, v, fmt.Sprintf("%s%d@%s-%d.test", kind.local, n, kind.domain, n), kind.reason, 20*time.Second)
		})
	}
	all.Wait()
	if left := goroutinesBeyond(before); left != "" {
		t.Errorf("goroutines left:\n%s", left)
	}
}

// goroutinesBeyond waits for the goroutines that are about to return, and
// returns the stacks if more than n stay.
func goroutinesBeyond(n int) string {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if runtime.NumGoroutine() <= n {
			return ""
		}
	}
	stacks := make([]byte, 1<<16)
	return string(stacks[:runtime.Stack(stacks, true)])
}

func TestTestVerifierStartsNothing(t *testing.T) {
	cache := newTestKeyTable()
	before := runtime.NumGoroutine()
	v := testKeyVerifier(t, cache)
	if got := runtime.NumGoroutine(); got > before {
		t.Errorf("%d goroutines, want no more than %d", got, before)
	}
	runtime.KeepAlive(v)
}
