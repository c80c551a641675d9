package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/keys"
	"rcpt/internal/mx"
	"rcpt/internal/mx/mxtest"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
	"rcpt/internal/sim"
	"rcpt/internal/smtpprobe"
)

// bench is the product in one process: the handler of functions/verify over
// embedded storage and a simulated mail internet that counts, by a clock that
// the test moves.
type bench struct {
	t       *testing.T
	handler http.Handler
	world   *sim.World
	key     string

	mu    sync.Mutex
	clock time.Time
}

func newBench(t *testing.T, settings map[string]string, change ...func(*app.Ports)) *bench {
	t.Helper()
	b := &bench{t: t, clock: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	cfg, err := config.Read(func(name string) string { return settings[name] }, "probe.example")
	if err != nil {
		t.Fatal(err)
	}
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: b.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if b.world, err = sim.Start(sim.Options{Now: b.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.world.Close() })
	ports := app.Ports{
		Control: db.Control(), Cache: db.Cache(), Vault: db.Vault(), Sim: b.world,
		Log: slog.New(slog.DiscardHandler), Secret: []byte("a secret of the tests"), Version: "test", Now: b.now,
	}
	for _, change := range change {
		change(&ports)
	}
	if b.handler, err = app.Verify(cfg, ports); err != nil {
		t.Fatal(err)
	}
	_, secrets, err := app.Keys(ports).Create(t.Context(), keys.Draft{Account: "test"})
	if err != nil {
		t.Fatal(err)
	}
	b.key = secrets.API
	return b
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clock
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock = b.clock.Add(d)
}

// answer is what the tests read of a verdict.
type answer struct {
	Status, Reason string
	Cached         bool
	RetryAt        time.Time `json:"retry_at"`
}

func (b *bench) ask(body string) answer {
	b.t.Helper()
	r := httptest.NewRequest("POST", "/v1/verify", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+b.key)
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK {
		b.t.Fatalf("answer is %d %s", w.Code, w.Body)
	}
	return a
}

// cost asks for one verdict and returns what that cost at the servers.
func (b *bench) cost(email, status, reason string) sim.Counts {
	b.t.Helper()
	before := b.world.Counts()
	if a := b.ask(`{"email":"` + email + `"}`); a.Status != status || a.Reason != reason {
		b.t.Errorf("%s is %s %s, want %s %s", email, a.Status, a.Reason, status, reason)
	}
	if err := b.world.Settle(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return b.world.Counts().Sub(before)
}

// fourRoundTrips is the most that a first contact may cost: connect, greeting,
// EHLO, and one write with everything else.
const fourRoundTrips = 4

func TestColdCheckCostsFourRoundTrips(t *testing.T) {
	b := newBench(t, nil)
	for _, c := range []struct {
		claim, email, status, reason string
		rcpt                         int64 // RCPT commands, the canary's included
	}{
		{"a mailbox", "alice@ok.test", "VALID", "smtp_verified", 2},
		{"no mailbox", "nobody@ok-cold.test", "INVALID", "mailbox_not_found", 2},
		{"a catch-all domain", "alice@catchall.test", "CATCH_ALL", "catch_all", 2},
		{"a full mailbox", "alice@full.test", "RISKY", "mailbox_full", 2},
		{"greylisting", "alice@greylist.test", "UNKNOWN", "greylisted", 2},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got := b.cost(c.email, c.status, c.reason)
			t.Logf("%d round trips, DNS %v", got.RoundTrips, got.QuestionTypes)
			if got.Connections != 1 || got.RoundTrips > fourRoundTrips {
				t.Errorf("cost %d connections and %d round trips, want 1 and at most %d", got.Connections, got.RoundTrips, fourRoundTrips)
			}
			if want := map[string]int64{"MX": 1, "A": 1}; !reflect.DeepEqual(got.QuestionTypes, want) {
				t.Errorf("DNS was asked %v, want %v", got.QuestionTypes, want)
			}
			want := map[string]int64{"EHLO": 1, "MAIL": 1, "RCPT": c.rcpt, "QUIT": 1}
			if !reflect.DeepEqual(got.Commands, want) || got.EarlyTalkers+got.OutOfTurn != 0 {
				t.Errorf("the exchanger heard %v, want %v; early %d, out of turn %d", got.Commands, want, got.EarlyTalkers, got.OutOfTurn)
			}
		})
	}
}

// TestWarmChecksCostLess shows what is remembered: the domain's facts spare
// the canary and DNS, the evidence spares everything.
func TestWarmChecksCostLess(t *testing.T) {
	b := newBench(t, nil)
	b.cost("alice@ok.test", "VALID", "smtp_verified")

	second := b.cost("bob@ok.test", "VALID", "smtp_verified")
	if second.Questions != 0 || second.Commands["RCPT"] != 1 || second.RoundTrips > fourRoundTrips {
		t.Errorf("a second mailbox of the domain cost %d questions, %d RCPT, %d round trips", second.Questions, second.Commands["RCPT"], second.RoundTrips)
	}
	for claim, email := range map[string]string{"the same address": "alice@ok.test", "bad syntax": "alice@@ok.test"} {
		before := b.world.Counts()
		b.ask(`{"email":"` + email + `"}`)
		if got := b.world.Counts().Sub(before); got.Questions != 0 || got.Connections != 0 {
			t.Errorf("%s cost %d questions and %d connections", claim, got.Questions, got.Connections)
		}
	}
	if got := b.cost("alice@disposable.test", "DISPOSABLE", "disposable_domain"); got.Connections != 0 {
		t.Errorf("a disposable domain cost %d connections", got.Connections)
	}
}

