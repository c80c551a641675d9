package suppress

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Filter says which entries are wanted. The zero value: all.
type Filter struct {
	Reason  Reason          // "": any
	Since   time.Time       // added then or later; zero: from the beginning
	Until   time.Time       // added earlier; zero: to the end
	Address address.Address // only this one, if it is not empty
}

func (f Filter) wants(item store.Item) bool {
	return (f.Reason == "" || reasonOf(item) == f.Reason) &&
		(f.Since.IsZero() || !addedAt(item).Before(f.Since)) && (f.Until.IsZero() || addedAt(item).Before(f.Until))
}

// List returns up to limit entries of a key, in the order of their ids. It goes
// on behind after, the next of an earlier page; next is empty when there are no
// more. With a filter a page may have fewer entries, or none, although more
// follow. ErrCursor when after is nothing of the kind.
func (b *Book) List(ctx context.Context, key Key, f Filter, after string, limit int) (entries []Entry, next string, err error) {
	if after != "" && !isID(after) {
		return nil, "", ErrCursor
	}
	items, next, err := b.find(ctx, key, f, after, limit)
	if err != nil {
		return nil, "", err
	}
	entries, err = b.openAll(ctx, key, items)
	return entries, next, err
}

func (b *Book) find(ctx context.Context, key Key, f Filter, after string, limit int) (items []store.Item, next string, err error) {
	if !f.Address.IsEmpty() {
		found, err := b.read(ctx, []store.Key{itemKey(key.ID, b.id(key.ID, f.Address))})
		for _, item := range found {
			if f.wants(item) {
				items = append(items, item)
			}
		}
		return items, "", err
	}
	var wants func(store.Item) bool
	if f != (Filter{}) {
		wants = f.wants
	}
	page, err := store.Select(ctx, b.cfg.Table, store.Query{Part: itemKey(key.ID, "").Part, After: after}, wants, limit)
	if err != nil {
		return nil, "", fmt.Errorf("list suppressions of key %s: %w", key.ID, err)
	}
	return page.Items, page.Next, nil
}

// opensAtOnce is how many entries are opened at the same time: on AWS each may
// need a call of KMS.
const opensAtOnce = 8

func (b *Book) openAll(ctx context.Context, key Key, items []store.Item) ([]Entry, error) {
	entries := make([]Entry, len(items))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(opensAtOnce)
	for i, item := range items {
		work.Go(func() (err error) {
			entries[i], err = b.open(ctx, key, item)
			return err
		})
	}
	return entries, work.Wait()
}

// Find returns one entry of a key. ErrNotFound when there is none with this id.
func (b *Book) Find(ctx context.Context, key Key, id string) (Entry, error) {
	if !isID(id) {
		return Entry{}, ErrNotFound
	}
	item, err := b.cfg.Table.Get(ctx, itemKey(key.ID, id))
	if errors.Is(err, store.ErrNotFound) {
		return Entry{}, ErrNotFound
	}
	if err != nil {
		return Entry{}, fmt.Errorf("read suppression %s: %w", id, err)
	}
	return b.open(ctx, key, item)
}
