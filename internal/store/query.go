package store

import (
	"fmt"
	"strings"
)

// Limits of a page. It also ends when its items reach about 1 MB.
const (
	MaxPageItems = 1000
	MaxPageSize  = 1024 * 1024 // octets
)

// Query asks for items of one partition, in the byte order of Sort.
type Query struct {
	Part       string
	Prefix     string // only items whose Sort begins with it
	After      string // only items behind it in the order asked for, see Cursor; "": from the start
	Descending bool
	Limit      int // at most so many items; 0, or more than MaxPageItems: as many as a page holds
}

// Page is what a Query found. Expired items are left out of it, so it may hold
// fewer items than asked for, or none, although more follow.
type Page struct {
	Items []Item
	Next  string // the After of the next page; "": there is none
}

// Cursor returns the Query.After that goes on behind the item with this Sort,
// which need not exist. It is the Sort itself, so that a caller may start
// anywhere; only before one that is empty or begins with the octet 0x00 another
// 0x00 is put, because an empty After means the start.
//
// The order of cursors is that of the sort keys, and none is empty: an adapter
// whose store knows no empty sort key can keep items under their cursors.
func Cursor(sort string) string {
	if sort == "" || sort[0] == 0 {
		return "\x00" + sort
	}
	return sort
}

// Start returns the sort key that After stands for; set is false when After is
// empty. Check has passed.
func (q Query) Start() (sort string, set bool) {
	return strings.TrimPrefix(q.After, "\x00"), q.After != ""
}

// Check reports with ErrValue or ErrLimit what is wrong with the query. An After
// that is no cursor or does not lie under Prefix is ErrValue.
func (q Query) Check() error {
	if err := (Key{Part: q.Part, Sort: q.Prefix}).Check(); err != nil {
		return err
	}
	if q.Limit < 0 {
		return fmt.Errorf("%w: limit of %d", ErrValue, q.Limit)
	}
	sort, set := q.Start()
	if !set {
		return nil
	}
	if Cursor(sort) != q.After || !strings.HasPrefix(sort, q.Prefix) {
		return fmt.Errorf("%w: cursor outside the query", ErrValue)
	}
	return Key{Part: q.Part, Sort: sort}.Check()
}