// prober joins the parts below the pipeline, as a batch job uses them.
func (b *bench) prober() (*mx.Resolver, *smtpprobe.Prober) {
	b.t.Helper()
	resolver := mx.New(mx.Config{Servers: []string{b.world.DNS()}, Now: b.now})
	prober, err := smtpprobe.New(smtpprobe.Config{
		HELO: "probe.example", MailFrom: "verify@probe.example", Port: 25, Resolver: resolver, Pacer: pace.New(pace.Config{Mode: pace.Off}),
		Dial: func(ctx context.Context, _ string, to netip.AddrPort) (net.Conn, error) {
			return b.world.Dial(ctx, to.Addr())
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return resolver, prober
}

// TestTenAddressesOfADomainCostTheSame asks as a batch job does.
func TestTenAddressesOfADomainCostTheSame(t *testing.T) {
	b := newBench(t, nil)
	resolver, prober := b.prober()
	parse := func(text string) address.Address {
		a, err := address.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	batch := smtpprobe.Batch{Domain: "ok-batch.test", Canary: parse("k3jx0qv7w2hd9s1m@ok-batch.test")}
	for i := range 8 {
		batch.Recipients = append(batch.Recipients, parse(fmt.Sprintf("user%d@ok-batch.test", i)))
	}
	batch.Recipients = append(batch.Recipients, parse("nobody@ok-batch.test"), parse("alice@ok-batch.test"))

	batch.Hosts = resolver.Lookup(t.Context(), batch.Domain).Hosts
	result := prober.Probe(t.Context(), batch)
	if err := b.world.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, a := range result.Answers {
		want := reply.Accepted
		if i == 8 {
			want = reply.MailboxNotFound
		}
		if a.Class != want {
			t.Errorf("%s is %s, want %s", batch.Recipients[i], a.Class, want)
		}
	}
	got := b.world.Counts()
	t.Logf("%d round trips, DNS %v", got.RoundTrips, got.QuestionTypes)
	if got.Connections != 1 || got.RoundTrips > fourRoundTrips || got.Commands["RCPT"] != 11 {
		t.Errorf("cost %d connections, %d round trips and %d RCPT, want 1, at most %d, 11", got.Connections, got.RoundTrips, got.Commands["RCPT"], fourRoundTrips)
	}
	if want := map[string]int64{"MX": 1, "A": 1}; !reflect.DeepEqual(got.QuestionTypes, want) {
		t.Errorf("DNS was asked %v, want %v", got.QuestionTypes, want)
	}
}

// TestGreylistingEnds waits as long as the verdict says.
func TestGreylistingEnds(t *testing.T) {
	b := newBench(t, nil)
	first := b.ask(`{"email":"alice@greylist.test"}`)
	if first.Status != "UNKNOWN" || first.Reason != "greylisted" || first.RetryAt.Sub(b.now()) < 20*time.Second {
		t.Fatalf("the first answer is %+v at %s", first, b.now())
	}
	if again := b.ask(`{"email":"alice@greylist.test"}`); again.Reason != "greylisted" || !again.Cached {
		t.Errorf("an answer before that time is %+v", again)
	}
	b.pass(first.RetryAt.Sub(b.now()))
	if later := b.ask(`{"email":"alice@greylist.test"}`); later.Status != "VALID" || later.Cached {
		t.Errorf("the answer at retry_at is %+v", later)
	}
	if other := b.ask(`{"email":"nobody@greylist.test"}`); other.Reason != "greylisted" {
		t.Errorf("another recipient is %+v", other)
	}
	b.pass(25 * time.Second)
	if other := b.ask(`{"email":"nobody@greylist.test"}`); other.Status != "INVALID" {
		t.Errorf("another recipient, later, is %+v", other)
	}
}

// TestRebindingIsNoWayIn gives the guard another address when the exchanger's
// name is looked up for the second time.
func TestRebindingIsNoWayIn(t *testing.T) {
	dns := mxtest.Serve(t, mxtest.Zone{
		MX:    map[string][]string{"moving.example": {"10 mx.moving.example"}},
		A:     map[string][]string{"mx.moving.example": {"127.0.0.1"}},
		Later: map[string][]string{"mx.moving.example": {"169.254.169.254"}},
		TTL:   time.Second,
	})
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close() // what is permitted refuses the connection
	b := newBench(t, map[string]string{"RCPT_DNS": dns.Addr(), "RCPT_SMTP_PORT": port, "RCPT_PROBE_ALLOW": "127.0.0.0/8"})
	if a := b.ask(`{"email":"alice@moving.example"}`); a.Status != "UNKNOWN" || a.Reason != "connection_failed" {
		t.Fatalf("the first answer is %+v", a)
	}
	b.pass(25 * time.Hour) // beyond any life of what DNS said
	if a := b.ask(`{"email":"alice@moving.example"}`); a.Status != "UNKNOWN" || a.Reason != "mx_unreachable" {
		t.Errorf("the second answer is %+v", a)
	}
	if got := dns.Count("mx.moving.example", "A"); got != 2 {
		t.Errorf("the exchanger's address was asked for %d times", got)
	}
}
