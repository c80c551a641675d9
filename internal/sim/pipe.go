package sim

import (
	"bytes"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// window is how many octets one direction of a pipe holds before its writer
// has to wait, as the buffers of a socket do.
const window = 64 << 10

// pipe returns the two ends of a connection inside the process. They behave as
// TCP connections, half-close included. net.Pipe would not do: a write there
// waits for its reader, so a client that pipelines and a server that answers
// wait for each other, and so do both sides of TLS when they say goodbye.
func pipe(client, server net.Addr) (near, far *pipeEnd) {
	there, back := newStream(), newStream()
	return &pipeEnd{in: back, out: there, local: client, remote: server},
		&pipeEnd{in: there, out: back, local: server, remote: client}
}

// pipeEnd is one end of a pipe.
type pipeEnd struct {
	in, out       *stream
	local, remote net.Addr
}

func (e *pipeEnd) Read(p []byte) (int, error)  { return e.in.read(p) }
func (e *pipeEnd) Write(p []byte) (int, error) { return e.out.write(p) }
func (e *pipeEnd) LocalAddr() net.Addr         { return e.local }
func (e *pipeEnd) RemoteAddr() net.Addr        { return e.remote }

// CloseWrite ends what the other end reads.
func (e *pipeEnd) CloseWrite() error {
	e.out.finish()
	return nil
}

func (e *pipeEnd) Close() error {
	e.in.abandon()
	e.out.finish()
	return nil
}

func (e *pipeEnd) SetDeadline(t time.Time) error {
	e.in.limit(&e.in.readBy, t)
	e.out.limit(&e.out.writeBy, t)
	return nil
}

func (e *pipeEnd) SetReadDeadline(t time.Time) error {
	e.in.limit(&e.in.readBy, t)
	return nil
}

func (e *pipeEnd) SetWriteDeadline(t time.Time) error {
	e.out.limit(&e.out.writeBy, t)
	return nil
}

// stream is one direction of a pipe.
type stream struct {
	mu        sync.Mutex
	changed   sync.Cond // whatever a waiting reader or writer may wait for
	held      bytes.Buffer
	finished  bool // by the writer: what is held is still read
	abandoned bool // by the reader
	readBy    deadline
	writeBy   deadline
}

// deadline is a moment that a reader or a writer waits for no longer than. The
// zero moment never comes.
type deadline struct {
	at    time.Time
	alarm *time.Timer // wakes who waits
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) drop() {
	if d.alarm != nil {
		d.alarm.Stop()
	}
	*d = deadline{}
}

func newStream() *stream {
	s := new(stream)
	s.changed.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.abandoned:
			return 0, net.ErrClosed
		case s.readBy.passed():
			return 0, os.ErrDeadlineExceeded
		case s.held.Len() > 0:
			s.changed.Broadcast()
			return s.held.Read(p)
		case s.finished:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *stream) write(p []byte) (written int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.finished:
			return written, net.ErrClosed
		case s.abandoned:
			return written, io.ErrClosedPipe
		case s.writeBy.passed():
			return written, os.ErrDeadlineExceeded
		}
		n := min(len(p), window-s.held.Len())
		s.held.Write(p[:n])
		p, written = p[n:], written+n
		s.changed.Broadcast()
		if len(p) == 0 {
			return written, nil
		}
		s.changed.Wait()
	}
}

// finish is the writer's last word.
func (s *stream) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finished = true
	s.writeBy.drop()
	s.changed.Broadcast()
}

// abandon is the reader's leave.
func (s *stream) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abandoned = true
	s.readBy.drop()
	s.held.Reset()
	s.changed.Broadcast()
}

// limit sets one of the stream's deadlines. The alarm of one that comes after
// the end of its side finds nobody and is not set.
func (s *stream) limit(d *deadline, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.drop()
	over := s.abandoned
	if d == &s.writeBy {
		over = s.finished
	}
	if !over && !at.IsZero() {
		d.at, d.alarm = at, time.AfterFunc(time.Until(at), s.wake)
	}
	s.changed.Broadcast()
}

func (s *stream) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}
