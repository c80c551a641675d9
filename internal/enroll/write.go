package enroll

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rcpt/internal/store"
)

const (
	// together is how many members are changed in one transaction, beside the head
	// of their sequence.
	together = store.MaxOps - 1

	// tries bounds how often a transaction begins again because another one came
	// between. Each time somebody's change has succeeded.
	tries = 50
)

// write makes members of who is left.
func (p *pass) write(ctx context.Context) error {
	for group := range slices.Chunk(p.left(), together) {
		if err := p.writeTogether(ctx, group); err != nil {
			return err
		}
	}
	return nil
}

func (p *pass) writeTogether(ctx context.Context, group []*candidate) error {
	items := make(map[string]store.Item, len(group))
	for _, c := range group {
		item, err := p.item(ctx, c)
		if err != nil {
			return err
		}
		items[c.id] = item
	}
	for range tries {
		head, err := p.head(ctx, p.Key.ID, p.Sequence)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		var ops []store.Op
		for _, c := range group {
			ops = append(ops, store.PutOp(items[c.id], store.Absent()))
		}
		err = p.cfg.Table.Transact(ctx, append(ops, p.count(head, len(ops))))
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrCondition) && !errors.Is(err, store.ErrUnknown) {
			return fmt.Errorf("enroll %d addresses: %w", len(group), err)
		}
		if group, err = p.missing(ctx, group); err != nil || len(group) == 0 {
			return err
		}
	}
	return ErrConflict
}

// missing leaves out who has become a member meanwhile: by another request, which
// keeps the address out of this one, or by a write of this one whose answer was
// lost.
func (p *pass) missing(ctx context.Context, group []*candidate) (left []*candidate, err error) {
	ids := make([]string, len(group))
	for i, c := range group {
		ids[i] = c.id
	}
	found, err := p.find(ctx, p.Key.ID, p.Sequence, ids)
	if err != nil {
		return nil, err
	}
	for _, c := range group {
		switch item := found[c.id]; {
		case !item.Present():
			left = append(left, c)
		case item.Str("request") != p.token:
			c.skip(AlreadyEnrolled, "since "+memberOf(item, c.given).EnrolledAt.Format(time.RFC3339))
		}
	}
	return left, nil
}

// head reads a sequence. ErrNotFound, with the zero Item, when there is none.
func (g *Gate) head(ctx context.Context, key, sequence string) (store.Item, error) {
	item, err := g.cfg.Table.Get(ctx, headKey(key, sequence))
	if errors.Is(err, store.ErrNotFound) {
		return store.Item{}, ErrNotFound
	}
	if err != nil {
		return store.Item{}, fmt.Errorf("read sequence: %w", err)
	}
	return item, nil
}

// count counts new members of the sequence with this head, which begins to exist
// if there is none.
func (p *pass) count(head store.Item, more int) store.Op {
	now := p.cfg.Now().UnixMilli()
	u := store.Update{Key: headKey(p.Key.ID, p.Sequence), Add: map[string]int64{"members": int64(more)}, Set: store.Attrs{"updated_at": now}}
	if head.Present() {
		u.If = []store.Cond{store.Exists()}
	} else {
		u.Set["created_at"], u.If = now, []store.Cond{store.Absent()}
	}
	return store.UpdateOp(u)
}
