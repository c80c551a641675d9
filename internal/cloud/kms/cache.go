package kms

import (
	"sync"
	"time"
)

// How long a data key serves, and how many there are at most: a few hundred
// octets each, and one for each context in use, about one per account.
const (
	maxAge  = 5 * time.Minute
	maxUses = 1000
	maxKeys = 512
)

// dataKey is a data key of KMS, bare and wrapped. Whoever holds one wipes it.
type dataKey struct {
	plain   [keySize]byte
	wrapped []byte
}

// cache keeps data keys for a while, and hands out copies.
type cache struct {
	now func() time.Time

	mu   sync.Mutex
	keys map[string]*cachedKey
}

type cachedKey struct {
	dataKey
	ends time.Time
	uses int // left
}

func newCache(now func() time.Time) *cache {
	return &cache{now: now, keys: make(map[string]*cachedKey)}
}

// use returns the key kept under name, as long as it serves.
func (c *cache) use(name string) (dataKey, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key, has := c.keys[name]
	if !has {
		return dataKey{}, false
	}
	// The clock may have stepped back: no key lives longer for it.
	if left := key.ends.Sub(c.now()); left <= 0 || left > maxAge || key.uses == 0 {
		c.drop(name)
		return dataKey{}, false
	}
	key.uses--
	return key.dataKey, true
}

// keep takes a key that has been used once.
func (c *cache) keep(name string, key dataKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(name)
	if len(c.keys) >= maxKeys {
		c.drop(c.oldest())
	}
	c.keys[name] = &cachedKey{dataKey: key, ends: c.now().Add(maxAge), uses: maxUses - 1}
}

func (c *cache) oldest() (name string) {
	var ends time.Time
	for n, key := range c.keys {
		if ends.IsZero() || key.ends.Before(ends) {
			name, ends = n, key.ends
		}
	}
	return name
}

func (c *cache) drop(name string) {
	if key, has := c.keys[name]; has {
		clear(key.plain[:])
		delete(c.keys, name)
	}
}

func (c *cache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.keys {
		c.drop(name)
	}
}
