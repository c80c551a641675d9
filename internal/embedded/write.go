package embedded

import (
	"context"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"rcpt/internal/store"
)

// edit is the table inside a commit: what the calls before have done is seen.
type edit struct {
	tx      *bolt.Tx
	bucket  *bolt.Bucket // of the items
	now     int64
	changed bool
	failure error // of the file; the commit is rolled back
}

// set writes a value, or deletes the key if value is nil.
func (e *edit) set(key, value []byte) error {
	var err error
	switch {
	case value != nil:
		err = e.bucket.Put(key, value)
	case e.bucket.Get(key) == nil:
		return nil
	default:
		err = e.bucket.Delete(key)
	}
	if err != nil {
		e.failure = fmt.Errorf("write item: %w", err)
	}
	e.changed = true
	return e.failure
}

// outcome is what an operation comes to.
type outcome struct {
	item  store.Item // as it stands after a refusal, else as the operation leaves it
	value []byte     // item encoded; nil: deleted
	size  int        // towards store.MaxTransact
}

// plan judges an operation and writes nothing.
func (e *edit) plan(op store.Op) (outcome, error) {
	current, err := read(e.bucket, op.Key, e.now)
	if err != nil {
		return outcome{}, err
	}
	if !store.AllHold(op.If, current) {
		return outcome{item: current}, store.ErrCondition
	}
	var after store.Item
	switch op.Kind {
	case store.OpPut:
		after = op.Item
	case store.OpUpdate:
		if after, err = op.Update.Apply(current); err != nil {
			return outcome{}, err
		}
	case store.OpCheck:
		after = current
	}
	planned := outcome{size: max(current.Size(), after.Size())}
	if !after.Present() {
		return planned, nil
	}
	planned.value = encodeItem(after)
	// Read back, so that the caller of Update shares no memory with its own Set.
	planned.item, err = decodeItem(op.Key, planned.value)
	return planned, err
}

// carryOut does what was planned.
func (e *edit) carryOut(op store.Op, planned outcome) error {
	if op.Kind == store.OpCheck {
		return nil
	}
	return e.set(joinKey(op.Key.Part, op.Key.Sort), planned.value)
}

// one carries out a single operation in a commit.
func (t *table) one(ctx context.Context, op store.Op) (store.Item, error) {
	if err := op.Check(); err != nil {
		return store.Item{}, err
	}
	var item store.Item
	err := t.commit(ctx, func(e *edit) error {
		planned, err := e.plan(op)
		item = planned.item
		if err != nil {
			return err
		}
		return e.carryOut(op, planned)
	})
	if err != nil && !errors.Is(err, store.ErrCondition) {
		return store.Item{}, fmt.Errorf("write item: %w", err)
	}
	return item, err
}

func (t *table) Put(ctx context.Context, item store.Item, conds ...store.Cond) error {
	_, err := t.one(ctx, store.PutOp(item, conds...))
	return err
}

func (t *table) Update(ctx context.Context, update store.Update) (store.Item, error) {
	return t.one(ctx, store.UpdateOp(update))
}

func (t *table) Delete(ctx context.Context, key store.Key, conds ...store.Cond) error {
	_, err := t.one(ctx, store.DeleteOp(key, conds...))
	return err
}

func (t *table) BatchPut(ctx context.Context, batch []store.Item) error {
	seen := make(map[store.Key]bool, len(batch))
	for i, item := range batch {
		if err := item.Check(); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
		if seen[item.Key] {
			return fmt.Errorf("item %d: %w: key named twice in one batch", i, store.ErrValue)
		}
		seen[item.Key] = true
	}
	// In parts, so that other writers need not wait for a very long batch.
	for part := range slices.Chunk(batch, maxCommit) {
		err := t.commit(ctx, func(e *edit) error {
			for _, item := range part {
				if err := e.set(joinKey(item.Key.Part, item.Key.Sort), encodeItem(item)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("write items: %w", err)
		}
	}
	return nil
}

func (t *table) Transact(ctx context.Context, ops []store.Op) error {
	if err := store.CheckOps(ops); err != nil {
		return err
	}
	return t.commit(ctx, func(e *edit) error {
		planned := make([]outcome, len(ops))
		size := 0
		for i, op := range ops {
			var err error
			planned[i], err = e.plan(op)
			if errors.Is(err, store.ErrCondition) {
				return &store.TransactError{Index: i}
			}
			if err != nil {
				return fmt.Errorf("operation %d: %w", i, err)
			}
			size += planned[i].size
		}
		if size > store.MaxTransact {
			return fmt.Errorf("%w: transaction of %d octets", store.ErrLimit, size)
		}
		for i, op := range ops {
			if err := e.carryOut(op, planned[i]); err != nil {
				return err
			}
		}
		return nil
	})
}
