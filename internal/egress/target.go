package egress

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"rcpt/internal/mx"
)

// outcome is how a target took us.
type outcome string

// The outcomes.
const (
	greeted     outcome = "greets"
	refusedUs   outcome = "refuses our address" // a healthy exchanger gives 5yz in its greeting only to who is listed
	refused     outcome = "refuses connections"
	silent      outcome = "is silent"
	unreachable outcome = "is unreachable" // there is no route
	garbled     outcome = "speaks no SMTP" // something on the way answers in its place
	unknown     outcome = "is not to be found"
)

// visit connects to a target, reads its greeting and says QUIT.
func (c *Checker) visit(ctx context.Context, target string) outcome {
	address, found := c.locate(ctx, target)
	if !found {
		return unknown
	}
	conn, err := c.cfg.Dial(ctx, "tcp", address)
	if err != nil {
		return failed(err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	code, err := greeting(conn)
	switch {
	case err != nil:
		return failed(err)
	case code == "220", strings.HasPrefix(code, "4"):
		_, _ = conn.Write([]byte("QUIT\r\n"))
		return greeted
	case strings.HasPrefix(code, "5"):
		return refusedUs
	}
	return garbled
}

// locate turns the host of a target into an address. Ours is an IPv4 one, and
// Addrs prefers those.
func (c *Checker) locate(ctx context.Context, target string) (address string, found bool) {
	host, port, err := net.SplitHostPort(target)
	if err != nil {
		return "", false
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return target, true
	}
	answer := c.cfg.Resolver.Addrs(ctx, host)
	if answer.Status != mx.Found {
		return "", false
	}
	return net.JoinHostPort(answer.IPs[0].String(), port), true
}

// failed tells why there is no connection, or no greeting on it.
func failed(err error) outcome {
	var timeout net.Error
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return silent
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return unreachable
	case errors.Is(err, bufio.ErrBufferFull):
		return garbled
	}
	return refused
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
