package smtpprobe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"rcpt/internal/reply"
	"rcpt/internal/safedial"
)

// visit is a session to be opened.
type visit struct {
	host   string
	ip     netip.Addr
	tls    bool // begin with STARTTLS
	others bool // more addresses are left to try, so that this one may not use up all the time
}

// session is one SMTP connection.
type session struct {
	conn    net.Conn
	in      *bufio.Reader
	host    string
	own     reply.Own
	limits  Limits
	contact *Contact
	began   time.Time
	ends    time.Time   // whatever is being waited for, the session is over then
	left    func() bool // the caller has gone away
	stop    func() bool // ends the watch over the caller's context

	banner   string
	ext      map[string]string // what EHLO's answer offers
	deferred *Answer           // STARTTLS was put off with this
	since    time.Time         // when the current wait began
	owed     int               // commands whose replies are due
	silent   bool              // nothing may be said: no greeting yet, QUIT was said, the connection is broken

	mails   int // MAIL commands sent
	mailed  int // and accepted
	refused int // RCPTs refused
}

// setback is why no session came about.
type setback struct {
	answer   Answer
	nextIP   bool // another address of the host may do better
	nextHost bool // another exchanger may do better
	inClear  bool // a session without TLS may do better
}

// open connects and speaks up to EHLO's answer, with STARTTLS if wanted.
func (p *Prober) open(ctx context.Context, v visit, contact *Contact) (*session, *setback) {
	began := time.Now()
	dialCtx, cancel := context.WithDeadline(ctx, share(ctx, p.cfg.Limits.Connect, v.others, 4))
	defer cancel()
	conn, err := p.cfg.Dial(dialCtx, v.host, netip.AddrPortFrom(v.ip, p.cfg.Port))
	if err != nil {
		return nil, dialFailed(ctx, v.host, err, time.Since(began))
	}
	contact.RoundTrips, contact.Connect = 1, time.Since(began)
	s := p.attach(ctx, v, conn, began, contact)
	back := s.greet(share(ctx, p.cfg.Limits.Greeting, v.others, 6))
	if back == nil {
		back = s.hello()
	}
	if back == nil && v.tls && s.offers("STARTTLS") { // not offered any more: go on in clear, the replies will tell
		back = s.startTLS(ctx)
	}
	if back != nil {
		s.close()
		return nil, back
	}
	return s, nil
}

// attach makes a session of a connection and watches over the caller's context.
func (p *Prober) attach(ctx context.Context, v visit, conn net.Conn, began time.Time, contact *Contact) *session {
	s := &session{
		conn: conn, in: bufio.NewReaderSize(conn, maxLine), host: v.host, limits: p.cfg.Limits, contact: contact,
		own:   reply.Own{Sender: p.cfg.MailFrom, HELO: p.cfg.HELO},
		began: began, ends: began.Add(p.cfg.Limits.Session), silent: true,
		left: func() bool { return errors.Is(ctx.Err(), context.Canceled) },
	}
	if local, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		s.own.IP = local.AddrPort().Addr().Unmap()
	}
	if d, ok := ctx.Deadline(); ok && d.Before(s.ends) {
		s.ends = d
	}
	// A deadline ends reads by itself and leaves room for QUIT; a caller who
	// has gone away ends the connection at once.
	s.stop = context.AfterFunc(ctx, func() {
		if s.left() {
			_ = conn.Close()
		}
	})
	return s
}

// dialFailed tells a forbidden address, a slow one and a closed one apart. The
// error's text is not passed on: the service is no port scanner.
func dialFailed(ctx context.Context, host string, err error, waited time.Duration) *setback {
	a := Answer{Class: ConnectionFailed, Stage: reply.Connect, Host: host, waited: waited}
	switch {
	case errors.Is(err, safedial.ErrForbidden):
		a.Class = Unreachable
	case errors.Is(ctx.Err(), context.Canceled):
		a.Class = NotAsked
	case classOf(err) == reply.Timeout, ended(ctx):
		a.Class = reply.Timeout
	}
	return &setback{answer: a, nextIP: true, nextHost: true}
}

// share is the moment until which one step may wait: limit from now, but when
// others are left to try, no more than so many tenths of the caller's time.
func share(ctx context.Context, limit time.Duration, others bool, tenths int) time.Time {
	now := time.Now()
	if d, ok := ctx.Deadline(); ok {
		left := d.Sub(now)
		if others {
			left = left * time.Duration(tenths) / 10
		}
		limit = min(limit, left)
	}
	return now.Add(limit)
}

// greet reads the banner. Nothing is sent before it is complete: servers
// punish early talkers.
func (s *session) greet(until time.Time) *setback {
	s.contact.RoundTrips++
	lines, err := s.readBy(until)
	if err != nil {
		return &setback{answer: s.failed(err, reply.Greeting), nextIP: true, nextHost: true}
	}
	s.contact.Greeting = time.Since(s.began) - s.contact.Connect
	s.silent = false
	r, _ := reply.Parse(lines)
	s.banner = r.Text
	if r.Code != 220 {
		return s.turnedAway(r, reply.Greeting)
	}
	return nil
}

