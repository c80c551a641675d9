package smtpprobe

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/mx"
	"rcpt/internal/pace"
)

// TestOverTCP asks an exchanger that follows RFC 5321 in a plain way, by many
// probes at once and over real sockets.
func TestOverTCP(t *testing.T) {
	listener, running := listen(t)
	prober, err := New(Config{
		HELO: "probe.rcpt.example", MailFrom: "verify@rcpt.example", Resolver: &network{t: t}, Pacer: pace.New(pace.Config{Mode: pace.Off}),
		Log: slog.New(slog.DiscardHandler),
		Dial: func(ctx context.Context, _ string, _ netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", listener.Addr().String())
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := trim(`1 accepted rcpt 250
		2 mailbox_not_found rcpt 550
		canary mailbox_not_found rcpt 550`)
	var probes sync.WaitGroup
	for range 20 {
		probes.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // no test waits for it
			defer cancel()
			b := probe{ask: "user1 bob"}.batch(t, []mx.Host{{Name: "mx1.example"}})
			result := prober.Probe(ctx, b)
			if got := show(result); got != want || trips(result) != "4" {
				t.Errorf("got %s in %s round trips, want %s in 4", got, trips(result), want)
			}
			if text := result.Answers[1].Text; strings.Contains(text, "127.0.0.1") {
				t.Errorf("text %q holds our address", text)
			}
		})
	}
	probes.Wait()
	_ = listener.Close()
	running.Wait()
}

// listen serves connections until the listener is closed; running is done when
// the last one is.
func listen(t *testing.T) (net.Listener, *sync.WaitGroup) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { serve(conn) })
		}
	})
	return listener, &running
}

func serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in, out := bufio.NewReader(conn), bufio.NewWriter(conn)
	say := func(text string) {
		_, _ = out.WriteString(text + "\r\n")
		if in.Buffered() == 0 {
			_ = out.Flush()
		}
	}
	say("220 mx1.example ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.TrimSpace(line), " "); {
		case verb == "EHLO":
			say("250-mx1.example\r\n250 PIPELINING")
		case verb == "QUIT":
			say("221 Bye")
			_, _ = io.Copy(io.Discard, in)
			return
		case verb == "RCPT" && !strings.Contains(line, "<user"):
			say(fmt.Sprintf("550 5.1.1 User unknown (you are %s)", conn.RemoteAddr().(*net.TCPAddr).IP))
		default:
			say("250 Ok")
		}
	}
}
