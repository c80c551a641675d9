package collector_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"rcpt/internal/store"
)

// fault makes one call of a port fail, the nth, before it is carried out or after.
// Without an error something else happens meanwhile.
type fault struct {
	n         int
	after     bool
	err       error
	meanwhile func()
}

// faults counts calls.
type faults struct {
	fault
	mu    sync.Mutex
	calls []string
}

var errFault = errors.New("fault")

func (f *faults) call(what string, do func() error) error {
	f.mu.Lock()
	f.calls = append(f.calls, what)
	hit := len(f.calls) == f.n
	f.mu.Unlock()
	if !hit {
		return do()
	}
	if f.err == nil {
		f.meanwhile()
		return do()
	}
	if f.after {
		_ = do() // its answer is lost
	}
	return f.err
}

type faultyTable struct {
	store.Table
	*faults
}

func (t faultyTable) Get(ctx context.Context, k store.Key) (i store.Item, err error) {
	err = t.call("get", func() error { i, err = t.Table.Get(ctx, k); return err })
	return i, err
}

func (t faultyTable) BatchGet(ctx context.Context, k []store.Key) (i []store.Item, err error) {
	err = t.call("get many", func() error { i, err = t.Table.BatchGet(ctx, k); return err })
	return i, err
}

func (t faultyTable) Query(ctx context.Context, q store.Query) (p store.Page, err error) {
	err = t.call("query", func() error { p, err = t.Table.Query(ctx, q); return err })
	return p, err
}

func (t faultyTable) Update(ctx context.Context, u store.Update) (i store.Item, err error) {
	err = t.call("update", func() error { i, err = t.Table.Update(ctx, u); return err })
	return i, err
}

func (t faultyTable) Transact(ctx context.Context, ops []store.Op) error {
	return t.call("transact", func() error { return t.Table.Transact(ctx, ops) })
}

type faultyBlob struct {
	store.Blob
	*faults
}

func (b faultyBlob) Put(ctx context.Context, name string, r io.Reader, o ...store.PutOption) (i store.BlobInfo, err error) {
	octets, err := io.ReadAll(r)
	if err != nil {
		return i, err
	}
	err = b.call("put file", func() error { i, err = b.Blob.Put(ctx, name, bytes.NewReader(octets), o...); return err })
	return i, err
}

func (b faultyBlob) Open(ctx context.Context, name string, offset, length int64, unless string) (r io.ReadCloser, i store.BlobInfo, err error) {
	err = b.call("open file", func() error { r, i, err = b.Blob.Open(ctx, name, offset, length, unless); return err })
	if err != nil && r != nil {
		_ = r.Close()
	}
	return r, i, err
}

func (b faultyBlob) List(ctx context.Context, prefix, after string, limit int) (p store.BlobPage, err error) {
	err = b.call("list files", func() error { p, err = b.Blob.List(ctx, prefix, after, limit); return err })
	return p, err
}

func (b faultyBlob) Delete(ctx context.Context, names ...string) error {
	return b.call("delete files", func() error { return b.Blob.Delete(ctx, names...) })
}

type faultyQueue struct {
	store.Queue
	*faults
}

func (q faultyQueue) Send(ctx context.Context, m ...store.Message) error {
	return q.call("send", func() error { return q.Queue.Send(ctx, m...) })
}
