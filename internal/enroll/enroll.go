// Package enroll is the gate in front of a customer's sequences: which of the
// addresses that it is about to mail get in, and who is in already.
//
// One request goes through these steps, each address until the first that keeps
// it out (mission §4):
//
//	once.go    the same request again is answered as before
//	screen.go  syntax, named twice, disposable domain
//	           member of the sequence already
//	           suppressed, or bounced for this key
//	vendors.go the chain of the account's vendor keys
//	write.go   who is left becomes a member
//	finish.go  later, off a queue: verdicts that time did not allow
//
// Only a verdict that mail cannot arrive keeps an address out. What vendors call
// risky or unknown gets in and is marked for review. The gate fails open: when no
// vendor gives a verdict, or none is configured, the addresses get in, and Gate
// and each member tell so.
//
//	SEQ#<key> / <sequence>        the sequence: how many members, when changed
//	SEQ#<key>#<sequence> / <id>   a member; the address sealed (member.go)
//	IDEM#<key> / enroll#<digest>  a request with an Idempotency-Key (once.go)
//
// A member is written under the condition that there is none, together with the
// count, so nobody is enrolled twice, whoever dies and however many ask. What was
// verified before a process died is known to the chain for seven days.
//
// Bounces count while package overlay has them. Hard bounces, complaints and
// unsubscribes always keep an address out; soft bounces, spam traps and weakly
// listed domains as the Rules say.
package enroll

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/lists"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/overlay"
	"rcpt/internal/store"
	"rcpt/internal/suppress"
	"rcpt/internal/vendors"
	"rcpt/internal/verdict"
)

// MaxEmails is how many addresses one request may name.
const MaxEmails = 500

// What a caller may test with errors.Is. The texts may be shown to the caller.
var (
	// ErrNotFound: there is no such sequence or member.
	ErrNotFound = errors.New("there is no such sequence or member")

	// ErrCursor: a cursor that no page ended with.
	ErrCursor = errors.New("next must be what an earlier page of the same list gave")

	// ErrReused: the Idempotency-Key came with another request within the last 24
	// hours.
	ErrReused = errors.New("this Idempotency-Key was used with another request; take a new one")

	// ErrInProgress: the request with this Idempotency-Key is being carried out.
	ErrInProgress = errors.New("the request with this Idempotency-Key is being carried out; send it again later")

	// ErrConflict: others change the same sequence without pause.
	ErrConflict = errors.New("the same sequence is being changed without pause; send the request again")
)

// Key is the API key whose sequences are meant.
type Key struct {
	ID      string
	Account string // whose vendor keys are asked
	Test    bool   // a key for trying out: vendors cost, so none is asked
}

// Vendors verifies addresses; see vendors.Chain, which is one.
type Vendors interface {
	VerifyAll(ctx context.Context, r vendors.Request, addresses []address.Address) ([]vendors.Outcome, error)
}

// Config joins a Gate to its surroundings.
type Config struct {
	Table       store.Table // what must not be lost
	Vault       store.Vault // seals addresses and answers
	Secret      []byte      // keys the hashes
	Now         func() time.Time
	Random      io.Reader // safe for concurrent use
	Lists       *lists.Live
	Tenant      *tenant.Book // nil: no key has lists of its own
	Overlay     *overlay.Book
	Suppression *suppress.Book
	Vendors     Vendors      // nil: none is configured
	Log         *slog.Logger // hears of what is not worth an error; nil: nothing is logged

	// Later has Gate.Finish called with what a request did not reach, at least once
	// and not before the delay has passed: by then its members are written. Nil:
	// nobody finishes it, and these members stay for review.
	Later func(ctx context.Context, p Pending, delay time.Duration) error
}

// Gate enrolls addresses into sequences. It is safe for concurrent use, and any
// number of them may share a table.
type Gate struct{ cfg Config }

// New returns a Gate over its parts.
func New(cfg Config) *Gate {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Gate{cfg: cfg}
}

// Rules say what becomes of findings that are no proof: verdict.Block keeps an
// address out, verdict.Accept lets it in, anything else marks it for review. They
// are those of the key's policy.
type Rules struct {
	SoftBounced         verdict.Action // this key saw a soft bounce
	SoftBouncedRepeated verdict.Action // three or more in 30 days
	SpamTrap            verdict.Action // several accounts report the domain
	DisposableSuspected verdict.Action // one weak list names the domain
}

