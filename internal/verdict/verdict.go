// Package verdict holds the words of an answer: status, reason, action, and
// the Verdict that carries them, with the wire names of /v1/verify, of result
// rows and of webhooks. The other shapes (/v1/check, the vendors' endpoints)
// are encodings at the edge and live in httpapi.
//
// The lists are closed. A new word is a reviewed change here, in the contract
// and in the OpenAPI description together. The package concludes nothing: that
// is verify's work.
package verdict

import "time"

// Status is the verdict in one word.
type Status string

// The statuses. INVALID claims positive proof that mail to the address cannot
// arrive; what is not known is UNKNOWN.
const (
	Valid      Status = "VALID"
	Invalid    Status = "INVALID"
	Disposable Status = "DISPOSABLE"
	CatchAll   Status = "CATCH_ALL"
	Risky      Status = "RISKY"
	Unknown    Status = "UNKNOWN"
)

// Reason says why the status is what it is.
type Reason string

// The reasons, grouped by the status they go with.
const (
	// VALID
	SMTPVerified   Reason = "smtp_verified"   // RCPT accepted, an unlikely local part refused as absent
	VendorVerified Reason = "vendor_verified" // a paid verifier says so

	// INVALID
	InvalidSyntax     Reason = "invalid_syntax"     // no mail address (RFC 5321 §4.1.2, RFC 6531)
	DomainNotFound    Reason = "domain_not_found"   // NXDOMAIN
	NoMX              Reason = "no_mx"              // neither MX nor address record
	NullMX            Reason = "null_mx"            // RFC 7505
	MailboxNotFound   Reason = "mailbox_not_found"  // the RCPT reply names the mailbox as absent
	MailboxDisabled   Reason = "mailbox_disabled"   // the RCPT reply names the mailbox as disabled
	PreviouslyBounced Reason = "previously_bounced" // this key reported it; RISKY after soft bounces
	VendorInvalid     Reason = "vendor_invalid"

	// DISPOSABLE
	DisposableDomain Reason = "disposable_domain"

	// CATCH_ALL
	CatchAllDomain Reason = "catch_all" // the domain takes any local part

	// RISKY
	MailboxFull         Reason = "mailbox_full"
	Unconfirmed         Reason = "unconfirmed" // accepted, canary undecided
	SpamTrap            Reason = "spam_trap"
	PossibleTypo        Reason = "possible_typo"
	DisposableSuspected Reason = "disposable_suspected"
	VendorRisky         Reason = "vendor_risky"

	// UNKNOWN
	SoftOK           Reason = "soft_ok" // soft mode: the domain takes mail, nothing was asked
	Greylisted       Reason = "greylisted"
	Timeout          Reason = "timeout"
	RateLimited      Reason = "rate_limited"
	ProbeBlocked     Reason = "probe_blocked"  // a server or an open breaker refuses us
	EgressBlocked    Reason = "egress_blocked" // our port 25 is closed or our address is listed
	RelayDenied      Reason = "relay_denied"
	ConnectionFailed Reason = "connection_failed"
	TemporaryFailure Reason = "temporary_failure"
	DNSFailure       Reason = "dns_failure"
	MXUnreachable    Reason = "mx_unreachable" // no public address to connect to
	SMTPUTF8Required Reason = "smtputf8_required"
	ProtocolError    Reason = "protocol_error"
	UnclearReply     Reason = "unclear_reply"
	VendorUndecided  Reason = "vendor_undecided"
	Deadline         Reason = "deadline"
	Cancelled        Reason = "cancelled"
	Internal         Reason = "internal"
)

// Reasons lists every reason, in the order of the statuses they go with.
func Reasons() []Reason {
	return []Reason{
		SMTPVerified, VendorVerified,
		InvalidSyntax, DomainNotFound, NoMX, NullMX, MailboxNotFound, MailboxDisabled, PreviouslyBounced, VendorInvalid,
		DisposableDomain,
		CatchAllDomain,
		MailboxFull, Unconfirmed, SpamTrap, PossibleTypo, DisposableSuspected, VendorRisky,
		SoftOK, Greylisted, Timeout, RateLimited, ProbeBlocked, EgressBlocked, RelayDenied, ConnectionFailed,
		TemporaryFailure, DNSFailure, MXUnreachable, SMTPUTF8Required, ProtocolError, UnclearReply, VendorUndecided,
		Deadline, Cancelled, Internal,
	}
}

// Statuses lists, for every reason, the statuses it may stand under.
func (r Reason) Statuses() []Status {
	switch r {
	case SMTPVerified, VendorVerified:
		return []Status{Valid}
	case InvalidSyntax, DomainNotFound, NoMX, NullMX, MailboxNotFound, MailboxDisabled, VendorInvalid:
		return []Status{Invalid}
	case PreviouslyBounced:
		return []Status{Invalid, Risky}
	case DisposableDomain:
		return []Status{Disposable}
	case CatchAllDomain:
		return []Status{CatchAll}
	case MailboxFull, Unconfirmed, SpamTrap, PossibleTypo, DisposableSuspected, VendorRisky:
		return []Status{Risky}
	case SoftOK, Greylisted, Timeout, RateLimited, ProbeBlocked, EgressBlocked, RelayDenied,
		ConnectionFailed, TemporaryFailure, DNSFailure, MXUnreachable, SMTPUTF8Required,
		ProtocolError, UnclearReply, VendorUndecided, Deadline, Cancelled, Internal:
		return []Status{Unknown}
	}
	return nil
}

