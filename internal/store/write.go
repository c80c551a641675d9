package store

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// Update changes one item, or creates it. An attribute is named in at most one
// of Set, Add and Remove (else ErrValue).
type Update struct {
	Key    Key
	Set    Attrs            // attributes that get a new value
	Add    map[string]int64 // amounts added to integers; a missing one counts as 0, another type is ErrValue
	Remove []string         // attributes taken away; missing ones are no error

	// Expires is the item's new expiry. Zero leaves it as it is, and a created
	// item without one.
	Expires time.Time

	If []Cond // all must hold for the item as it was
}

// Check reports with ErrValue or ErrLimit what is wrong with the update,
// whatever item it meets.
func (u Update) Check() error {
	if err := u.Key.Check(); err != nil {
		return err
	}
	if err := u.Set.check(); err != nil {
		return err
	}
	if n := len(u.Set) + len(u.Add) + len(u.Remove); n > MaxNames {
		return fmt.Errorf("%w: update of %d attributes", ErrLimit, n)
	}
	seen := make(map[string]bool, len(u.Set)+len(u.Add)+len(u.Remove))
	for _, names := range [][]string{
		slices.Collect(maps.Keys(u.Set)), slices.Collect(maps.Keys(u.Add)), u.Remove,
	} {
		for _, name := range names {
			if err := checkName(name); err != nil {
				return err
			}
			if seen[name] {
				return fmt.Errorf("%w: attribute %q named twice in one update", ErrValue, name)
			}
			seen[name] = true
		}
	}
	return CheckConds(u.If)
}

// Apply returns the item that the update makes of current; the zero Item stands
// for an absent or expired one. Conditions are not looked at. ErrValue when an
// Add meets an attribute that is no integer or leaves the range of int64,
// ErrLimit when the item grows too large.
//
// current is not changed, but octets it holds are shared with the result.
func (u Update) Apply(current Item) (Item, error) {
	next := Item{Key: u.Key, Attrs: Attrs{}, Expires: current.Expires}
	maps.Copy(next.Attrs, current.Attrs)
	maps.Copy(next.Attrs, u.Set)
	for _, name := range u.Remove {
		delete(next.Attrs, name)
	}
	for name, amount := range u.Add {
		value, has := next.Attrs[name]
		n, integer := value.(int64)
		if has && !integer {
			return Item{}, fmt.Errorf("%w: add to %q, which is a %T", ErrValue, name, value)
		}
		if amount > 0 && n > math.MaxInt64-amount || amount < 0 && n < math.MinInt64-amount {
			return Item{}, fmt.Errorf("%w: add to %q leaves the range of integers", ErrValue, name)
		}
		next.Attrs[name] = n + amount
	}
	if !u.Expires.IsZero() {
		next.Expires = u.Expires
	}
	return next, next.checkSize()
}

// Op is one operation of a transaction. Build one with the constructors; the
// fields are for adapters.
type Op struct {
	Kind   OpKind
	Key    Key
	Item   Item   // OpPut
	Update Update // OpUpdate; its If is empty
	If     []Cond
}

// OpKind says what an Op does.
type OpKind int

// The kinds of operation. The zero OpKind is none of them and refused with
// ErrValue.
const (
	OpPut OpKind = iota + 1
	OpUpdate
	OpDelete
	OpCheck
)

// PutOp is Table.Put in a transaction.
func PutOp(item Item, conds ...Cond) Op { return Op{Kind: OpPut, Key: item.Key, Item: item, If: conds} }

// UpdateOp is Table.Update in a transaction.
func UpdateOp(update Update) Op {
	conds := update.If
	update.If = nil
	return Op{Kind: OpUpdate, Key: update.Key, Update: update, If: conds}
}

// DeleteOp is Table.Delete in a transaction.
func DeleteOp(key Key, conds ...Cond) Op { return Op{Kind: OpDelete, Key: key, If: conds} }

// CheckOp writes nothing: the transaction is refused unless the conditions, one
// or more, hold for the item.
func CheckOp(key Key, conds ...Cond) Op { return Op{Kind: OpCheck, Key: key, If: conds} }

// Check reports with ErrValue or ErrLimit what is wrong with the operation,
// whatever item it meets.
func (o Op) Check() error {
	if err := CheckConds(o.If); err != nil {
		return err
	}
	switch o.Kind {
	case OpPut:
		return o.Item.Check()
	case OpUpdate:
		return o.Update.Check()
	case OpDelete:
		return o.Key.Check()
	case OpCheck:
		if len(o.If) == 0 {
			return fmt.Errorf("%w: check of no conditions", ErrValue)
		}
		return o.Key.Check()
	}
	return fmt.Errorf("%w: zero operation", ErrValue)
}

// CheckOps reports with ErrValue or ErrLimit what is wrong with a transaction,
// whatever items it meets. MaxTransact is not looked at: it counts items as they
// are before and after, whichever is larger.
func CheckOps(ops []Op) error {
	if len(ops) > MaxOps {
		return fmt.Errorf("%w: transaction of %d operations", ErrLimit, len(ops))
	}
	seen := make(map[Key]bool, len(ops))
	for i, op := range ops {
		if err := op.Check(); err != nil {
			return fmt.Errorf("operation %d: %w", i, err)
		}
		if seen[op.Key] {
			return fmt.Errorf("operation %d: %w: key named twice in one transaction", i, ErrValue)
		}
		seen[op.Key] = true
	}
	return nil
}

// TransactError says which operation of a transaction was refused. It Is
// ErrCondition.
type TransactError struct {
	Index int // of the first operation whose conditions do not hold, from 0
}

// Error names the operation, not its key.
func (e *TransactError) Error() string { return fmt.Sprintf("operation %d: %v", e.Index, ErrCondition) }

// Unwrap returns ErrCondition.
func (e *TransactError) Unwrap() error { return ErrCondition }
