package vendors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rcpt/internal/store"
)

// Book keeps the vendor keys of all accounts. It is safe for concurrent use, and
// any number of them may share a table.
//
//	VEN#<account> / <id>  a key: sealed, with its preview, state and last error
//	VEN#<account> / #     the last id given out, and how many keys there are
type Book struct {
	table   store.Table
	vault   store.Vault
	client  *Client
	catalog *Catalogs
	now     func() time.Time
	memory  memory
	rows    rows
}

// NewBook returns a Book over the control table.
func NewBook(table store.Table, vault store.Vault, client *Client, catalog *Catalogs, now func() time.Time) *Book {
	return &Book{table: table, vault: vault, client: client, catalog: catalog, now: now}
}

// Audit makes the operation that records a change, to be written together with
// it. Two changes of an account with the same number happen at different times.
// Nil records nothing.
type Audit func(number int64) store.Op

// tries bounds how often a change begins again because another one came between.
const tries = 20

// Add asks the vendor whether a key works and keeps it if it does. ErrDraft,
// ErrFull, ErrConflict; an *Error when the vendor refuses the key or cannot say:
// then nothing is kept. Any other error is the store's.
func (b *Book) Add(ctx context.Context, d Draft, audit Audit) (Key, error) {
	if err := d.check(); err != nil {
		return Key{}, err
	}
	credits, err := b.validate(ctx, d.Vendor, newSecret(d.Secret))
	if err != nil {
		return Key{}, err
	}
	sealed, err := b.vault.Seal(ctx, []byte(d.Secret), sealContext(d.Account, d.Vendor))
	if err != nil {
		return Key{}, fmt.Errorf("seal provider key: %w", err)
	}
	now := b.now().UnixMilli()
	attrs := store.Attrs{
		"vendor": string(d.Vendor), "label": d.Label, "active": true, "preview": preview(newSecret(d.Secret)), "sealed": sealed,
		"created_at": now, "updated_at": now, "validated_at": now, "credits_at": now, "era": int64(1), "version": int64(1),
	}
	if credits != nil {
		attrs["credits"] = *credits
	}
	defer b.memory.forget(d.Account)
	for range tries {
		key, err := b.insert(ctx, d.Account, attrs, audit)
		if !errors.Is(err, store.ErrCondition) {
			return key, err
		}
	}
	return Key{}, ErrConflict
}

func (b *Book) insert(ctx context.Context, account string, attrs store.Attrs, audit Audit) (Key, error) {
	head, err := b.table.Get(ctx, headKey(account))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Key{}, fmt.Errorf("read provider keys: %w", err)
	}
	if head.Int("keys") >= MaxKeys {
		return Key{}, ErrFull
	}
	unchanged := store.Missing("last")
	if head.Present() {
		unchanged = store.Equal("last", head.Int("last"))
	}
	id := head.Int("last") + 1
	attrs["id"] = id
	item := store.Item{Key: itemKey(account, id), Attrs: attrs}
	count := store.Update{
		Key: headKey(account), Set: store.Attrs{"last": id}, Add: map[string]int64{"keys": 1},
		If: []store.Cond{unchanged, store.AtMost("keys", MaxKeys-1)},
	}
	ops := []store.Op{store.PutOp(item, store.Absent()), store.UpdateOp(count)}
	if err := b.table.Transact(ctx, audit.join(ops, id, 1)); err != nil {
		return Key{}, fmt.Errorf("keep provider key: %w", err)
	}
	return keyOf(item), nil
}

// join adds the audit to a change. The number is above those of other notes
// about a key.
func (a Audit) join(ops []store.Op, id, version int64) []store.Op {
	if a == nil {
		return ops
	}
	return append(ops, a(1_000_000+id*1000+version%1000))
}

// validate asks a vendor for the credits of a key, which proves the key.
func (b *Book) validate(ctx context.Context, name Name, key secret) (*int64, error) {
	catalog, err := b.catalog.Load(ctx)
	if err != nil {
		return nil, err
	}
	v, ok := catalog.Find(name)
	if !ok {
		return nil, fmt.Errorf("%w: unknown provider", ErrDraft)
	}
	return b.client.Credits(ctx, v, key)
}

// List returns all keys of an account by id.
func (b *Book) List(ctx context.Context, account string) ([]Key, error) {
	items, err := b.items(ctx, account)
	if err != nil {
		return nil, err
	}
	keys := make([]Key, 0, len(items))
	for _, item := range items {
		keys = append(keys, keyOf(item))
	}
	return keys, nil
}

func (b *Book) items(ctx context.Context, account string) ([]store.Item, error) {
	page, err := b.table.Query(ctx, store.Query{Part: keyPart + account})
	if err != nil {
		return nil, fmt.Errorf("read provider keys: %w", err)
	}
	return slices.DeleteFunc(page.Items, func(i store.Item) bool { return i.Key.Sort == headSort || i.Key.Sort == budgetSort }), nil
}

// Find returns one key of an account. ErrKey when there is none.
func (b *Book) Find(ctx context.Context, account string, id int64) (Key, error) {
	item, err := b.fetch(ctx, account, id)
	return keyOf(item), err
}

func (b *Book) fetch(ctx context.Context, account string, id int64) (store.Item, error) {
	if id < 1 || account == "" {
		return store.Item{}, ErrKey
	}
	item, err := b.table.Get(ctx, itemKey(account, id))
	if errors.Is(err, store.ErrNotFound) {
		return store.Item{}, ErrKey
	}
	if err != nil {
		return store.Item{}, fmt.Errorf("read provider key %d: %w", id, err)
	}
	return item, nil
}

// Delete removes a key for good. Results that came through it no longer count.
// ErrKey when there is none.
func (b *Book) Delete(ctx context.Context, account string, id int64, audit Audit) error {
	if _, err := b.fetch(ctx, account, id); err != nil {
		return err
	}
	defer b.memory.forget(account)
	ops := []store.Op{
		store.DeleteOp(itemKey(account, id), store.Exists()),
		store.UpdateOp(store.Update{Key: headKey(account), Add: map[string]int64{"keys": -1}}),
	}
	err := b.table.Transact(ctx, audit.join(ops, id, 0))
	if errors.Is(err, store.ErrCondition) {
		return ErrKey
	}
	if err != nil {
		return fmt.Errorf("delete provider key %d: %w", id, err)
	}
	return nil
}

// Refresh asks the vendors what is left at the active keys of an account whose
// credits are older than age, and returns all its keys. Vendors that cannot say
// now leave what was known.
func (b *Book) Refresh(ctx context.Context, account string, age time.Duration) ([]Key, error) {
	items, err := b.items(ctx, account)
	if err != nil {
		return nil, err
	}
	now := b.now()
	for _, item := range items {
		k := keyOf(item)
		if !k.Active || now.Sub(k.CreditsAt) < age || now.Before(k.PausedUntil) {
			continue
		}
		key, err := b.unseal(ctx, item)
		if err != nil {
			return nil, err
		}
		credits, err := b.validate(ctx, k.Vendor, key)
		var refused *Error
		switch {
		case errors.As(err, &refused):
			if refused.Class == Auth {
				err = b.note(ctx, k, refused, restOf(k, refused, false))
			} else {
				err = nil
			}
		case err == nil:
			err = b.credit(ctx, k, credits)
		}
		if err != nil {
			return nil, err
		}
	}
	return b.List(ctx, account)
}
