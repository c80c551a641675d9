package verify

import (
	"context"
	"fmt"
	"slices"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Forgetter drops evidence from the cache. It needs no Verifier, so that who
// learns of a bounce need not be able to probe.
type Forgetter struct{ cache cache }

// NewForgetter returns a Forgetter on the table and the secret of a Config.
func NewForgetter(table store.Table, secret []byte) *Forgetter {
	return &Forgetter{cache{table: table, secret: secret}}
}

// Forget drops what a key learned about addresses and returns of how many
// entries there were. The evidence of another spelling, upper case for lower,
// goes only if that is given, or lower case altogether. What is being asked at
// the moment may be kept afterwards.
func (f *Forgetter) Forget(ctx context.Context, scope string, addresses ...address.Address) (int, error) {
	keys := make([]store.Key, 0, len(addresses))
	for _, a := range addresses {
		keys = append(keys, f.cache.evidenceKey(scope, a))
		if lower, err := address.Parse(a.Identity()); err == nil && lower != a {
			keys = append(keys, f.cache.evidenceKey(scope, lower))
		}
	}
	// Few of the addresses that mail was sent to were checked within the life of
	// evidence: it is cheaper to look first.
	found, err := f.cache.table.BatchGet(ctx, keys)
	if err != nil {
		return 0, fmt.Errorf("look for evidence: %w", err)
	}
	gone := 0
	for part := range slices.Chunk(found, store.MaxOps) {
		ops := make([]store.Op, len(part))
		for i, item := range part {
			ops[i] = store.DeleteOp(item.Key)
		}
		if err := f.cache.table.Transact(ctx, ops); err != nil {
			return gone, fmt.Errorf("drop evidence: %w", err)
		}
		gone += len(part)
	}
	return gone, nil
}
