package verify

import (
	"time"

	"rcpt/internal/address"
	"rcpt/internal/lists"
	"rcpt/internal/mx"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

// Evidence is what the checks saw about one address, side by side. It holds no
// judgement: Decide reads it. The zero value of a part means that the part was
// not looked at.
type Evidence struct {
	Given   string               `json:"-"`
	Syntax  *address.SyntaxError `json:"syntax,omitempty"`
	Address address.Address      `json:"-"`
	Mode    Mode                 `json:"mode"`

	Lists       Lists           `json:"lists"`
	History     verdict.History `json:"history"`                // what this key reported
	Trap        bool            `json:"trap"`                   // several customers report the domain
	HistoryLost bool            `json:"history_lost,omitempty"` // History and Trap could not be read

	Route Route  `json:"route"`
	Probe *Probe `json:"probe,omitempty"` // nil: no mailbox was asked for

	Vendor *Vendor `json:"vendor,omitempty"` // nil: no paid verifier was wanted

	Lost     Loss      `json:"lost,omitempty"` // why Route or Probe is missing
	Cached   bool      `json:"cached"`
	Gathered time.Time `json:"gathered"` // when Route and Probe were, UTC
}

// Lists is what the lists know of the address: the key's own and the public
// ones, each by itself. What follows from them together weigh says.
type Lists struct {
	Tenant     Own  `json:"tenant,omitzero"`
	TenantLost bool `json:"tenant_lost,omitempty"` // the key's own lists could not be read

	Disposable lists.Disposable `json:"disposable,omitzero"`
	Free       lists.Free       `json:"free,omitzero"`
	Relay      string           `json:"relay,omitempty"`
	RelayRule  string           `json:"relay_rule,omitempty"`
	Role       lists.Role       `json:"role,omitzero"`
	Typo       lists.Typo       `json:"typo,omitzero"` // unless certain, a hint that may be wrong
	Closed     bool             `json:"closed_provider,omitempty"`
	Exchanger  lists.Exchanger  `json:"exchanger,omitzero"` // who stands behind Route.Host
	Guarded    bool             `json:"guarded,omitempty"`  // whatever that is: nothing makes the name disposable

	Version  string `json:"version"`
	AgeHours int64  `json:"age_hours"`
}

// Own is a match in the key's own lists, a tenant.Match with wire names.
type Own struct {
	List string `json:"list,omitempty"` // tenant.Allow, tenant.Deny or ""
	Rule string `json:"rule,omitempty"` // the entry that matched
}

// Route is where DNS says the domain's mail goes.
type Route struct {
	Status mx.Status `json:"status,omitempty"`
	Host   string    `json:"host,omitempty"` // the first exchanger
	Detail string    `json:"detail,omitempty"`
}

// TakesMail reports whether an exchanger is published for the domain.
func (r Route) TakesMail() bool { return r.Status == mx.Found || r.Status == mx.Implicit }

// Probe is what the exchangers said about this mailbox.
type Probe struct {
	Answer       smtpprobe.Answer    `json:"answer"`
	Canary       smtpprobe.Answer    `json:"canary,omitzero"`
	Control      smtpprobe.Answer    `json:"control,omitzero"`
	Peer         bool                `json:"control_is_recipient,omitempty"` // Control is not postmaster's
	CatchAll     CatchAll            `json:"catch_all,omitempty"`            // known of the domain before, canary not asked
	HoldNotFound bool                `json:"hold_not_found,omitempty"`
	Contacts     []smtpprobe.Contact `json:"contacts,omitempty"`
	Budget       time.Duration       `json:"budget_ns,omitempty"` // the time DNS and exchangers had; 0: no limit
}

// reached reports whether a server heard of the mailbox, now or when the domain
// was found to take any. The receiver may be nil.
func (p *Probe) reached() bool {
	return p != nil && (p.CatchAll != CatchAllUnknown || p.Answer.Stage == reply.Rcpt)
}

// Loss says why a part of the evidence is missing.
type Loss string

// The losses.
const (
	LostDeadline  Loss = "deadline"  // the request's time ended
	LostCancelled Loss = "cancelled" // who asked has gone
	LostInternal  Loss = "internal"  // our own failure, logged
)

// CatchAll is what a domain did with a mailbox that cannot exist.
type CatchAll string

// What domains do.
const (
	CatchAllUnknown CatchAll = ""
	TakesAny        CatchAll = "takes_any"
	Checks          CatchAll = "checks"
)

// Of reads the canary's answer, or falls back on what was known of the domain.
// Only a refusal that names the mailbox shows that the domain checks; a
// blocked, greylisted or lost canary shows nothing. Where the words are weak, a
// mailbox that was accepted tells that it is not we who are refused.
func (p Probe) Of() CatchAll {
	switch p.Canary.Class {
	case reply.Accepted, reply.AcceptedUnverified:
		return TakesAny
	case reply.MailboxNotFound, reply.MailboxDisabled:
		if p.Canary.Weak && !p.Answer.Accepted() && !p.Control.Accepted() {
			return CatchAllUnknown
		}
		return Checks
	case "":
		return p.CatchAll
	}
	return CatchAllUnknown
}

// undecided is the answer that more could be learned from: the canary's beside
// an accepted mailbox, else the mailbox's own.
func (p Probe) undecided() smtpprobe.Answer {
	if p.Answer.Accepted() {
		return p.Canary
	}
	return p.Answer
}
