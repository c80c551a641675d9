package store

import (
	"bytes"
	"fmt"
)

// Cond is a condition on the item that a write is about to change. Several
// conditions of one write must all hold. Build one with the constructors; the
// fields are for adapters.
type Cond struct {
	Test  Test
	Attr  string // all but Exists, Absent, Any
	Value any    // Equal: any attribute value; AtMost, AtLeast: int64
	Conds []Cond // Any
}

// Test says what a Cond looks at.
type Test int

// The tests, named as their constructors. The zero Test is none of them and
// refused with ErrValue.
const (
	TestExists Test = iota + 1
	TestAbsent
	TestHas
	TestMissing
	TestEqual
	TestAtMost
	TestAtLeast
	TestAny
)

// Exists holds when there is an item.
func Exists() Cond { return Cond{Test: TestExists} }

// Absent holds when there is no item.
func Absent() Cond { return Cond{Test: TestAbsent} }

// Has holds when the item has the attribute, whatever its value.
func Has(attr string) Cond { return Cond{Test: TestHas, Attr: attr} }

// Missing holds when there is no item or it lacks the attribute.
func Missing(attr string) Cond { return Cond{Test: TestMissing, Attr: attr} }

// Equal holds when the attribute has this very value, type included.
func Equal(attr string, value any) Cond { return Cond{Test: TestEqual, Attr: attr, Value: value} }

// AtMost holds when the attribute is an integer of at most n. A missing one
// counts as 0, one of another type fails.
//
// An Add of d under AtMost(attr, limit-d) is a counter that never passes limit.
func AtMost(attr string, n int64) Cond { return Cond{Test: TestAtMost, Attr: attr, Value: n} }

// AtLeast holds when the attribute is an integer of at least n. A missing one
// counts as 0, one of another type fails.
func AtLeast(attr string, n int64) Cond { return Cond{Test: TestAtLeast, Attr: attr, Value: n} }

// Any holds when at least one of the conditions does. It takes one or more.
func Any(conds ...Cond) Cond { return Cond{Test: TestAny, Conds: conds} }

// Holds evaluates the condition on an item; the zero Item stands for an absent
// or expired one.
func (c Cond) Holds(item Item) bool {
	value, has := item.Attrs[c.Attr]
	switch c.Test {
	case TestExists:
		return item.Present()
	case TestAbsent:
		return !item.Present()
	case TestHas:
		return has
	case TestMissing:
		return !has
	case TestEqual:
		return has && equal(value, c.Value)
	case TestAtMost, TestAtLeast:
		return c.compares(value, has)
	case TestAny:
		for _, one := range c.Conds {
			if one.Holds(item) {
				return true
			}
		}
	}
	return false
}

func (c Cond) compares(value any, has bool) bool {
	n, integer := value.(int64)
	bound, _ := c.Value.(int64)
	if has && !integer {
		return false
	}
	if c.Test == TestAtMost {
		return n <= bound
	}
	return n >= bound
}

func equal(a, b any) bool {
	if a, octets := a.([]byte); octets {
		b, octets := b.([]byte)
		return octets && bytes.Equal(a, b)
	}
	if _, octets := b.([]byte); octets {
		return false
	}
	return a == b
}

// AllHold reports whether every condition holds for the item.
func AllHold(conds []Cond, item Item) bool {
	for _, c := range conds {
		if !c.Holds(item) {
			return false
		}
	}
	return true
}

// CheckConds reports with ErrValue or ErrLimit what is wrong with the
// conditions of one write.
func CheckConds(conds []Cond) error {
	if n := count(conds); n > MaxConds {
		return fmt.Errorf("%w: %d conditions", ErrLimit, n)
	}
	for _, c := range conds {
		if err := c.check(); err != nil {
			return fmt.Errorf("condition on %q: %w", c.Attr, err)
		}
	}
	return nil
}

func count(conds []Cond) int {
	n := len(conds)
	for _, c := range conds {
		n += count(c.Conds)
	}
	return n
}

func (c Cond) check() error {
	switch c.Test {
	case TestExists, TestAbsent:
		return nil
	case TestAny:
		if len(c.Conds) == 0 {
			return fmt.Errorf("%w: any of no conditions", ErrValue)
		}
		return CheckConds(c.Conds)
	case TestHas, TestMissing:
		return checkName(c.Attr)
	case TestEqual:
		if err := checkName(c.Attr); err != nil {
			return err
		}
		return checkValue(c.Value)
	case TestAtMost, TestAtLeast:
		if _, integer := c.Value.(int64); !integer {
			return fmt.Errorf("%w: bound of type %T", ErrValue, c.Value)
		}
		return checkName(c.Attr)
	}
	return fmt.Errorf("%w: zero condition", ErrValue)
}
