package sim

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// maxTriplets bounds the memory of greylisting to a few megabytes. The oldest
// triplet is forgotten first, and is new when it comes again.
const maxTriplets = 100_000

// triplet is what greylisting recognizes a delivery by (RFC 6647 §2.2).
// Sender and recipient are in lower case.
type triplet struct {
	client            netip.Addr
	sender, recipient string
}

// greylist remembers when triplets were first seen. It keeps their hashes: 64
// random-seeded bits, so that two of them meet once in billions of runs.
type greylist struct {
	delay time.Duration
	now   func() time.Time
	seed  maphash.Seed

	mu    sync.Mutex
	first map[uint64]time.Time
	order []uint64 // oldest at next, once it is full
	next  int
}

func newGreylist(delay time.Duration, now func() time.Time) *greylist {
	return &greylist{delay: delay, now: now, seed: maphash.MakeSeed(), first: make(map[uint64]time.Time)}
}

// wait returns how long the triplet is refused from now on; 0 lets it through.
// Coming back early does not start the wait again.
func (g *greylist) wait(t triplet) time.Duration {
	key := maphash.Comparable(g.seed, t)
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	first, known := g.first[key]
	if !known {
		g.remember(key, now)
		return g.delay
	}
	return max(0, g.delay-now.Sub(first))
}

func (g *greylist) remember(key uint64, now time.Time) {
	g.first[key] = now
	if len(g.order) < maxTriplets {
		g.order = append(g.order, key)
		return
	}
	delete(g.first, g.order[g.next])
	g.order[g.next] = key
	g.next = (g.next + 1) % maxTriplets
}
