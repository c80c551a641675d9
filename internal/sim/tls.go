package sim

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// certificateLife is how long the certificate holds, in both directions from
// now: the injected clock and the client's may differ.
const certificateLife = 10 * 365 * 24 * time.Hour

// selfSigned makes the certificate that a server on the open internet
// typically has: nobody vouches for it.
func selfSigned(now time.Time) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "mx1.tls.test"},
		DNSNames:     []string{"mx1.tls.test"},
		NotBefore:    now.Add(-certificateLife),
		NotAfter:     now.Add(certificateLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS12,
		// Tickets would be one more write, and no client comes back with one.
		SessionTicketsDisabled: true,
	}, nil
}

// startTLS answers STARTTLS (RFC 3207) and reports whether the session goes on.
func (s *session) startTLS(arg string) bool {
	switch {
	case !s.at.demandsTLS:
		s.reply("502 5.5.1 Error: command not implemented")
		return true
	case arg != "":
		s.reply("501 5.5.4 Syntax: STARTTLS")
		return true
	case s.secure:
		s.reply("554 5.5.1 Error: TLS already active")
		return true
	}
	config, err := s.servers.tls()
	if err != nil {
		s.servers.options.Log.Error("simulated exchanger has no certificate", "host", s.at.host, "error", err)
		s.reply("454 4.7.0 TLS not available due to local problem")
		return true
	}
	s.reply("220 2.0.0 Ready to start TLS")
	if s.flush() != nil {
		return false
	}
	return s.handshake(config)
}

// handshake moves the session into TLS and reports whether that worked. The
// client starts over: what it said in clear is forgotten (RFC 3207 §4.2).
func (s *session) handshake(config *tls.Config) bool {
	_ = s.raw.SetDeadline(time.Now().Add(s.servers.options.Idle))
	secured := tls.Server(s.raw, config)
	if secured.Handshake() != nil {
		return false
	}
	s.at.tally.roundTrips.Add(1)
	if secured.ConnectionState().Version < tls.VersionTLS13 {
		s.at.tally.roundTrips.Add(1)
	}
	s.conn, s.secure = secured, true
	s.in.Reset(secured)
	s.greeted, s.extended, s.transaction = false, false, transaction{}
	return true
}
