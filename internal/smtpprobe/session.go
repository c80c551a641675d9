package smtpprobe

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"time"

	"rcpt/internal/reply"
)

// session is one SMTP connection past its EHLO.
type session struct {
	conn    net.Conn
	in      *bufio.Reader
	host    string
	own     reply.Own
	limits  Limits
	banner  string
	ext     map[string]string
	ends    time.Time // whatever is being waited for, the session is over then
	began   time.Time
	contact *Contact
	stop    func() bool // ends the watch over ctx

	quit bool // QUIT was sent, or must not be
}

// setback is why no session came about.
type setback struct {
	answer   Answer
	nextIP   bool // another address of the host may do better
	nextHost bool // another exchanger may do better
}

// open connects and speaks up to EHLO's answer, with STARTTLS if wanted.
// others says that more exchangers or addresses are left to try, so that this
// one may not use up all the time.
func (p *Prober) open(ctx context.Context, host string, ip netip.Addr, wantTLS, others bool, contact *Contact) (*session, *setback) {
	*contact = Contact{Host: host, IP: ip}
	began := time.Now()
	limit := share(ctx, p.cfg.Limits.Connect, others, 4)
	dialCtx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	conn, err := p.cfg.Dial(dialCtx, host, netip.AddrPortFrom(ip, p.cfg.Port))
	if err != nil {
		return nil, p.dialFailed(ctx, host, err)
	}
	contact.RoundTrips, contact.Connect = 1, time.Since(began)

	s := &session{
		conn: conn, in: bufio.NewReaderSize(conn, maxLine), host: host, limits: p.cfg.Limits, began: began, contact: contact,
		own: reply.Own{Sender: p.cfg.MailFrom, HELO: p.cfg.HELO}, ends: began.Add(p.cfg.Limits.Session), quit: true,
	}
	if local, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		s.own.IP, _ = netip.AddrFromSlice(local.IP.To16())
	}
	if d, ok := ctx.Deadline(); ok && d.Before(s.ends) {
		s.ends = d
	}
	// A deadline ends reads by itself and leaves room for QUIT; a caller who
	// has gone away ends the connection at once.
	s.stop = context.AfterFunc(ctx, func() {
		if context.Cause(ctx) != context.DeadlineExceeded {
			_ = conn.Close()
		}
	})
	if back := s.greet(share(ctx, p.cfg.Limits.Greeting, others, 6)); back != nil {
		s.close()
		return nil, back
	}
	if back := s.hello(p.cfg.HELO); back != nil {
		s.close()
		return nil, back
	}
	if wantTLS && s.offers("STARTTLS") { // not offered any more: go on in clear, the replies will tell
		if back := s.startTLS(ctx, p.cfg.HELO); back != nil {
			s.close()
			return nil, back
		}
	}
	return s, nil
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
	_ = s.conn.SetDeadline(earlier(until, s.ends))
	lines, err := readReply(s.in)
	s.contact.RoundTrips++
	if err != nil {
		return &setback{answer: s.failed(err, reply.Greeting), nextIP: true, nextHost: true}
	}
	s.contact.Greeting = time.Since(s.began) - s.contact.Connect
	s.quit = false
	r, _ := reply.Parse(lines)
	s.banner = r.Text
	if r.Code == 220 {
		return nil
	}
	return s.refused(r, reply.Greeting)
}

// hello introduces us: EHLO, and HELO where that is not understood
// (RFC 5321 §3.2).
func (s *session) hello(name string) *setback {
	for _, verb := range []string{"EHLO ", "HELO "} {
		lines, err := s.ask(verb + name)
		if err != nil {
			s.quit = true // its answer is still due: another command would talk out of turn
			return &setback{answer: s.failed(err, reply.Ehlo), nextIP: true, nextHost: true}
		}
		r, _ := reply.Parse(lines)
		switch {
		case r.Code/100 == 2:
			s.ext = nil
			if verb == "EHLO " {
				s.ext = extensions(lines)
			}
			s.contact.Pipelining = s.offers("PIPELINING")
			return nil
		case verb == "EHLO " && r.Code >= 500 && r.Code <= 504:
			continue
		}
		return s.refused(r, reply.Ehlo)
	}
	panic("unreachable: HELO always returns")
}

