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

	Lists   Lists           `json:"lists"`
	History verdict.History `json:"history"` // what this key reported
	Trap    bool            `json:"trap"`    // several customers report the domain

	Route Route  `json:"route"`
	Probe *Probe `json:"probe,omitempty"` // nil: no mailbox was asked for

	Lost     Loss      `json:"lost,omitempty"` // why Route or Probe is missing
	Cached   bool      `json:"cached"`
	Gathered time.Time `json:"gathered"` // when Route and Probe were, UTC
}

// Lists is what the built-in lists know.
type Lists struct {
	Disposable lists.Disposable `json:"disposable,omitzero"`
	Free       lists.Free       `json:"free,omitzero"`
	Relay      string           `json:"relay,omitempty"`
	Role       lists.Role       `json:"role,omitzero"`
	Suggestion string           `json:"-"` // an address
	Provider   string           `json:"provider,omitempty"`
	Version    string           `json:"version"`
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
	CatchAll     CatchAll            `json:"catch_all,omitempty"` // known of the domain before, canary not asked
	HoldNotFound bool                `json:"hold_not_found,omitempty"`
	Contacts     []smtpprobe.Contact `json:"contacts,omitempty"`
	Budget       time.Duration       `json:"budget_ns,omitempty"` // the time DNS and exchangers had; 0: no limit
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
