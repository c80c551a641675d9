// Package config reads the settings of one rcpt process from its environment,
// once, and hands out plain values.
//
// It is the only place that knows the names of the settings. Read goes through
// a lookup function, so a test needs no real environment, and reports everything
// malformed together: an operator mends one list, not one line per restart.
// Settings lists the names with their meaning, for the comparison with the
// deployment template and the README.
//
// A setting that is absent or empty has its default. The defaults are those of
// `make run`, the product on one machine; the deployment template sets what
// differs elsewhere.
//
// What it leaves out: it opens no file, resolves no name and checks nothing
// against the world. Policies and clients are made of these values in app.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// Pacing says whether the limits that protect our reputation govern probes.
type Pacing string

// The choices of RCPT_PACING.
const (
	PacingAuto Pacing = "auto" // governs all but simulated hosts and the networks of ProbeAllow
	PacingOn   Pacing = "on"   // governs every host
	PacingOff  Pacing = "off"  // governs none
)

// Config is the environment of one process. Its values are valid when Read
// returned no error.
type Config struct {
	// Addr is where `make run` listens, host:port. An empty host means every
	// interface, port 0 a free one. Default 127.0.0.1:8080.
	Addr string

	// Data is the folder of the embedded storage; deleting it resets
	// everything. Default .local.
	Data string

	// PublicURL is how the outside sees us: scheme, host and an optional path
	// without a final slash. Default http:// and Addr.
	PublicURL string

	// Secret keys the hashes of addresses. Empty means that the process makes
	// one in Data and keeps it. It must never change while data lives: what was
	// hashed with another secret is not found again.
	Secret Secret

	// DNS lists the name servers, each host:port. Empty means those of the
	// system.
	DNS []string

	// Sim says that .test is the simulated mail internet; otherwise its names
	// go to DNS like any other. Default true.
	Sim bool

	// SMTPPort is the port probed on MX hosts, 1 to 65535. Default 25.
	SMTPPort int

	// ProbeAllow lists the networks that the guard against private addresses
	// lets a probe reach, masked. Default none.
	ProbeAllow []netip.Prefix

	// Pacing governs limits, breaker, unknown-recipient brake and not-found
	// hold. Default PacingAuto.
	Pacing Pacing

	// EgressCheck is a host:port that must accept connections for us to believe
	// that our own port 25 is open. Empty, the default, turns the check off.
	EgressCheck string

	// HELO is the name the prober introduces itself with. Default: the host
	// name handed to Read, or localhost when that cannot stand in a command.
	HELO string

	// MailFrom is the envelope sender of probes. Default verify@ and HELO.
	MailFrom string
}

// Read reads the settings through lookup, which returns "" for one that is
// absent (os.Getenv does). The hostname is the default of RCPT_HELO.
//
// The error joins one line per malformed setting, each naming the setting, the
// value found and what is expected. The text of RCPT_SECRET is never in it.
func Read(lookup func(name string) string, hostname string) (Config, error) {
	r := reader{lookup: lookup}
	c := Config{
		Addr:        r.address("RCPT_ADDR", "127.0.0.1:8080"),
		Data:        r.text("RCPT_DATA", ".local"),
		Secret:      NewSecret(lookup("RCPT_SECRET")),
		DNS:         r.endpoints("RCPT_DNS"),
		Sim:         r.choice("RCPT_SIM", "on", "off") == "on",
		SMTPPort:    r.port("RCPT_SMTP_PORT", 25),
		ProbeAllow:  r.networks("RCPT_PROBE_ALLOW"),
		Pacing:      Pacing(r.choice("RCPT_PACING", "auto", "on", "off")),
		EgressCheck: r.endpoint("RCPT_EGRESS_CHECK"),
		HELO:        r.mailName("RCPT_HELO", introducible(hostname)),
	}
	c.PublicURL = r.url("RCPT_PUBLIC_URL", "http://"+reachable(c.Addr))
	c.MailFrom = r.sender("RCPT_MAIL_FROM", "verify@"+c.HELO)
	if err := errors.Join(r.problems...); err != nil {
		return Config{}, err
	}
	return c, nil
}

// introducible is the host name if an SMTP dialogue can carry it. A machine that
// a person named freely must start all the same.
func introducible(hostname string) string {
	if mailDomain(hostname) {
		return hostname
	}
	return "localhost"
}

// reachable is addr as a client writes it: a listener on every interface has no
// host, a URL must have one.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err == nil && host == "" {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}

// reader looks settings up and gathers what is wrong with them.
type reader struct {
	lookup   func(string) string
	problems []error
}

// reject notes that the value of a setting is not what it should be.
func (r *reader) reject(name, value, want string) {
	r.problems = append(r.problems, fmt.Errorf("%s is %q: want %s", name, value, want))
}