// Action is the advice a policy draws from a verdict.
type Action string

// The actions.
const (
	Accept Action = "accept"
	Warn   Action = "warn"
	Block  Action = "block"
	Retry  Action = "retry"
	Review Action = "review"
)

// History is what this key itself reported about the address. The zero value
// means that nothing was reported.
type History struct {
	Matched        bool       `json:"matched"`
	PreviousReason string     `json:"previous_reason,omitempty"` // hard_bounce, soft_bounce, spam_complaint, unsubscribe
	OccurredAt     *time.Time `json:"occurred_at,omitempty"`     // the latest event, UTC
	Count          int64      `json:"count,omitempty"`           // events in all
	Recent         int        `json:"count_30_days,omitempty"`   // of those within the last 30 days, counted up to 16
}

// Source says what makes a domain disposable.
type Source string

// The sources.
const (
	ByList Source = "list" // public lists
	ByMX   Source = "mx"   // its exchanger is that of a service for throw-away addresses
	ByKey  Source = "key"  // the key's own deny list

	ByVendor Source = "vendor" // a paid verifier says so; never enough for DISPOSABLE
)

// TrapRisk says why mail to a domain may land in a spam trap. It is a risk of
// names of its kind, never a finding about this one: operators keep their traps
// secret.
type TrapRisk string

// The risks, of domains that take mail.
const (
	TypoTrap   TrapRisk = "typo"            // a near miss of a large provider
	ClosedTrap TrapRisk = "closed_provider" // a provider that closed long ago
)

// Confidences of a listing and of a slip of the keyboard.
const (
	High = "high"
	Low  = "low"
)

// ListMatch names the list row behind a flag and the data it came from.
type ListMatch struct {
	List string `json:"list"` // allow and deny are the key's own; disposable, free, relay, role, typo, closed_provider
	Rule string `json:"rule"` // the listed name that matched

	Tier       string `json:"tier,omitempty"`       // of disposable: as Verdict.DisposableTier
	Source     Source `json:"source,omitempty"`     // of disposable: ByMX if Rule is the end of the exchanger's name
	Confidence string `json:"confidence,omitempty"` // of free: High or Low
	Class      string `json:"class,omitempty"`      // of role

	// DowngradedBy says what outweighs the row, so that it does not count: allow
	// (the key's own list), business_mx, free.
	DowngradedBy string `json:"downgraded_by,omitempty"`
}

// Verdict is the answer for one address, in the shape of /v1/verify.
type Verdict struct {
	Email  string `json:"email"`  // as given
	Status Status `json:"status"` //
	Score  int    `json:"score"`  // 0 to 100, calibrated chance of delivery in percent
	Reason Reason `json:"reason"`
	Action Action `json:"action"`
	Policy string `json:"policy"` // the policy that chose the action

	Disposable       bool     `json:"disposable"`
	DisposableTier   string   `json:"disposable_tier,omitempty"`   // how sure the list is: curated, several_families, one_family, aggregator
	DisposableSource Source   `json:"disposable_source,omitempty"` // what the flag rests on
	CatchAll         bool     `json:"catch_all"`
	FreeProvider     bool     `json:"free_provider"`
	MXFound          bool     `json:"mx_found"` // a host that takes mail for the domain is published (MX or implicit MX)
	Role             bool     `json:"role"`
	RoleClass        string   `json:"role_class,omitempty"`
	Relay            bool     `json:"relay"`
	RelayName        string   `json:"relay_name,omitempty"`
	ClosedProvider   bool     `json:"closed_provider"` // a mailbox provider that closed long ago
	SpamTrap         bool     `json:"spam_trap"`
	TrapRisk         TrapRisk `json:"trap_risk,omitempty"`
	Tag              string   `json:"tag,omitempty"`       // sub-address tag
	Canonical        string   `json:"canonical,omitempty"` // the mailbox behind tag and dots; never probed instead

	// A slip of the keyboard. Nothing of it is set for a domain that only looks
	// like one and takes mail.
	Suggestion    string `json:"suggestion,omitempty"`     // the address that was probably meant
	TypoOf        string `json:"typo_of,omitempty"`        // its domain
	TypoCertainty string `json:"typo_certainty,omitempty"` // High; Low if it rests on a missing MX record alone

	Provider string `json:"provider,omitempty"` // the paid verifier that decided; "" where rcpt did

	MXHost     string `json:"mx_host,omitempty"`     // the exchanger asked, or the first one published
	MXProvider string `json:"mx_provider,omitempty"` // mailbox provider by MX

	AccountHistory History     `json:"account_history"`
	Lists          []ListMatch `json:"list_matches,omitempty"`
	ListVersion    string      `json:"list_version"`   // of the public lists that were used
	ListAgeHours   int64       `json:"list_age_hours"` // whole hours since their data was gathered

	CheckedAt time.Time  `json:"checked_at"` // when the evidence was gathered, UTC
	RetryAt   *time.Time `json:"retry_at,omitempty"`
	Cached    bool       `json:"cached"`
	LatencyMS int64      `json:"latency_ms"`

	Detail   string `json:"detail,omitempty"` // one sentence for people: what is wrong and what to do
	Evidence any    `json:"evidence,omitempty"`
}
