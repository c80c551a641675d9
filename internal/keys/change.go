package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rcpt/internal/store"
)

// Patch says what of a key becomes new. What is nil stays. The bounds are those
// of Draft.
type Patch struct {
	Label     *string
	Scopes    []Scope // nil or empty: stay
	Plan      *string
	Policy    []byte // nil: stays; empty: the default policy
	Limits    LimitsPatch
	ExpiresAt *time.Time // the zero time: never

	WebhookURL *string // empty: none
}

// LimitsPatch says which limits become new. What is nil stays.
type LimitsPatch struct {
	Monthly, Concurrency, ReportsPerDay, RequestsPerSecond *int64
}

// apply returns the key as the patch makes it.
func (p Patch) apply(k Key) Key {
	replace(&k.Label, p.Label)
	replace(&k.Plan, p.Plan)
	replace(&k.WebhookURL, p.WebhookURL)
	replace(&k.Limits.Monthly, p.Limits.Monthly)
	replace(&k.Limits.Concurrency, p.Limits.Concurrency)
	replace(&k.Limits.ReportsPerDay, p.Limits.ReportsPerDay)
	replace(&k.Limits.RequestsPerSecond, p.Limits.RequestsPerSecond)
	if len(p.Scopes) > 0 {
		k.Scopes = slices.Clone(p.Scopes)
	}
	if p.Policy != nil {
		k.Policy = slices.Clone(p.Policy)
	}
	if p.ExpiresAt != nil {
		k.ExpiresAt = stamp(*p.ExpiresAt)
	}
	return k
}

func replace[T any](old, with *T) {
	if with != nil {
		*old = *with
	}
}

// Change gives a key new properties and returns it as it is then. Changes made
// at the same time happen one after the other, none is lost.
//
// ErrNotFound; ErrDraft for what no key can be; ErrConflict for a revoked key, or
// when others change it without pause.
func (b *Book) Change(ctx context.Context, id string, p Patch) (Key, error) {
	return b.amend(ctx, id, Changed, func(item store.Item) (store.Update, error) {
		before := keyOf(item)
		after := p.apply(before)
		if !before.RevokedAt.IsZero() {
			return store.Update{}, errRevoked()
		}
		if err := after.check(); err != nil {
			return store.Update{}, err
		}
		if !after.ExpiresAt.Equal(before.ExpiresAt) {
			if err := after.checkExpiry(b.now()); err != nil {
				return store.Update{}, err
			}
		}
		return difference(attrs(before), attrs(after)), nil
	})
}

// difference is the update that makes one of the other.
func difference(before, after store.Attrs) store.Update {
	u := store.Update{Set: store.Attrs{}}
	for name, value := range after {
		if !store.Equal(name, value).Holds(store.Item{Attrs: before}) {
			u.Set[name] = value
		}
	}
	for name := range before {
		if _, stays := after[name]; !stays {
			u.Remove = append(u.Remove, name)
		}
	}
	return u
}

// Revoke ends a key for good, its former secrets included. Revoking it again
// changes nothing and is no error. ErrNotFound.
func (b *Book) Revoke(ctx context.Context, id string) error {
	_, err := b.amend(ctx, id, Revoked, func(item store.Item) (store.Update, error) {
		if item.Int("revoked_at") != 0 {
			return store.Update{}, nil
		}
		return store.Update{Set: store.Attrs{"revoked_at": b.now().UnixMilli()}}, nil
	})
	return err
}

func errRevoked() error { return fmt.Errorf("%w: it is revoked", ErrConflict) }

// amendTries bounds how often a change begins again because another one came
// between. Each time somebody's change has succeeded.
const amendTries = 50

// amend reads a key, has the change made of it, and writes that together with an
// entry of the audit log unless somebody wrote in between; then it begins again.
// An update of nothing is not written. It returns the key as it is then.
func (b *Book) amend(ctx context.Context, id string, act Act, change func(store.Item) (store.Update, error)) (Key, error) {
	for range amendTries {
		item, err := b.fetch(ctx, id)
		if err != nil {
			return Key{}, err
		}
		update, err := change(item)
		if err != nil {
			return Key{}, err
		}
		if len(update.Set)+len(update.Remove) == 0 {
			return keyOf(item), nil
		}
		key, err := b.write(ctx, item, update, act)
		if !errors.Is(err, store.ErrCondition) {
			return key, err
		}
	}
	return Key{}, fmt.Errorf("%w: others change it without pause", ErrConflict)
}

// write carries an update out if the item still is as it was read.
func (b *Book) write(ctx context.Context, item store.Item, u store.Update, act Act) (Key, error) {
	version, known := item.Attrs["version"]
	u.If = []store.Cond{store.Exists(), store.Missing("version")}
	if known {
		u.If[1] = store.Equal("version", version)
	}
	fields := changedFields(u, act)
	u.Key, u.Set["version"] = item.Key, max(item.Int("version"), 1)+1 // a new key has version 1
	after, err := u.Apply(item)
	if err != nil {
		return Key{}, fmt.Errorf("change key: %w", err)
	}
	key := keyOf(after)
	entry := b.entry(ctx, key, act, fields)
	// Whatever became of the write, what is remembered may be wrong now.
	defer b.recent.forget(key.ID)
	if err := b.table.Transact(ctx, []store.Op{store.UpdateOp(u), entry.op(after.Int("version"))}); err != nil {
		return Key{}, fmt.Errorf("change key %s: %w", key.ID, err)
	}
	return key, nil
}

// changedFields names what an update of properties changes, in the words of the
// API.
func changedFields(u store.Update, act Act) []string {
	if act != Changed {
		return nil
	}
	fields := slices.Clone(u.Remove)
	for name := range u.Set {
		fields = append(fields, strings.Replace(name, "limit_", "limits.", 1))
	}
	// Those before the webhook secret go with it.
	fields = slices.DeleteFunc(fields, func(name string) bool { return strings.HasPrefix(name, "webhook_former") })
	slices.SortFunc(fields, cmp.Compare[string])
	return fields
}
