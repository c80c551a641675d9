package enroll

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Sequence is what is known of one without its members.
type Sequence struct {
	ID        string
	Members   int64
	CreatedAt time.Time // UTC, to the millisecond, as the next
	UpdatedAt time.Time // members were added or removed
}

// Find returns a sequence of a key. ErrNotFound.
func (g *Gate) Find(ctx context.Context, key Key, sequence string) (Sequence, error) {
	if !IsSequence(sequence) {
		return Sequence{}, ErrNotFound
	}
	head, err := g.head(ctx, key.ID, sequence)
	if err != nil {
		return Sequence{}, err
	}
	return Sequence{
		ID: sequence, Members: head.Int("members"),
		CreatedAt: time.UnixMilli(head.Int("created_at")).UTC(), UpdatedAt: time.UnixMilli(head.Int("updated_at")).UTC(),
	}, nil
}

// Filter says which members are wanted. The zero value: all.
type Filter struct {
	State        State           // "": any
	Verification Verification    // "": any
	Address      address.Address // only this one, if it is not empty
}

func (f Filter) wants(item store.Item) bool {
	return (f.State == "" || State(item.Str("state")) == f.State) &&
		(f.Verification == "" || Verification(item.Str("verification")) == f.Verification)
}

// List returns up to limit members of a sequence, in the order of their ids. It
// goes on behind after, the next of an earlier page; next is empty when there are
// no more. With a filter a page may have fewer members, or none, although more
// follow. ErrCursor when after is nothing of the kind.
func (g *Gate) List(ctx context.Context, key Key, sequence string, f Filter, after string, limit int) (members []Member, next string, err error) {
	if after != "" && !isID(after) {
		return nil, "", ErrCursor
	}
	items, next, err := g.page(ctx, key, sequence, f, after, limit)
	if err != nil {
		return nil, "", err
	}
	members, err = g.openAll(ctx, key, items)
	return members, next, err
}

func (g *Gate) page(ctx context.Context, key Key, sequence string, f Filter, after string, limit int) (items []store.Item, next string, err error) {
	if !f.Address.IsEmpty() {
		found, err := g.find(ctx, key.ID, sequence, []string{g.memberID(key.ID, sequence, f.Address)})
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
	page, err := store.Select(ctx, g.cfg.Table, store.Query{Part: memberKey(key.ID, sequence, "").Part, After: after}, wants, limit)
	if err != nil {
		return nil, "", fmt.Errorf("list members: %w", err)
	}
	return page.Items, page.Next, nil
}

// opensAtOnce is how many addresses are opened at the same time: on AWS each may
// need a call of KMS.
const opensAtOnce = 8

func (g *Gate) openAll(ctx context.Context, key Key, items []store.Item) ([]Member, error) {
	members := make([]Member, len(items))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(opensAtOnce)
	for i, item := range items {
		work.Go(func() (err error) {
			members[i], err = g.open(ctx, key, item)
			return err
		})
	}
	return members, work.Wait()
}
