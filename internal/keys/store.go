package keys

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"rcpt/internal/store"
)

// What a caller may test with errors.Is.
var (
	// ErrUnknown: a secret that opens nothing: malformed, of no key, wrong, of a
	// revoked or an expired key. Which of these is not told.
	ErrUnknown = errors.New("key unknown")

	// ErrNotFound: there is no key with this id.
	ErrNotFound = errors.New("there is no such key")

	// ErrConflict: the key is in no state for the change. The error's text says
	// why and may be shown to the caller.
	ErrConflict = errors.New("not possible as the key stands")

	// ErrCursor: a cursor that no page ended with.
	ErrCursor = errors.New("next must be what an earlier page of the same list gave")
)

// Book keeps the keys in a Table. It is safe for concurrent use if its source
// of randomness is, as crypto/rand.Reader is.
//
//	KEY#<id>                  the key, the hashes of its secrets, the sealed webhook secrets
//	ACC#<account> / KEY#<id>  so that the keys of an account can be listed
//	ALLKEYS / KEY#<id>        so that all keys can be listed
//	AUD#<account> / <time>#<id>#<version>  what was done to a key; in the same transaction
type Book struct {
	table  store.Table
	vault  store.Vault
	now    func() time.Time
	random io.Reader
	recent recent
}

// NewBook returns a Book on the control table.
func NewBook(table store.Table, vault store.Vault, now func() time.Time, random io.Reader) *Book {
	return &Book{table: table, vault: vault, now: now, random: random}
}

// Create makes a key and its secrets. It returns ErrDraft when the draft is not
// acceptable.
func (b *Book) Create(ctx context.Context, d Draft) (Key, Secrets, error) {
	key, err := d.key(b.now())
	if err != nil {
		return Key{}, Secrets{}, err
	}
	kind := Live
	if key.Test {
		kind = Test
	}
	// Two keys drawing one id is a matter of luck, twice in a row of a broken
	// source of randomness.
	for range 3 {
		var made credentials
		if made, err = newCredentials(b.random, kind); err != nil {
			return Key{}, Secrets{}, err
		}
		key.ID = made.id
		if err = b.insert(ctx, key, made); err == nil {
			return key, made.secrets, nil
		}
		if !errors.Is(err, store.ErrCondition) {
			break
		}
	}
	return Key{}, Secrets{}, fmt.Errorf("store key %s: %w", key.ID, err)
}

func (b *Book) insert(ctx context.Context, key Key, made credentials) error {
	sealed, err := b.vault.Seal(ctx, []byte(made.secrets.Webhook), sealContext(key))
	if err != nil {
		return fmt.Errorf("seal webhook secret: %w", err)
	}
	item := store.Item{Key: itemKey(key.ID), Attrs: attrs(key)}
	item.Attrs["api_hash"], item.Attrs["hook_hash"] = made.api[:], made.hook[:]
	item.Attrs["webhook_secret"], item.Attrs["version"] = sealed, int64(1)
	ops := []store.Op{store.PutOp(item, store.Absent())}
	for _, part := range []string{accountPart(key.Account), allPart} {
		row := store.Item{Key: store.Key{Part: part, Sort: keyPart + key.ID}, Attrs: store.Attrs{}}
		ops = append(ops, store.PutOp(row, store.Absent()))
	}
	entry := b.entry(ctx, key, Created, nil)
	return b.table.Transact(ctx, append(ops, entry.op(1)))
}

// Authenticate returns the key that the API secret belongs to, or ErrUnknown. A
// secret seen within the last 30 seconds costs no read, so a change made in
// another process takes that long to be noticed; one made through this Book is
// noticed at once. Any other error is the Table's.
func (b *Book) Authenticate(ctx context.Context, secret string) (Key, error) {
	kind, id, random, ok := parseSecret(secret)
	if !ok {
		return Key{}, ErrUnknown
	}
	key, err := b.recognize(ctx, apiSecret, secret, id, random)
	if err == nil && key.Test != (kind == Test) {
		return Key{}, ErrUnknown
	}
	return key, err
}

// recognize returns the usable key that a secret of one sort belongs to.
func (b *Book) recognize(ctx context.Context, sort sort, secret, id, random string) (Key, error) {
	now, given := b.now(), hashOf(secret)
	key, era, ok := b.recent.find(given, now)
	if !ok {
		var err error
		var until time.Time
		if key, until, err = b.read(ctx, sort, id, random, now); err != nil {
			return Key{}, err
		}
		b.recent.keep(given, sighting{key: key, until: until}, era, now)
	}
	if !key.Usable(now) {
		return Key{}, ErrUnknown
	}
	return key, nil
}