// hello introduces us: EHLO, and HELO where that is not understood
// (RFC 5321 §3.2). Only 250 is an answer to it: a late line of the greeting
// taken for one would shift every reply after it.
func (s *session) hello() *setback {
	s.ext = nil
	lines, r, err := s.ask("EHLO " + s.own.HELO)
	if err == nil && r.Code == 250 {
		s.ext = extensions(lines)
	}
	if err == nil && r.Code >= 500 && r.Code <= 504 {
		_, r, err = s.ask("HELO " + s.own.HELO)
	}
	if err != nil {
		return &setback{answer: s.failed(err, reply.Ehlo), nextIP: true, nextHost: true}
	}
	if r.Code != 250 {
		return s.turnedAway(r, reply.Ehlo)
	}
	s.contact.Pipelining = s.offers("PIPELINING")
	return nil
}

// offers reports whether EHLO's answer listed the keyword.
func (s *session) offers(keyword string) bool {
	_, ok := s.ext[keyword]
	return ok
}

// ask sends one command and reads its reply.
func (s *session) ask(command string) ([]string, reply.Reply, error) {
	if err := s.send(command+"\r\n", 1); err != nil {
		return nil, reply.Reply{}, err
	}
	lines, err := s.read()
	if err != nil {
		return nil, reply.Reply{}, err
	}
	r, err := reply.Parse(lines)
	return lines, r, err
}

// send writes so many commands in one go and starts a round trip.
func (s *session) send(commands string, n int) error {
	if code := s.ahead(); code != "" && code != "421" {
		return fmt.Errorf("%w: more replies than commands", errMalformed)
	}
	s.since = time.Now()
	s.contact.RoundTrips++
	s.owed += n
	_ = s.conn.SetWriteDeadline(earlier(s.since.Add(s.limits.Reply), s.ends))
	_, err := s.conn.Write([]byte(commands))
	s.silent = s.silent || err != nil
	return err
}

// ahead returns the code of a reply that already lies there, or "".
func (s *session) ahead() string {
	code, _ := s.in.Peek(min(3, s.in.Buffered()))
	return string(code)
}

// read reads one reply under a clock of its own, which runs per reply and not
// per octet: a byte a second must not keep a session alive.
func (s *session) read() ([]string, error) {
	return s.readBy(time.Now().Add(s.limits.Reply))
}

func (s *session) readBy(until time.Time) ([]string, error) {
	s.since = time.Now()
	_ = s.conn.SetReadDeadline(earlier(until, s.ends))
	lines, err := readReply(s.in)
	if err == nil {
		s.owed = max(0, s.owed-1)
	}
	return lines, err
}

// close says QUIT, unless that was said or would be out of turn, and does not
// wait for the answer. Behind commands that are not answered yet it may stand
// only where pipelining was offered.
func (s *session) close() {
	if !s.silent && (s.owed == 0 || s.offers("PIPELINING")) {
		_ = s.conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		_, _ = s.conn.Write([]byte("QUIT\r\n"))
	}
	s.stop()
	_ = s.conn.Close()
	s.contact.Session = time.Since(s.began)
}

// answer reads a reply's meaning. A positive reply is an answer at RCPT only;
// elsewhere this is not called for the expected one, so that it is out of step.
func (s *session) answer(r reply.Reply, stage reply.Stage, recipient string) Answer {
	own := s.own
	own.Recipient = recipient
	m := reply.Classify(r, reply.Asked{Stage: stage, Host: s.host, Banner: s.banner, Own: own})
	a := Answer{
		Class: m.Class, Stage: stage, Code: r.Code, Enhanced: r.Enhanced.String(), Text: r.Clean(own), Rule: m.Rule,
		Host: s.host, Weak: m.Weak, Missing: m.ProbablyMissing, Retry: m.RetryAfter, meaning: m,
	}
	if stage != reply.Rcpt && (a.Class == reply.Accepted || a.Class == reply.AcceptedUnverified) {
		a.Class = reply.ProtocolError
	}
	if a.Class == reply.TLSRequired && s.deferred != nil {
		return *s.deferred
	}
	return a
}

// failed is the answer where no reply came.
func (s *session) failed(err error, stage reply.Stage) Answer {
	a := Answer{Class: classOf(err), Stage: stage, Host: s.host, waited: time.Since(s.since)}
	if s.left() {
		a.Class = NotAsked
	}
	return a
}

// turnedAway is the setback of a refusal before MAIL. Only a transient one sends
// us to the next exchanger: a permanent one is the operator's word about us.
func (s *session) turnedAway(r reply.Reply, stage reply.Stage) *setback {
	a := s.answer(r, stage, "")
	return &setback{answer: a, nextHost: r.Code/100 == 4 && !a.meaning.Listed}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
