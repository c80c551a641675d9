// Package sim is the simulated mail internet under .test, with domains that
// behave as the real world does. It comes in two forms over the same zone and
// the same SMTP servers:
//
//   - World has real DNS and real SMTP on loopback sockets. `make run` carries
//     it so that the product can be tried without port 25.
//   - Offline opens no socket: look-ups are function calls, connections are pipes
//     inside the process. Test keys are answered from it, wherever they are used.
//
// The name of a domain says how it behaves: ok.test has mailboxes,
// greylist.test asks to come back later, tarpit.test never answers; the list
// is in behavior.go. NAME-ANYTHING.test behaves as NAME.test with an
// exchanger of its own, so that thousands of domains exist without
// configuration. Every other name under .test does not exist.
//
// A client of a World asks World.DNS for the exchanger and its address, and hands that
// address to World.Dial, which connects to the listener that plays the
// behavior. The addresses lie in 127.25.0.0/16 and nobody listens on them:
// macOS answers on 127.0.0.1 only. Offline.Lookup, Addrs and Dial are the same
// three steps.
//
// The servers follow RFC 5321 and RFC 2920 (pipelining) and use the words and
// limits of Postfix. They take no message: DATA is always refused. Exchangers
// of one behavior share a listener, so they greet with one host name. Left
// out: IPv6, several exchangers for one domain, authentication, and what a
// broken server would send.
package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// maxConnections is what the world serves at once. It guards the process's
// descriptors: a client on the same machine holds as many again.
const maxConnections = 20_000

// ErrNoExchanger says that no simulated exchanger has the address.
var ErrNoExchanger = errors.New("no simulated exchanger")

// Options adjusts a simulation. The zero value is that of the public contract.
type Options struct {
	// Now is the clock of greylisting; nil means time.Now. Deadlines
	// follow the machine's clock whatever Now says.
	Now func() time.Time
	// Greylist is how long greylist.test refuses a new triplet; 0 means 20 s.
	// Replies state it in whole seconds, rounded up.
	Greylist time.Duration
	// FirstContact is the memory of greylisting, for simulations in several
	// processes that must agree: it returns when the triplet, a text of its own
	// for each client, sender and recipient, was first given to it, which is now
	// for a new one. After an error the contact counts as the first. nil means a
	// memory of the simulation's own, of 100,000 triplets.
	FirstContact func(ctx context.Context, triplet string, now time.Time) (time.Time, error)
	// SlowGreeting is how long slow.test waits before it greets; 0 means 3 s.
	SlowGreeting time.Duration
	// Idle is how long a server waits for its client; 0 means 5 min, the
	// minimum of RFC 5321 §4.5.3.2.7.
	Idle time.Duration
	// Log hears of trouble with the machine, such as missing descriptors, and
	// with FirstContact, and of nothing else; nil discards it.
	Log *slog.Logger
}

// World is a running simulation. Its methods may be called concurrently. Close
// releases its sockets and goroutines.
type World struct {
	servers
	names     *nameserver
	listeners []*net.TCPListener // parallel to behaviors; nil where DNS leads nowhere

	running sync.WaitGroup // accept loops and sessions
	stop    chan struct{}  // closed by Close

	mu    sync.Mutex
	open  map[net.Conn]struct{}
	quiet chan struct{} // closed while no session is open
}

// servers are the exchangers of a simulation and what they share.
type servers struct {
	options    Options
	exchangers []*exchanger // parallel to behaviors; nil where DNS leads nowhere
	tls        func() (*tls.Config, error)
}

// exchanger is the server of one behavior.
type exchanger struct {
	behavior
	host  string // what it calls itself
	tally tally
}

// newServers opens nothing and starts nothing. It makes no certificate: that
// waits for the first STARTTLS.
func newServers(options Options) servers {
	options = options.withDefaults()
	s := servers{
		options:    options,
		exchangers: make([]*exchanger, len(behaviors)),
		tls:        sync.OnceValues(func() (*tls.Config, error) { return selfSigned(options.Now()) }),
	}
	for i, b := range behaviors {
		if b.hasExchanger() {
			s.exchangers[i] = &exchanger{behavior: b, host: b.host(b.name + ".test")}
		}
	}
	return s
}

// Start opens the sockets of a world, all on 127.0.0.1 with ports the system
// chooses.
func Start(options Options) (*World, error) {
	w := &World{
		servers:   newServers(options),
		listeners: make([]*net.TCPListener, len(behaviors)),
		stop:      make(chan struct{}),
		open:      make(map[net.Conn]struct{}),
		quiet:     make(chan struct{}),
	}
	close(w.quiet)

	var err error
	if w.names, err = startNameserver(); err != nil {
		return nil, fmt.Errorf("start simulated DNS: %w", err)
	}
	for i, e := range w.exchangers {
		if e == nil {
			continue
		}
		if w.listeners[i], err = w.listen(e); err != nil {
			return nil, errors.Join(fmt.Errorf("start exchanger of %s.test: %w", e.name, err), w.Close())
		}
	}
	return w, nil
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Greylist == 0 {
		o.Greylist = 20 * time.Second
	}
	if o.SlowGreeting == 0 {
		o.SlowGreeting = 3 * time.Second
	}
	if o.Idle == 0 {
		o.Idle = 5 * time.Minute
	}
	if o.FirstContact == nil {
		o.FirstContact = newTriplets().firstContact
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// DNS returns the "host:port" that answers for .test, over UDP and TCP.
func (w *World) DNS() string { return w.names.address }

// Owns reports whether the host belongs to the simulated internet: whether its
// name ends in .test, in any case, with or without the final dot.
func (w *World) Owns(host string) bool {
	return strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), ".test")
}

// Dial connects to the exchanger whose address the simulated DNS gave out;
// there is no port to choose. It returns ErrNoExchanger for any other address,
// otherwise the error of net.Dialer.
func (w *World) Dial(ctx context.Context, ip netip.Addr) (net.Conn, error) {
	i, ok := behaviorAt(ip)
	if !ok {
		return nil, fmt.Errorf("dial %s: %w", ip, ErrNoExchanger)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", w.listeners[i].Addr().String())
}

// Settle waits until no session is open, so that everything clients sent is
// counted: a client does not wait for the answer to QUIT. It returns the
// error of ctx when that ends first.
func (w *World) Settle(ctx context.Context) error {
	w.mu.Lock()
	quiet := w.quiet
	w.mu.Unlock()
	select {
	case <-quiet:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends every session, wherever it stands, and returns when no goroutine
// of the world is left. Closing twice is allowed.
func (w *World) Close() error {
	w.mu.Lock()
	if w.closed() {
		w.mu.Unlock()
		w.running.Wait()
		return nil
	}
	close(w.stop)
	for conn := range w.open {
		_ = conn.Close() // unblocks its session, which closes it again
	}
	w.mu.Unlock()

	err := w.names.close()
	for _, l := range w.listeners {
		if l != nil {
			err = errors.Join(err, l.Close())
		}
	}
	w.running.Wait()
	return err
}

func (w *World) closed() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}
