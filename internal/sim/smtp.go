package sim

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"time"
)

const (
	// lineLimit is the longest command in octets, CRLF included: the 512 of
	// RFC 5321 §4.5.3.1.4 with room for extensions, and a pipelined group of
	// eleven recipients in one read.
	lineLimit = 4096

	// greetingPause is how long every server listens before it greets, as
	// postscreen does, so that a client that talks first is caught. Far below
	// any real round trip.
	greetingPause = time.Millisecond

	// hangUpWait is how long a server that hung up waits for the client to do
	// so. Closing at once, with input unread, would reset the connection and
	// could take the last reply along.
	hangUpWait = time.Second

	// acceptRest is the pause after a failed accept, which means that the
	// process has no descriptors left.
	acceptRest = 10 * time.Millisecond

	// errorLimit and recipientLimit are Postfix's smtpd_hard_error_limit and
	// smtpd_recipient_limit. Every refusal is an error; RSET forgives none.
	errorLimit     = 20
	recipientLimit = 1000
)

// session is one connection to an exchanger.
type session struct {
	servers *servers
	at      *exchanger
	raw     halfCloser
	conn    net.Conn // raw, or TLS over it
	in      *bufio.Reader

	out     []byte // replies of the group being read
	awaited bool   // the client waits for out: it holds more than the answer to QUIT
	errors  int

	client   netip.Addr
	greeted  bool // after HELO or EHLO
	extended bool // after EHLO
	secure   bool // inside TLS
	transaction
}

// halfCloser is a connection that can say its last word and still listen.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// transaction is what MAIL opens and RSET, EHLO and STARTTLS end.
type transaction struct {
	mailGiven  bool
	sender     string
	utf8       bool // SMTPUTF8 was declared, RFC 6531 §3.4
	recipients int  // RCPT commands that were accepted
}

// listen opens the socket of an exchanger and begins to accept.
func (w *World) listen(e *exchanger) (*net.TCPListener, error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	w.running.Go(func() { w.accept(e, listener) })
	return listener, nil
}

func (w *World) accept(e *exchanger, listener *net.TCPListener) {
	for {
		conn, err := listener.AcceptTCP()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			w.options.Log.Warn("simulated exchanger cannot accept", "host", e.host, "error", err)
			select {
			case <-time.After(acceptRest):
			case <-w.stop:
			}
		case !w.enter(conn):
			_, _ = io.WriteString(conn, "421 4.3.2 All server ports are busy\r\n")
			_ = conn.Close()
		default:
			go func() {
				defer w.leave(conn)
				w.newSession(e, conn).serve()
			}()
		}
	}
}

// enter registers a connection, unless the world is full or closed.
func (w *World) enter(conn net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed() || len(w.open) >= maxConnections {
		return false
	}
	if len(w.open) == 0 {
		w.quiet = make(chan struct{})
	}
	w.open[conn] = struct{}{}
	w.running.Add(1)
	return true
}

func (w *World) leave(conn net.Conn) {
	_ = conn.Close() // a reset by the client is its own business
	w.mu.Lock()
	delete(w.open, conn)
	if len(w.open) == 0 {
		close(w.quiet)
	}
	w.mu.Unlock()
	w.running.Done()
}

func (v *servers) newSession(e *exchanger, conn halfCloser) *session {
	e.tally.connections.Add(1)
	e.tally.roundTrips.Add(1)
	return &session{
		servers: v, at: e, raw: conn, conn: conn, in: bufio.NewReaderSize(conn, lineLimit),
		client: conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap(),
	}
}

// serve runs the session to its end. Replies are collected while commands are
// at hand and leave in one write when the server has to wait for the client.
func (s *session) serve() {
	defer s.hangUp()
	if !s.greet() {
		return
	}
	for {
		line, err := s.readLine()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.reply("421 4.4.2 " + s.at.host + " Error: timeout exceeded")
			return
		case errors.Is(err, bufio.ErrBufferFull):
			s.reply("500 5.5.2 Error: line too long")
			return
		case err != nil || !s.obey(line):
			return
		case s.errors >= errorLimit:
			s.reply("421 4.7.0 " + s.at.host + " Error: too many errors")
			return
		}
	}
}

// greet reports whether the client may go on.
func (s *session) greet() bool {
	pause := greetingPause
	if s.at.slow {
		pause = s.servers.options.SlowGreeting
	}
	_ = s.raw.SetReadDeadline(time.Now().Add(pause)) // fails on a closed connection, as the read will
	_, err := s.in.Peek(1)
	switch {
	case err == nil:
		s.at.tally.earlyTalkers.Add(1)
		s.outOfStep()
		return false
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return false // gone, or the world is closing
	case s.at.busy:
		s.reply("421 4.3.2 All server ports are busy")
		return false
	}
	s.reply("220 " + s.at.host + " ESMTP Postfix")
	return true
}

// readLine returns the next command without its line end, which may be a bare
// LF. Before it waits, it sends what is owed.
func (s *session) readLine() (string, error) {
	if !s.lineAtHand() {
		_ = s.raw.SetDeadline(time.Now().Add(s.servers.options.Idle))
		if err := s.flush(); err != nil {
			return "", err
		}
	}
	line, err := s.in.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return string(line), nil
}

func (s *session) lineAtHand() bool {
	ahead, _ := s.in.Peek(s.in.Buffered()) // cannot fail: that much is buffered
	return bytes.IndexByte(ahead, '\n') >= 0
}

// reply queues one reply line, or several separated by CRLF.
func (s *session) reply(text string) {
	s.awaited = true
	if text[0] == '4' || text[0] == '5' {
		s.errors++
	}
	s.out = append(append(s.out, text...), "\r\n"...)
}

// outOfStep ends a session whose client did not wait for its turn, in the
// words of Postfix 3.9.
func (s *session) outOfStep() { s.reply("554 5.5.0 Error: SMTP protocol synchronization") }

// flush sends the queued replies in one write. It counts first: the client may
// look at the counts as soon as it has its answer.
func (s *session) flush() error {
	if len(s.out) == 0 {
		return nil
	}
	if s.awaited {
		s.at.tally.roundTrips.Add(1)
		s.awaited = false
	}
	_, err := s.conn.Write(s.out)
	s.out = s.out[:0]
	return err
}

// hangUp sends what is owed and the end of the stream, then waits a moment for
// the client to close. Errors mean that it has already gone.
func (s *session) hangUp() {
	_ = s.raw.SetDeadline(time.Now().Add(hangUpWait))
	_ = s.flush()
	if closer, ok := s.conn.(interface{ CloseWrite() error }); ok && s.secure {
		_ = closer.CloseWrite()
	}
	_ = s.raw.CloseWrite()
	_, _ = io.Copy(io.Discard, s.raw)
}

// stall sends what is owed and then takes whatever comes without a word, until
// the client has had enough.
func (s *session) stall() {
	_ = s.raw.SetDeadline(time.Now().Add(s.servers.options.Idle))
	if s.flush() == nil {
		_, _ = io.Copy(io.Discard, s.raw)
	}
}
