// Package keys holds API keys: what a key may do, how its secrets look, and how
// they are kept and recognized.
//
// A key belongs to an account and has three secrets, shown once when they are
// made: the API secret that requests carry, a hook token that stands in the URL
// given to an ESP and can only report bounces, and a webhook secret that signs
// what we send. The id of the key is inside the first two, so looking a caller
// up is one read. Of these two only SHA-256 hashes are stored: their random part
// has 160 bits, which no dictionary reaches, so a slow hash would add nothing.
// The webhook secret must be used again and is sealed in a store.Vault.
//
// What it leaves out: counting requests against the limits (the admission of a
// request), and the meaning of Policy, which verify knows.
package keys

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Scope is one thing that a key may do.
type Scope string

// The scopes.
const (
	Verify    Scope = "verify"    // ask for verdicts
	Report    Scope = "report"    // report bounces, read and remove them
	Jobs      Scope = "jobs"      // submit lists, read results
	Providers Scope = "providers" // keep vendor keys and spend their credits
	Admin     Scope = "admin"     // manage the keys of every account: the operator's
)

// AllButAdmin returns the scopes that a customer's key has unless told
// otherwise.
func AllButAdmin() []Scope { return []Scope{Verify, Report, Jobs, Providers} }

// Kind tells keys that cost something from keys for trying out.
type Kind string

// The kinds, as they stand in the API secret.
const (
	Live Kind = "live"
	Test Kind = "test" // simulated verdicts, no network
)

// PlanSoft is the plan whose checks stop before SMTP. Any other plan, the empty
// one among them, allows full probes.
const PlanSoft = "soft"

// Limits bound the use of one key. In each field 0 means no limit.
type Limits struct {
	Monthly           int64 // verifications per calendar month, UTC
	Concurrency       int64 // real-time requests at once
	ReportsPerDay     int64 // reported bounces, refilled evenly over 24 hours
	RequestsPerSecond int64
}

// DefaultLimits are those of a key created without any: ten requests at once
// and 1,000 reports a day.
func DefaultLimits() Limits { return Limits{Concurrency: 10, ReportsPerDay: 1000} }

// Key is one API key without its secrets. Keys may be shared by requests:
// Scopes and Policy must not be modified.
type Key struct {
	ID      string // eight letters and digits, lower case
	Account string // the customer
	Label   string // for people
	Scopes  []Scope
	Test    bool   // of the kind Test
	Plan    string // PlanSoft, or a name of the operator's
	Policy  []byte // JSON, a name or an object; empty: the default policy
	Limits  Limits

	// WebhookURL takes the results of jobs that name no URL of their own; empty:
	// nobody is told.
	WebhookURL string

	CreatedAt time.Time // UTC, as the next two; to the millisecond
	ExpiresAt time.Time // the key ends at this moment; zero: never
	RevokedAt time.Time // zero: not revoked
}

// May reports whether the key has the scope. Admin does not include the others.
func (k Key) May(s Scope) bool { return slices.Contains(k.Scopes, s) }

