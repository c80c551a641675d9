// Package mxtest serves DNS zones written as plain maps over real UDP and TCP
// on loopback, for tests of everything that asks DNS through mx.
//
// Names are lower case without final dot. A name exists when a map has it as a
// key (an empty list will do) or has a name below it; other names get
// NXDOMAIN. Negative answers carry an SOA (RFC 2308 §3) and CNAME chains are
// followed inside the answer, as a recursive server does.
package mxtest

import (
	"fmt"
	"maps"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Zone is a scripted piece of DNS. Zone values are not changed by the server
// and must not be changed while it runs.
type Zone struct {
	MX    map[string][]string // "10 mx.ok.example"; "0 ." is the null MX
	A     map[string][]string // "192.0.2.1"
	AAAA  map[string][]string // "2001:db8::1"
	CNAME map[string]string   // alias to target
	// Later replaces A and AAAA from the second question for a name and type
	// on: what DNS rebinding does. IPv4 answers A, IPv6 answers AAAA.
	Later map[string][]string
	// Rules makes names misbehave. The key is a name, or a name and a type:
	// "ok.example" or "ok.example MX"; the latter wins. A rule alone does not
	// make a name exist.
	Rules map[string]Rule
	// TTL is that of all records; 0: one hour.
	TTL time.Duration
	// Minimum is the negative TTL, the SOA's minimum; 0: ten minutes.
	Minimum time.Duration
	// Tamper, when set, may change a reply just before it is sent. It runs
	// in the server's goroutines.
	Tamper func(reply *dns.Msg)
}

// Rule is how the server misbehaves for one name. The zero value behaves.
type Rule struct {
	ServFail bool          // answer SERVFAIL
	Refused  bool          // answer REFUSED
	Timeout  bool          // never answer
	Truncate bool          // over UDP answer with the TC flag and no records
	NoTCP    bool          // over TCP close without an answer
	Delay    time.Duration // wait before the answer
}

// Server answers for one Zone until the test ends.
type Server struct {
	zone Zone
	addr string
	done chan struct{}

	mu    sync.Mutex
	asked map[string]int // by "name TYPE"
}

// Serve starts a server for z on a free loopback port. A record that cannot be
// parsed fails the test at once.
func Serve(t testing.TB, z Zone) *Server {
	t.Helper()
	if err := z.check(); err != nil {
		t.Fatalf("mxtest: %v", err)
	}
	packets, listener := listen(t)
	s := &Server{
		zone:  z,
		addr:  packets.LocalAddr().String(),
		done:  make(chan struct{}),
		asked: make(map[string]int),
	}
	udp := &dns.Server{PacketConn: packets, Handler: s}
	tcp := &dns.Server{Listener: listener, Handler: s}
	start(t, udp)
	start(t, tcp)
	t.Cleanup(func() {
		close(s.done)
		_ = udp.Shutdown() // the test is over either way
		_ = tcp.Shutdown()
	})
	return s
}

// listen opens UDP and TCP on the same port.
func listen(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	var last error
	for range 10 {
		packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("mxtest: %v", err)
		}
		listener, err := net.Listen("tcp4", packets.LocalAddr().String())
		if err == nil {
			return packets, listener
		}
		last = err // another process has the TCP port
		_ = packets.Close()
	}
	t.Fatalf("mxtest: no port free for both UDP and TCP: %v", last)
	return nil, nil
}

// start returns when the server reads, so that Shutdown finds it started.
func start(t testing.TB, s *dns.Server) {
	t.Helper()
	ready := make(chan struct{})
	s.NotifyStartedFunc = func() { close(ready) }
	ended := make(chan error, 1)
	go func() { ended <- s.ActivateAndServe() }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("mxtest: %v", err)
	}
}

// Addr returns the server's "127.0.0.1:port", the same for UDP and TCP.
func (s *Server) Addr() string { return s.addr }

// Count returns how often name was asked for a type such as "MX", over UDP and
// TCP together.
func (s *Server) Count(name, qtype string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name+" "+qtype]
}

// Questions returns all counts by "name TYPE".
func (s *Server) Questions() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.asked)
}

// count notes a question and returns how many there were with it.
func (s *Server) count(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[key]++
	return s.asked[key]
}

// check parses every record once, so that a typing error shows in Serve.
func (z *Zone) check() error {
	for _, part := range []struct {
		qtype   string
		records map[string][]string
	}{{"MX", z.MX}, {"A", z.A}, {"AAAA", z.AAAA}} {
		for name, values := range part.records {
			for _, value := range values {
				if _, err := z.record(name, part.qtype, value); err != nil {
					return err
				}
			}
		}
	}
	for name, target := range z.CNAME {
		if _, err := z.record(name, "CNAME", target); err != nil {
			return err
		}
	}
	for name, values := range z.Later {
		for _, value := range values {
			if net.ParseIP(value) == nil {
				return fmt.Errorf("later %s: %q is no address", name, value)
			}
		}
	}
	return nil
}
