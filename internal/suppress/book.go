// Package suppress keeps the addresses that a customer does not want to mail,
// by API key: what was added by hand, by the customer's programs, or out of a
// list that another system kept.
//
//	SUP#<key> / <id>  an entry: reason, note, when it was added, the address
//	                  sealed (entry.go)
//
// The id is HMAC-SHA256 under the deployment's secret, cut to 160 bits, of the
// key and the address's Identity: lower case, tag and dots kept. So look-up is
// one read, and two keys that compare their entries learn nothing.
//
// Adding an address again leaves the first entry as it is. Each write is then
// harmless to repeat: a list that was imported in part is sent again.
//
// Bounces are not copied here. What a key's own mail brought back is in package
// overlay, and whoever decides about mailing asks both (package enroll): so a
// report that is removed there no longer counts anywhere.
package suppress

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"slices"
	"strings"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// What a caller may test with errors.Is. The texts may be shown to the caller.
var (
	// ErrNotFound: there is no such entry.
	ErrNotFound = errors.New("there is no such suppression")

	// ErrCursor: a cursor that no page ended with.
	ErrCursor = errors.New("next must be what an earlier page of the same list gave")

	// ErrList: a list that cannot be read. The text of what wraps it says why.
	ErrList = errors.New("list not readable")
)

// Reason says why an address is suppressed. The wire names are its values.
type Reason string

// The reasons.
const (
	Manual      Reason = "manual" // somebody decided so
	HardBounce  Reason = "hard_bounce"
	Complaint   Reason = "spam_complaint"
	Unsubscribe Reason = "unsubscribe"
	Imported    Reason = "import" // came with a list that does not say
)

// Reasons returns all reasons.
func Reasons() []Reason { return []Reason{Manual, HardBounce, Complaint, Unsubscribe, Imported} }

// Valid reports whether r is one of the reasons.
func (r Reason) Valid() bool { return slices.Contains(Reasons(), r) }

// MaxNote is how long a note may be, in characters.
const MaxNote = 200

// Key is the API key whose suppressions are meant.
type Key struct{ ID, Account string }

// Config joins a Book to its surroundings.
type Config struct {
	Table  store.Table // what must not be lost
	Vault  store.Vault // seals addresses and notes
	Secret []byte      // keys the hashes
	Now    func() time.Time
}

// Book keeps the suppressions of all keys. It is safe for concurrent use, and
// any number of them may share a table.
type Book struct{ cfg Config }

// New returns a Book over its parts.
func New(cfg Config) *Book { return &Book{cfg: cfg} }

const (
	idSize     = 32 // of 160 bits, five to a character
	idAlphabet = "abcdefghijklmnopqrstuvwxyz234567"
)

// id names the entry of an address.
func (b *Book) id(key string, a address.Address) string {
	h := hmac.New(sha256.New, b.cfg.Secret)
	for _, word := range []string{"suppression", key, a.Identity()} {
		h.Write([]byte(word))
		h.Write([]byte{0})
	}
	return base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:20])
}

func isID(id string) bool { return len(id) == idSize && strings.Trim(id, idAlphabet) == "" }

func itemKey(key, id string) store.Key { return store.Key{Part: "SUP#" + key, Sort: id} }

// sealContext binds what is sealed to its key. It is one for all of a key, so
// that many are sealed with one data key.
func sealContext(k Key) map[string]string {
	return map[string]string{"purpose": "suppression", "account": k.Account, "key": k.ID}
}
