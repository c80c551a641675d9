// Package closed is a mail internet for measuring: DNS and exchangers on
// loopback sockets that behave the same every time, answer after a fixed delay
// and count what they are asked. Whether a mailbox exists is computed from its
// name, so that a world of a hundred addresses and one of a hundred thousand
// take the same memory.
//
// It is not package sim, which is a world of behaviors: here every exchanger is
// an ordinary one, the delays stand for the distance to it, and the counts are
// the subject. What a delay counts as a round trip is a batch: all replies to
// what one read of the socket brought, the greeting being the first.
package closed

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// Spec describes a world.
type Spec struct {
	Hosts      int                             // exchangers
	Delay      time.Duration                   // before each batch of replies
	DNSDelay   time.Duration                   // before each answer
	Errors     int                             // refused commands until 421; 0: any number
	Operator   func(host int) string           // the registrable domain of an exchanger
	Exchangers func(domain string) []int       // of equal preference; nil: no such domain
	Exists     func(local, domain string) bool // takes mail for the mailbox
	Blocks     func(host int) bool             // refuses us at RCPT, naming a blocklist; nil: never
}

// World is a running one.
type World struct {
	spec      Spec
	names     []string       // of the exchangers
	hosts     map[string]int // by name
	port      uint16
	dns       *dns.Server
	socket    net.PacketConn
	listeners []net.Listener
	running   sync.WaitGroup

	open, together                                                   atomic.Int64
	connections, batches, questions, recipients, refused, cut, early atomic.Int64
	sessions                                                         []load
}

// load is what one exchanger bears.
type load struct{ now, most, taken atomic.Int64 }

// Counts is what the servers have seen.
type Counts struct {
	Connections, Batches, Questions int64
	Recipients, Refused             int64 // RCPT commands, and those answered 5yz
	Cut                             int64 // sessions ended by the limit of errors
	Early                           int64 // clients that spoke before the greeting
	AtOnce, Most                    int64 // the most sessions that one exchanger had, at once and in all
	Together                        int64 // the most sessions of all exchangers at once
}

// Start opens the sockets.
func Start(spec Spec) (*World, error) {
	w := &World{spec: spec, hosts: make(map[string]int), sessions: make([]load, spec.Hosts)}
	for host := range spec.Hosts {
		name := fmt.Sprintf("mx%d.%s", host, spec.Operator(host))
		w.names = append(w.names, name)
		w.hosts[name] = host
	}
	for range 20 { // until a port is free on every address
		if err := w.listen(); err == nil {
			break
		} else if len(w.listeners) == 0 {
			return nil, fmt.Errorf("listen: %w", err)
		}
	}
	if len(w.listeners) < spec.Hosts {
		return nil, errors.New("no port is free on all addresses")
	}
	for host, listener := range w.listeners {
		w.running.Go(func() { w.accept(host, listener) })
	}
	return w, w.serveDNS()
}

// address is that of an exchanger: each has its own, at the same port.
func address(host int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, 1, byte(host / 250), byte(1 + host%250)})
}

// listen opens one listener an exchanger, all at the port that the first one
// happens to get.
func (w *World) listen() error {
	for _, l := range w.listeners {
		_ = l.Close()
	}
	w.listeners, w.port = nil, 0
	for host := range w.spec.Hosts {
		l, err := net.Listen("tcp4", netip.AddrPortFrom(address(host), w.port).String())
		if err != nil {
			return err
		}
		w.listeners = append(w.listeners, l)
		w.port = l.Addr().(*net.TCPAddr).AddrPort().Port()
	}
	return nil
}

// Port is where all exchangers listen.
func (w *World) Port() uint16 { return w.port }

// DNS is the name server's "host:port", over UDP.
func (w *World) DNS() string { return w.socket.LocalAddr().String() }

// Close ends the world and waits for its sessions.
func (w *World) Close() error {
	var errs []error
	for _, l := range w.listeners {
		errs = append(errs, l.Close())
	}
	errs = append(errs, w.dns.Shutdown())
	w.running.Wait()
	return errors.Join(errs...)
}

// Settle waits until no session is open, so that the counts are complete.
func (w *World) Settle() {
	for range 1000 {
		if w.open.Load() == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Take returns the counts and sets them to zero.
func (w *World) Take() Counts {
	c := Counts{
		Connections: w.connections.Swap(0), Batches: w.batches.Swap(0), Questions: w.questions.Swap(0),
		Recipients: w.recipients.Swap(0), Refused: w.refused.Swap(0), Cut: w.cut.Swap(0), Early: w.early.Swap(0), Together: w.together.Swap(0),
	}
	for i := range w.sessions {
		c.AtOnce = max(c.AtOnce, w.sessions[i].most.Swap(0))
		c.Most = max(c.Most, w.sessions[i].taken.Swap(0))
	}
	return c
}
