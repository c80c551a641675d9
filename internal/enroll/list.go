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

// maxScanned bounds the members that one List goes through, so that a filter that
// fits few answers in time.
const maxScanned = 10 * store.MaxPageItems

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
	query := store.Query{Part: memberKey(key.ID, sequence, "").Part, After: after}
	if f == (Filter{}) {
		query.Limit = limit
	}
	for scanned := 0; scanned < maxScanned; {
		page, err := g.cfg.Table.Query(ctx, query)
		if err != nil {
			return nil, "", fmt.Errorf("list members: %w", err)
		}
		scanned += len(page.Items)
		for i, item := range page.Items {
			if !f.wants(item) {
				continue
			}
			if items = append(items, item); len(items) == limit {
				if i == len(page.Items)-1 && page.Next == "" {
					return items, "", nil
				}
				return items, item.Key.Sort, nil
			}
		}
		if query.After = page.Next; query.After == "" {
			break
		}
	}
	return items, query.After, nil
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
