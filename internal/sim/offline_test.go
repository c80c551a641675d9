package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/mx"
)

// reach goes the way of dial in a simulation without sockets.
func reach(t *testing.T, o *Offline, domain string) net.Conn {
	t.Helper()
	answer := o.Lookup(t.Context(), domain)
	if len(answer.Hosts) != 1 {
		t.Fatalf("%s has no exchanger: %+v", domain, answer)
	}
	addrs := o.Addrs(t.Context(), answer.Hosts[0].Name)
	if len(addrs.IPs) != 1 {
		t.Fatalf("%s has no address: %+v", answer.Hosts[0].Name, addrs)
	}
	conn, err := o.Dial(t.Context(), addrs.IPs[0])
	if err != nil {
		t.Fatalf("dial %s: %v", domain, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(limit))
	return conn
}

// TestLookupsAgreeWithTheWorld: what the functions say is what a resolver makes
// of the DNS.
func TestLookupsAgreeWithTheWorld(t *testing.T) {
	w, o := start(t, Options{}), NewOffline(Options{})
	resolver := mx.New(mx.Config{Zones: map[string][]string{"test": {w.DNS()}}, Servers: []string{w.DNS()}})
	names := []string{"test", "test.", "OK.Test", "okay.test", "ok-.test", "ok-_a.test", "www.ok.test", "a.mx1.ok.test", "mx1.nomx.test"}
	for _, b := range behaviors {
		names = append(names, b.name+".test", b.name+"-42.test", "mx1."+b.name+".test")
	}
	for _, name := range names {
		got, want := o.Lookup(t.Context(), name), resolver.Lookup(t.Context(), name)
		if got.Status != want.Status || !reflect.DeepEqual(got.Hosts, want.Hosts) || got.Detail != want.Detail {
			t.Errorf("Lookup(%q) = %+v, want %+v", name, got, want)
		}
		compareAddrs(t, "Addrs of "+name, o.Addrs(t.Context(), name), resolver.Addrs(t.Context(), name))
		compareAddrs(t, "AddrsV6 of "+name, o.AddrsV6(t.Context(), name), resolver.AddrsV6(t.Context(), name))
	}
}

func compareAddrs(t *testing.T, what string, got, want mx.Addrs) {
	t.Helper()
	if got.Status != want.Status || !reflect.DeepEqual(got.IPs, want.IPs) || got.Detail != want.Detail {
		t.Errorf("%s: got %+v, want %+v", what, got, want)
	}
}

func TestNothingIsKnownOutside(t *testing.T) {
	o := NewOffline(Options{})
	for _, name := range []string{"ok.example", "oktest", "ok.test.example", "mx1.mail.example", ""} {
		if got := o.Lookup(t.Context(), name); got.Status != mx.Failed || got.Detail != outside || got.Hosts != nil {
			t.Errorf("Lookup(%q) = %+v, want %s: %s", name, got, mx.Failed, outside)
		}
		if got := o.Addrs(t.Context(), name); got.Status != mx.Failed || got.Detail != outside || got.IPs != nil {
			t.Errorf("Addrs(%q) = %+v, want %s: %s", name, got, mx.Failed, outside)
		}
	}
}

func TestOfflineDialKnowsOnlyItsOwnAddresses(t *testing.T) {
	o := NewOffline(Options{})
	for _, ip := range []string{"192.0.2.1", "127.0.0.1", "127.26.0.1", "127.25.255.255", "2001:db8::1"} {
		if conn, err := o.Dial(t.Context(), netip.MustParseAddr(ip)); !errors.Is(err, ErrNoExchanger) {
			t.Errorf("Dial(%s) = %v, %v, want ErrNoExchanger", ip, conn, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if conn, err := o.Dial(ended, addressOf("mx1.ok.test", 0)); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial in an ended context = %v, %v, want %v", conn, err, context.Canceled)
	}
}

func TestNewOfflineStartsNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	o := NewOffline(Options{})
	if got := runtime.NumGoroutine(); got > before {
		t.Errorf("%d goroutines, want no more than %d", got, before)
	}
	runtime.KeepAlive(o)
}

// TestOfflineSpeaksAsTheWorld plays dialogues that depend on the connection:
// the rest is the same code. In its bubble a session that outlived its
// connection would be a deadlock, and five minutes cost nothing.
func TestOfflineSpeaksAsTheWorld(t *testing.T) {
	for _, test := range []struct{ claim, domain, script string }{
		{"a pipelined group", "ok-3.test", hello("mx1.ok.test") + group("ok-3.test", accepted, strings.ReplaceAll(unknown, "DOMAIN", "ok-3.test"))},
		{"a group larger than the server reads at once", "ok.test", hello("mx1.ok.test") + `
			C: MAIL FROM:<verify@probe.example>` + strings.Repeat("\nC: RCPT TO:<bob@ok.test>", recipientLimit) + `
			S: 250 2.1.0 Ok` + strings.Repeat("\nS: 250 2.1.5 Ok", recipientLimit)},
		{"the client's address", "blocked.test", hello("mx1.blocked.test") + `
			C: MAIL FROM:<verify@probe.example>
			C: RCPT TO:<alice@blocked.test>
			S: 250 2.1.0 Ok
			S: 554 5.7.1 Service unavailable; Client host [127.0.0.1] blocked using bl.blocklist.test`},
		{"421 as greeting", "busy.test", "S: 421 4.3.2 All server ports are busy\nS: EOF"},
		{"a hang-up after MAIL", "drop.test", hello("mx1.drop.test") + `
			C: MAIL FROM:<verify@probe.example>
			C: RCPT TO:<alice@drop.test>
			C: QUIT
			S: 250 2.1.0 Ok
			S: EOF`},
		{"an early talker", "slow.test", `
			C: EHLO probe.example
			S: 554 5.5.0 Error: SMTP protocol synchronization
			S: EOF`},
	} {
		t.Run(test.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := reach(t, NewOffline(Options{}), test.domain)
				talk(t, conn, test.script)
				_ = conn.Close()
			})
		})
	}
}

func TestOfflineSendsAnIdleClientAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := reach(t, NewOffline(Options{}), "slow.test")
		_ = conn.SetDeadline(time.Time{})
		began := time.Now()
		talk(t, conn, "S: 220 mx1.slow.test ESMTP Postfix")
		if got, want := time.Since(began), 3*time.Second; got != want {
			t.Errorf("greeted after %v, want %v", got, want)
		}
		talk(t, conn, "S: 421 4.4.2 mx1.slow.test Error: timeout exceeded\nS: EOF")
		if got, want := time.Since(began), 5*time.Minute+3*time.Second; got != want {
			t.Errorf("sent away after %v, want %v", got, want)
		}
	})
}

// TestTLSOverAPipeSaysGoodbyeAtOnce: both sides send their alert and neither
// reads the other's; no time may pass.
func TestTLSOverAPipeSaysGoodbyeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := reach(t, NewOffline(Options{}), "tls.test")
		talk(t, conn, helloBeforeTLS+`
			C: STARTTLS
			S: 220 2.0.0 Ready to start TLS`)
		began := time.Now()
		secured := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
		talk(t, secured, `
			C: EHLO probe.example
			S: 250-mx1.tls.test
			S: 250-PIPELINING
			S: 250-ENHANCEDSTATUSCODES
			S: 250-8BITMIME
			S: 250 SMTPUTF8
			C: MAIL FROM:<verify@probe.example>
			C: RCPT TO:<alice@tls.test>
			C: QUIT
			S: 250 2.1.0 Ok
			S: 250 2.1.5 Ok`)
		_ = secured.Close()
		synctest.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("the goodbye took %v", took)
		}
	})
}

func BenchmarkOfflineProbe(b *testing.B) {
	o := NewOffline(Options{})
	for b.Loop() {
		conn, err := o.Dial(b.Context(), addressOf("mx1.ok.test", 0))
		if err != nil {
			b.Fatal(err)
		}
		if err := probe(conn, "alice@ok.test"); err != nil {
			b.Fatal(err)
		}
		_ = conn.Close()
	}
}
