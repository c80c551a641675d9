package httpapi

import (
	"net/http"
	"time"

	"rcpt/internal/verdict"
)

// check answers POST /v1/check: the verdict of /v1/verify in the other shape.
func (a *api) check(w http.ResponseWriter, r *http.Request, c *call) error {
	v, next, err := a.ask(w, r, c)
	if err != nil {
		return err
	}
	answer := checkOf(v)
	answer.Reverify = next
	return writeJSON(w, http.StatusOK, answer)
}

// checked is the answer of /v1/check.
type checked struct {
	Email          string          `json:"email"`  // as given
	Result         string          `json:"result"` // deliverable, undeliverable, risky, unknown
	Reason         verdict.Reason  `json:"reason"`
	ReasonMessage  string          `json:"reason_message"` // what the reason means and what to do, for people
	AccountHistory verdict.History `json:"account_history"`

	Status     verdict.Status `json:"status"`
	Disposable bool           `json:"disposable"`
	Role       bool           `json:"role"`
	Free       bool           `json:"free"`
	CatchAll   bool           `json:"catch_all"`
	SpamTrap   bool           `json:"spam_trap"`
	Suggestion string         `json:"suggestion,omitempty"`
	Score      int            `json:"score"` // 0 to 100, calibrated chance of delivery in percent
	Action     verdict.Action `json:"action"`
	Policy     string         `json:"policy"` // the policy that chose the action
	Strict     strict         `json:"strict"`

	// As in verdict.Verdict, so that one call returns every signal.
	DisposableTier   string           `json:"disposable_tier,omitempty"`
	DisposableSource verdict.Source   `json:"disposable_source,omitempty"`
	RoleClass        string           `json:"role_class,omitempty"`
	Relay            bool             `json:"relay"`
	RelayName        string           `json:"relay_name,omitempty"`
	ClosedProvider   bool             `json:"closed_provider"`
	TrapRisk         verdict.TrapRisk `json:"trap_risk,omitempty"`
	Tag              string           `json:"tag,omitempty"`
	Canonical        string           `json:"canonical,omitempty"`
	TypoOf           string           `json:"typo_of,omitempty"`
	TypoCertainty    string           `json:"typo_certainty,omitempty"`
	MXHost           string           `json:"mx_host,omitempty"`
	MXProvider       string           `json:"mx_provider,omitempty"`

	MXFound      bool                `json:"mx_found"`
	Lists        []verdict.ListMatch `json:"list_matches,omitempty"`
	ListVersion  string              `json:"list_version"`
	ListAgeHours int64               `json:"list_age_hours"`
	CheckedAt    time.Time           `json:"checked_at"`
	Cached       bool                `json:"cached"`
	LatencyMS    int64               `json:"latency_ms"`
	RetryAt      *time.Time          `json:"retry_at,omitempty"`
	Provider     string              `json:"provider,omitempty"` // the paid verifier that decided
	Reverify     *followUp           `json:"reverify,omitempty"` // what is to follow, if anything
	Detail       string              `json:"detail,omitempty"`
	Evidence     any                 `json:"evidence,omitempty"`
}

// strict says where a strict consumer form would stop.
type strict struct {
	Role                bool `json:"role"`
	PlusTag             bool `json:"plus_tag"`
	Relay               bool `json:"relay"`
	Free                bool `json:"free"`
	DisposableSuspected bool `json:"disposable_suspected"` // listed, but not surely enough for the status DISPOSABLE
}

func checkOf(v verdict.Verdict) checked {
	return checked{
		Email: v.Email, Result: result(v.Status), Reason: v.Reason, ReasonMessage: reasonMessage(v),
		AccountHistory: v.AccountHistory,
		Status:         v.Status, Disposable: v.Disposable, Role: v.Role, Free: v.FreeProvider, CatchAll: v.CatchAll,
		SpamTrap: v.SpamTrap, Suggestion: v.Suggestion, Score: v.Score, Action: v.Action, Policy: v.Policy,
		Strict: strict{
			Role: v.Role, PlusTag: v.Tag != "", Relay: v.Relay, Free: v.FreeProvider, DisposableSuspected: suspected(v),
		},
		DisposableTier: v.DisposableTier, DisposableSource: v.DisposableSource, RoleClass: v.RoleClass,
		Relay: v.Relay, RelayName: v.RelayName, ClosedProvider: v.ClosedProvider, TrapRisk: v.TrapRisk,
		Tag: v.Tag, Canonical: v.Canonical, TypoOf: v.TypoOf, TypoCertainty: v.TypoCertainty,
		MXHost: v.MXHost, MXProvider: v.MXProvider,
		MXFound: v.MXFound, Lists: v.Lists, ListVersion: v.ListVersion, ListAgeHours: v.ListAgeHours, CheckedAt: v.CheckedAt, Cached: v.Cached, LatencyMS: v.LatencyMS,
		RetryAt: v.RetryAt, Provider: v.Provider, Detail: v.Detail, Evidence: v.Evidence,
	}
}

