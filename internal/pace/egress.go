package pace

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// Egress knows whether our own way out to port 25 is open. Networks block it by
// default, and then every probe times out: a verifier that does not know takes
// its own closed door for a world without mailboxes. The zero value has not
// checked yet and counts as open. It is safe for concurrent use.
type Egress struct {
	closed  atomic.Bool
	checked atomic.Bool
}

// Closed reports that the last check found the way out closed.
func (e *Egress) Closed() bool { return e.closed.Load() }

// State is "unchecked", "open" or "closed".
func (e *Egress) State() string {
	switch {
	case !e.checked.Load():
		return "unchecked"
	case e.closed.Load():
		return "closed"
	}
	return "open"
}

// egressTimeout is longer than any healthy exchanger takes to greet.
const egressTimeout = 10 * time.Second

// Check connects to a known exchanger, given as host:port, and waits for its
// greeting, at most ten seconds. It returns why the way out counts as closed,
// or nil. A check that the caller cancels finds nothing and changes nothing.
//
// A permanent refusal counts as closed, since a healthy exchanger gives it only
// to who is listed; a transient one shows that the way out is open.
func (e *Egress) Check(ctx context.Context, exchanger string) error {
	limited, cancel := context.WithTimeout(ctx, egressTimeout)
	defer cancel()
	err := greeted(limited, exchanger)
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("check way out: %w", ctx.Err())
	}
	e.closed.Store(err != nil)
	e.checked.Store(true)
	return err
}

func greeted(ctx context.Context, exchanger string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", exchanger)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", exchanger, err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	code, err := greeting(conn)
	if err != nil {
		return fmt.Errorf("read greeting of %s: %w", exchanger, err)
	}
	if code != "220" && !strings.HasPrefix(code, "4") {
		return fmt.Errorf("greeting of %s is %q", exchanger, code)
	}
	_, _ = conn.Write([]byte("QUIT\r\n"))
	return nil
}

// greeting reads to the end of the greeting, which may have several lines:
// QUIT before that would be early talking. It returns the reply code.
func greeting(conn net.Conn) (string, error) {
	in := bufio.NewReaderSize(conn, 4<<10)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		if len(line) < 4 || line[3] != '-' {
			return string(line[:min(3, len(line))]), nil
		}
	}
}
