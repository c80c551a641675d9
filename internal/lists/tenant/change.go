package tenant

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rcpt/internal/store"
)

// Outcome counts what a change did to the domains it named.
type Outcome struct {
	Added     int // on neither list before
	Moved     int // on the other list before
	Removed   int
	Unchanged int // on the list already; of Remove: not on it
}

func (o *Outcome) add(other Outcome) {
	o.Added, o.Moved = o.Added+other.Added, o.Moved+other.Moved
	o.Removed, o.Unchanged = o.Removed+other.Removed, o.Unchanged+other.Unchanged
}

// Audit makes the operation that records a change, to be written together with
// it. Two changes of a key with the same number happen at different times. Nil
// records nothing.
type Audit func(number int64) store.Op

// Add puts 1 to MaxDomains domains on a list of a key and takes them from the
// other one. Domains may have U-labels. Adding them again changes nothing.
//
// ErrEntry, before anything is written, if one of them is no domain; ErrFull;
// ErrConflict; the Table's. More than 98 domains are several transactions: after
// an error, the last of these aside, Outcome says what was done, and the same
// call may be repeated. The first that changes something carries the audit.
func (b *Book) Add(ctx context.Context, key, list string, domains []string, audit Audit) (Outcome, error) {
	names, err := namesOf(list, domains)
	if err != nil {
		return Outcome{}, err
	}
	if err := b.room(ctx, key, names); err != nil {
		return Outcome{}, err
	}
	added := b.now().UnixMilli()
	return b.change(ctx, key, names, audit, func(entry store.Item, name string) (op store.Op, o Outcome) {
		attrs := store.Attrs{"list": list, "added_at": added}
		switch {
		case !entry.Present():
			return store.PutOp(store.Item{Key: entryKey(key, name), Attrs: attrs}, store.Absent()), Outcome{Added: 1}
		case entry.Str("list") != list:
			return store.UpdateOp(store.Update{Key: entry.Key, Set: attrs, If: as(entry)}), Outcome{Moved: 1}
		}
		return op, Outcome{Unchanged: 1}
	})
}

// Remove takes 1 to MaxDomains domains from a list of a key. Those that are not
// on it, or on the other one, are left as they are. Errors as for Add, but for
// ErrFull.
func (b *Book) Remove(ctx context.Context, key, list string, domains []string, audit Audit) (Outcome, error) {
	names, err := namesOf(list, domains)
	if err != nil {
		return Outcome{}, err
	}
	return b.change(ctx, key, names, audit, func(entry store.Item, _ string) (op store.Op, o Outcome) {
		if entry.Str("list") != list {
			return op, Outcome{Unchanged: 1}
		}
		return store.DeleteOp(entry.Key, as(entry)...), Outcome{Removed: 1}
	})
}

func namesOf(list string, domains []string) ([]string, error) {
	if err := checkList(list); err != nil {
		return nil, err
	}
	return domainsOf(domains)
}

// as holds while an entry is as it was read.
func as(entry store.Item) []store.Cond { return []store.Cond{store.Equal("list", entry.Str("list"))} }

// room refuses what would not fit before a part of it is written. That the
// number stays exact is the business of write.
func (b *Book) room(ctx context.Context, key string, names []string) error {
	head, err := b.head(ctx, key)
	if err != nil || head.entries+len(names) <= MaxEntries {
		return err
	}
	present, err := b.entries(ctx, key, names)
	if err != nil || head.entries+len(names)-len(present) <= MaxEntries {
		return err
	}
	return full(head.entries)
}

func full(entries int) error {
	return fmt.Errorf("%w: a key may have %d, this one has %d; remove some first", ErrFull, MaxEntries, entries)
}

// step says what is to be done about one domain; entry is the zero Item when it
// is on no list. An operation of no kind is none.
type step func(entry store.Item, name string) (store.Op, Outcome)

// together is how many entries are changed in one transaction, beside the head
// and the audit.
const together = store.MaxOps - 2

// changeTries bounds how often a transaction begins again because another change
// came between. Each time somebody's change has succeeded.
const changeTries = 50

func (b *Book) change(ctx context.Context, key string, names []string, audit Audit, each step) (all Outcome, err error) {
	for chunk := range slices.Chunk(names, together) {
		o, err := b.changeTogether(ctx, key, chunk, audit, each)
		if err != nil {
			return all, err
		}
		if o.Added+o.Moved+o.Removed > 0 {
			audit = nil
		}
		all.add(o)
	}
	return all, nil
}

func (b *Book) changeTogether(ctx context.Context, key string, names []string, audit Audit, each step) (Outcome, error) {
	for range changeTries {
		present, err := b.entries(ctx, key, names)
		if err != nil {
			return Outcome{}, err
		}
		var ops []store.Op
		var sum Outcome
		for _, name := range names {
			op, o := each(present[name], name)
			if op.Kind != 0 {
				ops = append(ops, op)
			}
			sum.add(o)
		}
		if len(ops) == 0 {
			return sum, nil
		}
		err = b.write(ctx, key, ops, sum.Added-sum.Removed, audit)
		if !errors.Is(err, store.ErrCondition) {
			return sum, err
		}
	}
	return Outcome{}, ErrConflict
}

// write carries changes of entries out, all or none, and counts them. The
// conditions of the entries make sure that each is counted once: so the number
// of entries is exact.
func (b *Book) write(ctx context.Context, key string, ops []store.Op, more int, audit Audit) error {
	before, err := b.head(ctx, key)
	if err != nil {
		return err
	}
	if audit != nil {
		ops = append(ops, audit(before.revision+1))
	}
	count := store.Update{Key: headKey(key), Add: map[string]int64{"entries": int64(more), "revision": 1}}
	if more > 0 {
		count.If = []store.Cond{store.AtMost("entries", int64(MaxEntries-more))}
	}
	ops = append(ops, store.UpdateOp(count))
	// Whatever becomes of the write, what is remembered may be wrong afterwards.
	defer b.memory.forget(key)
	err = b.table.Transact(ctx, ops)
	var refused *store.TransactError
	if errors.As(err, &refused) && refused.Index == len(ops)-1 { // the entries are as they were read
		return full(before.entries)
	}
	if err != nil {
		return fmt.Errorf("change lists of key %s: %w", key, err)
	}
	return nil
}

// entries reads those of the domains that are on a list.
func (b *Book) entries(ctx context.Context, key string, names []string) (map[string]store.Item, error) {
	asked := make([]store.Key, len(names))
	for i, name := range names {
		asked[i] = entryKey(key, name)
	}
	items, err := b.table.BatchGet(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("read entries of key %s: %w", key, err)
	}
	present := make(map[string]store.Item, len(items))
	for _, item := range items {
		present[item.Key.Sort] = item
	}
	return present, nil
}
