package jobs

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"rcpt/internal/store"
)

// Calls is how often ports were called, in what AWS would bill: a BatchGet of 250
// items is three calls, a Send of 25 messages as well.
type Calls struct{ Table, Blob, Queue int64 }

// Requests that DynamoDB and SQS take at once.
const (
	readsAtOnce    = 100
	writesAtOnce   = 25
	messagesAtOnce = 10
)

// Counter counts calls of ports.
type Counter struct{ table, blob, queue atomic.Int64 }

// Calls returns the counts.
func (c *Counter) Calls() Calls { return Calls{c.table.Load(), c.blob.Load(), c.queue.Load()} }

func requests(n, atOnce int) int64 { return int64((n + atOnce - 1) / atOnce) }

// Table counts the calls of a table.
func (c *Counter) Table(t store.Table) store.Table { return countedTable{t, &c.table} }

type countedTable struct {
	store.Table
	n *atomic.Int64
}

// Get counts.
func (t countedTable) Get(ctx context.Context, key store.Key) (store.Item, error) {
	t.n.Add(1)
	return t.Table.Get(ctx, key)
}

// Put counts.
func (t countedTable) Put(ctx context.Context, item store.Item, conds ...store.Cond) error {
	t.n.Add(1)
	return t.Table.Put(ctx, item, conds...)
}

// Update counts.
func (t countedTable) Update(ctx context.Context, u store.Update) (store.Item, error) {
	t.n.Add(1)
	return t.Table.Update(ctx, u)
}

// Query counts.
func (t countedTable) Query(ctx context.Context, q store.Query) (store.Page, error) {
	t.n.Add(1)
	return t.Table.Query(ctx, q)
}

// BatchGet counts.
func (t countedTable) BatchGet(ctx context.Context, keys []store.Key) ([]store.Item, error) {
	t.n.Add(requests(len(keys), readsAtOnce))
	return t.Table.BatchGet(ctx, keys)
}

// BatchPut counts.
func (t countedTable) BatchPut(ctx context.Context, items []store.Item) error {
	t.n.Add(requests(len(items), writesAtOnce))
	return t.Table.BatchPut(ctx, items)
}

// Transact counts.
func (t countedTable) Transact(ctx context.Context, ops []store.Op) error {
	t.n.Add(1)
	return t.Table.Transact(ctx, ops)
}

// Blob counts the calls of a blob.
func (c *Counter) Blob(b store.Blob) store.Blob { return countedBlob{b, &c.blob} }

type countedBlob struct {
	store.Blob
	n *atomic.Int64
}

// Put counts.
func (b countedBlob) Put(ctx context.Context, name string, r io.Reader, opts ...store.PutOption) (store.BlobInfo, error) {
	b.n.Add(1)
	return b.Blob.Put(ctx, name, r, opts...)
}

// Open counts.
func (b countedBlob) Open(ctx context.Context, name string, offset, length int64, unless string) (io.ReadCloser, store.BlobInfo, error) {
	b.n.Add(1)
	return b.Blob.Open(ctx, name, offset, length, unless)
}

// Stat counts.
func (b countedBlob) Stat(ctx context.Context, name string) (store.BlobInfo, error) {
	b.n.Add(1)
	return b.Blob.Stat(ctx, name)
}

// List counts.
func (b countedBlob) List(ctx context.Context, prefix, after string, limit int) (store.BlobPage, error) {
	b.n.Add(1)
	return b.Blob.List(ctx, prefix, after, limit)
}

// Queue counts the calls of a queue.
func (c *Counter) Queue(q store.Queue) store.Queue { return countedQueue{q, &c.queue} }

type countedQueue struct {
	store.Queue
	n *atomic.Int64
}

// Send counts.
func (q countedQueue) Send(ctx context.Context, messages ...store.Message) error {
	q.n.Add(requests(len(messages), messagesAtOnce))
	return q.Queue.Send(ctx, messages...)
}

// Receive counts, unless there was nothing: how long nobody has anything to do is
// not what a job costs.
func (q countedQueue) Receive(ctx context.Context, most int, wait, lease time.Duration) ([]store.Delivery, error) {
	got, err := q.Queue.Receive(ctx, most, wait, lease)
	if len(got) > 0 {
		q.n.Add(1)
	}
	return got, err
}

// Delete counts.
func (q countedQueue) Delete(ctx context.Context, receipts ...string) error {
	q.n.Add(requests(len(receipts), messagesAtOnce))
	return q.Queue.Delete(ctx, receipts...)
}
