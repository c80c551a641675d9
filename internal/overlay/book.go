// Package overlay keeps what the customers' own mail brought back: bounces,
// complaints and unsubscribes, by API key and address, and what several
// customers agree on about a domain.
//
// An Event enters by Record, which makes it count once however often it is
// delivered, whatever the order, and whoever dies meanwhile: all that one event
// changes is one transaction, together with a marker of its id. Look answers a
// check with one read. What one key reported is nobody else's: the hash that
// names an entry is another one under every key.
//
//	OVL#<key> / <hash>     an entry: the strongest reason, first, last, counts,
//	                       the latest times, source and id of the latest event,
//	                       the address sealed (entry.go)
//	EVT#<key> / <event id> the event was recorded; ends after 32 days
//	BUD#<key>              the budget of reports, a token bucket (budget.go)
//	TRAP#<domain>          which accounts reported the domain and when, as keyed
//	                       hashes, and until when it is flagged (consensus.go)
//	TRAPS / <domain>       the domain is flagged, for lists; ends with the flag
//
// Hashes are HMAC-SHA256 under the deployment's secret, cut to 160 bits, of the
// address's Identity: lower case, tag and dots kept.
//
// A transaction takes 24 events: each may need a marker, an entry, a domain and
// its row, and the budget is one more, of 100 operations that it may have.
//
// Left out: whether a report is authentic and what it means (package esp), the
// status an ESP wants (package httpapi), suppression.
package overlay

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"log/slog"
	"strings"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// What a caller may test with errors.Is. The texts may be shown to the caller.
var (
	// ErrNotFound: there is no such entry, or the domain is not known.
	ErrNotFound = errors.New("there is no such report")

	// ErrConflict: others change the same entries without pause.
	ErrConflict = errors.New("the same addresses are being reported without pause; send the request again")

	// ErrCursor: a cursor that no page ended with.
	ErrCursor = errors.New("next must be what an earlier page of the same list gave")
)

// Key is the API key on whose behalf something is reported.
type Key struct {
	ID            string
	Account       string // the customer: what counts in a consensus
	ReportsPerDay int64  // refilled evenly over 24 hours, as many at once; 0: no limit
	Test          bool   // a key for trying out: what it reports makes no consensus
}

// Config joins a Book to its surroundings.
type Config struct {
	Table  store.Table // what must not be lost
	Vault  store.Vault // seals addresses
	Secret []byte      // keys the hashes
	Now    func() time.Time
	Log    *slog.Logger // nil: nothing is logged

	// Free tells mailbox providers, whose domains are never flagged. Nil: none.
	Free func(domain string) bool

	// Forget drops what is cached of addresses for a key and returns of how many
	// there was something. Nil: nothing is cached.
	Forget func(ctx context.Context, key string, addresses ...address.Address) (int, error)
}

// Book keeps the overlay of all keys. It is safe for concurrent use, and any
// number of them may share a table.
type Book struct{ cfg Config }

// New returns a Book over its parts.
func New(cfg Config) *Book {
	if cfg.Free == nil {
		cfg.Free = func(string) bool { return false }
	}
	if cfg.Forget == nil {
		cfg.Forget = func(context.Context, string, ...address.Address) (int, error) { return 0, nil }
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Book{cfg: cfg}
}

// mac is a keyed hash; no two lists of words share one.
func (b *Book) mac(words ...string) []byte {
	h := hmac.New(sha256.New, b.cfg.Secret)
	for _, word := range words {
		h.Write([]byte(word))
		h.Write([]byte{0})
	}
	return h.Sum(nil)
}

// idSize is the length of an entry's id: 160 bits, five to a character.
const idSize = 32

const idAlphabet = "abcdefghijklmnopqrstuvwxyz234567"

// entryID names the entry of an address. The key is hashed along, so that two
// keys that compare their entries learn nothing.
func (b *Book) entryID(key string, a address.Address) string {
	encoding := base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding)
	return encoding.EncodeToString(b.mac("overlay", key, a.Identity())[:20])
}

func isEntryID(id string) bool { return len(id) == idSize && strings.Trim(id, idAlphabet) == "" }

func entryKey(key, id string) store.Key     { return store.Key{Part: "OVL#" + key, Sort: id} }
func markerKey(key, event string) store.Key { return store.Key{Part: "EVT#" + key, Sort: event} }
func budgetKey(key string) store.Key        { return store.Key{Part: "BUD#" + key} }
func domainKey(domain string) store.Key     { return store.Key{Part: "TRAP#" + domain} }
func flagKey(domain string) store.Key       { return store.Key{Part: flagsPart, Sort: domain} }

const flagsPart = "TRAPS"

// sealContext binds sealed addresses to their key. It is one for all of a key,
// so that many are sealed with one data key.
func sealContext(k Key) map[string]string {
	return map[string]string{"purpose": "overlay", "account": k.Account, "key": k.ID}
}

// timeOf reads Unix milliseconds; 0, a missing attribute, is no time.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