// sort tells the two secrets of a key that are recognized.
type sort string

// The sorts, by the attributes that hold their hashes.
const (
	apiSecret sort = "api_hash"
	hookToken sort = "hook_hash"
)

func (s sort) of(f former) hash {
	if s == hookToken {
		return f.hook
	}
	return f.api
}

// read compares the random part with the stored hashes: that of the secret and
// those of secrets it has replaced, which end at until; zero means no end of
// their own. An absent key is compared with a hash nothing has, so that it takes
// as long as a wrong secret.
func (b *Book) read(ctx context.Context, sort sort, id, random string, now time.Time) (key Key, until time.Time, err error) {
	item, err := b.table.Get(ctx, itemKey(id))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Key{}, time.Time{}, fmt.Errorf("read key %s: %w", id, err)
	}
	given, stored := hashOf(random), make([]byte, len(hash{}))
	copy(stored, item.Bytes(string(sort)))
	same := subtle.ConstantTimeCompare(given[:], stored) == 1
	for _, old := range formerOf(item.Bytes("former"), now) {
		if replaced := sort.of(old); subtle.ConstantTimeCompare(given[:], replaced[:]) == 1 {
			same, until = true, old.until
		}
	}
	if !same || !item.Present() {
		return Key{}, time.Time{}, ErrUnknown
	}
	return keyOf(item), until, nil
}

// Find returns a key, revoked or not. ErrNotFound when there is none.
func (b *Book) Find(ctx context.Context, id string) (Key, error) {
	item, err := b.fetch(ctx, id)
	return keyOf(item), err
}

func (b *Book) fetch(ctx context.Context, id string) (store.Item, error) {
	if !isID(id) {
		return store.Item{}, ErrNotFound
	}
	item, err := b.table.Get(ctx, itemKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return store.Item{}, ErrNotFound
	}
	if err != nil {
		return store.Item{}, fmt.Errorf("read key %s: %w", id, err)
	}
	return item, nil
}

const (
	keyPart = "KEY#"
	allPart = "ALLKEYS"
)

func accountPart(account string) string { return "ACC#" + account }

func itemKey(id string) store.Key { return store.Key{Part: keyPart + id} }

// attrs writes a key as attributes; keyOf reads them back.
func attrs(k Key) store.Attrs {
	a := store.Attrs{
		"account": k.Account, "label": k.Label, "scopes": scopeText(k.Scopes), "test": k.Test, "plan": k.Plan,
		"policy": k.Policy, "webhook_url": k.WebhookURL, "limit_monthly": k.Limits.Monthly, "limit_concurrency": k.Limits.Concurrency,
		"limit_reports_per_day": k.Limits.ReportsPerDay, "limit_requests_per_second": k.Limits.RequestsPerSecond,
	}
	for name, t := range map[string]time.Time{"created_at": k.CreatedAt, "expires_at": k.ExpiresAt, "revoked_at": k.RevokedAt} {
		if !t.IsZero() {
			a[name] = t.UnixMilli()
		}
	}
	return a
}

func keyOf(item store.Item) Key {
	return Key{
		ID: strings.TrimPrefix(item.Key.Part, keyPart), Account: item.Str("account"), Label: item.Str("label"), Scopes: scopesOf(item.Str("scopes")),
		Test: item.Bool("test"), Plan: item.Str("plan"), Policy: item.Bytes("policy"), WebhookURL: item.Str("webhook_url"),
		Limits: Limits{
			Monthly: item.Int("limit_monthly"), Concurrency: item.Int("limit_concurrency"),
			ReportsPerDay: item.Int("limit_reports_per_day"), RequestsPerSecond: item.Int("limit_requests_per_second"),
		},
		CreatedAt: timeOf(item.Int("created_at")), ExpiresAt: timeOf(item.Int("expires_at")), RevokedAt: timeOf(item.Int("revoked_at")),
	}
}

func scopeText(scopes []Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

func scopesOf(text string) []Scope {
	var scopes []Scope
	for word := range strings.FieldsSeq(text) {
		scopes = append(scopes, Scope(word))
	}
	return scopes
}

// timeOf reads Unix milliseconds; 0, a missing attribute, is no time.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
