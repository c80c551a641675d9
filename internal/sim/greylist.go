package sim

import (
	"context"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// triplet is what greylisting recognizes a delivery by (RFC 6647 §2.2).
// Sender and recipient are in lower case.
type triplet struct {
	client            netip.Addr
	sender, recipient string
}

// text is the triplet for Options.FirstContact. No path holds a NUL.
func (t triplet) text() string { return t.client.String() + "\x00" + t.sender + "\x00" + t.recipient }

// memoryWait bounds one question to Options.FirstContact.
const memoryWait = 2 * time.Second

// greylisted returns how long the triplet is refused from now on; 0 lets it
// through. Coming back early does not start the wait again. A server knows
// nothing of its client's deadline, so it asks its memory under one of its own.
func (v *servers) greylisted(t triplet) time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), memoryWait)
	defer cancel()
	now := v.options.Now()
	first, err := v.options.FirstContact(ctx, t.text(), now)
	if err != nil {
		v.options.Log.Error("simulated greylisting has no memory", "error", err)
		return v.options.Greylist
	}
	return max(0, v.options.Greylist-now.Sub(first))
}

// maxTriplets bounds the memory of greylisting to a few megabytes. The oldest
// triplet is forgotten first, and is new when it comes again.
const maxTriplets = 100_000

// triplets remembers when triplets were first seen. It keeps their hashes: 64
// random-seeded bits, so that two of them meet once in billions of runs.
type triplets struct {
	seed maphash.Seed

	mu    sync.Mutex
	first map[uint64]time.Time
	order []uint64 // oldest at next, once it is full
	next  int
}

func newTriplets() *triplets {
	return &triplets{seed: maphash.MakeSeed(), first: make(map[uint64]time.Time)}
}

// firstContact never fails; see Options.FirstContact.
func (m *triplets) firstContact(_ context.Context, triplet string, now time.Time) (time.Time, error) {
	key := maphash.String(m.seed, triplet)
	m.mu.Lock()
	defer m.mu.Unlock()
	if first, known := m.first[key]; known {
		return first, nil
	}
	m.remember(key, now)
	return now, nil
}

func (m *triplets) remember(key uint64, now time.Time) {
	m.first[key] = now
	if len(m.order) < maxTriplets {
		m.order = append(m.order, key)
		return
	}
	delete(m.first, m.order[m.next])
	m.order[m.next] = key
	m.next = (m.next + 1) % maxTriplets
}
