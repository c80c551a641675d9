package smtpprobe

import (
	"bufio"
	"context"
	"crypto/tls"
	"slices"
	"time"

	"rcpt/internal/reply"
)

// startTLS secures the session (RFC 3207). Where STARTTLS is refused it goes on
// in clear: the replies will tell whether the exchanger insists.
func (s *session) startTLS(ctx context.Context) *setback {
	offered := s.ext
	s.ext = nil // nothing may follow STARTTLS unanswered, and what was offered in clear counts no more (§4.2)
	_, r, err := s.ask("STARTTLS")
	switch {
	case err != nil:
		return &setback{answer: s.failed(err, reply.StartTLS), nextIP: true, nextHost: true}
	case r.Code == 220:
		return s.secure(ctx)
	case r.Code == 421:
		return s.turnedAway(r, reply.StartTLS)
	case r.Code/100 == 4: // 454, TLS not available now
		a := s.answer(r, reply.StartTLS, "")
		s.deferred = &a
	}
	s.ext = offered
	return nil
}

// secure does the handshake and introduces us again. The certificate is
// recorded, not required: nothing secret is said.
func (s *session) secure(ctx context.Context) *setback {
	secured := tls.Client(s.conn, &tls.Config{
		ServerName:         s.host,
		InsecureSkipVerify: true,             // recorded below instead
		MinVersion:         tls.VersionTLS10, // what the oldest exchangers speak
		CipherSuites:       everySuite(),     // and what they know
	})
	s.since = time.Now()
	_ = s.conn.SetDeadline(earlier(s.since.Add(s.limits.Reply), s.ends))
	if err := secured.HandshakeContext(ctx); err != nil {
		s.silent = true
		back := &setback{answer: s.failed(err, reply.StartTLS), nextIP: true, nextHost: true}
		if back.answer.Class == ConnectionFailed {
			back.answer.Class, back.answer.Text, back.inClear = reply.TLSRequired, "TLS handshake did not succeed", true
		}
		return back
	}
	state := secured.ConnectionState()
	s.contact.RoundTrips++
	if state.Version < tls.VersionTLS13 {
		s.contact.RoundTrips++ // RFC 8446 §1.2: one round trip less than before
	}
	s.contact.TLS = describe(state, s.host)
	// What lies in the old reader was sent in clear behind STARTTLS's answer,
	// by whoever could: it is dropped with it.
	s.conn, s.in = secured, bufio.NewReaderSize(secured, maxLine)
	return s.hello()
}

// everySuite lists the cipher suites up to TLS 1.2 that can be spoken at all, the
// broken ones last: mail is secured opportunistically (RFC 7435), and a server
// without forward secrecy knows its mailboxes as well as another.
func everySuite() []uint16 {
	var ids []uint16
	for _, suite := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		ids = append(ids, suite.ID)
	}
	return ids
}

func describe(cs tls.ConnectionState, host string) string {
	version := tls.VersionName(cs.Version)
	if len(cs.PeerCertificates) > 0 && cs.PeerCertificates[0].VerifyHostname(host) == nil {
		return version + ", certificate names the host"
	}
	return version + ", certificate names another host"
}

// noteTLS reports whether the exchanger demands TLS and may still get it. If
// it does not offer TLS, or the handshake did not succeed, the demand stands as
// the answer.
func (r *run) noteTLS(a Answer, s *session) bool {
	if a.Class != reply.TLSRequired || s.contact.TLS != "" {
		return false
	}
	r.tlsDemanded = true
	if r.useTLS || r.noTLS {
		return false
	}
	r.tally.needTLS = true
	return true
}
