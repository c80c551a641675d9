package suppress

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Entry is one address that a key does not want to mail.
type Entry struct {
	ID      string // 32 letters and digits; no other key's
	Email   string // lower case, domain in A-labels
	Reason  Reason
	Note    string    // up to MaxNote characters; ""
	AddedAt time.Time // UTC, to the millisecond
}

// hidden is what of an entry is sealed. A field keeps its name: older items are
// read.
type hidden struct {
	Email string `json:"email"`
	Note  string `json:"note,omitempty"`
}

// item writes the entry of an address as it is stored.
func (b *Book) item(ctx context.Context, key Key, a address.Address, reason Reason, note string) (store.Item, error) {
	text, err := json.Marshal(hidden{Email: a.Identity(), Note: note})
	if err != nil {
		return store.Item{}, fmt.Errorf("encode suppression: %w", err)
	}
	sealed, err := b.cfg.Vault.Seal(ctx, text, sealContext(key))
	if err != nil {
		return store.Item{}, fmt.Errorf("seal suppressed address: %w", err)
	}
	return store.Item{Key: itemKey(key.ID, b.id(key.ID, a)), Attrs: store.Attrs{
		"reason": string(reason), "added_at": b.cfg.Now().UnixMilli(), "sealed": sealed,
	}}, nil
}

// open reads an entry and what of it is sealed.
func (b *Book) open(ctx context.Context, key Key, item store.Item) (Entry, error) {
	text, err := b.cfg.Vault.Open(ctx, item.Bytes("sealed"), sealContext(key))
	if err != nil {
		return Entry{}, fmt.Errorf("open suppression %s: %w", item.Key.Sort, err)
	}
	var h hidden
	if err := json.Unmarshal(text, &h); err != nil {
		return Entry{}, fmt.Errorf("decode suppression %s: %w", item.Key.Sort, err)
	}
	return Entry{ID: item.Key.Sort, Email: h.Email, Reason: reasonOf(item), Note: h.Note, AddedAt: addedAt(item)}, nil
}

func reasonOf(item store.Item) Reason { return Reason(item.Str("reason")) }

func addedAt(item store.Item) time.Time { return time.UnixMilli(item.Int("added_at")).UTC() }

// Sight is what the suppressions of a key say of an address. The zero value: it
// is not suppressed.
type Sight struct {
	Suppressed bool
	Reason     Reason
	AddedAt    time.Time
}

// Look tells of addresses, in their order, whether a key suppresses them. It is
// one read, however many they are.
func (b *Book) Look(ctx context.Context, key string, addresses ...address.Address) ([]Sight, error) {
	names := make([]store.Key, len(addresses))
	for i, a := range addresses {
		names[i] = itemKey(key, b.id(key, a))
	}
	found, err := b.read(ctx, names)
	if err != nil {
		return nil, err
	}
	sights := make([]Sight, len(addresses))
	for i, name := range names {
		if item := found[name]; item.Present() {
			sights[i] = Sight{Suppressed: true, Reason: reasonOf(item), AddedAt: addedAt(item)}
		}
	}
	return sights, nil
}

// read reads items by their keys.
func (b *Book) read(ctx context.Context, names []store.Key) (map[store.Key]store.Item, error) {
	items, err := b.cfg.Table.BatchGet(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("read suppressions: %w", err)
	}
	found := make(map[store.Key]store.Item, len(items))
	for _, item := range items {
		found[item.Key] = item
	}
	return found, nil
}
