// Package dynamo keeps a store.Table in a DynamoDB table.
//
// The table's keys are PK and SK, both of type B, because the port's keys are
// any octets; SK holds store.Cursor of the sort key, because DynamoDB knows no
// empty one. Expiry is in _exp, in epoch seconds: the table's TTL attribute, but
// every read and every condition looks at it itself, because DynamoDB removes
// expired items when it finds the time. Attributes called PK or SK are kept as
// _PK and _SK.
//
// # Repetition
//
// A write is sent again only when it is certain that the one before was not
// carried out: DynamoDB said so (a throttle, a conflict with a transaction), or
// no connection came about. When the answer is lost, on the way or behind a
// status of 500, the error is store.ErrUnknown: an Add repeated
// then would count twice, a conditional Put would be refused by itself, and a
// plain Put could undo what another writer made of the first one. For the same
// reason the SDK's own retries are off. Only Transact is repeated then, under its
// ClientRequestToken, which DynamoDB carries out once within ten minutes. A token
// for every write would mean a transaction for every write, at twice the price.
//
// Reads are repeated whatever happened. They end in store.ErrThrottled also when
// DynamoDB is out of reach, and so do writes that never left.
//
// # What one call costs
//
// In units of "Read and write operations" (Amazon DynamoDB Developer Guide, seen
// November 2026): a write of each started KB, 1; a consistent read of each
// started 4 KB, 1; in a transaction twice that.
//
//	Get       1 request, 1 read unit per 4 KB, 1 for nothing
//	Put       1 request, 1 write unit per KB of the larger of old and new item;
//	          as much when refused
//	Update    as Put; 2 requests when it meets an expired item that is not swept
//	Delete    as Put, of the old item
//	Query     1 request a page, 1 read unit per 4 KB of all items in it together,
//	          expired ones and the one that tells whether more follow included
//	BatchGet  1 request per 100 keys, units as Get
//	BatchPut  1 request per 25 items, units as Put
//	Transact  1 request, 2 units per KB and item, CheckOp included; one request
//	          more when an Update in it meets an expired item
package dynamo

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"rcpt/internal/store"
)

// Options of a Table. The zero value is ready for use.
type Options struct {
	Now  func() time.Time // default time.Now; decides what is expired
	Rand io.Reader        // default crypto/rand.Reader; safe for concurrent use; tokens and jitter

	// Sleep waits between two tries, until ctx is done at the latest. Default: a
	// timer.
	Sleep func(ctx context.Context, d time.Duration)

	// Timeout bounds one try. Default 3 s: DynamoDB answers within tens of
	// milliseconds, its largest page within a second.
	Timeout time.Duration
}

// Table is a store.Table. It is safe for concurrent use.
type Table struct {
	client  *dynamodb.Client
	name    string
	now     func() time.Time
	random  io.Reader
	sleep   func(ctx context.Context, d time.Duration)
	timeout time.Duration
}

var _ store.Table = (*Table)(nil)

// Open returns the Table kept in the DynamoDB table with this name or ARN.
func Open(config aws.Config, name string) *Table {
	return New(dynamodb.NewFromConfig(config), name, Options{})
}

// New returns the Table kept in the DynamoDB table called name, which must
// exist. It makes no call. Of the client everything is used but its retries.
func New(client *dynamodb.Client, name string, opts Options) *Table {
	t := &Table{
		client: dynamodb.New(client.Options(), func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} }),
		name:   name, now: opts.Now, random: opts.Rand, sleep: opts.Sleep, timeout: opts.Timeout,
	}
	if t.now == nil {
		t.now = time.Now
	}
	if t.random == nil {
		t.random = rand.Reader
	}
	if t.sleep == nil {
		t.sleep = sleep
	}
	if t.timeout == 0 {
		t.timeout = 3 * time.Second
	}
	return t
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// number returns a random number.
func (t *Table) number() (uint64, error) {
	var octets [8]byte
	if _, err := io.ReadFull(t.random, octets[:]); err != nil {
		return 0, fmt.Errorf("read randomness: %w", err)
	}
	return binary.BigEndian.Uint64(octets[:]), nil
}
