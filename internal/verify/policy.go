package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"rcpt/internal/verdict"
)

// ErrPolicy is returned for a policy that does not exist or cannot be read.
var ErrPolicy = errors.New("policy not usable")

// Policy turns a verdict into advice. Each field names the action for one
// finding; where several apply the strictest wins (block, review, retry, warn,
// accept). A finding about the address never changes its status: a policy
// decides, it does not judge.
type Policy struct {
	Name string `json:"name"`

	Valid               verdict.Action `json:"valid"`
	Invalid             verdict.Action `json:"invalid"`
	Disposable          verdict.Action `json:"disposable"`           // lists are sure
	DisposableSuspected verdict.Action `json:"disposable_suspected"` // one weak list says so
	CatchAll            verdict.Action `json:"catch_all"`
	Unconfirmed         verdict.Action `json:"unconfirmed"`
	MailboxFull         verdict.Action `json:"mailbox_full"`
	SpamTrap            verdict.Action `json:"spam_trap"`
	PossibleTypo        verdict.Action `json:"possible_typo"`
	SoftBounced         verdict.Action `json:"soft_bounced"`          // this key saw a soft bounce
	SoftBouncedRepeated verdict.Action `json:"soft_bounced_repeated"` // three or more in 30 days
	Temporary           verdict.Action `json:"temporary"`             // UNKNOWN that a later attempt can settle
	Undecidable         verdict.Action `json:"undecidable"`           // UNKNOWN that waiting does not settle; accept means failing open
	SoftOK              verdict.Action `json:"soft_ok"`               // soft mode found nothing wrong

	Role  verdict.Action `json:"role"`
	Free  verdict.Action `json:"free"`
	Relay verdict.Action `json:"relay"`
	Tag   verdict.Action `json:"tag"` // sub-address tag such as user+news@
}

// DefaultPolicy lets in what may be good, holds back what is proven bad, and
// asks a person about what looks like a trap.
func DefaultPolicy() Policy {
	return Policy{
		Name: "default", Valid: verdict.Accept, Invalid: verdict.Block,
		Disposable: verdict.Block, DisposableSuspected: verdict.Warn,
		CatchAll: verdict.Warn, Unconfirmed: verdict.Warn, MailboxFull: verdict.Warn,
		SpamTrap: verdict.Review, PossibleTypo: verdict.Warn,
		SoftBounced: verdict.Warn, SoftBouncedRepeated: verdict.Review,
		Temporary: verdict.Retry, Undecidable: verdict.Accept, SoftOK: verdict.Accept,
		Role: verdict.Accept, Free: verdict.Accept, Relay: verdict.Accept, Tag: verdict.Accept,
	}
}

// PolicyNamed returns a built-in policy: default, b2b or b2c_strict. The empty
// name is the default policy. It returns ErrPolicy for any other name.
func PolicyNamed(name string) (Policy, error) {
	p := DefaultPolicy()
	switch name {
	case "", "default":
	case "b2b": // companies write from role accounts and catch-all domains; private mailboxes are the exception
		p.Name = "b2b"
		p.CatchAll, p.Unconfirmed = verdict.Accept, verdict.Accept
		p.Free, p.Relay = verdict.Warn, verdict.Warn
		p.DisposableSuspected, p.SpamTrap = verdict.Review, verdict.Block
		p.SoftBouncedRepeated = verdict.Block
	case "b2c_strict": // one person, one lasting mailbox
		p.Name = "b2c_strict"
		p.Role, p.Relay, p.Tag = verdict.Block, verdict.Block, verdict.Warn
		p.DisposableSuspected, p.SpamTrap = verdict.Block, verdict.Block
		p.CatchAll, p.Unconfirmed, p.MailboxFull = verdict.Review, verdict.Review, verdict.Block
		p.SoftBounced, p.SoftBouncedRepeated = verdict.Review, verdict.Block
		p.PossibleTypo, p.Undecidable = verdict.Block, verdict.Review
	default:
		return Policy{}, fmt.Errorf("%w: no policy is called %q; built in are default, b2b, b2c_strict", ErrPolicy, name)
	}
	return p, nil
}

