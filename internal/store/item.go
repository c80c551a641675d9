package store

import (
	"fmt"
	"time"
	"unicode/utf8"
)

// Limits of keys, items and writes. Sizes are in octets.
const (
	MaxPart = 2048 // partition key
	MaxSort = 1024 // sort key

	MaxName  = 255        // name of an attribute: the longest an expression may refer to
	MaxItem  = 400 * 1024 // Item.Size
	MaxNames = 100        // attributes changed by one Update: keeps its expression under 4 KB
	MaxConds = 20         // conditions of one write, those inside Any counted: keeps it under 300 operators

	MaxOps      = 100             // operations of one transaction
	MaxTransact = 4 * 1024 * 1024 // Item.Size of all items in one transaction
)

// Key names an item. Part and Sort are any octets, not necessarily text (on
// DynamoDB: type B): Part 1 to MaxPart, Sort none to MaxSort. A Sort that begins
// with the octet 0x00 is one shorter, because Cursor lengthens it.
type Key struct{ Part, Sort string }

// Check reports with ErrValue or ErrLimit what is wrong with the key.
func (k Key) Check() error {
	if k.Part == "" {
		return fmt.Errorf("%w: empty partition key", ErrValue)
	}
	if len(k.Part) > MaxPart {
		return fmt.Errorf("%w: partition key of %d octets", ErrLimit, len(k.Part))
	}
	if len(k.Sort) > MaxSort || len(Cursor(k.Sort)) > MaxSort {
		return fmt.Errorf("%w: sort key of %d octets", ErrLimit, len(k.Sort))
	}
	return nil
}

// Attrs are the attributes of an item. A value is a string (UTF-8), an int64, a
// bool or a []byte, of any length the item has room for. Nothing else: not int,
// not nil, so that a value has the same type when it comes back. A nil []byte
// comes back empty. Names are UTF-8 of 1 to MaxName octets and do not begin with
// "_": those are the adapters' own.
type Attrs map[string]any

// Item is what a Table keeps. The zero Item stands for an absent one.
type Item struct {
	Key   Key
	Attrs Attrs

	// Expires is the second from which on the item is absent. Zero: never.
	// Fractions of a second are cut off; it comes back in UTC.
	Expires time.Time
}

// Present tells an item from the zero Item.
func (i Item) Present() bool { return i.Key.Part != "" }

// Expired reports whether the item is absent at now.
func (i Item) Expired(now time.Time) bool {
	return !i.Expires.IsZero() && i.Expires.Unix() <= now.Unix()
}

// Str returns a string attribute, "" when it is missing or of another type.
func (i Item) Str(name string) string { v, _ := i.Attrs[name].(string); return v }

// Int returns an integer attribute, 0 when it is missing or of another type.
func (i Item) Int(name string) int64 { v, _ := i.Attrs[name].(int64); return v }

// Bool returns a boolean attribute, false when it is missing or of another type.
func (i Item) Bool(name string) bool { v, _ := i.Attrs[name].(bool); return v }

// Bytes returns an attribute of octets, nil when it is missing or of another
// type.
func (i Item) Bytes(name string) []byte { v, _ := i.Attrs[name].([]byte); return v }

// Check reports with ErrValue or ErrLimit what is wrong with the item.
func (i Item) Check() error {
	if err := i.Key.Check(); err != nil {
		return err
	}
	if err := i.Attrs.check(); err != nil {
		return err
	}
	return i.checkSize()
}

func (i Item) checkSize() error {
	if size := i.Size(); size > MaxItem {
		return fmt.Errorf("%w: item of %d octets", ErrLimit, size)
	}
	return nil
}

func (a Attrs) check() error {
	for name, value := range a {
		if err := checkName(name); err != nil {
			return err
		}
		if err := checkValue(value); err != nil {
			return fmt.Errorf("attribute %q: %w", name, err)
		}
	}
	return nil
}

func checkName(name string) error {
	if name == "" || name[0] == '_' || !utf8.ValidString(name) {
		return fmt.Errorf("%w: attribute name %q", ErrValue, name)
	}
	if len(name) > MaxName {
		return fmt.Errorf("%w: attribute name of %d octets", ErrLimit, len(name))
	}
	return nil
}

func checkValue(value any) error {
	switch v := value.(type) {
	case int64, bool, []byte:
		return nil
	case string:
		// The wire of DynamoDB is JSON: other octets would come back as U+FFFD.
		if !utf8.ValidString(v) {
			return fmt.Errorf("%w: string is not UTF-8", ErrValue)
		}
		return nil
	}
	return fmt.Errorf("%w: type %T", ErrValue, value)
}

// Size is what the item counts towards MaxItem, in octets: key, names and
// values, and a little for what an adapter adds. Never less than DynamoDB counts
// ("DynamoDB item sizes and formats", Developer Guide, seen November 2026).
func (i Item) Size() int {
	const (
		own     = 64 // the adapter's own attributes: names of the keys, expiry
		integer = 12 // one octet for two digits and one or two more, of 19 digits
	)
	size := own + len(i.Key.Part) + len(Cursor(i.Key.Sort))
	for name, value := range i.Attrs {
		size += len(name)
		switch v := value.(type) {
		case string:
			size += len(v)
		case []byte:
			size += len(v)
		case int64:
			size += integer
		default:
			size++
		}
	}
	return size
}