// Request asks for addresses to be enrolled.
type Request struct {
	Key      Key
	Sequence string   // IsSequence
	Emails   []string // as given, 1 to MaxEmails
	Rules    Rules
	Once     Once // the zero value: the request has no Idempotency-Key
}

// IsSequence reports whether a text can name a sequence: 1 to 128 letters,
// digits, and . _ : - of ASCII, the first a letter or digit.
func IsSequence(id string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return id != "" && len(id) <= 128 && strings.Trim(id, letters+"._:-") == "" && strings.IndexByte(letters, id[0]) >= 0
}

// Result is what became of the addresses of a request. Each stands in one of the
// lists, in the order given.
type Result struct {
	Sequence string    `json:"sequence_id"`
	Enrolled []Member  `json:"enrolled"`
	Skipped  []Skipped `json:"skipped_emails"`
	Gate     Standing  `json:"gate"`
}

// Skipped is an address that was not enrolled.
type Skipped struct {
	Email    string       `json:"email"` // as given
	Reason   Reason       `json:"reason"`
	Detail   string       `json:"detail,omitempty"`     // for people
	Provider vendors.Name `json:"provider,omitempty"`   // the vendor that says so
	Raw      string       `json:"raw_status,omitempty"` // in the vendor's words
}

// Reason says why an address was not enrolled.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	InvalidSyntax       Reason = "invalid_syntax"
	Duplicate           Reason = "duplicate"            // named before in the same request
	Disposable          Reason = "disposable_domain"    // by lists, by the key's own list, or by a vendor
	DisposableSuspected Reason = "disposable_suspected" // where the key's policy blocks that
	AlreadyEnrolled     Reason = "already_enrolled"
	Suppressed          Reason = "suppressed"
	PreviouslyBounced   Reason = "previously_bounced" // hard, complaint, unsubscribe; soft where the key's policy blocks that
	SpamTrap            Reason = "spam_trap"          // where the key's policy blocks that
	VendorInvalid       Reason = "vendor_invalid"     // a vendor says invalid or undeliverable
)

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{
		InvalidSyntax, Duplicate, Disposable, DisposableSuspected, AlreadyEnrolled, Suppressed, PreviouslyBounced, SpamTrap, VendorInvalid,
	}
}

// Standing tells whether the gate was closed: whether what got in was verified.
type Standing struct {
	Status GateStatus `json:"status"`
	Reason string     `json:"reason,omitempty"` // of open and partial, for people
	Asked  int        `json:"asked"`            // addresses that came as far as the vendors
	Judged int        `json:"judged"`           // of these, with a verdict
}

// GateStatus is Standing in one word.
type GateStatus string

// The statuses.
const (
	Checked GateStatus = "checked" // whoever got in was verified
	Partial GateStatus = "partial" // some were not
	Open    GateStatus = "open"    // none was
)

// mac is a keyed hash; no two lists of words share one.
func (g *Gate) mac(words ...string) []byte {
	h := hmac.New(sha256.New, g.cfg.Secret)
	for _, word := range words {
		h.Write([]byte(word))
		h.Write([]byte{0})
	}
	return h.Sum(nil)
}

const (
	idSize     = 32 // of 160 bits, five to a character
	idAlphabet = "abcdefghijklmnopqrstuvwxyz234567"
)

// digest names words by 160 bits of their keyed hash.
func (g *Gate) digest(words ...string) string {
	return base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding).EncodeToString(g.mac(words...)[:20])
}

func isID(id string) bool { return len(id) == idSize && strings.Trim(id, idAlphabet) == "" }

// memberID names an address within a sequence: by its Identity, so that Alice@ and
// alice@ are one.
func (g *Gate) memberID(key, sequence string, a address.Address) string {
	return g.digest("member", key, sequence, a.Identity())
}

func headKey(key, sequence string) store.Key { return store.Key{Part: "SEQ#" + key, Sort: sequence} }

func memberKey(key, sequence, id string) store.Key {
	return store.Key{Part: "SEQ#" + key + "#" + sequence, Sort: id}
}
