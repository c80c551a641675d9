package verify_test

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/lists"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/sim"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// net is what a verifier needs of a mail internet.
type internet interface {
	verify.Router
	smtpprobe.Resolver
}

// over joins the real pipeline over a mail internet.
func over(t *testing.T, world internet, dial func(ctx context.Context, ip netip.Addr) (net.Conn, error)) *verify.Verifier {
	t.Helper()
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	log := slog.New(slog.DiscardHandler)
	prober, err := smtpprobe.New(smtpprobe.Config{
		HELO: "probe.rcpt.example", MailFrom: "verify@rcpt.example", Port: 25, Resolver: world,
		Dial:  func(ctx context.Context, _ string, to netip.AddrPort) (net.Conn, error) { return dial(ctx, to.Addr()) },
		Pacer: pace.New(pace.Config{Mode: pace.Off}), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return verify.New(verify.Config{
		Lists: lists.NewLive(lists.New()), Router: world, Prober: prober, Cache: db.Cache(), Secret: []byte("stream"), Now: time.Now, Log: log,
	})
}

func requestsOf(emails []string) iter.Seq[verify.Request] {
	return func(yield func(verify.Request) bool) {
		for _, email := range emails {
			if !yield(verify.Request{Scope: "key", Email: email, Policy: verify.DefaultPolicy()}) {
				return
			}
		}
	}
}

// TestAStreamSaysWhatOneByOneSays asks for a list of every behavior of the
// simulated internet twice: as a stream, and address by address over another
// one. The verdicts must be the same.
func TestAStreamSaysWhatOneByOneSays(t *testing.T) {
	var emails []string
	for _, kind := range []string{
		"ok", "catchall", "full", "disabled", "greylist", "blocked", "busy", "relay", "slow", "tarpit", "drop", "tls", "nullmx", "nomx", "implicit", "disposable", "absent",
	} {
		for _, domain := range []string{kind + ".test", kind + "-two.test", kind + "-three.test"} {
			emails = append(emails, "alice@"+domain, "nobody@"+domain, "user1@"+domain, "USER2@"+domain)
		}
	}
	for i := range 25 {
		emails = append(emails, fmt.Sprintf("user%d@ok-large.test", i), fmt.Sprintf("gone%d@ok-large.test", i), fmt.Sprintf("gone%d@catchall-large.test", i))
	}
	emails = append(emails, "alice@@ok.test", "alice@[192.0.2.1]", strings.Repeat("a", 65)+"@ok.test", "alice@ok.test", "postmaster@ok.test")

	words := func(v verdict.Verdict) string {
		return fmt.Sprint(v.Status, " ", v.Reason, " ", v.Action, " catch-all ", v.CatchAll, " score ", v.Score, " again ", v.RetryAt != nil, " at ", v.MXHost)
	}
	alone, together := make([]string, len(emails)), make([]string, len(emails))
	synctest.Test(t, func(t *testing.T) {
		world := sim.NewOffline(sim.Options{})
		v := over(t, world, world.Dial)
		for i, request := range slices.Collect(requestsOf(emails)) {
			alone[i] = words(v.Verify(t.Context(), request))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		world := sim.NewOffline(sim.Options{})
		for i, v := range over(t, world, world.Dial).VerifyAll(t.Context(), requestsOf(emails), verify.Flow{}) {
			together[i] = words(v)
		}
	})
	for i, email := range emails {
		if alone[i] != together[i] {
			t.Errorf("%s\n    alone: %s\n together: %s", email, alone[i], together[i])
		}
	}
}

// mortal is a domain with two exchangers. The first is up for so many RCPTs,
// then its connections break and nobody is let in any more.
type mortal struct {
	left   atomic.Int64
	backup bool // the second one is up
}

func (m *mortal) Lookup(context.Context, string) mx.Answer {
	return mx.Answer{Status: mx.Found, Hosts: []mx.Host{{Name: "mx1.host.example", Preference: 10}, {Name: "mx2.host.example", Preference: 20}}}
}

func (m *mortal) Addrs(_ context.Context, host string) mx.Addrs {
	return mx.Addrs{Status: mx.Found, IPs: []netip.Addr{netip.MustParseAddr("192.0.2." + host[2:3])}}
}

func (m *mortal) AddrsV6(context.Context, string) mx.Addrs { return mx.Addrs{Status: mx.NoMail} }

func (m *mortal) dial(_ context.Context, ip netip.Addr) (net.Conn, error) {
	first := ip.As4()[3] == 1
	if first && m.left.Load() <= 0 || !first && !m.backup {
		return nil, net.ErrClosed
	}
	client, server := net.Pipe()
	go func() {
		defer func() { _ = server.Close() }()
		m.serve(server, first)
	}()
	return client, nil
}

// serve takes mail for who begins with "user".
func (m *mortal) serve(conn net.Conn, first bool) {
	in, replies := bufio.NewReader(conn), "220 host.example ESMTP\r\n"
	for {
		if in.Buffered() == 0 {
			if _, err := conn.Write([]byte(replies)); err != nil {
				return
			}
			replies = ""
		}
		line, err := in.ReadString('\n')
		switch {
		case err != nil:
			return
		case strings.HasPrefix(line, "EHLO"):
			replies += "250-host.example\r\n250 PIPELINING\r\n"
		case strings.HasPrefix(line, "QUIT"):
			_, _ = conn.Write([]byte(replies))
			return
		case !strings.HasPrefix(line, "RCPT"):
			replies += "250 2.0.0 Ok\r\n"
		case first && m.left.Add(-1) < 0:
			_, _ = conn.Write([]byte(replies))
			return
		case strings.HasPrefix(line, "RCPT TO:<user"):
			replies += "250 2.1.5 Ok\r\n"
		default:
			replies += "550 5.1.1 User unknown\r\n"
		}
	}
}

// TestAHostMayDieInTheMiddle: who was answered keeps the answer, the others are
// asked for at the next exchanger, and where there is none nothing is known of
// them.
func TestAHostMayDieInTheMiddle(t *testing.T) {
	var emails []string
	for i := range 200 {
		emails = append(emails, fmt.Sprintf("%s%d@d%d.example", []string{"user", "gone"}[i/3%2], i, i%9))
	}
	for _, backup := range []bool{true, false} {
		t.Run(fmt.Sprintf("another exchanger: %t", backup), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &mortal{backup: backup}
				m.left.Store(90)
				answered := make([]int, len(emails))
				known := 0
				for i, v := range over(t, m, m.dial).VerifyAll(t.Context(), requestsOf(emails), verify.Flow{}) {
					answered[i]++
					want := verdict.Valid
					if strings.HasPrefix(emails[i], "gone") {
						want = verdict.Invalid
					}
					if v.Status == want {
						known++
					} else if backup || v.Status != verdict.Unknown && v.Reason != verdict.Unconfirmed {
						t.Errorf("%s is %s (%s)", emails[i], v.Status, v.Reason)
					}
				}
				for i, n := range answered {
					if n != 1 {
						t.Errorf("%s answered %d times", emails[i], n)
					}
				}
				if known < 60 || backup && known < len(emails) {
					t.Errorf("%d of %d known", known, len(emails))
				}
			})
		})
	}
}
