package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// exchanger is a mail server on loopback that rcpt must find through DNS and
// reach through its guard, as any on the internet. It has one mailbox, alice,
// for every domain.
type exchanger struct {
	t        *testing.T
	listener net.Listener
	greets   chan struct{} // it greets once this is closed
	arrived  chan struct{} // holds one element per connection

	mu       sync.Mutex
	commands []string
}

// newExchanger starts one that greets at once, or, when it holds, only when
// greets is closed.
func newExchanger(t *testing.T, holds bool) *exchanger {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := &exchanger{t: t, listener: listener, greets: make(chan struct{}), arrived: make(chan struct{}, 100)}
	if !holds {
		close(x.greets)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			x.arrived <- struct{}{}
			go x.serve(conn)
		}
	}()
	return x
}

func (x *exchanger) address() string { return x.listener.Addr().String() }

func (x *exchanger) port() string {
	_, port, _ := net.SplitHostPort(x.address())
	return port
}

// contacts is how many connections there have been.
func (x *exchanger) contacts() int { return len(x.arrived) }

// heard is every command so far.
func (x *exchanger) heard() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]string(nil), x.commands...)
}

func (x *exchanger) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	<-x.greets
	in := bufio.NewReader(conn)
	say := func(text string) { _, _ = fmt.Fprintf(conn, "%s\r\n", text) } // a client that left is its own affair
	say("220 mx.example ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		x.mu.Lock()
		x.commands = append(x.commands, line)
		x.mu.Unlock()
		switch verb, _, _ := strings.Cut(line, " "); {
		case verb == "EHLO":
			say("250-mx.example\r\n250 PIPELINING")
		case verb == "MAIL", strings.HasPrefix(line, "RCPT TO:<alice@"):
			say("250 2.1.0 Ok")
		case verb == "RCPT":
			say("550 5.1.1 User unknown")
		case verb == "QUIT":
			say("221 2.0.0 Bye")
			return
		default:
			say("502 5.5.2 Command not recognized")
		}
	}
}
