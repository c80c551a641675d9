// Package sim is the simulated mail internet under .test: real DNS and real
// SMTP on loopback sockets, with domains that behave as the real world does.
// `make run` carries it so that the product can be tried without port 25, and
// test keys are answered from it.
//
// The name of a domain says how it behaves: ok.test has mailboxes,
// greylist.test asks to come back later, tarpit.test never answers; the list
// is in behavior.go. NAME-ANYTHING.test behaves as NAME.test with an
// exchanger of its own, so that thousands of domains exist without
// configuration. Every other name under .test does not exist.
//
// A client asks World.DNS for the exchanger and its address, and hands that
// address to World.Dial, which connects to the listener that plays the
// behavior. The addresses lie in 127.25.0.0/16 and nobody listens on them:
// macOS answers on 127.0.0.1 only.
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

// Options adjusts a World. The zero value is the world of the public contract.
type Options struct {
	// Now is the clock of greylisting; nil means time.Now. Socket deadlines
	// follow the machine's clock whatever Now says.
	Now func() time.Time
	// Greylist is how long greylist.test refuses a new triplet; 0 means 20 s.
	// Replies state it in whole seconds, rounded up.
	Greylist time.Duration
	// SlowGreeting is how long slow.test waits before it greets; 0 means 3 s.
	SlowGreeting time.Duration
	// Idle is how long a server waits for its client; 0 means 5 min, the
	// minimum of RFC 5321 §4.5.3.2.7.
	Idle time.Duration
	// Log hears of trouble with the machine, such as missing descriptors, and
	// of nothing else; nil discards it.
	Log *slog.Logger
}

// World is a running simulation. Its methods may be called concurrently. Close
// releases its sockets and goroutines.
type World struct {
	options    Options
	names      *nameserver
	exchangers []*exchanger // parallel to behaviors; nil where DNS leads nowhere
	triplets   *greylist
	tls        func() (*tls.Config, error)

	running sync.WaitGroup // accept loops and sessions
	stop    chan struct{}  // closed by Close

	mu    sync.Mutex
	open  map[net.Conn]struct{}
	quiet chan struct{} // closed while no session is open
}

// exchanger is the server of one behavior.
type exchanger struct {
	behavior
	host     string // what it calls itself
	listener *net.TCPListener
	tally    tally
}

// Start opens the sockets of a world, all on 127.0.0.1 with ports the system
// chooses. It makes no certificate: that waits for the first STARTTLS.
func Start(options Options) (*World, error) {
	w := &World{
		options:    options.withDefaults(),
		exchangers: make([]*exchanger, len(behaviors)),
		stop:       make(chan struct{}),
		open:       make(map[net.Conn]struct{}),
		quiet:      make(chan struct{}),
	}
	close(w.quiet)
	w.triplets = newGreylist(w.options.Greylist, w.options.Now)
	w.tls = sync.OnceValues(func() (*tls.Config, error) { return selfSigned(w.options.Now()) })

	var err error
	if w.names, err = startNameserver(); err != nil {
		return nil, fmt.Errorf("start simulated DNS: %w", err)
	}
	for i, b := range behaviors {
		if !b.hasExchanger() {
			continue
		}
		if w.exchangers[i], err = w.listen(b); err != nil {
			return nil, errors.Join(fmt.Errorf("start exchanger of %s.test: %w", b.name, err), w.Close())
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
	return d.DialContext(ctx, "tcp", w.exchangers[i].listener.Addr().String())
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
	for _, e := range w.exchangers {
		if e != nil {
			err = errors.Join(err, e.listener.Close())
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