// startTLS secures the session (RFC 3207). The certificate is recorded, not
// required: nothing secret is said.
func (s *session) startTLS(ctx context.Context, name string) *setback {
	demanded := Answer{Class: reply.TLSRequired, Stage: reply.StartTLS, Host: s.host}
	lines, err := s.ask("STARTTLS")
	if err != nil {
		return &setback{answer: s.failed(err, reply.StartTLS), nextHost: true}
	}
	if r, _ := reply.Parse(lines); r.Code != 220 {
		return s.refused(r, reply.StartTLS)
	}
	secured := tls.Client(s.conn, &tls.Config{
		ServerName:         s.host,
		InsecureSkipVerify: true,             // recorded below instead
		MinVersion:         tls.VersionTLS10, // what the oldest exchangers speak
	})
	_ = s.conn.SetDeadline(earlier(time.Now().Add(s.limits.Reply), s.ends))
	if err := secured.HandshakeContext(ctx); err != nil {
		s.quit = true
		demanded.Text = "TLS handshake did not succeed"
		return &setback{answer: demanded, nextHost: true}
	}
	s.contact.RoundTrips++
	s.contact.TLS = describe(secured.ConnectionState(), s.host)
	s.conn, s.in = secured, bufio.NewReaderSize(secured, maxLine) // plaintext already buffered is dropped: it was injected
	return s.hello(name)
}

func describe(cs tls.ConnectionState, host string) string {
	version := tls.VersionName(cs.Version)
	if len(cs.PeerCertificates) > 0 && cs.PeerCertificates[0].VerifyHostname(host) == nil {
		return version + ", certificate names the host"
	}
	return version + ", certificate names another host"
}

// offers reports whether EHLO's answer listed the keyword.
func (s *session) offers(keyword string) bool {
	_, ok := s.ext[keyword]
	return ok
}

// ask sends one command and reads its reply.
func (s *session) ask(command string) ([]string, error) {
	if err := s.send(command + "\r\n"); err != nil {
		return nil, err
	}
	return s.read()
}

// send writes commands in one go and starts a round trip.
func (s *session) send(commands string) error {
	_ = s.conn.SetDeadline(earlier(time.Now().Add(s.limits.Reply), s.ends))
	s.contact.RoundTrips++
	_, err := s.conn.Write([]byte(commands))
	return err
}

// read reads one reply under a clock of its own, which runs per reply and not
// per octet: a byte a second must not keep a session alive.
func (s *session) read() ([]string, error) {
	_ = s.conn.SetReadDeadline(earlier(time.Now().Add(s.limits.Reply), s.ends))
	return readReply(s.in)
}

// close says QUIT, unless that was said or would be out of turn, and does not
// wait for the answer.
func (s *session) close() {
	if !s.quit {
		_ = s.conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		_, _ = s.conn.Write([]byte("QUIT\r\n"))
	}
	s.stop()
	_ = s.conn.Close()
	s.contact.Session = time.Since(s.began)
}

// asked describes a command to package reply.
func (s *session) asked(stage reply.Stage, recipient string) reply.Asked {
	own := s.own
	own.Recipient = recipient
	return reply.Asked{Stage: stage, Host: s.host, Banner: s.banner, Own: own}
}

// answer reads a reply's meaning.
func (s *session) answer(r reply.Reply, stage reply.Stage, recipient string) Answer {
	asked := s.asked(stage, recipient)
	m := reply.Classify(r, asked)
	return Answer{
		Class: m.Class, Stage: stage, Code: r.Code, Enhanced: r.Enhanced.String(), Text: r.Clean(asked.Own), Rule: m.Rule,
		Host: s.host, Weak: m.Weak, Missing: m.ProbablyMissing, Retry: m.RetryAfter, meaning: m,
	}
}

// failed is the answer where no reply came.
func (s *session) failed(err error, stage reply.Stage) Answer {
	return Answer{Class: classOf(err), Stage: stage, Host: s.host}
}

// refused is the setback of a refusal before MAIL. Only a transient one sends
// us to the next exchanger: a permanent one is the operator's word about us.
func (s *session) refused(r reply.Reply, stage reply.Stage) *setback {
	return &setback{answer: s.answer(r, stage, ""), nextHost: r.Code/100 == 4}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// commandSafe guards the dialogue: no argument may end its line or its path.
func commandSafe(arg string) bool {
	return !strings.ContainsAny(arg, "\r\n\x00<>")
}
