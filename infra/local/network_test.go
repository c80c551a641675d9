package main

import (
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rcpt/internal/mx/mxtest"
)

// The tests of this file let rcpt ask a DNS server of theirs and, with
// RCPT_SMTP_PORT, exchangers of theirs.

// expect asks for the verdict on an address and compares two of its words.
func expect(t *testing.T, p *product, email, status, reason string) answer {
	t.Helper()
	got, err := p.ask("/v1/verify", `{"email":"`+email+`","timeout_ms":5000}`)
	if err != nil {
		t.Fatal(err)
	}
	if got.text("status") != status || got.text("reason") != reason {
		t.Errorf("%s is %s %s, want %s %s: %v\n%s", email, got.text("status"), got.text("reason"), status, reason, got.fields, p.log)
	}
	return got
}

func TestRealExchangersAreAsked(t *testing.T) {
	t.Parallel()
	x := newExchanger(t, false)
	dns := mxtest.Serve(t, mxtest.Zone{
		MX: map[string][]string{"ok.example": {"10 mx.ok.example"}, "ok.test": {"10 mx.ok.test"}},
		A:  map[string][]string{"mx.ok.example": {"127.0.0.1"}, "mx.ok.test": {"127.0.0.1"}},
	})
	p := start(t, "RCPT_SIM=off", "RCPT_DNS="+dns.Addr(), "RCPT_SMTP_PORT="+x.port(), "RCPT_PROBE_ALLOW=127.0.0.0/8",
		"RCPT_HELO=probe.example", "RCPT_MAIL_FROM=verify@probe.example")

	expect(t, p, "alice@ok.example", "VALID", "smtp_verified")
	expect(t, p, "nobody@ok.example", "INVALID", "mailbox_not_found")
	// Without the simulation .test is asked for like any name.
	expect(t, p, "alice@ok.test", "VALID", "smtp_verified")
	expect(t, p, "alice@nowhere.test", "INVALID", "domain_not_found")

	if got := x.contacts(); got != 3 {
		t.Errorf("three addresses took %d connections", got)
	}
	heard := x.heard()
	for _, want := range []string{"EHLO probe.example", "MAIL FROM:<verify@probe.example>", "RCPT TO:<alice@ok.example>", "QUIT"} {
		if !slices.Contains(heard, want) {
			t.Errorf("the exchanger did not hear %q but %q", want, heard)
		}
	}
	if slices.ContainsFunc(heard, func(line string) bool { return !isProbe(line) }) {
		t.Errorf("the exchanger heard what is no part of a probe: %q", heard)
	}
	if got := dns.Questions(); got["ok.example MX"] != 1 || got["mx.ok.example A"] != 1 {
		t.Errorf("DNS was asked %v", got)
	}
}

func isProbe(line string) bool {
	verb, _, _ := strings.Cut(line, " ")
	return slices.Contains([]string{"EHLO", "MAIL", "RCPT", "RSET", "QUIT"}, verb)
}

func TestPrivateExchangersAreNotContacted(t *testing.T) {
	t.Parallel()
	x := newExchanger(t, false)
	dns := mxtest.Serve(t, mxtest.Zone{
		MX: map[string][]string{
			"loopback.example": {"10 mx.loopback.example"}, "metadata.example": {"10 mx.metadata.example"},
			"mapped.example": {"10 mx.mapped.example"}, "six.example": {"10 mx.six.example"},
			"several.example": {"10 mx.loopback.example", "20 mx.metadata.example"},
		},
		A: map[string][]string{
			"mx.loopback.example": {"127.0.0.1", "127.0.0.2"}, "mx.metadata.example": {"169.254.169.254"},
			"implicit.example": {"127.0.0.1"},
		},
		AAAA: map[string][]string{"mx.mapped.example": {"::ffff:127.0.0.1"}, "mx.six.example": {"::1"}},
	})
	settings := []string{"RCPT_DNS=" + dns.Addr(), "RCPT_SMTP_PORT=" + x.port()}
	p := start(t, settings...)
	for _, domain := range []string{"loopback.example", "metadata.example", "mapped.example", "six.example", "several.example", "implicit.example"} {
		expect(t, p, "alice@"+domain, "UNKNOWN", "mx_unreachable")
	}
	if got := x.contacts(); got != 0 {
		t.Errorf("the exchanger on loopback saw %d connections", got)
	}

	// An exemption covers the network it names and no other.
	p = start(t, append(settings, "RCPT_PROBE_ALLOW=127.0.0.0/8")...)
	expect(t, p, "alice@loopback.example", "VALID", "smtp_verified")
	expect(t, p, "alice@metadata.example", "UNKNOWN", "mx_unreachable")
}