// suspected reports a listing that is not enough for the status DISPOSABLE. One
// that is enough may stand behind another status: that of the key's own report, or
// of a domain that is gone.
func suspected(v verdict.Verdict) bool {
	switch {
	case !v.Disposable, v.Status == verdict.Disposable, v.DisposableSource == verdict.ByKey, v.DisposableSource == verdict.ByMX:
		return false
	}
	return v.DisposableTier != "curated" && v.DisposableTier != "several_families"
}

// result is the status in the words of /v1/check.
func result(s verdict.Status) string {
	switch s {
	case verdict.Valid:
		return "deliverable"
	case verdict.Invalid, verdict.Disposable:
		return "undeliverable"
	case verdict.CatchAll, verdict.Risky:
		return "risky"
	}
	return "unknown"
}

// reasonMessage explains the verdict's reason. What this key itself denies or
// reported is told as that.
func reasonMessage(v verdict.Verdict) string {
	switch {
	case v.Reason == verdict.DisposableDomain && v.DisposableSource == verdict.ByKey:
		return "The domain is on your own deny list."
	case v.Reason != verdict.PreviouslyBounced:
		return reasonMessages()[v.Reason]
	}
	switch v.AccountHistory.PreviousReason {
	case "soft_bounce":
		return "Mail to this address bounced for a temporary reason when you last sent to it. Send sparingly."
	case "spam_complaint":
		return "The recipient marked your mail as spam. Do not send again."
	case "unsubscribe":
		return "The recipient unsubscribed from your mail. Do not send again."
	}
	return reasonMessages()[v.Reason]
}

// reasonMessages has a sentence for every reason of the closed list.
func reasonMessages() map[verdict.Reason]string {
	return map[verdict.Reason]string{
		verdict.SMTPVerified:   "The mail server accepts this address and refuses one that does not exist.",
		verdict.VendorVerified: "A paid verifier confirmed that this address takes mail.",

		verdict.InvalidSyntax:     "This is not a valid email address. Ask for a correction.",
		verdict.DomainNotFound:    "The domain of this address does not exist. Check its spelling.",
		verdict.NoMX:              "The domain of this address has no mail server.",
		verdict.NullMX:            "The domain of this address declares that it takes no mail.",
		verdict.MailboxNotFound:   "The mail server says that this mailbox does not exist.",
		verdict.MailboxDisabled:   "The mail server says that this mailbox is disabled.",
		verdict.PreviouslyBounced: "This address bounced when you last sent to it. Do not retry.",
		verdict.VendorInvalid:     "A paid verifier says that this address takes no mail.",

		verdict.DisposableDomain: "This is an address of a disposable mail service that soon stops working.",

		verdict.CatchAllDomain: "The domain accepts mail for any name, so this mailbox may or may not exist.",

		verdict.MailboxFull:         "The mailbox exists but is full; mail bounces until there is room.",
		verdict.Unconfirmed:         "The mail server accepts this address, but it may accept any name.",
		verdict.SpamTrap:            "Several senders had trouble with this domain; it may hold spam traps.",
		verdict.PossibleTypo:        "The domain looks like a misspelled one. Ask whether the suggestion is meant.",
		verdict.DisposableSuspected: "The domain is on a list of disposable mail services, but not on a sure one.",
		verdict.VendorRisky:         "A paid verifier says that mail to this address may not arrive.",

		verdict.SoftOK:           "Syntax and domain are fine; the mailbox was not asked for, as this was a soft check.",
		verdict.Greylisted:       "The mail server wants to be asked again later. Check again at retry_at.",
		verdict.Timeout:          "The mail server did not answer in time. Check again later.",
		verdict.RateLimited:      "The mail server limits how often it may be asked. Check again later.",
		verdict.ProbeBlocked:     "The mail server refuses to answer us; this says nothing about the address.",
		verdict.EgressBlocked:    "We cannot reach mail servers at present; this says nothing about the address.",
		verdict.RelayDenied:      "The mail server does not take mail for this domain from us; this says nothing about the address.",
		verdict.ConnectionFailed: "No connection to the mail server could be made. Check again later.",
		verdict.TemporaryFailure: "The mail server has a temporary problem. Check again later.",
		verdict.DNSFailure:       "The domain could not be looked up. Check again later.",
		verdict.MXUnreachable:    "The mail server of the domain has no public address to connect to.",
		verdict.SMTPUTF8Required: "The mail server does not support the international characters of this address.",
		verdict.ProtocolError:    "The mail server gave an answer that breaks the protocol.",
		verdict.UnclearReply:     "The mail server gave an answer that does not tell whether the mailbox exists.",
		verdict.VendorUndecided:  "Neither the mail server nor a paid verifier could tell whether the mailbox exists.",
		verdict.Deadline:         "There was not enough time to finish the check. Check again with a longer timeout_ms.",
		verdict.Cancelled:        "The check was cancelled before it was finished.",
		verdict.Internal:         "Something went wrong on our side. Check again later.",
	}
}
