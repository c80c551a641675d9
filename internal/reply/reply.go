// Package reply reads SMTP replies and says what they mean. A probe and a
// bounce report are read by this one table.
//
// The flow, one file per step:
//
//	parse.go     lines as received   -> Reply (RFC 5321 §4.2, RFC 2034, RFC 3463)
//	clean.go     Reply.Text          -> the text without our own words (find.go: where they stand)
//	fold.go      clean text          -> lower-case words in segments
//	match.go     words               -> does a phrase stand in it (subject.go: and about what)
//	classify.go  Reply and Asked     -> Meaning; the order of the rules
//	aboutus.go   the rules that are about us
//	refusal.go   the rules that may speak about a mailbox
//	quoted.go    a reply within a reply
//	wait.go      "try again in 300 seconds"
//
// The knowledge is data: words.go, mailboxwords.go (phrases by class),
// languages.go (the same in other languages than English) and operators.go,
// gateways.go (what known mail operators say and mean).
//
// One rule stands above all others: a refusal becomes a statement about a
// mailbox only if it says so. A reply to anything but RCPT never does, a
// refusal about us (address, name, sender, rate, relaying, policy, content,
// TLS) never does whatever its code, and what the tables do not know is
// Unclear. Where two readings are possible the one that concludes less wins.
//
// The package does no I/O, keeps no state and is safe for concurrent use.
package reply

import (
	"fmt"
	"net/netip"
	"time"
)

// Stage is the step of the session that was answered.
type Stage string

// The stages, in the order of a session.
const (
	Connect  Stage = "connect" // the connection itself; a reply here is an early greeting
	Greeting Stage = "greeting"
	Ehlo     Stage = "ehlo" // EHLO or HELO
	StartTLS Stage = "starttls"
	Mail     Stage = "mail"
	Rcpt     Stage = "rcpt" // the only stage at which a reply can speak about a mailbox
)

// Class is what a reply means.
type Class string

// The classes. Those about a mailbox are Accepted, MailboxNotFound,
// MailboxFull and MailboxDisabled; everything else says nothing about it.
const (
	Accepted           Class = "accepted"
	AcceptedUnverified Class = "accepted_unverified"  // 252 (RFC 5321 §3.5.3) and other 2yz: cannot tell
	MailboxNotFound    Class = "mailbox_not_found"    // permanent: the mailbox is absent
	MailboxFull        Class = "mailbox_full"         // the mailbox exists and is over quota; 4yz or 5yz
	MailboxDisabled    Class = "mailbox_disabled"     // permanent: the mailbox is known and takes no mail
	Greylisted         Class = "greylisted"           // RFC 6647: ask again later
	RateLimited        Class = "rate_limited"         // too much or too fast
	BlockedByPolicy    Class = "blocked_by_policy"    // about us: address, name, sender, reputation, policy
	RelayDenied        Class = "relay_denied"         // this host does not serve the domain
	TLSRequired        Class = "tls_required"         // ask again after STARTTLS
	SMTPUTF8Required   Class = "smtputf8_required"    // RFC 6531: the address needs what the session lacked
	TemporaryFailure   Class = "temporary_failure"    // their trouble, of the moment
	ProtocolError      Class = "protocol_error"       // out of step; ours to look at
	Timeout            Class = "timeout"              // no reply; set by the prober, never by Classify
	DomainTakesNoMail  Class = "domain_takes_no_mail" // 556, x.1.10 (RFC 7504, RFC 7505): about the domain, no mailbox
	Unclear            Class = "unclear"              // a refusal that cannot be attributed
)

// Enhanced is an enhanced status code (RFC 3463). The zero value means that
// the reply had none.
type Enhanced struct{ Class, Subject, Detail int }

// String returns the dotted form, "5.1.1", or "" for the zero value.
func (e Enhanced) String() string {
	if e == (Enhanced{}) {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", e.Class, e.Subject, e.Detail)
}

// Reply is one SMTP reply.
type Reply struct {
	Code     int      // 0 to 999 as received; 0 also for a reply that could not be read
	Enhanced Enhanced // only from the places where it is meant as one, see Parse
	Text     string   // all lines joined by one space, without codes; printable characters only, at most 64 KiB
	Mixed    bool     // the lines had different reply codes; Code is the last one
}

// Own holds the words we sent ourselves. A server that echoes them must not
// change what its reply means. Empty fields are ignored.
type Own struct {
	Recipient string // the address in RCPT TO, without angle brackets
	Sender    string // the address in MAIL FROM; "" for the null sender
	HELO      string // the name in EHLO
	IP        netip.Addr
}

// Asked is what a reply answers.
type Asked struct {
	Stage  Stage
	Host   string // name of the MX host; tells the operator
	Banner string // text of its greeting; tells the operator when the host name does not
	Own    Own
}

// Meaning is what a reply means. Where Class is not about a mailbox, nothing
// was learned about the mailbox.
type Meaning struct {
	Class Class

	// Weak: the words alone are not enough. Ask a control (postmaster at the
	// same domain, RFC 5321 §4.5.1) before anything is concluded. Set with
	// MailboxNotFound and MailboxDisabled for vague wording, with Unclear for a
	// bare refusal that a control may explain.
	Weak bool

	// Listed: the text names a blocklist, or says that our address, name or
	// sender is banned, or is one of the operators' known texts for that. The
	// operator should be left alone at once.
	Listed bool

	// Split: too many recipients or domains in one transaction; ask again with
	// fewer per transaction.
	Split bool

	// DomainOnly: the refusal is the policy of the recipient domain, not of its
	// operator.
	DomainOnly bool

	// ProbablyMissing: a transient refusal that says "user unknown". Never
	// final.
	ProbablyMissing bool

	// RetryAfter is the wait stated in the text, without margin; for two
	// operators that state none the wait they document. 0 if unknown, else one
	// second to seven days.
	RetryAfter time.Duration

	// Rule names the rule or table row that decided, "words:not-found",
	// "gmail:over-quota". Stable, for explanations and logs.
	Rule string
}
