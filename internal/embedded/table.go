package embedded

import (
	"context"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"rcpt/internal/store"
)

// table is a store.Table in one file. Reads are here, writes in write.go.
type table struct {
	bolt    *bolt.DB
	durable bool
	now     func() time.Time
	commits
	sweep sweeper
}

// items is the one bucket of a file.
func items(tx *bolt.Tx) *bolt.Bucket { return tx.Bucket([]byte("items")) }

// read looks one item up; the zero Item when it is absent or expired.
func read(bucket *bolt.Bucket, key store.Key, now int64) (store.Item, error) {
	value := bucket.Get(joinKey(key.Part, key.Sort))
	if value == nil || expired(value, now) {
		return store.Item{}, nil
	}
	return decodeItem(key, value)
}

func (t *table) Get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := key.Check(); err != nil {
		return store.Item{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Item{}, err
	}
	now := t.now().Unix()
	var item store.Item
	err := t.bolt.View(func(tx *bolt.Tx) (err error) {
		item, err = read(items(tx), key, now)
		return err
	})
	if err != nil {
		return store.Item{}, fmt.Errorf("read item: %w", err)
	}
	if !item.Present() {
		return store.Item{}, store.ErrNotFound
	}
	return item, nil
}

func (t *table) BatchGet(ctx context.Context, keys []store.Key) ([]store.Item, error) {
	for _, key := range keys {
		if err := key.Check(); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := t.now().Unix()
	var found []store.Item
	err := t.bolt.View(func(tx *bolt.Tx) error {
		bucket := items(tx)
		seen := make(map[store.Key]bool, len(keys))
		for _, key := range keys {
			if seen[key] {
				continue
			}
			seen[key] = true
			item, err := read(bucket, key, now)
			if err != nil {
				return err
			}
			if item.Present() {
				found = append(found, item)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read items: %w", err)
	}
	return found, nil
}
