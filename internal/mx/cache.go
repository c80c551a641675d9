package mx

import (
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Bounds on how long an answer is believed.
const (
	minPositive = 5 * time.Minute // a TTL of 0 would turn a batch of one domain into a flood of questions
	maxPositive = 24 * time.Hour
	minNegative = time.Minute
	maxNegative = time.Hour
	// failureLife is long enough that a storm of addresses does not hammer a
	// sick server, and short enough that the next retry asks afresh.
	failureLife = 5 * time.Second
)

// cache keeps facts until they expire, at most size of them.
type cache struct {
	mu    sync.Mutex
	size  int
	facts map[dns.Question]fact
}

func newCache(size int) *cache {
	return &cache{size: size, facts: make(map[dns.Question]fact)}
}

// fact returns what is known about q at the time now.
func (c *cache) fact(q dns.Question, now time.Time) (fact, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, ok := c.facts[q]
	if !ok {
		return fact{}, false
	}
	if !now.Before(f.expires) {
		delete(c.facts, q)
		return fact{}, false
	}
	return f, true
}

// put keeps f for q until it expires or its place is needed.
func (c *cache) put(q dns.Question, f fact, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.facts[q]; !known && len(c.facts) >= c.size {
		c.evict(now)
	}
	c.facts[q] = f
}

// evict makes room for one fact. It looks at a handful of entries, in the
// random order of a Go map, and drops the expired ones, else the one that
// would expire first: no list to maintain, and a constant price per question.
func (c *cache) evict(now time.Time) {
	const sample = 16
	var (
		seen    int
		victim  dns.Question
		soonest time.Time
	)
	for q, f := range c.facts {
		if !now.Before(f.expires) {
			delete(c.facts, q)
		}
		if seen == 0 || f.expires.Before(soonest) {
			victim, soonest = q, f.expires
		}
		if seen++; seen == sample {
			break
		}
	}
	delete(c.facts, victim)
}

// within bounds a lifetime.
func within(d, shortest, longest time.Duration) time.Duration {
	return max(shortest, min(d, longest))
}
