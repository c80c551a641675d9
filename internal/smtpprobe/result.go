package smtpprobe

import (
	"net/netip"
	"time"

	"rcpt/internal/pace"
	"rcpt/internal/reply"
)

// Classes for what ended without a reply, beside those of package reply.
const (
	ConnectionFailed reply.Class = "connection_failed" // refused, reset, or closed instead of an answer
	Unreachable      reply.Class = "unreachable"       // every address of the exchangers is private, loopback or the like
	Unresolvable     reply.Class = "unresolvable"      // no exchanger's name has an address today
	DNSFailure       reply.Class = "dns_failure"       // the exchangers' addresses could not be asked for
	Held             reply.Class = "held"              // pace let no session start
	EgressClosed     reply.Class = "egress_closed"     // our own way out is closed: nobody was contacted
	NotAsked         reply.Class = "not_asked"         // the caller's time or the budgets ended first
	Fault            reply.Class = "fault"             // our own failure, logged where it happened
)

// Answer is what came of asking for one recipient.
type Answer struct {
	Class    reply.Class   `json:"class"`
	Stage    reply.Stage   `json:"stage,omitempty"` // where it was decided
	Code     int           `json:"code,omitempty"`  // reply code; 0 if there was no reply
	Enhanced string        `json:"enhanced,omitempty"`
	Text     string        `json:"text,omitempty"` // our own words removed
	Rule     string        `json:"rule,omitempty"` // what in package reply decided
	Host     string        `json:"host,omitempty"` // the exchanger that said it
	Weak     bool          `json:"weak,omitempty"` // needs the control to mean anything
	Missing  bool          `json:"probably_missing,omitempty"`
	Retry    time.Duration `json:"retry_after_ns,omitempty"` // wait the server stated; 0 if none
	Until    time.Time     `json:"held_until,omitzero"`      // class Held: when a session may start
	Why      pace.Why      `json:"held_by,omitempty"`

	meaning reply.Meaning
	waited  time.Duration // class Timeout: how long
}

// Accepted reports a positive reply to RCPT.
func (a Answer) Accepted() bool {
	return a.Class == reply.Accepted || a.Class == reply.AcceptedUnverified
}

// Listed reports a refusal that names our address or name as banned.
func (a Answer) Listed() bool { return a.meaning.Listed }

// Contact is one connection, in the order they were made.
type Contact struct {
	Host       string        `json:"host"`
	IP         netip.Addr    `json:"ip"`
	TLS        string        `json:"tls,omitempty"`         // version and whether the certificate is good for the host
	Pipelining bool          `json:"pipelining,omitempty"`  //
	RoundTrips int           `json:"round_trips"`           // connect, greeting, EHLO, each group
	Connect    time.Duration `json:"connect_ns,omitempty"`  //
	Greeting   time.Duration `json:"greeting_ns,omitempty"` // from connect to the complete banner
	Session    time.Duration `json:"session_ns,omitempty"`  // from connect to the end
}

// Result is what one Probe learned.
type Result struct {
	Answers  []Answer  // one for each recipient, in the batch's order
	Canary   Answer    // zero Class if it was not asked
	Control  Answer    // postmaster's, asked for only to understand a weak refusal, or that of a recipient the host accepted
	Peer     bool      // Control is a recipient's
	Contacts []Contact //

	TLSDemanded  bool // the exchanger takes no mail in clear
	HoldNotFound bool // the operator's "no such user" is not to be believed now
}
