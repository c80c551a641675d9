package overlay

import (
	"context"

	"rcpt/internal/address"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
)

// Sight is what a check learns from the overlay.
type Sight struct {
	History verdict.History // what the key itself reported about the address
	Trap    bool            // several accounts report the domain
}

// Look returns what a key knows of addresses, in their order. It is one read,
// however many they are.
func (b *Book) Look(ctx context.Context, key string, addresses ...address.Address) ([]Sight, error) {
	keys := make([]store.Key, 0, 2*len(addresses))
	for _, a := range addresses {
		keys = append(keys, entryKey(key, b.entryID(key, a)), domainKey(a.Domain()))
	}
	found, err := b.read(ctx, keys)
	if err != nil {
		return nil, err
	}
	now := b.cfg.Now()
	sights := make([]Sight, len(addresses))
	for i, a := range addresses {
		record := recordOf(found[keys[2*i]])
		sights[i].History = record.history(now)
		// A domain may have become known as a mailbox provider since.
		flagged := domainOf(a.Domain(), found[keys[2*i+1]]).flagged(now)
		sights[i].Trap = flagged && !b.cfg.Free(a.Domain())
	}
	return sights, nil
}
