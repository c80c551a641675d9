package hooks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rcpt/internal/esp"
	"rcpt/internal/overlay"
	"rcpt/internal/store"
)

const (
	// formerMax bounds the secrets that a request is held against.
	formerMax = 4

	// tries bounds how often a change begins again because another one came
	// between.
	tries = 20

	part = "HOOK#"
)

// Book keeps declarations in a Table. It is safe for concurrent use.
type Book struct {
	table store.Table
	vault store.Vault
	now   func() time.Time
}

// New returns a Book on the control table.
func New(table store.Table, vault store.Vault, now func() time.Time) *Book {
	return &Book{table: table, vault: vault, now: now}
}

// secret is one secret as it is sealed.
type secret struct {
	Text  string `json:"secret"`
	Until int64  `json:"until,omitempty"` // Unix ms; 0: it is the present one
}

func itemKey(key Key, slug string) store.Key { return store.Key{Part: part + key.ID, Sort: slug} }

// sealContext binds sealed secrets to their hook: copied to another one they do
// not open.
func sealContext(key Key, slug string) map[string]string {
	return map[string]string{"purpose": "hook-secret", "account": key.Account, "key": key.ID, "esp": slug}
}

// Declare changes what a key declared for an ESP and returns it as it is then.
// What is written beside it by along, in the same transaction, records the
// change. ErrNotFound when there is no such ESP; ErrField; ErrConflict.
func (b *Book) Declare(ctx context.Context, key Key, slug string, p Patch, along func(number int64) store.Op) (Hook, error) {
	if err := p.check(slug); err != nil {
		return Hook{}, err
	}
	for number := range int64(tries) {
		before, err := b.read(ctx, key, slug)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Hook{}, err
		}
		after, err := b.apply(ctx, key, slug, before, p)
		if err != nil {
			return Hook{}, err
		}
		same := store.Absent()
		if before.Present() {
			same = store.Equal("version", before.Int("version"))
		}
		err = b.table.Transact(ctx, []store.Op{store.PutOp(after, same), along(number)})
		if err == nil {
			return hookOf(after, b.now()), nil
		}
		if !errors.Is(err, store.ErrCondition) {
			return Hook{}, fmt.Errorf("declare hook %s of key %s: %w", slug, key.ID, err)
		}
	}
	return Hook{}, fmt.Errorf("%w: others change it without pause", ErrConflict)
}

// apply returns the item as a patch makes it.
func (b *Book) apply(ctx context.Context, key Key, slug string, before store.Item, p Patch) (store.Item, error) {
	now := b.now().UnixMilli()
	attrs := store.Attrs{"version": before.Int("version") + 1, "changed": now}
	for _, name := range []string{"secrets", "secret_at", "former_until", "mapping", "topic"} {
		if value, is := before.Attrs[name]; is {
			attrs[name] = value
		}
	}
	if p.Mapping != nil {
		var compact bytes.Buffer
		if err := json.Compact(&compact, p.Mapping); err != nil && len(p.Mapping) > 0 {
			return store.Item{}, &FieldError{"mapping", "is no JSON"}
		}
		attrs["mapping"] = compact.Bytes()
	}
	if p.TopicARN != nil {
		attrs["topic"] = *p.TopicARN
	}
	if mapping, _ := attrs["mapping"].([]byte); slug == "generic" && len(mapping) == 0 {
		return store.Item{}, &FieldError{"mapping", "is required: without it nothing can be read"}
	}
	if p.Secret != nil {
		if err := b.renew(ctx, key, slug, before, p, attrs); err != nil {
			return store.Item{}, err
		}
	}
	return store.Item{Key: itemKey(key, slug), Attrs: attrs}, nil
}

// renew puts a new secret before those in their grace.
func (b *Book) renew(ctx context.Context, key Key, slug string, before store.Item, p Patch, attrs store.Attrs) error {
	now := b.now()
	if *p.Secret == "" {
		for _, name := range []string{"secrets", "secret_at", "former_until"} {
			delete(attrs, name)
		}
		return nil
	}
	known, err := b.secrets(ctx, key, slug, before)
	if err != nil {
		return err
	}
	if len(known) > 0 && known[0].Text == *p.Secret {
		return nil // sent again
	}
	all := replaced(known, *p.Secret, now, now.Add(p.Overlap))
	if len(all) > 1+formerMax {
		return fmt.Errorf("%w: %d earlier secrets still work; an overlap of 0s ends them", ErrConflict, formerMax)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("write secrets: %w", err)
	}
	sealed, err := b.vault.Seal(ctx, text, sealContext(key, slug))
	if err != nil {
		return fmt.Errorf("seal secrets of hook %s: %w", slug, err)
	}
	attrs["secrets"], attrs["secret_at"] = sealed, now.UnixMilli()
	delete(attrs, "former_until")
	for _, old := range all[1:] {
		last, _ := attrs["former_until"].(int64)
		attrs["former_until"] = max(last, old.Until)
	}
	return nil
}

// replaced puts a secret before those known, which end by then.
func replaced(known []secret, text string, now, until time.Time) []secret {
	all := []secret{{Text: text}}
	for _, old := range known {
		if end := until.UnixMilli(); old.Until == 0 || old.Until > end {
			old.Until = end
		}
		if old.Until > now.UnixMilli() && old.Text != text {
			all = append(all, old)
		}
	}
	return all
}

