// Package safedial connects to public addresses only, wherever strangers
// choose the destination: mail exchangers, webhook targets, list URLs.
//
// The name is resolved once, every address is tested, and the tested address
// itself is dialed, so that a name that answers differently the second time
// (DNS rebinding) gains nothing. The test runs again on the final address,
// inside the dial and before the connection is opened.
//
// Public holds the list of what is refused; Dialer adds our own networks to it
// and exempts test networks from it. The port is the caller's to decide.
package safedial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

// ErrForbidden says that no address of the destination may be connected to. It
// names no address: which internal host a name points at is not for the
// stranger who asked.
var ErrForbidden = errors.New("address is not public")

const (
	// defaultTimeout is a connect limit that gets over dead exchangers
	// within the deadline of a request.
	defaultTimeout = 5 * time.Second
	// maxAddresses bounds the addresses tried per name, as Postfix does
	// (smtp_mx_address_limit).
	maxAddresses = 5
)

// Dialer opens TCP connections to permitted addresses. The zero value permits
// the public internet. It is safe for concurrent use while its fields do not
// change.
type Dialer struct {
	// Allow exempts networks from the guard, Deny included: test networks.
	// It matches the address dialed, not one wrapped in it.
	Allow []netip.Prefix
	// Deny refuses more: our own subnets and our own public addresses, also
	// where wrapped in IPv6.
	Deny []netip.Prefix
	// Timeout is for the connection to one address; 0: 5 s.
	Timeout time.Duration
	// Resolve finds the addresses of a host; network is "ip", "ip4" or "ip6".
	// nil: net.DefaultResolver.LookupNetIP.
	Resolve func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Permits reports whether the dialer would connect to ip.
func (d *Dialer) Permits(ip netip.Addr) bool {
	if !ip.IsValid() || ip.Zone() != "" {
		return false
	}
	ip = ip.Unmap()
	if within(d.Allow, ip) {
		return true
	}
	inner, wrapped := unwrap(ip)
	if within(d.Deny, ip) || wrapped && within(d.Deny, inner) {
		return false
	}
	return Public(ip)
}

// DialContext connects to "host:port" over tcp, tcp4 or tcp6, the host being a
// name or an address; the port is a number. Addresses that are not permitted
// are left out, the others tried in the order given, at most five. The error
// is ErrForbidden when none was left. It fits http.Transport.DialContext.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	family, err := familyOf(network)
	if err != nil {
		return nil, err
	}
	host, port, err := split(address)
	if err != nil {
		return nil, err
	}
	ips, err := d.addresses(ctx, family, host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", host, err)
	}
	ips = ofFamily(ips, family)
	if len(ips) == 0 {
		return nil, fmt.Errorf("dial %s: %w", host, &net.AddrError{Err: "no address for " + network})
	}
	ips = d.permitted(ips)
	if len(ips) == 0 {
		return nil, fmt.Errorf("dial %s: %w", host, ErrForbidden)
	}
	var first error // of the address preferred: the one that tells most
	for i, ip := range ips {
		conn, err := d.dial(ctx, netip.AddrPortFrom(ip, port), share(ctx, len(ips)-i))
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("dial %s: %w", host, first)
}

// DialIP connects to one address. The error is ErrForbidden when it is not
// permitted.
func (d *Dialer) DialIP(ctx context.Context, ap netip.AddrPort) (net.Conn, error) {
	if !d.Permits(ap.Addr()) {
		return nil, fmt.Errorf("dial: %w", ErrForbidden)
	}
	return d.dial(ctx, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), 0)
}

// familyOf turns a TCP network into that of its addresses.
func familyOf(network string) (string, error) {
	switch network {
	case "tcp":
		return "ip", nil
	case "tcp4":
		return "ip4", nil
	case "tcp6":
		return "ip6", nil
	}
	return "", fmt.Errorf("dial: %w", net.UnknownNetworkError(network))
}

func split(address string) (host string, port uint16, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("dial: %w", err)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("parse port: %w", err)
	}
	return host, uint16(n), nil
}

// addresses returns what host stands for, resolving it once if it is a name.
func (d *Dialer) addresses(ctx context.Context, family, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	if d.Resolve != nil {
		return d.Resolve(ctx, family, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, family, host)
}

// ofFamily keeps the addresses that family ("ip", "ip4" or "ip6") can reach,
// unmapped: the system's resolver may write IPv4 in the mapped form.
func ofFamily(ips []netip.Addr, family string) []netip.Addr {
	var kept []netip.Addr
	for _, ip := range ips {
		ip = ip.Unmap()
		if family == "ip" || ip.Is4() == (family == "ip4") {
			kept = append(kept, ip)
		}
	}
	return kept
}

// permitted keeps the first addresses that may be dialed.
func (d *Dialer) permitted(ips []netip.Addr) []netip.Addr {
	var kept []netip.Addr
	for _, ip := range ips {
		if d.Permits(ip) && len(kept) < maxAddresses {
			kept = append(kept, ip)
		}
	}
	return kept
}

// share divides the time left among the addresses left, so that a first
// address that swallows packets does not use up the others' chance. 0: no
// deadline.
func share(ctx context.Context, left int) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(time.Until(deadline)/time.Duration(left), time.Millisecond)
}

// dial connects to a tested address within the dialer's timeout, and within
// limit if that is not 0.
func (d *Dialer) dial(ctx context.Context, ap netip.AddrPort, limit time.Duration) (net.Conn, error) {
	timeout := d.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	if limit > 0 {
		timeout = min(timeout, limit)
	}
	dialer := net.Dialer{Timeout: timeout, ControlContext: d.control}
	conn, err := dialer.DialContext(ctx, "tcp", ap.String())
	if errors.Is(err, ErrForbidden) {
		return nil, ErrForbidden // without the address that net adds
	}
	return conn, err
}

// control is the last test, on the address the system is about to connect to.
func (d *Dialer) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" || !d.Permits(ap.Addr()) {
		return ErrForbidden
	}
	return nil
}
