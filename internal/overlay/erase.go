package overlay

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Delete removes one entry of a key, so that its next check asks afresh. Events
// already recorded stay known: delivered again they do not bring it back.
// ErrNotFound when there is none with this id.
func (b *Book) Delete(ctx context.Context, key Key, id string) error {
	if !isEntryID(id) {
		return ErrNotFound
	}
	err := b.cfg.Table.Delete(ctx, entryKey(key.ID, id), store.Exists())
	if errors.Is(err, store.ErrCondition) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("delete report %s: %w", id, err)
	}
	return nil
}

// Erased counts what Erase removed.
type Erased struct {
	Reports  int // entries of the overlay
	Evidence int // what was cached of the address
}

// Erase removes an address from the overlay of the keys with these ids, and what
// is cached of it. Markers of its events stay until they end, so that a late
// delivery does not bring it back: they hold no address. Consensus knows domains
// alone. After an error it may be called again.
func (b *Book) Erase(ctx context.Context, keys []string, a address.Address) (Erased, error) {
	names := make([]store.Key, len(keys))
	for i, key := range keys {
		names[i] = entryKey(key, b.entryID(key, a))
	}
	found, err := b.read(ctx, names)
	if err != nil {
		return Erased{}, err
	}
	var erased Erased
	var ops []store.Op
	for name := range found {
		ops = append(ops, store.DeleteOp(name))
	}
	for part := range slices.Chunk(ops, store.MaxOps) {
		if err := b.cfg.Table.Transact(ctx, part); err != nil {
			return erased, fmt.Errorf("erase reports: %w", err)
		}
		erased.Reports += len(part)
	}
	for _, key := range keys {
		n, err := b.cfg.Forget(ctx, key, a)
		if err != nil {
			return erased, fmt.Errorf("erase evidence: %w", err)
		}
		erased.Evidence += n
	}
	return erased, nil
}
