package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestOwns(t *testing.T) {
	w := start(t, Options{})
	for host, want := range map[string]bool{
		"ok.test": true, "mx1.ok-5.test.": true, "OK.Test": true, "anything.test": true,
		"test": false, "ok.example": false, "oktest": false, "ok.test.example": false, "": false,
	} {
		if got := w.Owns(host); got != want {
			t.Errorf("Owns(%q) = %t, want %t", host, got, want)
		}
	}
}

func TestAddressesLeadBack(t *testing.T) {
	if len(behaviors) > maxBehaviors {
		t.Fatalf("%d behaviors, addresses for %d", len(behaviors), maxBehaviors)
	}
	for i, b := range behaviors {
		ip := addressOf(b.host(b.name+".test"), i)
		got, ok := behaviorAt(ip)
		if ok != b.hasExchanger() || ok && got != i {
			t.Errorf("%s: address %s leads to %d, %t, want %d, %t", b.name, ip, got, ok, i, b.hasExchanger())
		}
	}
}

func TestDialKnowsOnlyItsOwnAddresses(t *testing.T) {
	w := start(t, Options{})
	for _, ip := range []string{"192.0.2.1", "127.0.0.1", "127.26.0.1", "127.25.255.255", "2001:db8::1"} {
		conn, err := w.Dial(context.Background(), netip.MustParseAddr(ip))
		if !errors.Is(err, ErrNoExchanger) {
			t.Errorf("Dial(%s) = %v, %v, want ErrNoExchanger", ip, conn, err)
		}
	}
	if _, err := w.Dial(context.Background(), netip.Addr{}); !errors.Is(err, ErrNoExchanger) {
		t.Errorf("Dial of the zero address: %v, want ErrNoExchanger", err)
	}
	conn, err := w.Dial(context.Background(), netip.MustParseAddr("::ffff:127.25.0.9"))
	if err != nil {
		t.Fatalf("Dial of a mapped address: %v", err)
	}
	_ = conn.Close()
}