// ParsePolicy reads a policy as it is stored on a key: a JSON string names a
// built-in one, an object starts from the one in "extends" (default if absent)
// and overrides single findings. It returns ErrPolicy with the field at fault.
func ParsePolicy(text []byte) (Policy, error) {
	if len(text) == 0 {
		return DefaultPolicy(), nil
	}
	var name string
	if json.Unmarshal(text, &name) == nil {
		return PolicyNamed(name)
	}
	var base struct {
		Extends string `json:"extends"`
	}
	if err := json.Unmarshal(text, &base); err != nil {
		return Policy{}, unreadable(err)
	}
	p, err := PolicyNamed(base.Extends)
	if err != nil {
		return Policy{}, err
	}
	p.Name = "own"
	var own struct {
		Extends string `json:"extends"`
		*Policy
	}
	own.Policy = &p
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&own); err != nil {
		return Policy{}, unreadable(err)
	}
	if err := p.check(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// unreadable says in the words of the caller, not of Go, what is wrong with the
// JSON of a policy.
func unreadable(err error) error {
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field != "":
		return fmt.Errorf("%w: %s: must be text", ErrPolicy, wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:])
	case errors.As(err, &wrong):
		return fmt.Errorf("%w: a policy is a name or an object", ErrPolicy)
	}
	return fmt.Errorf("%w: %s", ErrPolicy, strings.TrimPrefix(err.Error(), "json: "))
}

// check refuses a policy with an unknown action.
func (p Policy) check() error {
	for _, finding := range []struct {
		field  string
		action verdict.Action
	}{
		{"valid", p.Valid}, {"invalid", p.Invalid}, {"disposable", p.Disposable}, {"disposable_suspected", p.DisposableSuspected},
		{"catch_all", p.CatchAll}, {"unconfirmed", p.Unconfirmed}, {"mailbox_full", p.MailboxFull}, {"spam_trap", p.SpamTrap},
		{"possible_typo", p.PossibleTypo}, {"soft_bounced", p.SoftBounced}, {"soft_bounced_repeated", p.SoftBouncedRepeated},
		{"temporary", p.Temporary}, {"undecidable", p.Undecidable}, {"soft_ok", p.SoftOK},
		{"role", p.Role}, {"free", p.Free}, {"relay", p.Relay}, {"tag", p.Tag},
	} {
		if severity(finding.action) < 0 {
			return fmt.Errorf("%w: %s: %q is no action; use accept, warn, block, retry or review", ErrPolicy, finding.field, finding.action)
		}
	}
	return nil
}

// Action draws the advice for a verdict: the finding behind its status, then
// the facts beside it, the strictest of all.
func (p Policy) Action(v verdict.Verdict) verdict.Action {
	action := p.forStatus(v)
	for _, fact := range []struct {
		holds  bool
		action verdict.Action
	}{
		{v.Role, p.Role}, {v.FreeProvider, p.Free}, {v.Relay, p.Relay}, {v.Tag != "", p.Tag}, {v.SpamTrap, p.SpamTrap},
		{v.CatchAll, p.CatchAll}, {v.TypoOf != "", p.PossibleTypo},
		{v.Disposable && v.Status != verdict.Disposable, p.DisposableSuspected},
		{v.AccountHistory.Matched && v.AccountHistory.PreviousReason == "soft_bounce", p.forSoftBounces(v.AccountHistory.Recent)},
	} {
		if fact.holds {
			action = stricter(action, fact.action)
		}
	}
	return action
}

func (p Policy) forStatus(v verdict.Verdict) verdict.Action {
	switch v.Status {
	case verdict.Valid:
		return p.Valid
	case verdict.Invalid:
		return p.Invalid
	case verdict.Disposable:
		return p.Disposable
	case verdict.CatchAll:
		return p.CatchAll
	}
	switch v.Reason {
	case verdict.MailboxFull:
		return p.MailboxFull
	case verdict.Unconfirmed, verdict.VendorRisky:
		return p.Unconfirmed
	case verdict.SpamTrap:
		return p.SpamTrap
	case verdict.PossibleTypo:
		return p.PossibleTypo
	case verdict.DisposableSuspected:
		return p.DisposableSuspected
	case verdict.PreviouslyBounced:
		return p.forSoftBounces(v.AccountHistory.Recent)
	case verdict.SoftOK:
		return p.SoftOK
	case verdict.Greylisted, verdict.Timeout, verdict.RateLimited, verdict.TemporaryFailure, verdict.ConnectionFailed,
		verdict.DNSFailure, verdict.Deadline, verdict.Cancelled, verdict.Internal, verdict.EgressBlocked:
		return p.Temporary
	}
	return p.Undecidable
}

// softBounceLimit is the count of soft bounces within 30 days from which a
// policy may block (contract, overlay).
const softBounceLimit = 3

func (p Policy) forSoftBounces(count int) verdict.Action {
	if count >= softBounceLimit {
		return p.SoftBouncedRepeated
	}
	return p.SoftBounced
}

func stricter(a, b verdict.Action) verdict.Action {
	if severity(b) > severity(a) {
		return b
	}
	return a
}

// severity orders actions; the strictest wins. It is -1 for an unknown word.
func severity(a verdict.Action) int {
	switch a {
	case verdict.Accept:
		return 0
	case verdict.Warn:
		return 1
	case verdict.Retry:
		return 2
	case verdict.Review:
		return 3
	case verdict.Block:
		return 4
	}
	return -1
}
