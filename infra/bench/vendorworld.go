package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/embedded"
	"rcpt/internal/sim/vendordouble"
	"rcpt/internal/store"
	"rcpt/internal/vendors"
)

// vendorWorld is a chain with one key, in a folder of its own.
type vendorWorld struct {
	chain  *vendors.Chain
	double *vendordouble.Double
	base   string
	list   []address.Address
	ends   []func()
}

func (v *vendorWorld) close() {
	for _, end := range slices.Backward(v.ends) {
		end()
	}
}

func (v *vendorWorld) verify(ctx context.Context) ([]vendors.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, vendorDeadline)
	defer cancel()
	return v.chain.VerifyAll(ctx, vendors.Request{Account: "bench", Key: "k1", Action: vendors.Bulk}, v.list)
}

func (b vendorBench) open(ctx context.Context) (v *vendorWorld, err error) {
	v = &vendorWorld{double: vendordouble.New(vendordouble.Options{})}
	defer func() {
		if err != nil {
			v.close()
		}
	}()
	folder, err := os.MkdirTemp("", "bench-vendors-")
	if err != nil {
		return nil, err
	}
	v.ends = append(v.ends, func() { _ = os.RemoveAll(folder) })
	db, err := embedded.Open(folder, embedded.Options{})
	if err != nil {
		return nil, err
	}
	v.ends = append(v.ends, func() { _ = db.Close() })
	if v.base, err = v.double.Start(); err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: vendorAtOnce}
	v.ends = append(v.ends, func() { _ = v.double.Close() }, transport.CloseIdleConnections)
	for i := range vendorList {
		a, err := address.Parse(fmt.Sprintf("ok%03d@list.example", i))
		if err != nil {
			return nil, err
		}
		v.list = append(v.list, a)
	}
	return v, b.join(ctx, v, db, transport)
}

func (b vendorBench) join(ctx context.Context, v *vendorWorld, db *embedded.DB, transport http.RoundTripper) error {
	base := vendors.Defaults()
	for i := range base {
		base[i].Base = v.base
	}
	control, cache, secret := far{db.Control(), b.far}, far{db.Cache(), b.far}, []byte("secret")
	client, catalog := vendors.NewClient(&http.Client{Transport: transport}, time.Now), vendors.NewCatalogs(control, base, time.Now)
	book := vendors.NewBook(control, db.Vault(), client, catalog, time.Now)
	v.chain = vendors.New(vendors.Config{
		Cache: cache, Book: book, Client: client, Catalog: catalog, Secret: secret, Now: time.Now,
		Ledger: vendors.NewLedger(control, db.Vault(), secret, time.Now, rand.Reader),
	})
	_, err := book.Add(ctx, vendors.Draft{Account: "bench", Vendor: b.name, Secret: b.key()}, nil)
	return err
}

// far is a table whose operations take a while.
type far struct {
	store.Table
	by time.Duration
}

// Get takes a while.
func (f far) Get(ctx context.Context, key store.Key) (store.Item, error) {
	time.Sleep(f.by)
	return f.Table.Get(ctx, key)
}

// Put takes a while.
func (f far) Put(ctx context.Context, item store.Item, conds ...store.Cond) error {
	time.Sleep(f.by)
	return f.Table.Put(ctx, item, conds...)
}

// Update takes a while.
func (f far) Update(ctx context.Context, u store.Update) (store.Item, error) {
	time.Sleep(f.by)
	return f.Table.Update(ctx, u)
}

// Query takes a while.
func (f far) Query(ctx context.Context, q store.Query) (store.Page, error) {
	time.Sleep(f.by)
	return f.Table.Query(ctx, q)
}

// BatchGet takes a while for each hundred, as many as DynamoDB reads at a time.
func (f far) BatchGet(ctx context.Context, keys []store.Key) ([]store.Item, error) {
	time.Sleep(f.by * time.Duration((len(keys)+99)/100))
	return f.Table.BatchGet(ctx, keys)
}

// BatchPut takes a while for each 25, as many as DynamoDB writes at a time.
func (f far) BatchPut(ctx context.Context, items []store.Item) error {
	time.Sleep(f.by * time.Duration((len(items)+24)/25))
	return f.Table.BatchPut(ctx, items)
}

// Transact takes twice as long: DynamoDB prepares and commits.
func (f far) Transact(ctx context.Context, ops []store.Op) error {
	time.Sleep(2 * f.by)
	return f.Table.Transact(ctx, ops)
}
