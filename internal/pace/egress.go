package pace

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// Egress knows whether our own way out to port 25 is open. Networks block it by
// default, and then every probe times out: a verifier that does not know takes
// its own closed door for a world without mailboxes. The zero value has not
// checked yet and counts as open.
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
// greeting. It returns why the way out counts as closed, or nil.
func (e *Egress) Check(ctx context.Context, exchanger string) error {
	ctx, cancel := context.WithTimeout(ctx, egressTimeout)
	defer cancel()
	err := greeted(ctx, exchanger)
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
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	line, err := bufio.NewReaderSize(conn, 512).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read greeting of %s: %w", exchanger, err)
	}
	if !strings.HasPrefix(line, "220") {
		return fmt.Errorf("greeting of %s is no 220", exchanger)
	}
	_, _ = conn.Write([]byte("QUIT\r\n"))
	return nil
}
