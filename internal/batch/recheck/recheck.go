// Package recheck asks again about single addresses whose verdict in real time was
// UNKNOWN: "on_unknown": "reverify" of /v1/verify. No job is made for that. A
// recheck is an item and a message in the queue of probes, delayed until it is
// worth asking; its verdict is found for 30 days, and posted to a webhook if one
// was named.
//
//	recheck.go  Later keeps a recheck, Find shows it
//	handle.go   a message: the address is asked, and what follows
//	item.go     how rechecks are kept
//
// How long it waits between attempts package retry says; after 24 hours the last
// verdict stands. The final one counts once in the usage of the key, as any check;
// on its month nothing is charged, for it is still the same question.
//
// Address and verdict are sealed. Every step may be repeated: an attempt counts
// when the item is moved on by it, from the number it had.
package recheck

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/notify"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// ErrNotFound: the account has no such recheck, or it is no longer kept.
var ErrNotFound = errors.New("there is no such recheck")

// Verifier answers requests. See verify.Verifier, which is one.
type Verifier interface {
	VerifyAll(ctx context.Context, requests iter.Seq[verify.Request], f verify.Flow) iter.Seq2[int, verdict.Verdict]
}

// Meter counts checks. See usage.Meter, which is one.
type Meter interface {
	Batch(key string, shard int64, checks map[usage.Check]int64) (store.Op, error)
}

// Config joins a Book to its surroundings. For Later and Find the table, vault and
// queue suffice.
type Config struct {
	Table store.Table // control
	Vault store.Vault
	Queue store.Queue // of probes

	Verifier     Verifier
	TestVerifier Verifier // for test keys
	Meter        Meter

	// Policy finds the policy that a request named, as it is now: "own" or "" is
	// the key's.
	Policy func(ctx context.Context, key, name string) (verify.Policy, error)

	// Post has a webhook delivered. See notify.Book.
	Post func(ctx context.Context, d notify.Draft) error

	Now  func() time.Time
	Rand io.Reader // for ids; default: crypto/rand.Reader
	Log  *slog.Logger
}

// Book keeps rechecks and carries them out. It is safe for concurrent use, and
// any number of them may share a table.
type Book struct{ cfg Config }

// New returns a Book over its parts.
func New(c Config) *Book {
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Book{c}
}

// Draft is what to ask again.
type Draft struct {
	Key     string // id of the API key that asked
	Account string
	Test    bool // of a test key: simulated verdicts

	Email      string      // as given
	Mode       verify.Mode //
	Policy     string      // by name, see Config.Policy
	Vendors    bool        // paid verifiers may be asked about what then still is UNKNOWN
	WebhookURL string      // checked; "": the verdict is found by its id alone
	RetryAt    time.Time   // not before
}

// Recheck is where a recheck stands.
type Recheck struct {
	ID      string
	Test    bool             // of a test key
	RetryAt time.Time        // when it is asked next, UTC; of no meaning when it is done
	Verdict *verdict.Verdict // nil: pending. Its times are whole milliseconds; it carries no evidence.
}

const (
	// idPrefix begins every id; 26 letters and digits follow.
	idPrefix = "rv_"

	// patience is how long after it was asked for a recheck ends, whatever is known
	// then.
	patience = 24 * time.Hour

	// keep is how long the verdict of a recheck is found.
	keep = 30 * 24 * time.Hour
)

// Later keeps a recheck and returns its id. After an error nothing is promised.
func (b *Book) Later(ctx context.Context, d Draft) (string, error) {
	id, err := b.id()
	if err != nil {
		return "", err
	}
	now := b.cfg.Now().UTC().Truncate(time.Millisecond)
	if d.Mode == "" {
		d.Mode = verify.Full
	}
	r := kept{Draft: d, id: id, created: now, state: state{Given: d.Email}}
	switch end := now.Add(patience); {
	case r.RetryAt.Before(now):
		r.RetryAt = now
	case r.RetryAt.After(end):
		r.RetryAt = end
	}
	item, err := b.item(ctx, r)
	if err != nil {
		return "", err
	}
	// The message last: it would find nothing, and be gone.
	if err := b.cfg.Table.Put(ctx, item, store.Absent()); err != nil {
		return "", fmt.Errorf("keep recheck: %w", err)
	}
	return id, b.send(ctx, r)
}

// id returns the prefix with 130 random bits.
func (b *Book) id() (string, error) {
	const letters = "0123456789abcdefghijkmnpqrstuvwx"
	var octets [26]byte
	if _, err := io.ReadFull(b.cfg.Rand, octets[:]); err != nil {
		return "", fmt.Errorf("make id: %w", err)
	}
	for i := range octets {
		octets[i] = letters[octets[i]%32]
	}
	return idPrefix + string(octets[:]), nil
}

// Find returns a recheck of an account. ErrNotFound.
func (b *Book) Find(ctx context.Context, account, id string) (Recheck, error) {
	r, err := b.load(ctx, id)
	switch {
	case err != nil:
		return Recheck{}, err
	case r.Account != account:
		return Recheck{}, ErrNotFound
	}
	found := Recheck{ID: r.id, Test: r.Test, RetryAt: r.RetryAt}
	if r.done {
		found.Verdict = r.state.Verdict
	}
	return found, nil
}

// load reads a recheck, whoever it belongs to.
func (b *Book) load(ctx context.Context, id string) (kept, error) {
	if !strings.HasPrefix(id, idPrefix) || len(id) > 64 {
		return kept{}, ErrNotFound
	}
	item, err := b.cfg.Table.Get(ctx, keyOf(id))
	if errors.Is(err, store.ErrNotFound) {
		return kept{}, ErrNotFound
	}
	if err != nil {
		return kept{}, fmt.Errorf("read recheck %s: %w", id, err)
	}
	return b.kept(ctx, item)
}

// send puts the message of the attempt that is next into the queue.
func (b *Book) send(ctx context.Context, r kept) error {
	m := batch.Message{Kind: batch.KindRecheck, Recheck: r.id, Attempt: r.attempt, NotBefore: r.RetryAt.UnixMilli()}
	post, err := m.Post(r.Account, b.cfg.Now())
	if err != nil {
		return err
	}
	if err := b.cfg.Queue.Send(ctx, post); err != nil {
		return fmt.Errorf("send recheck %s: %w", r.id, err)
	}
	return nil
}
