// Package store holds the ports through which rcpt keeps what it must not
// forget: Table for items, Blob for files, Queue for messages, Workflow for what
// goes on in steps, Vault for secrets. The documentation of the interfaces is
// the contract; storetest is the same contract as tests, and every adapter
// passes it.
//
// A Table has the semantics of a DynamoDB table and names nothing of its SDK.
// What is promised here can be kept there with one call per operation, the
// second try on an expired item aside, and an adapter that could promise more
// (longer items, larger transactions) keeps to the same limits, so that what
// runs on one machine runs on AWS. The limits are those of the "Amazon DynamoDB
// Developer Guide", "Quotas in Amazon DynamoDB".
//
// There is no secondary index: what must be found in a second way is a second
// item, written in the same transaction. Two tables, by lifecycle, are in use:
// one that is backed up and one that may be dropped at any time; they share no
// transaction.
//
// The package also holds the meaning of a write as pure functions (Cond.Holds,
// Update.Apply) and every check of the limits, because adapters must not differ
// in them.
package store

import (
	"context"
	"errors"
)

// The conditions a caller may test with errors.Is. After any other error too, that
// of a context which ends while the write is under way among them, the outcome of
// a write must be taken for unknown.
var (
	// ErrNotFound: no item under this key, or one that is expired.
	ErrNotFound = errors.New("item not found")

	// ErrCondition: a condition of the write does not hold. Nothing is written.
	ErrCondition = errors.New("condition not met")

	// ErrThrottled: the store is too busy or out of reach, or another write holds
	// the same items. Nothing is written, the same call may be tried again after a
	// wait.
	ErrThrottled = errors.New("store throttled")

	// ErrUnknown: the answer to a write was lost, on the way or in the store. It
	// may have been carried out, once, or may be yet; it is for the caller to look
	// before repeating what must not happen twice. The error of a context that
	// ended meanwhile is inside.
	ErrUnknown = errors.New("outcome unknown")

	// ErrValue: the call is malformed: a bad key, an attribute type a Table does
	// not know, an Add to something that is no integer. Repeating it is useless.
	ErrValue = errors.New("value not accepted")

	// ErrLimit: the call is well-formed but too large. Nothing is written.
	ErrLimit = errors.New("limit exceeded")
)

// Table keeps items under a partition and a sort key. It is safe for concurrent
// use.
//
// Expiry. An item whose Expires is set and not after the present second is
// absent to every operation, whether or not it has been swept: to reads, to
// conditions, and to Update, which starts afresh.
//
// Consistency. A read sees every write that was acknowledged before the read
// began. Writes to one item happen one after the other, each condition together
// with its write. An item is read whole, but the items of one Query or BatchGet
// are no snapshot: they may show a transaction half done.
//
// Copies. What a Table returns belongs to the caller, who may modify it; what it
// is given it neither keeps nor changes.
//
// Context. A context that is done before the work starts stops it with the
// context's error and nothing is written. A write that has started may be
// carried to its end.
//
// Every method may fail with ErrValue, ErrLimit and ErrThrottled, those that write
// with ErrUnknown.
type Table interface {
	// Get reads one item. ErrNotFound when there is none.
	Get(ctx context.Context, key Key) (Item, error)

	// Put writes a whole item and replaces what was there, if all conditions
	// hold for what was there; else ErrCondition.
	Put(ctx context.Context, item Item, conds ...Cond) error

	// Update changes some attributes of an item, creates it if absent, and
	// returns the item as it is afterwards. When a condition does not hold the
	// error is ErrCondition and the item returned is the one that stands, the
	// zero Item if there is none.
	Update(ctx context.Context, update Update) (Item, error)

	// Delete removes an item if all conditions hold; else ErrCondition. That
	// there is nothing to remove is no error unless a condition says so.
	Delete(ctx context.Context, key Key, conds ...Cond) error

	// Query reads one page of a partition in the byte order of Sort.
	Query(ctx context.Context, query Query) (Page, error)

	// BatchGet reads any number of items, in no promised order. Absent ones are
	// left out, a key named twice is answered once.
	BatchGet(ctx context.Context, keys []Key) ([]Item, error)

	// BatchPut writes any number of items with distinct keys (else ErrValue), as
	// Put without conditions. It is not atomic: after an error any of them may
	// have been written, and the same call may be repeated.
	BatchPut(ctx context.Context, items []Item) error

	// Transact carries out up to MaxOps operations on distinct keys (else
	// ErrValue), all or none of them. When conditions do not hold the error is a
	// *TransactError that names the first of the operations refused.
	Transact(ctx context.Context, ops []Op) error
}
