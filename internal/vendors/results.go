package vendors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// results are the verdicts of the last seven days, in the cache table:
//
//	VRES#<account>#<hash>  a verdict, with the id of the key it came through and
//	                       the log entry that it is counted by
//
// A verdict counts only while its key exists.
type results struct {
	table  store.Table
	secret []byte
	now    func() time.Time
}

// resultLife is what the mission promises, for unknown, too: asking again costs.
const resultLife = 7 * 24 * time.Hour

func (r results) key(account string, a address.Address) store.Key {
	return resultKey(account, hashOf(r.secret, account, a))
}

func resultKey(account, hash string) store.Key {
	return store.Key{Part: "VRES#" + account + "#" + hash}
}

// find returns the verdicts that are known, by key.
func (r results) find(ctx context.Context, account string, keys []opened, addresses []address.Address) (map[store.Key]Answer, error) {
	wanted := make([]store.Key, len(addresses))
	for i, a := range addresses {
		wanted[i] = r.key(account, a)
	}
	items, err := r.read(ctx, wanted)
	if err != nil {
		return nil, fmt.Errorf("read known verdicts: %w", err)
	}
	known := make(map[store.Key]Answer, len(items))
	for _, item := range items {
		answer, ok := answerOf(item)
		for _, k := range keys {
			if ok && k.ID == answer.KeyID && k.Vendor == answer.Vendor {
				known[item.Key] = answer
			}
		}
	}
	return known, nil
}

// read is one Get for one address, which most requests are about.
func (r results) read(ctx context.Context, keys []store.Key) ([]store.Item, error) {
	if len(keys) != 1 {
		parts := make([][]store.Item, (len(keys)+readChunk-1)/readChunk)
		err := chunks(ctx, len(keys), readChunk, func(ctx context.Context, from, to int) (err error) {
			parts[from/readChunk], err = r.table.BatchGet(ctx, keys[from:to])
			return err
		})
		return slices.Concat(parts...), err
	}
	item, err := r.table.Get(ctx, keys[0])
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return []store.Item{item}, err
}

// saved is a Result as stored. A field keeps its name: older items are read.
type saved struct {
	Status         Status         `json:"status"`
	Deliverability Deliverability `json:"deliverability"`
	Disposable     *bool          `json:"disposable,omitempty"`
	Role           *bool          `json:"role,omitempty"`
	CatchAll       *bool          `json:"catch_all,omitempty"`
	Confidence     *float64       `json:"confidence,omitempty"`
	Raw            string         `json:"raw"`
	Doubt          Doubt          `json:"doubt,omitempty"`
}

// keep writes a verdict down, and the entry that counts it.
func (r results) keep(ctx context.Context, account string, a address.Address, answer Answer, entry string) error {
	text, err := json.Marshal(saved{
		Status: answer.Status, Deliverability: answer.Deliverability, Disposable: answer.Disposable, Role: answer.Role,
		CatchAll: answer.CatchAll, Confidence: answer.Confidence, Raw: answer.Raw, Doubt: answer.Doubt,
	})
	if err != nil {
		return fmt.Errorf("encode verdict: %w", err)
	}
	err = r.table.Put(ctx, store.Item{
		Key: r.key(account, a),
		Attrs: store.Attrs{
			"result": text, "vendor": string(answer.Vendor), "key_id": answer.KeyID, "at": answer.At.UnixMilli(),
			"entry": entry, "cost": answer.Cost,
		},
		Expires: answer.At.Add(resultLife),
	})
	if err != nil {
		return fmt.Errorf("keep verdict: %w", err)
	}
	return nil
}

// of returns the verdict that an entry came to, with its cost, if it was kept and
// no later one took its place.
func (r results) of(ctx context.Context, account, hash, entry string) (Answer, bool, error) {
	item, err := r.table.Get(ctx, resultKey(account, hash))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Answer{}, false, fmt.Errorf("read verdict of open entry: %w", err)
	}
	answer, known := answerOf(item)
	answer.Cost = item.Int("cost")
	return answer, known && item.Str("entry") == entry, nil
}

func answerOf(item store.Item) (Answer, bool) {
	var s saved
	if json.Unmarshal(item.Bytes("result"), &s) != nil || s.Status == "" {
		return Answer{}, false
	}
	return Answer{
		Result: Result{
			Status: s.Status, Deliverability: s.Deliverability, Disposable: s.Disposable, Role: s.Role,
			CatchAll: s.CatchAll, Confidence: s.Confidence, Raw: s.Raw, Doubt: s.Doubt,
		},
		Vendor: Name(item.Str("vendor")), KeyID: item.Int("key_id"), At: timeOf(item.Int("at")), Cached: true,
	}, true
}
