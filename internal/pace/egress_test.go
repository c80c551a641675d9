package pace

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// exchanger greets one caller over loopback and hands over what that said
// until it hung up.
func exchanger(t *testing.T, greeting ...string) (addr string, said <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	heard := make(chan string, 1)
	go func() {
		defer close(heard)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		for _, line := range greeting {
			_, _ = io.WriteString(conn, line)
		}
		words, _ := io.ReadAll(conn)
		heard <- string(words)
	}()
	return l.Addr().String(), heard
}

func TestEgressCheck(t *testing.T) {
	tests := []struct {
		name     string
		greeting []string
		closed   bool
		said     string
	}{
		{"220 is open", []string{"220 mx.example ESMTP\r\n"}, false, "QUIT\r\n"},
		{"so is a greeting of several lines, in several pieces", []string{"220-mx.exa", "mple\r\n220-hello\r\n", "220 ESMTP\r\n"}, false, "QUIT\r\n"},
		{"the last line of a greeting decides", []string{"220-mx.example\r\n", "554 5.7.1 your address is listed\r\n"}, true, ""},
		{"421 is their trouble of the moment", []string{"421 4.3.2 too busy\r\n"}, false, "QUIT\r\n"},
		{"554 is a refusal of us", []string{"554 5.7.1 your address is listed\r\n"}, true, ""},
		{"something else answers there", []string{"HTTP/1.1 400 Bad Request\r\n"}, true, ""},
		{"an empty line", []string{"\n"}, true, ""},
		{"a line that does not end", []string{"220 " + strings.Repeat("x", 5000)}, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			addr, said := exchanger(t, test.greeting...)
			var e Egress
			err := e.Check(t.Context(), addr)
			if (err != nil) != test.closed || e.Closed() != test.closed {
				t.Errorf("Check: %v, closed %v, want closed %v", err, e.Closed(), test.closed)
			}
			if got := <-said; got != test.said {
				t.Errorf("said %q, want %q", got, test.said)
			}
		})
	}
}

func TestEgressSilenceIsClosed(t *testing.T) {
	addr, _ := exchanger(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var e Egress
	if err := e.Check(ctx, addr); !errors.Is(err, os.ErrDeadlineExceeded) || !e.Closed() {
		t.Errorf("Check: %v, closed %v, want %v, closed", err, e.Closed(), os.ErrDeadlineExceeded)
	}
}

func TestEgressRefusedConnectionIsClosed(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	var e Egress
	if err := e.Check(t.Context(), l.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) || !e.Closed() {
		t.Errorf("Check: %v, closed %v, want %v, closed", err, e.Closed(), syscall.ECONNREFUSED)
	}
}

func TestEgressState(t *testing.T) {
	var e Egress
	want := func(state string) {
		t.Helper()
		if got := e.State(); got != state || e.Closed() != (state == "closed") {
			t.Errorf("state %q, closed %v, want %q", got, e.Closed(), state)
		}
	}
	want("unchecked")

	// A process that is going down must not find the door closed.
	silent, _ := exchanger(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Check(ctx, silent); !errors.Is(err, context.Canceled) {
		t.Errorf("Check: %v, want %v", err, context.Canceled)
	}
	want("unchecked")

	refusing, _ := exchanger(t, "554 5.7.1 no\r\n")
	_ = e.Check(t.Context(), refusing)
	want("closed")

	welcoming, _ := exchanger(t, "220 mx.example\r\n")
	_ = e.Check(t.Context(), welcoming)
	want("open")
}
