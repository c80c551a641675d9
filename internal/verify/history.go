package verify

import (
	"context"

	"rcpt/internal/address"
	"rcpt/internal/overlay"
)

// Overlay knows what keys reported about addresses, and which domains several
// customers report.
type Overlay interface {
	// Look answers for each address, in their order, with one read for all.
	Look(ctx context.Context, key string, addresses ...address.Address) ([]overlay.Sight, error)
}

// remember fills in what the key reported before. Without it the check goes on,
// as it does without the cache.
func (v *Verifier) remember(ctx context.Context, r check, e *Evidence) {
	v.rememberKey(ctx, r.Scope, []*Evidence{e})
}

// rememberAll is remember for several addresses, with one read for each key.
func (v *Verifier) rememberAll(ctx context.Context, jobs []*job) {
	byKey := make(map[string][]*Evidence)
	for _, j := range jobs {
		if j.e.Syntax == nil {
			byKey[j.Scope] = append(byKey[j.Scope], &j.e)
		}
	}
	for key, es := range byKey {
		v.rememberKey(ctx, key, es)
	}
}

func (v *Verifier) rememberKey(ctx context.Context, key string, es []*Evidence) {
	if v.cfg.Overlay == nil {
		return
	}
	addresses := make([]address.Address, len(es))
	for i, e := range es {
		addresses[i] = e.Address
	}
	read, cancel := context.WithTimeout(ctx, readTime(ctx))
	defer cancel()
	sights, err := v.cfg.Overlay.Look(read, key, addresses...)
	if err != nil {
		v.complain(ctx, "reports of key not readable", err)
	}
	for i, e := range es {
		if e.HistoryLost = err != nil; !e.HistoryLost {
			e.History, e.Trap = sights[i].History, sights[i].Trap
		}
	}
}