// secrets opens those of an item that still work, the present one first.
func (b *Book) secrets(ctx context.Context, key Key, slug string, item store.Item) ([]secret, error) {
	sealed := item.Bytes("secrets")
	if len(sealed) == 0 {
		return nil, nil
	}
	text, err := b.vault.Open(ctx, sealed, sealContext(key, slug))
	if err != nil {
		return nil, fmt.Errorf("open secrets of hook %s: %w", slug, err)
	}
	var all []secret
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("read secrets of hook %s: %w", slug, err)
	}
	now := b.now().UnixMilli()
	return slices.DeleteFunc(all, func(s secret) bool { return s.Until != 0 && s.Until <= now }), nil
}

func (b *Book) read(ctx context.Context, key Key, slug string) (store.Item, error) {
	if _, known := esp.Find(slug); !known {
		return store.Item{}, ErrNotFound
	}
	item, err := b.table.Get(ctx, itemKey(key, slug))
	if errors.Is(err, store.ErrNotFound) {
		return store.Item{}, ErrNotFound
	}
	if err != nil {
		return store.Item{}, fmt.Errorf("read hook %s of key %s: %w", slug, key.ID, err)
	}
	return item, nil
}

// Find returns what a key declared for an ESP. ErrNotFound when it did not.
func (b *Book) Find(ctx context.Context, key Key, slug string) (Hook, error) {
	item, err := b.read(ctx, key, slug)
	if err != nil {
		return Hook{}, err
	}
	return hookOf(item, b.now()), nil
}

// List returns what a key declared, by slug of the ESP.
func (b *Book) List(ctx context.Context, key Key) ([]Hook, error) {
	page, err := b.table.Query(ctx, store.Query{Part: part + key.ID}) // as many as there are ESPs at most
	if err != nil {
		return nil, fmt.Errorf("list hooks of key %s: %w", key.ID, err)
	}
	var all []Hook
	for _, item := range page.Items {
		all = append(all, hookOf(item, b.now()))
	}
	return all, nil
}

// Remove forgets what a key declared for an ESP: from then on its token alone
// admits. What is written by along records the change. ErrNotFound.
func (b *Book) Remove(ctx context.Context, key Key, slug string, along func(number int64) store.Op) error {
	for number := range int64(tries) {
		item, err := b.read(ctx, key, slug)
		if err != nil {
			return err
		}
		err = b.table.Transact(ctx, []store.Op{
			store.DeleteOp(item.Key, store.Equal("version", item.Int("version"))), along(number),
		})
		if err == nil || !errors.Is(err, store.ErrCondition) {
			return err
		}
	}
	return fmt.Errorf("%w: others change it without pause", ErrConflict)
}

// Open returns what requests of an ESP are held against: the zero Hook if the
// key declared nothing.
func (b *Book) Open(ctx context.Context, key Key, slug string) (esp.Hook, error) {
	item, err := b.read(ctx, key, slug)
	if errors.Is(err, ErrNotFound) {
		return esp.Hook{}, nil
	}
	if err != nil {
		return esp.Hook{}, err
	}
	known, err := b.secrets(ctx, key, slug, item)
	if err != nil {
		return esp.Hook{}, err
	}
	h := esp.Hook{Mapping: item.Bytes("mapping"), TopicARN: item.Str("topic")}
	for _, s := range known {
		h.Secrets = append(h.Secrets, s.Text)
	}
	return h, nil
}

func hookOf(item store.Item, now time.Time) Hook {
	h := Hook{
		ESP: item.Key.Sort, Mapping: item.Bytes("mapping"), TopicARN: item.Str("topic"),
		SecretSetAt: timeOf(item.Int("secret_at")), FormerUntil: timeOf(item.Int("former_until")), ChangedAt: timeOf(item.Int("changed")),
	}
	if !now.Before(h.FormerUntil) {
		h.FormerUntil = time.Time{}
	}
	return h
}

// timeOf reads Unix milliseconds; 0, a missing attribute, is no time.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Claim binds a signed token to the events that it came with, before they are
// recorded: a delivery that is repeated brings the same ones and may pass, other
// events under the same token are ErrReplay.
func (b *Book) Claim(ctx context.Context, key Key, slug, token string, events []overlay.Event) error {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	slices.Sort(ids)
	bound, name := sha256.Sum256([]byte(strings.Join(ids, "\n"))), sha256.Sum256([]byte(token))
	_, err := b.table.Update(ctx, store.Update{
		Key:     store.Key{Part: "HOOKTOK#" + key.ID, Sort: slug + ":" + hex.EncodeToString(name[:16])},
		Set:     store.Attrs{"events": bound[:]},
		Expires: b.now().Add(esp.Memory),
		If:      []store.Cond{store.Any(store.Missing("events"), store.Equal("events", bound[:]))},
	})
	if errors.Is(err, store.ErrCondition) {
		return ErrReplay
	}
	if err != nil {
		return fmt.Errorf("remember token of hook %s: %w", slug, err)
	}
	return nil
}
