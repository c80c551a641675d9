package overlay

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Entry is what a key reported about one address.
type Entry struct {
	ID     string // 32 letters and digits; no other key's
	Email  string // lower case, domain in A-labels
	Reason Reason // the strongest

	First, Last time.Time        // when its events occurred, UTC
	Count       int64            // of all events
	Recent      int              // of those within the last 30 days, counted up to 16
	Counts      map[Reason]int64 // of all events; only what is above 0
	Source      string           // of the last event
	EventID     string           // of the last event
}

// Filter says which entries are wanted. The zero value: all.
type Filter struct {
	Reason  Reason          // the strongest one is this; "": any
	Since   time.Time       // the last event is not earlier; zero: from the beginning
	Until   time.Time       // the last event is earlier; zero: to the end
	Address address.Address // only this one, if it is not empty
}

func (f Filter) wants(r record) bool {
	return (f.Reason == "" || r.reason == f.Reason) &&
		(f.Since.IsZero() || r.last >= f.Since.UnixMilli()) && (f.Until.IsZero() || r.last < f.Until.UnixMilli())
}

// List returns up to limit entries of a key, in the order of their ids. It goes
// on behind after, the next of an earlier page; next is empty when there are no
// more. With a filter a page may have fewer entries, or none, although more
// follow. ErrCursor when after is nothing of the kind.
func (b *Book) List(ctx context.Context, key Key, f Filter, after string, limit int) (entries []Entry, next string, err error) {
	if after != "" && !isEntryID(after) {
		return nil, "", ErrCursor
	}
	items, next, err := b.find(ctx, key, f, after, limit)
	if err != nil {
		return nil, "", err
	}
	entries, err = b.open(ctx, key, items)
	return entries, next, err
}

func (b *Book) find(ctx context.Context, key Key, f Filter, after string, limit int) (items []store.Item, next string, err error) {
	if !f.Address.IsEmpty() {
		item, err := b.entry(ctx, key, b.entryID(key.ID, f.Address))
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, "", err
		}
		if err == nil && f.wants(recordOf(item)) {
			items = append(items, item)
		}
		return items, "", nil
	}
	var wants func(store.Item) bool
	if f != (Filter{}) {
		wants = func(item store.Item) bool { return f.wants(recordOf(item)) }
	}
	page, err := store.Select(ctx, b.cfg.Table, store.Query{Part: entryKey(key.ID, "").Part, After: after}, wants, limit)
	if err != nil {
		return nil, "", fmt.Errorf("list reports of key %s: %w", key.ID, err)
	}
	return page.Items, page.Next, nil
}

// opensAtOnce is how many addresses are opened at the same time: on AWS each may
// need a call of KMS.
const opensAtOnce = 8

// open reads entries and their addresses.
func (b *Book) open(ctx context.Context, key Key, items []store.Item) ([]Entry, error) {
	entries := make([]Entry, len(items))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(opensAtOnce)
	for i, item := range items {
		work.Go(func() error {
			r := recordOf(item)
			email, err := b.cfg.Vault.Open(ctx, r.sealed, sealContext(key))
			if err != nil {
				return fmt.Errorf("open address of report %s: %w", item.Key.Sort, err)
			}
			entries[i] = r.entry(item.Key.Sort, string(email), b.cfg.Now())
			return nil
		})
	}
	return entries, work.Wait()
}

func (r *record) entry(id, email string, now time.Time) Entry {
	e := Entry{
		ID: id, Email: email, Reason: r.reason, First: timeOf(r.first), Last: timeOf(r.last),
		Recent: r.lately(now), Counts: maps.Clone(r.counts), Source: r.source, EventID: r.id,
	}
	for _, n := range r.counts {
		e.Count += n
	}
	return e
}

// All returns all entries of a key that a filter wants, for an export. The
// sequence ends with the first error.
func (b *Book) All(ctx context.Context, key Key, f Filter) iter.Seq2[Entry, error] {
	const page = 200
	return func(yield func(Entry, error) bool) {
		for after := ""; ; {
			entries, next, err := b.List(ctx, key, f, after, page)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
			if after = next; after == "" {
				return
			}
		}
	}
}

// Find returns one entry of a key. ErrNotFound when there is none with this id.
func (b *Book) Find(ctx context.Context, key Key, id string) (Entry, error) {
	item, err := b.entry(ctx, key, id)
	if err != nil {
		return Entry{}, err
	}
	entries, err := b.open(ctx, key, []store.Item{item})
	if err != nil {
		return Entry{}, err
	}
	return entries[0], nil
}

func (b *Book) entry(ctx context.Context, key Key, id string) (store.Item, error) {
	if !isEntryID(id) {
		return store.Item{}, ErrNotFound
	}
	item, err := b.cfg.Table.Get(ctx, entryKey(key.ID, id))
	if errors.Is(err, store.ErrNotFound) {
		return store.Item{}, ErrNotFound
	}
	if err != nil {
		return store.Item{}, fmt.Errorf("read report %s: %w", id, err)
	}
	return item, nil
}
