package vendors

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rcpt/internal/store"
)

// Change changes a key and returns it as it is then. A new secret, or the present
// one under Revalidate, is tried at the vendor first; what the vendor says then
// is in Credits and ValidatedAt, and it clears LastError. ErrKey, ErrDraft,
// ErrConflict; an *Error when the vendor refuses the key or cannot say: then
// nothing is changed, but a refusal of the present secret is recorded as the
// key's error.
func (b *Book) Change(ctx context.Context, account string, id int64, p Patch, audit Audit) (Key, error) {
	if err := p.check(); err != nil {
		return Key{}, err
	}
	item, err := b.fetch(ctx, account, id)
	if err != nil {
		return Key{}, err
	}
	set, remove, err := b.changes(ctx, item, p)
	if err != nil {
		return Key{}, err
	}
	defer b.memory.forget(account)
	for range tries {
		version := item.Int("version")
		u := store.Update{Key: item.Key, Set: set, Remove: remove, Add: map[string]int64{"version": 1}, If: []store.Cond{store.Exists()}}
		if p.Secret != nil {
			u.Add["era"] = 1
		} else {
			u.If = append(u.If, store.Equal("era", item.Int("era"))) // what was validated is what is kept
		}
		u.If = append(u.If, store.Equal("version", version))
		err = b.table.Transact(ctx, audit.join([]store.Op{store.UpdateOp(u)}, id, version+1))
		switch {
		case err != nil && !errors.Is(err, store.ErrCondition):
			return Key{}, fmt.Errorf("change provider key %d: %w", id, err)
		case err == nil:
			return b.Find(ctx, account, id)
		}
		era := item.Int("era")
		if item, err = b.fetch(ctx, account, id); err != nil {
			return Key{}, err
		}
		if item.Int("era") != era && p.Revalidate && p.Secret == nil {
			return Key{}, ErrConflict
		}
	}
	return Key{}, ErrConflict
}

// changes are the attributes that a patch sets and removes, after the vendor was
// asked where it has to be.
func (b *Book) changes(ctx context.Context, item store.Item, p Patch) (set store.Attrs, remove []string, err error) {
	now := b.now().UnixMilli()
	set = store.Attrs{"updated_at": now}
	if p.Label != nil {
		set["label"] = *p.Label
	}
	if p.Active != nil {
		set["active"] = *p.Active
	}
	if p.Secret == nil && !p.Revalidate {
		return set, nil, nil
	}
	k := keyOf(item)
	key, err := b.proved(ctx, item, p)
	if err != nil {
		return nil, nil, err
	}
	credits, err := b.validate(ctx, k.Vendor, key)
	if err != nil {
		var refused *Error
		if errors.As(err, &refused) && refused.Class == Auth && p.Secret == nil {
			err = errors.Join(err, b.note(ctx, k, refused, restOf(k, refused, false)))
		}
		return nil, nil, err
	}
	if p.Secret != nil {
		sealed, err := b.vault.Seal(ctx, []byte(key.reveal()), sealContext(k.Account, k.Vendor))
		if err != nil {
			return nil, nil, fmt.Errorf("seal provider key %d: %w", k.ID, err)
		}
		set["sealed"], set["preview"] = sealed, preview(key)
	}
	set["validated_at"], set["credits_at"] = now, now
	remove = slices.Clone(troubleAttrs)
	if credits != nil {
		set["credits"] = *credits
	} else {
		remove = append(remove, "credits")
	}
	return set, remove, nil
}

// proved is the secret that a patch wants proved: a new one or the present.
func (b *Book) proved(ctx context.Context, item store.Item, p Patch) (secret, error) {
	if p.Secret != nil {
		return newSecret(*p.Secret), nil
	}
	return b.unseal(ctx, item)
}

func (b *Book) unseal(ctx context.Context, item store.Item) (secret, error) {
	k := keyOf(item)
	text, err := b.vault.Open(ctx, item.Bytes("sealed"), sealContext(k.Account, k.Vendor))
	if err != nil {
		return secret{}, fmt.Errorf("open provider key %d: %w", k.ID, err)
	}
	return newSecret(string(text)), nil
}