func TestColdCheckTakesFourRoundTrips(t *testing.T) {
	w := start(t, Options{})
	before := w.Counts()
	conn := dial(t, w, "ok-1.test")
	talk(t, conn, hello("mx1.ok.test")+group("ok-1.test", accepted, strings.ReplaceAll(unknown, "DOMAIN", "ok-1.test")))
	_ = conn.Close()
	settle(t, w)
	traffic := Traffic{Connections: 1, RoundTrips: 4, Quits: 1,
		Commands: map[string]int64{"EHLO": 1, "MAIL": 1, "RCPT": 2, "QUIT": 1}}
	want := Counts{
		Questions: 2, QuestionTypes: map[string]int64{"MX": 1, "A": 1},
		Behaviors: map[string]Traffic{"ok": traffic}, Traffic: traffic,
	}
	if got := w.Counts().Sub(before); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestQuitThatNobodyWaitsForIsNoRoundTrip(t *testing.T) {
	w := start(t, Options{})
	conn := dial(t, w, "ok.test")
	talk(t, conn, hello("mx1.ok.test")+`
		C: MAIL FROM:<verify@probe.example>
		C: RCPT TO:<alice@ok.test>
		S: 250 2.1.0 Ok
		S: 250 2.1.5 Ok`)
	if _, err := io.WriteString(conn, "QUIT\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	settle(t, w)
	if got := w.Counts(); got.RoundTrips != 4 || got.Quits != 1 {
		t.Errorf("%d round trips and %d QUITs, want 4 and 1", got.RoundTrips, got.Quits)
	}
}

func TestDataIsSeen(t *testing.T) {
	w := start(t, Options{})
	talk(t, dial(t, w, "ok.test"), hello("mx1.ok.test")+`
		C: DATA
		S: 554 5.7.1 Error: this world takes no messages
		C: BDAT 0 LAST
		S: 554 5.7.1 Error: this world takes no messages`)
	if got := w.Counts().Data(); got != 2 {
		t.Errorf("data commands = %d, want 2", got)
	}
}

func TestSubLeavesOutWhatDidNotChange(t *testing.T) {
	w := start(t, Options{})
	conn := dial(t, w, "busy.test")
	talk(t, conn, "S: 421 4.3.2 All server ports are busy\nS: EOF")
	_ = conn.Close()
	settle(t, w)
	c := w.Counts()
	want := Counts{QuestionTypes: map[string]int64{}, Behaviors: map[string]Traffic{}, Traffic: Traffic{Commands: map[string]int64{}}}
	if got := c.Sub(c); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func settle(t *testing.T, w *World) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := w.Settle(ctx); err != nil {
		t.Fatalf("settle: %v", err)
	}
}

func TestAThousandConnectionsAtOnce(t *testing.T) {
	const clients = 1000
	w := start(t, Options{})
	ip := addressOf("mx1.ok.test", 0)
	var connected, done sync.WaitGroup
	connected.Add(clients)
	errs := make(chan error, clients)
	for n := range clients {
		done.Go(func() {
			conn, err := w.Dial(context.Background(), ip)
			connected.Done()
			if err != nil {
				errs <- err
				return
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(limit))
			connected.Wait() // everybody is there before anybody speaks
			errs <- probe(conn, fmt.Sprintf("user%d@ok.test", n))
		})
	}
	done.Wait()
	for range clients {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	settle(t, w)
	if got := w.Counts(); got.Connections != clients || got.Quits != clients || got.RoundTrips != 4*clients {
		t.Errorf("%d connections, %d QUITs, %d round trips, want %d, %d, %d",
			got.Connections, got.Quits, got.RoundTrips, clients, clients, 4*clients)
	}
}

// probe asks a plain server for one mailbox that exists.
func probe(conn net.Conn, address string) error {
	exchange := []struct{ send, last string }{
		{"", "220 mx1.ok.test ESMTP Postfix\r\n"},
		{"EHLO probe.example\r\n", "250 SMTPUTF8\r\n"},
		{"MAIL FROM:<verify@probe.example>\r\nRCPT TO:<" + address + ">\r\nQUIT\r\n", "250 2.1.5 Ok\r\n221 2.0.0 Bye\r\n"},
	}
	buf := make([]byte, 1024)
	for _, e := range exchange {
		if _, err := io.WriteString(conn, e.send); err != nil {
			return err
		}
		for got := ""; !strings.HasSuffix(got, e.last); {
			n, err := conn.Read(buf)
			if err != nil {
				return fmt.Errorf("after %q got %q and %w", e.send, got, err)
			}
			got += string(buf[:n])
		}
	}
	return nil
}

func TestAFullWorldTurnsClientsAway(t *testing.T) {
	w := start(t, Options{})
	for range maxConnections {
		conn := new(net.TCPConn)
		if !w.enter(conn) {
			t.Fatal("full too early")
		}
		defer w.leave(conn)
	}
	talk(t, dial(t, w, "ok.test"), "S: 421 4.3.2 All server ports are busy\nS: EOF")
}

func TestCloseEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	w, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	tarpit := dial(t, w, "tarpit.test")
	talk(t, tarpit, hello("mx1.tarpit.test")+`
		C: MAIL FROM:<verify@probe.example>
		C: RCPT TO:<alice@tarpit.test>
		S: 250 2.1.0 Ok`)
	idle := dial(t, w, "ok.test")
	talk(t, idle, "S: 220 mx1.ok.test ESMTP Postfix")
	ungreeted := dial(t, w, "slow.test")
	conn, err := net.Dial("tcp", w.DNS())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	query := &dns.Conn{Conn: conn}
	if err := query.WriteMsg(new(dns.Msg).SetQuestion("ok.test.", dns.TypeMX)); err != nil {
		t.Fatal(err)
	}
	if _, err := query.ReadMsg(); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	if err := w.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("close took %v", took)
	}
	for name, c := range map[string]net.Conn{"tarpit": tarpit, "idle": idle, "ungreeted": ungreeted, "dns": conn} {
		_ = c.SetReadDeadline(time.Now().Add(limit))
		_, err := io.Copy(io.Discard, c)
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Errorf("%s: connection still open after Close", name)
		}
	}
	if left := goroutinesAbove(before); left != "" {
		t.Errorf("goroutines left:\n%s", left)
	}
}

// goroutinesAbove waits for the goroutines that are about to return, and
// returns the stacks if more than n stay.
func goroutinesAbove(n int) string {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); runtime.Gosched() {
		if runtime.NumGoroutine() <= n {
			return ""
		}
	}
	stacks := make([]byte, 1<<16)
	return string(stacks[:runtime.Stack(stacks, true)])
}

func TestDialAfterCloseFails(t *testing.T) {
	w, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := w.Dial(context.Background(), addressOf("mx1.ok.test", 0))
	if err == nil {
		t.Errorf("connected to %s after Close", conn.RemoteAddr())
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		w, err := Start(Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProbe(b *testing.B) {
	w, err := Start(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	for b.Loop() {
		conn, err := w.Dial(context.Background(), addressOf("mx1.ok.test", 0))
		if err != nil {
			b.Fatal(err)
		}
		if err := probe(conn, "alice@ok.test"); err != nil {
			b.Fatal(err)
		}
		_ = conn.Close()
	}
}
