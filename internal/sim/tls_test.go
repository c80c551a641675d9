package sim

import (
	"crypto/tls"
	"testing"
)

const helloBeforeTLS = `
	S: 220 mx1.tls.test ESMTP Postfix
	C: EHLO probe.example
	S: 250-mx1.tls.test
	S: 250-PIPELINING
	S: 250-STARTTLS
	S: 250-ENHANCEDSTATUSCODES
	S: 250-8BITMIME
	S: 250 SMTPUTF8`

func TestTLSIsDemanded(t *testing.T) {
	w := start(t, Options{})
	talk(t, dial(t, w, "tls.test"), helloBeforeTLS+`
		C: MAIL FROM:<verify@probe.example>
		C: RCPT TO:<alice@tls.test>
		S: 530 5.7.0 Must issue a STARTTLS command first
		S: 530 5.7.0 Must issue a STARTTLS command first
		C: STARTTLS now
		S: 501 5.5.4 Syntax: STARTTLS
		C: STARTTLS
		C: NOOP
		S: 554 5.5.0 Error: SMTP protocol synchronization
		S: EOF`)
	if got := w.Counts().OutOfTurn; got != 1 {
		t.Errorf("out of turn = %d, want 1: commands behind STARTTLS are an injection", got)
	}
}

func TestInsideTLSAsAPlainServer(t *testing.T) {
	for _, test := range []struct {
		claim      string
		version    uint16
		roundTrips int64
	}{
		{"TLS 1.3 costs three round trips more", tls.VersionTLS13, 7},
		{"TLS 1.2 costs four", tls.VersionTLS12, 8},
	} {
		t.Run(test.claim, func(t *testing.T) {
			w := start(t, Options{})
			conn := dial(t, w, "tls-7.test")
			talk(t, conn, helloBeforeTLS+`
				C: STARTTLS
				S: 220 2.0.0 Ready to start TLS`)
			secured := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MaxVersion: test.version})
			const after = `
				C: EHLO probe.example
				S: 250-mx1.tls.test
				S: 250-PIPELINING
				S: 250-ENHANCEDSTATUSCODES
				S: 250-8BITMIME
				S: 250 SMTPUTF8
				C: MAIL FROM:<verify@probe.example>
				C: RCPT TO:<alice@tls-7.test>
				C: QUIT
				S: 250 2.1.0 Ok
				S: 250 2.1.5 Ok
				S: 221 2.0.0 Bye
				S: EOF`
			talk(t, secured, after)
			if got := w.Counts().RoundTrips; got != test.roundTrips {
				t.Errorf("round trips = %d, want %d", got, test.roundTrips)
			}
			name := secured.ConnectionState().PeerCertificates[0].Subject.CommonName
			if name != "mx1.tls.test" {
				t.Errorf("certificate for %q, want mx1.tls.test", name)
			}
		})
	}
}

func TestTLSForgetsWhatWasSaidInClear(t *testing.T) {
	w := start(t, Options{})
	conn := dial(t, w, "tls.test")
	talk(t, conn, helloBeforeTLS+`
		C: STARTTLS
		S: 220 2.0.0 Ready to start TLS`)
	talk(t, tls.Client(conn, &tls.Config{InsecureSkipVerify: true}), `
		C: MAIL FROM:<verify@probe.example>
		S: 503 5.5.1 Error: send HELO/EHLO first
		C: STARTTLS
		S: 554 5.5.1 Error: TLS already active`)
}
