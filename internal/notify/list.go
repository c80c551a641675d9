package notify

import (
	"context"
	"errors"
	"fmt"

	"rcpt/internal/store"
)

// List returns up to limit deliveries of an account about one subject, in the
// descending order of their ids. It goes on behind after, the next of an earlier
// page; next is empty when there are no more. ErrCursor when after is nothing of
// the kind.
func (b *Book) List(ctx context.Context, account, subject, after string, limit int) (all []Delivery, next string, err error) {
	if !isName(subject) {
		return nil, "", nil
	}
	if after != "" && !isName(after) {
		return nil, "", ErrCursor
	}
	page, err := b.cfg.Table.Query(ctx, store.Query{
		Part: itemKey(account, subject, "").Part, After: after, Descending: true, Limit: limit,
	})
	if err != nil {
		return nil, "", fmt.Errorf("list deliveries of %s: %w", subject, err)
	}
	for _, item := range page.Items {
		d, err := deliveryOf(item)
		if err != nil {
			return nil, "", err
		}
		all = append(all, d)
	}
	return all, page.Next, nil
}

// Find returns one delivery. ErrNotFound.
func (b *Book) Find(ctx context.Context, account, subject, id string) (Delivery, error) {
	item, err := b.fetch(ctx, account, subject, id)
	if err != nil {
		return Delivery{}, err
	}
	return deliveryOf(item)
}

func (b *Book) fetch(ctx context.Context, account, subject, id string) (store.Item, error) {
	if !isName(subject) || !isName(id) {
		return store.Item{}, ErrNotFound
	}
	item, err := b.cfg.Table.Get(ctx, itemKey(account, subject, id))
	if errors.Is(err, store.ErrNotFound) {
		return store.Item{}, ErrNotFound
	}
	if err != nil {
		return store.Item{}, fmt.Errorf("read delivery %s: %w", id, err)
	}
	return item, nil
}

// Resend begins a new round of attempts, the first of them at once, whatever the
// state, and returns the delivery as it is then. The webhook-id stays. An attempt
// under way is not broken off, but what comes of it is no longer recorded.
// ErrNotFound; ErrConflict.
func (b *Book) Resend(ctx context.Context, account, subject, id string) (Delivery, error) {
	for range tries {
		item, err := b.fetch(ctx, account, subject, id)
		if err != nil {
			return Delivery{}, err
		}
		item, err = b.cfg.Table.Update(ctx, store.Update{
			Key:    item.Key,
			Set:    store.Attrs{"state": string(Pending), "attempt": int64(1), "due": b.cfg.Now().UnixMilli()},
			Add:    map[string]int64{"round": 1, "version": 1},
			Remove: []string{"claimed", "queued", "ended"},
			If:     []store.Cond{store.Equal("version", item.Int("version"))},
		})
		if errors.Is(err, store.ErrCondition) {
			continue
		}
		if err != nil {
			return Delivery{}, fmt.Errorf("begin delivery %s again: %w", id, err)
		}
		if err := b.pass(ctx, item); err != nil {
			return Delivery{}, err
		}
		return deliveryOf(item)
	}
	return Delivery{}, fmt.Errorf("begin delivery %s again: %w", id, ErrConflict)
}

// Forget removes the deliveries of an account about one subject with their
// bodies. Attempts that are due are not made any more. After an error it may be
// repeated.
func (b *Book) Forget(ctx context.Context, account, subject string) error {
	if !isName(subject) {
		return nil
	}
	if err := b.forgetItems(ctx, itemKey(account, subject, "").Part); err != nil {
		return fmt.Errorf("forget deliveries of %s: %w", subject, err)
	}
	prefix, after := blobPrefix(account, subject), ""
	for {
		page, err := b.cfg.Blob.List(ctx, prefix, after, store.MaxBlobPage)
		if err != nil {
			return fmt.Errorf("list bodies of %s: %w", subject, err)
		}
		names := make([]string, len(page.Blobs))
		for i, blob := range page.Blobs {
			names[i] = blob.Name
		}
		if len(names) > 0 {
			err = b.cfg.Blob.Delete(ctx, names...)
		}
		if err != nil {
			return fmt.Errorf("remove bodies of %s: %w", subject, err)
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}

// forgetItems removes items one by one: there is one, seldom more.
func (b *Book) forgetItems(ctx context.Context, part string) error {
	after := ""
	for {
		page, err := b.cfg.Table.Query(ctx, store.Query{Part: part, After: after})
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := b.cfg.Table.Delete(ctx, item.Key); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}