func TestClosedWayOut(t *testing.T) {
	t.Parallel()
	x := newExchanger(t, false)
	dns := mxtest.Serve(t, mxtest.Zone{
		MX: map[string][]string{"far.example": {"10 mx.far.example"}, "near.example": {"10 mx.near.example"}},
		A:  map[string][]string{"mx.far.example": {"192.0.2.25"}, "mx.near.example": {"127.0.0.1"}},
	})
	p := start(t, "RCPT_DNS="+dns.Addr(), "RCPT_SMTP_PORT="+x.port(), "RCPT_PROBE_ALLOW=127.0.0.0/8", "RCPT_EGRESS_CHECK="+closedPort(t))
	if _, err := p.log.await(regexp.MustCompile(`way out to port 25 is closed`), p.ended); err != nil {
		t.Fatal(err)
	}
	if got := health(t, p); got.text("egress") != "closed" || got.text("status") != "ok" {
		t.Errorf("health is %v, want a closed egress", got.fields)
	}
	expect(t, p, "alice@far.example", "UNKNOWN", "egress_blocked")
	expect(t, p, "alice@near.example", "VALID", "smtp_verified") // an exempt network
	expect(t, p, "alice@ok.test", "VALID", "smtp_verified")      // the simulation
	expect(t, p, "nobody@ok.test", "INVALID", "mailbox_not_found")
}

func TestOpenWayOut(t *testing.T) {
	t.Parallel()
	x := newExchanger(t, false)
	p := start(t, "RCPT_EGRESS_CHECK="+x.address())
	for tries := 0; ; tries++ {
		got := health(t, p)
		if got.text("egress") == "open" {
			return
		}
		if got.text("egress") != "unchecked" || tries == 1000 {
			t.Fatalf("health is %v, want an open egress", got.fields)
		}
		time.Sleep(10 * time.Millisecond) // nothing tells of a check that went well
	}
}

func health(t *testing.T, p *product) answer {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, p.env.URL+"/v1/health", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := do(http.DefaultClient, request)
	if err != nil {
		t.Fatal(err)
	}
	return got
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

// TestTerminatedWhileAnswering ends the process between a question and its
// answer: the listener closes, the answer still comes, the exit is clean.
func TestTerminatedWhileAnswering(t *testing.T) {
	t.Parallel()
	x := newExchanger(t, true)
	dns := mxtest.Serve(t, mxtest.Zone{
		MX: map[string][]string{"ok.example": {"10 mx.ok.example"}},
		A:  map[string][]string{"mx.ok.example": {"127.0.0.1"}},
	})
	p := start(t, "RCPT_DNS="+dns.Addr(), "RCPT_SMTP_PORT="+x.port(), "RCPT_PROBE_ALLOW=127.0.0.0/8")
	answered := make(chan answer, 1)
	go func() {
		got, err := p.ask("/v1/verify", `{"email":"alice@ok.example","timeout_ms":25000}`)
		if err != nil {
			t.Error(err)
		}
		answered <- got
	}()

	select {
	case <-x.arrived: // the exchanger keeps the request waiting from here on
	case got := <-answered:
		t.Fatalf("answered without the exchanger: %v\n%s", got.fields, p.log)
	}
	p.signal(syscall.SIGTERM)
	address := strings.TrimPrefix(p.env.URL, "http://")
	for {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			break // nobody listens any more: the end has begun
		}
		_ = conn.Close()
	}
	close(x.greets)

	if got := <-answered; got.text("status") != "VALID" {
		t.Errorf("the answer is %v, want VALID", got.fields)
	}
	if err := p.wait(); err != nil {
		t.Errorf("the process ended with %v:\n%s", err, p.log)
	}
}