// Usable reports whether the key is neither revoked nor expired at now.
func (k Key) Usable(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// ErrDraft is returned for a draft or a patch that no key can be made of. It
// always comes as a *DraftError.
var ErrDraft = errors.New("key not acceptable")

// DraftError says what is wrong with a draft or a patch, in words that may be
// shown to the caller. It Is ErrDraft.
type DraftError struct {
	Field   string // account, label, scopes, plan, policy, webhook_url, limits, expires_at, overlap; of limits the one at fault: limits.monthly
	Problem string
}

// Error names the field and the problem.
func (e *DraftError) Error() string { return e.Field + " " + e.Problem }

// Unwrap returns ErrDraft.
func (e *DraftError) Unwrap() error { return ErrDraft }

// wrong makes a DraftError.
func wrong(field, format string, args ...any) error {
	return &DraftError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

// Draft says what a new key should be.
type Draft struct {
	Account string  // 1 to 128 characters of printable text without '#'
	Label   string  // up to 200 characters of printable text
	Scopes  []Scope // empty: AllButAdmin
	Test    bool
	Plan    string // up to 64 characters of printable text
	Policy  []byte // up to 8 KB; checked by the caller

	// WebhookURL has up to 2048 octets; that it is a URL is checked by the caller.
	WebhookURL string

	Limits    *Limits   // nil: DefaultLimits
	ExpiresAt time.Time // zero: never
}

const (
	// maxPolicy is far above the largest policy there can be and far below what
	// an item holds.
	maxPolicy = 8 << 10

	// maxWebhookURL is what programs commonly take for a URL, in octets.
	maxWebhookURL = 2048

	// MaxConcurrency is the highest limit of requests at once. Each has a slot in
	// the one item that admission writes; more of them make every write dearer.
	MaxConcurrency = 200

	// MaxLimit is the highest of the other limits: more than anyone sends, and an
	// integer in every JSON reader.
	MaxLimit = 1_000_000_000_000
)

// key checks the draft and fills its gaps.
func (d Draft) key(now time.Time) (Key, error) {
	k := Key{
		Account: d.Account, Label: d.Label, Scopes: slices.Clone(d.Scopes), Test: d.Test, Plan: d.Plan,
		Policy: slices.Clone(d.Policy), WebhookURL: d.WebhookURL, Limits: DefaultLimits(), CreatedAt: stamp(now), ExpiresAt: stamp(d.ExpiresAt),
	}
	if len(k.Scopes) == 0 {
		k.Scopes = AllButAdmin()
	}
	if d.Limits != nil {
		k.Limits = *d.Limits
	}
	if err := k.check(); err != nil {
		return Key{}, err
	}
	return k, k.checkExpiry(now)
}

// check refuses texts, words and numbers that a key cannot have.
func (k Key) check() error {
	for _, text := range []struct {
		name, value string
		max         int
	}{{"account", k.Account, 128}, {"label", k.Label, 200}, {"plan", k.Plan, 64}} {
		if utf8.RuneCountInString(text.value) > text.max || !printable(text.value) {
			return wrong(text.name, "takes up to %d characters of printable text", text.max)
		}
	}
	// '#' separates the parts of storage keys.
	if k.Account == "" {
		return wrong("account", "is empty; name the customer")
	}
	if strings.Contains(k.Account, "#") {
		return wrong("account", "is a name without '#'")
	}
	if len(k.Policy) > maxPolicy {
		return wrong("policy", "takes up to %d octets", maxPolicy)
	}
	if len(k.WebhookURL) > maxWebhookURL || !printable(k.WebhookURL) {
		return wrong("webhook_url", "takes up to %d octets of printable text", maxWebhookURL)
	}
	for i, s := range k.Scopes {
		if s != Admin && !slices.Contains(AllButAdmin(), s) {
			return wrong("scopes", "has no %q; there are verify, report, jobs, providers, admin", s)
		}
		if slices.Contains(k.Scopes[:i], s) {
			return wrong("scopes", "names %s twice", s)
		}
	}
	return k.Limits.check()
}

func (l Limits) check() error {
	for _, limit := range []struct {
		name       string
		value, max int64
	}{
		{"monthly", l.Monthly, MaxLimit}, {"concurrency", l.Concurrency, MaxConcurrency},
		{"reports_per_day", l.ReportsPerDay, MaxLimit}, {"requests_per_second", l.RequestsPerSecond, MaxLimit},
	} {
		if limit.value < 0 || limit.value > limit.max {
			return wrong("limits."+limit.name, "must be from 0, for none, to %d", limit.max)
		}
	}
	return nil
}

// checkExpiry refuses an end that has been: whoever wants that revokes.
func (k Key) checkExpiry(now time.Time) error {
	if !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		return wrong("expires_at", "has passed")
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}

// stamp is t as it is stored.
func stamp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}
