package vendors

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rcpt/internal/store"
)

// What a caller may test with errors.Is. The texts may be shown to the caller.
var (
	// ErrKey: there is no such vendor key in the account.
	ErrKey = errors.New("there is no such provider key")

	// ErrDraft: a key that cannot be kept as written. The text says why.
	ErrDraft = errors.New("provider key not accepted")

	// ErrFull: the account has as many vendor keys as it may have.
	ErrFull = fmt.Errorf("an account may have %d provider keys", MaxKeys)

	// ErrConflict: others change the same keys without pause.
	ErrConflict = errors.New("the same provider keys are being changed; send the request again")
)

// MaxKeys is how many vendor keys an account may have: one Query reads them all
// for each verification.
const MaxKeys = 50

// maxLabel is the longest label, in runes.
const maxLabel = 100

// Key is a vendor key as its owner sees it.
type Key struct {
	Account string
	ID      int64 // 1, 2, ... within the account, never used again
	Vendor  Name
	Label   string
	Active  bool
	Preview string // the ends of the key

	Credits     *int64    // left at the vendor when it last said so; nil: it does not say
	CreditsAt   time.Time // when that was
	ValidatedAt time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time // of what the owner changed

	LastError   string // of the vendor, until the key works again; ""
	ErrorClass  Class
	ErrorAt     time.Time
	PausedUntil time.Time // not asked before, because of LastError; may have passed
	trips       int64     // pauses since the key last worked

	era int64 // how often the secret was replaced: trouble with an old one is none of the new one's
}

// Rejected reports that the vendor refused the key.
func (k Key) Rejected() bool { return k.ErrorClass == Auth }

// Draft is a vendor key to be kept.
type Draft struct {
	Account string
	Vendor  Name
	Secret  string // 8 to 512 characters
	Label   string
}

// Patch is a change to a vendor key. What is nil stays.
type Patch struct {
	Label      *string
	Active     *bool
	Secret     *string // replaces the key, after it was validated
	Revalidate bool    // asks the vendor whether the key works, and what is left
}

func (d Draft) check() error {
	if !Known(d.Vendor) {
		return fmt.Errorf("%w: unknown provider", ErrDraft)
	}
	if d.Account == "" {
		return fmt.Errorf("%w: no account", ErrDraft)
	}
	return Patch{Label: &d.Label, Secret: &d.Secret}.check()
}

func (p Patch) check() error {
	switch {
	case p.Secret != nil && (len(*p.Secret) < MinSecret || len(*p.Secret) > MaxSecret):
		return fmt.Errorf("%w: api_key must have %d to %d characters", ErrDraft, MinSecret, MaxSecret)
	case p.Secret != nil && !sound(*p.Secret):
		return fmt.Errorf("%w: api_key must be printable ASCII without spaces", ErrDraft)
	case p.Label != nil && (utf8.RuneCountInString(*p.Label) > maxLabel || !utf8.ValidString(*p.Label) || strings.ContainsFunc(*p.Label, unicode.IsControl)):
		return fmt.Errorf("%w: label must be at most %d characters without controls", ErrDraft, maxLabel)
	}
	return nil
}

const keyPart = "VEN#"

// headSort sorts before all ids.
const headSort = "#"

func headKey(account string) store.Key { return store.Key{Part: keyPart + account, Sort: headSort} }

// itemKey pads the id, so that the order of keys is that of ids.
func itemKey(account string, id int64) store.Key {
	return store.Key{Part: keyPart + account, Sort: fmt.Sprintf("%010d", id)}
}

// keyOf reads a key from its item.
func keyOf(item store.Item) Key {
	k := Key{
		Account: strings.TrimPrefix(item.Key.Part, keyPart), ID: item.Int("id"), Vendor: Name(item.Str("vendor")),
		Label: item.Str("label"), Active: item.Bool("active"), Preview: item.Str("preview"),
		CreditsAt: timeOf(item.Int("credits_at")), ValidatedAt: timeOf(item.Int("validated_at")),
		CreatedAt: timeOf(item.Int("created_at")), UpdatedAt: timeOf(item.Int("updated_at")),
		LastError: item.Str("error"), ErrorClass: Class(item.Str("error_class")), ErrorAt: timeOf(item.Int("error_at")),
		PausedUntil: timeOf(item.Int("paused_until")), trips: item.Int("trips"), era: item.Int("era"),
	}
	if n, has := item.Attrs["credits"].(int64); has {
		k.Credits = &n
	}
	return k
}

// timeOf reads Unix milliseconds; 0, a missing attribute, is no time.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// sealContext binds a sealed key to its account and vendor: a row moved to
// another account does not open.
func sealContext(account string, vendor Name) map[string]string {
	return map[string]string{"account": account, "purpose": "vendor:" + string(vendor)}
}
