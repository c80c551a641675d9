package enroll

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Remove takes one member out of a sequence, by its id. ErrNotFound, ErrConflict.
func (g *Gate) Remove(ctx context.Context, key Key, sequence, id string) error {
	if !IsSequence(sequence) || !isID(id) {
		return ErrNotFound
	}
	n, err := g.remove(ctx, key.ID, sequence, []string{id})
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// RemoveAddresses takes addresses out of a sequence and returns how many were
// members. ErrNotFound when there is no such sequence; ErrConflict. After an error
// some may have been removed, and the same call may be repeated.
func (g *Gate) RemoveAddresses(ctx context.Context, key Key, sequence string, addresses ...address.Address) (removed int, err error) {
	if _, err := g.Find(ctx, key, sequence); err != nil {
		return 0, err
	}
	var ids []string
	for _, a := range addresses {
		ids = append(ids, g.memberID(key.ID, sequence, a))
	}
	slices.Sort(ids)
	for part := range slices.Chunk(slices.Compact(ids), together) {
		n, err := g.remove(ctx, key.ID, sequence, part)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// remove takes up to together members out and counts those that were there.
func (g *Gate) remove(ctx context.Context, key, sequence string, ids []string) (int, error) {
	for range tries {
		found, err := g.find(ctx, key, sequence, ids)
		if err != nil || len(found) == 0 {
			return 0, err
		}
		var ops []store.Op
		for id := range found {
			ops = append(ops, store.DeleteOp(memberKey(key, sequence, id), store.Exists()))
		}
		ops = append(ops, store.UpdateOp(store.Update{
			Key: headKey(key, sequence), Add: map[string]int64{"members": -int64(len(found))},
			Set: store.Attrs{"updated_at": g.cfg.Now().UnixMilli()}, If: []store.Cond{store.Exists()},
		}))
		err = g.cfg.Table.Transact(ctx, ops)
		if err == nil {
			return len(found), nil
		}
		if !errors.Is(err, store.ErrCondition) {
			return 0, fmt.Errorf("remove members: %w", err)
		}
	}
	return 0, ErrConflict
}

// Delete removes a sequence and its members. ErrNotFound, ErrConflict; after any
// other error a part may be gone, and the same call goes on with the rest. Answers
// of requests with an Idempotency-Key stay until they end.
func (g *Gate) Delete(ctx context.Context, key Key, sequence string) error {
	if _, err := g.Find(ctx, key, sequence); err != nil {
		return err
	}
	for range tries {
		if err := g.empty(ctx, key.ID, sequence); err != nil {
			return err
		}
		// Not while it has members: somebody may enroll just now.
		err := g.cfg.Table.Delete(ctx, headKey(key.ID, sequence), store.AtMost("members", 0))
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrCondition) {
			return fmt.Errorf("delete sequence: %w", err)
		}
	}
	return ErrConflict
}

// empty removes the members of a sequence.
func (g *Gate) empty(ctx context.Context, key, sequence string) error {
	for {
		page, err := g.cfg.Table.Query(ctx, store.Query{Part: memberKey(key, sequence, "").Part})
		if err != nil {
			return fmt.Errorf("list members: %w", err)
		}
		var ids []string
		for _, item := range page.Items {
			ids = append(ids, item.Key.Sort)
		}
		for part := range slices.Chunk(ids, together) {
			if _, err := g.remove(ctx, key, sequence, part); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
	}
}
