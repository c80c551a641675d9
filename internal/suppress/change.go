package suppress

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Change counts what was done with the addresses of one call, each address once.
type Change struct {
	Added     int
	Removed   int
	Unchanged int // suppressed already; of Remove: not suppressed
}

func (c *Change) add(other Change) {
	c.Added, c.Removed, c.Unchanged = c.Added+other.Added, c.Removed+other.Removed, c.Unchanged+other.Unchanged
}

// Add suppresses addresses. One that is suppressed already keeps its reason and
// note. After an error some may have been added, and the same call may be
// repeated. Of two calls at once that add the same address each may count it.
func (b *Book) Add(ctx context.Context, key Key, reason Reason, note string, addresses ...address.Address) (Change, error) {
	distinct, names := b.distinct(key.ID, addresses)
	present, err := b.read(ctx, names)
	if err != nil {
		return Change{}, err
	}
	var items []store.Item
	for i, a := range distinct {
		if present[names[i]].Present() {
			continue
		}
		item, err := b.item(ctx, key, a, reason, note)
		if err != nil {
			return Change{}, err
		}
		items = append(items, item)
	}
	if len(items) > 0 {
		if err := b.cfg.Table.BatchPut(ctx, items); err != nil {
			return Change{}, fmt.Errorf("add suppressions of key %s: %w", key.ID, err)
		}
	}
	return Change{Added: len(items), Unchanged: len(distinct) - len(items)}, nil
}

// Remove lets addresses be mailed again. After an error some may have been
// removed, and the same call may be repeated.
func (b *Book) Remove(ctx context.Context, key Key, addresses ...address.Address) (Change, error) {
	_, names := b.distinct(key.ID, addresses)
	present, err := b.read(ctx, names)
	if err != nil {
		return Change{}, err
	}
	c := Change{Unchanged: len(names) - len(present)}
	var ops []store.Op
	for name := range present {
		ops = append(ops, store.DeleteOp(name))
	}
	for part := range slices.Chunk(ops, store.MaxOps) {
		if err := b.cfg.Table.Transact(ctx, part); err != nil {
			return c, fmt.Errorf("remove suppressions of key %s: %w", key.ID, err)
		}
		c.Removed += len(part)
	}
	return c, nil
}

// Delete removes one entry. ErrNotFound when there is none with this id.
func (b *Book) Delete(ctx context.Context, key Key, id string) error {
	if !isID(id) {
		return ErrNotFound
	}
	err := b.cfg.Table.Delete(ctx, itemKey(key.ID, id), store.Exists())
	if errors.Is(err, store.ErrCondition) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete suppression %s: %w", id, err)
	}
	return nil
}

// distinct leaves out addresses that name the same entry.
func (b *Book) distinct(key string, addresses []address.Address) (once []address.Address, names []store.Key) {
	seen := make(map[store.Key]bool, len(addresses))
	for _, a := range addresses {
		name := itemKey(key, b.id(key, a))
		if !seen[name] {
			seen[name] = true
			once, names = append(once, a), append(names, name)
		}
	}
	return once, names
}
