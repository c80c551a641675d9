package vendors

import (
	"context"
	"fmt"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Forgetter drops known verdicts. It needs no Chain, so that who erases an
// address need not be able to ask vendors.
type Forgetter struct{ results results }

// NewForgetter returns a Forgetter on the Cache and the Secret of a Config.
func NewForgetter(cache store.Table, secret []byte) *Forgetter {
	return &Forgetter{results{table: cache, secret: secret}}
}

// Forget drops the verdicts about an address that an account's vendors gave, and
// returns how many there were: of the spelling given, and of lower case
// altogether. What is being asked at the moment may be kept afterwards. The log
// stays: it tells what was paid for.
func (f *Forgetter) Forget(ctx context.Context, account string, a address.Address) (int, error) {
	keys := []store.Key{f.results.key(account, a)}
	if lower, err := address.Parse(a.Identity()); err == nil && lower != a {
		keys = append(keys, f.results.key(account, lower))
	}
	// A batch of one, too: it is what an account's function may ask the cache for.
	found, err := f.results.table.BatchGet(ctx, keys)
	if err != nil {
		return 0, fmt.Errorf("look for known verdicts: %w", err)
	}
	if len(found) == 0 {
		return 0, nil
	}
	ops := make([]store.Op, len(found))
	for i, item := range found {
		ops[i] = store.DeleteOp(item.Key)
	}
	if err := f.results.table.Transact(ctx, ops); err != nil {
		return 0, fmt.Errorf("drop known verdicts: %w", err)
	}
	return len(found), nil
}
