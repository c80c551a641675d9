package sim

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"rcpt/internal/mx"
)

// outside explains why a name beyond .test has no answer.
const outside = "a test key knows only the simulated domains under .test"

// smtpPort is what an exchanger of Offline appears to listen on.
const smtpPort = 25

// Offline is the simulated mail internet without a socket: the zone and the
// servers of a World within the process. It needs no closing: a goroutine runs
// for each open connection and ends when the client closes it. It is safe for
// concurrent use.
type Offline struct{ servers }

// NewOffline returns a simulation. That costs next to nothing: no goroutine, no
// timer, no certificate before the first STARTTLS.
func NewOffline(options Options) *Offline { return &Offline{newServers(options)} }

// Lookup says what an mx.Resolver finds in the DNS of a World. A domain that is
// not under .test is mx.Failed: nothing is known of it.
func (o *Offline) Lookup(_ context.Context, domain string) mx.Answer {
	records, absence := o.find(domain)
	for _, rr := range records { // the zone holds at most one that matters
		switch rr := rr.(type) {
		case *dns.MX:
			if rr.Mx == "." {
				return mx.Answer{Status: mx.NullMX, Expires: o.expiry(positiveTTL)}
			}
			host := mx.Host{Name: hostName(rr.Mx), Preference: rr.Preference}
			return mx.Answer{Status: mx.Found, Hosts: []mx.Host{host}, Expires: o.expiry(positiveTTL)}
		case *dns.A:
			host := mx.Host{Name: hostName(rr.Hdr.Name)}
			return mx.Answer{Status: mx.Implicit, Hosts: []mx.Host{host}, Expires: o.expiry(positiveTTL)}
		}
	}
	return mx.Answer{Status: absence.Status, Detail: absence.Detail, Expires: absence.Expires}
}

// Addrs returns the address that leads Dial to the host.
func (o *Offline) Addrs(_ context.Context, host string) mx.Addrs {
	records, absence := o.find(host)
	for _, rr := range records {
		if ip, ok := addrOf(rr); ok {
			return mx.Addrs{Status: mx.Found, IPs: []netip.Addr{ip}, Expires: o.expiry(positiveTTL)}
		}
	}
	return absence
}

// AddrsV6 finds none: the simulation has no IPv6.
func (o *Offline) AddrsV6(_ context.Context, host string) mx.Addrs {
	_, absence := o.find(host)
	return absence
}

// find returns what the zone holds under a name, and the answer for what it
// does not hold there.
func (o *Offline) find(name string) ([]dns.RR, mx.Addrs) {
	name = dns.CanonicalName(name)
	if !dns.IsSubDomain("test.", name) {
		return nil, mx.Addrs{Status: mx.Failed, Detail: outside, Expires: o.expiry(0)}
	}
	records, exists := recordsOf(name)
	if exists {
		return records, mx.Addrs{Status: mx.NoMail, Expires: o.expiry(negativeTTL)}
	}
	return nil, mx.Addrs{Status: mx.NXDomain, Expires: o.expiry(negativeTTL)}
}

func (o *Offline) expiry(seconds int) time.Time {
	return o.options.Now().Add(time.Duration(seconds) * time.Second)
}

func hostName(absolute string) string { return absolute[:len(absolute)-1] }

func addrOf(rr dns.RR) (netip.Addr, bool) {
	a, ok := rr.(*dns.A)
	if !ok {
		return netip.Addr{}, false
	}
	ip, ok := netip.AddrFromSlice(a.A)
	return ip.Unmap(), ok
}

// Dial connects to the exchanger whose address Addrs gave out. The client comes
// from 127.0.0.1, as it does in a World, so that the servers use the same words.
// It returns ErrNoExchanger for any other address, or the error of ctx.
func (o *Offline) Dial(ctx context.Context, ip netip.Addr) (net.Conn, error) {
	i, ok := behaviorAt(ip)
	if !ok {
		return nil, fmt.Errorf("dial %s: %w", ip, ErrNoExchanger)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("dial %s: %w", ip, err)
	}
	client := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0))
	near, far := pipe(client, net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip.Unmap(), smtpPort)))
	go func() {
		defer func() { _ = far.Close() }()
		o.newSession(o.exchangers[i], far).serve()
	}()
	return near, nil
}
