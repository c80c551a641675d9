package mx

import (
	"cmp"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/singleflight"
)

// Config says whom to ask and how patiently. The zero value asks the system's
// resolvers.
type Config struct {
	// Servers are recursive servers as "host:port". Empty: those of
	// /etc/resolv.conf, else 127.0.0.1:53.
	Servers []string
	// Zones sends names at or below a suffix to servers of their own:
	// "test" takes "ok.test" and "test", not "contest". The longest wins.
	Zones map[string][]string
	// Now is the clock that cached answers expire by; nil: time.Now.
	Now func() time.Time
	// Shuffle orders exchangers of equal preference; nil: math/rand/v2.
	Shuffle func(n int, swap func(i, j int))
	// Timeout is for one try at one server; 0: 1.5 s, so that three tries
	// fit into the default deadline of a request (4.5 s).
	Timeout time.Duration
	// Tries is how many tries one question gets in all; 0: 3.
	Tries int
	// CacheSize bounds the answers kept; 0: 50,000.
	CacheSize int
}

// Resolver looks up exchangers and their addresses. It is safe for concurrent
// use and needs no closing.
type Resolver struct {
	servers *pool
	zones   []zone // longest suffix first
	now     func() time.Time
	shuffle func(n int, swap func(i, j int))
	timeout time.Duration
	tries   int
	cache   *cache
	flights singleflight.Group
}

// zone routes the names below one suffix.
type zone struct {
	suffix  string // absolute, lower case: "test."
	servers *pool
}

// pool is a set of interchangeable servers.
type pool struct {
	servers []string
	first   atomic.Int32 // index of the server to ask first
}

// New returns a Resolver. It reads /etc/resolv.conf when c names no servers
// and opens no connection.
func New(c Config) *Resolver {
	servers := c.Servers
	if len(servers) == 0 {
		servers = systemServers("/etc/resolv.conf")
	}
	r := &Resolver{
		servers: &pool{servers: servers},
		now:     c.Now,
		shuffle: c.Shuffle,
		timeout: cmp.Or(c.Timeout, 1500*time.Millisecond),
		tries:   cmp.Or(c.Tries, 3),
		cache:   newCache(cmp.Or(c.CacheSize, 50_000)),
	}
	if r.now == nil {
		r.now = time.Now
	}
	if r.shuffle == nil {
		r.shuffle = rand.Shuffle
	}
	for suffix, servers := range c.Zones {
		absolute := dns.CanonicalName(strings.Trim(suffix, "."))
		r.zones = append(r.zones, zone{absolute, &pool{servers: servers}})
	}
	slices.SortFunc(r.zones, func(a, b zone) int {
		return cmp.Compare(len(b.suffix), len(a.suffix))
	})
	return r
}

// systemServers reads a resolv.conf(5); without one, the local server is asked
// as the C library does.
func systemServers(file string) []string {
	var servers []string
	if conf, err := dns.ClientConfigFromFile(file); err == nil {
		for _, host := range conf.Servers {
			servers = append(servers, net.JoinHostPort(host, conf.Port))
		}
	}
	if len(servers) == 0 {
		return []string{"127.0.0.1:53"}
	}
	return servers
}

// poolFor returns the servers responsible for an absolute name.
func (r *Resolver) poolFor(name string) *pool {
	for _, z := range r.zones {
		if dns.IsSubDomain(z.suffix, name) {
			return z.servers
		}
	}
	return r.servers
}

// order returns the indexes of the servers for n tries. A server that answered
// last time comes first: rotating without need would spread one name over many
// resolver caches.
func (p *pool) order(n int) []int {
	tries := make([]int, n)
	for i := range tries {
		tries[i] = (int(p.first.Load()) + i) % len(p.servers)
	}
	return tries
}

// failed takes the first place away from a server. Of several callers that
// noticed the same failure only one moves the mark.
func (p *pool) failed(i int) {
	next := (i + 1) % len(p.servers)
	p.first.CompareAndSwap(int32(i), int32(next))
}
