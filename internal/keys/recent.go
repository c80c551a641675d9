package keys

import (
	"maps"
	"sync"
	"time"
)

const (
	// recentFor is how long a key is believed without a read. It is also how
	// long a revoked key may live on in a process that has just used it.
	recentFor = 30 * time.Second

	// recentMax bounds the memory: about 1 KB a key.
	recentMax = 1000
)

// recent remembers the keys of secrets that were right, under the hash of the
// whole secret, so that the secret itself is not kept. Wrong secrets are not
// remembered: guessing must not push right ones out. The zero value is ready.
type recent struct {
	mu   sync.Mutex
	seen map[hash]sighting

	// era counts the changes made in this process. A key that was read before a
	// change must not be kept after it.
	era uint64
}

type sighting struct {
	key   Key
	until time.Time
}

// find returns the key seen under the hash, if that was recent, and the era.
func (r *recent) find(secret hash, now time.Time) (Key, uint64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.seen[secret]
	return s.key, r.era, ok && now.Before(s.until)
}

// keep remembers a key, read in an era, from now on, but not beyond the until of
// the sighting if it has one. When there is no room the outdated go, and if there
// are none, all: a read each is what forgetting costs.
func (r *recent) keep(secret hash, s sighting, era uint64, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if era != r.era {
		return
	}
	if end := now.Add(recentFor); s.until.IsZero() || end.Before(s.until) {
		s.until = end
	}
	if len(r.seen) >= recentMax {
		maps.DeleteFunc(r.seen, func(_ hash, s sighting) bool { return !now.Before(s.until) })
	}
	if r.seen == nil || len(r.seen) >= recentMax {
		r.seen = make(map[hash]sighting)
	}
	r.seen[secret] = s
}

// forget drops a key under all of its secrets and begins a new era.
func (r *recent) forget(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.era++
	maps.DeleteFunc(r.seen, func(_ hash, s sighting) bool { return s.key.ID == id })
}
