package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/egress"
	"rcpt/internal/embedded"
	"rcpt/internal/mx/mxtest"
)

// ear hears what is told of the work.
type ear struct {
	mu   sync.Mutex
	told []string
}

func (e *ear) hear(words ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told = append(e.told, strings.TrimSpace(fmt.Sprintln(words...)))
}

func (e *ear) metric(name string, value float64, labels ...string) {
	e.hear(name, value, strings.Join(labels, " "))
}

func (e *ear) step(ctx context.Context, step string) (context.Context, func(notes ...string)) {
	return ctx, func(notes ...string) { e.hear("step", step, strings.Join(notes, " ")) }
}

// heard returns what was told since, in the order of the alphabet, without the
// latencies: they follow the machine.
func (e *ear) heard() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	told := slices.DeleteFunc(e.told, func(s string) bool { return strings.HasPrefix(s, "latency_ms") })
	e.told = nil
	slices.Sort(told)
	return told
}

func TestWorkIsTold(t *testing.T) {
	var e ear
	b := newBench(t, map[string]string{"RCPT_PACING": "on"}, func(p *app.Ports) { p.Metric, p.Step = e.metric, e.step })
	for _, c := range []struct {
		email string
		want  []string
	}{
		{"alice@ok.test", []string{"probe_answered 1 provider other", "step dns status found cached false", "step probe provider other class accepted contacts 1"}},
		{"alice@ok.test", nil}, // from the cache
		{"alice@greylist.test", []string{"probe_deferred 1 provider other", "step dns status found cached false", "step probe provider other class greylisted contacts 1"}},
		{"alice@relay.test", []string{"probe_refused 1 provider other", "step dns status found cached false", "step probe provider other class relay_denied contacts 1"}},
		{"alice@nonesuch.test", []string{"step dns status nxdomain cached false"}},
		{"alice@blocked.test", []string{"blocklist_replies 1 provider other", "breaker_opened 1 operator blocked.test", "probe_refused 1 provider other",
			"step dns status found cached false", "step probe provider other class blocked_by_policy contacts 1"}},
		{"bob@blocked.test", []string{"probe_held 1 provider other", "step dns status found cached true", "step probe provider other class held contacts 0"}},
	} {
		b.ask(`{"email":"` + c.email + `"}`)
		if got := e.heard(); !slices.Equal(got, c.want) {
			t.Errorf("%s is told as\n %q\nwant\n %q", c.email, got, c.want)
		}
	}
}

func (b *bench) health() string {
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, httptest.NewRequest("GET", "/v1/health", nil))
	return w.Body.String()
}

// closedPort is an address that refuses connections.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// TestClosedWayOutIsAVerdictAtOnce runs functions/egresscheck beside
// functions/verify, over one cache table.
func TestClosedWayOutIsAVerdictAtOnce(t *testing.T) {
	dns := mxtest.Serve(t, mxtest.Zone{
		MX: map[string][]string{"far.example": {"10 mx.far.example"}},
		A:  map[string][]string{"mx.far.example": {"192.0.2.25"}},
	})
	var e ear
	var shared app.Ports
	settings := map[string]string{"RCPT_DNS": dns.Addr(), "RCPT_EGRESS_CHECK": closedPort(t)}
	b := newBench(t, settings, func(p *app.Ports) {
		p.Egress, p.Metric = egress.NewWatch(p.Cache, p.Now, p.Log), e.metric
		shared = *p
	})
	cfg, err := config.Read(func(name string) string { return settings[name] }, "probe.example")
	if err != nil {
		t.Fatal(err)
	}
	check := app.EgressCheck(cfg, shared)
	for range 2 { // bad news must be confirmed
		if err := check(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.pass(time.Minute)
	}
	if got := e.heard(); !slices.Equal(got, []string{"egress_closed 1 state closed"}) {
		t.Errorf("counted %q", got)
	}
	if body := b.health(); !strings.Contains(body, `"egress":"closed"`) {
		t.Errorf("health is %s", body)
	}
	if a := b.ask(`{"email":"alice@far.example"}`); a.Status != "UNKNOWN" || a.Reason != "egress_blocked" {
		t.Errorf("the verdict is %+v", a)
	}
	if a := b.ask(`{"email":"alice@ok.test"}`); a.Status != "VALID" {
		t.Errorf("the simulation is governed: %+v", a)
	}
	// The checker dies. Nobody is told of a closed door for ever.
	b.pass(time.Hour)
	if body := b.health(); !strings.Contains(body, `"egress":"unchecked"`) {
		t.Errorf("an hour later health is %s", body)
	}
}

func TestEgressCheckReportsWhatItCannotKeep(t *testing.T) {
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := config.Config{EgressCheck: []string{closedPort(t)}}
	check := app.EgressCheck(cfg, app.Ports{Cache: db.Cache(), Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err := check(t.Context()); err == nil {
		t.Error("a finding that was lost is no error")
	}
}
