package egress

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"rcpt/internal/mx"
)

// listing is what a DNS list says of our address.
type listing string

// The answers.
const (
	listed    listing = "lists us"
	notListed listing = "does not list us"
	unusable  listing = "is not usable"
)

// look asks one list (RFC 5782 §2). Before a listing is believed the list must
// prove to work, as RFC 5782 §5 has it: 127.0.0.2 is listed, 127.0.0.1 is not. A
// list that was given up and answers yes to everybody, and one that refuses to
// serve our resolver, fail that.
func (c *Checker) look(ctx context.Context, zone string) listing {
	switch c.ask(ctx, zone, c.cfg.Address) {
	case listed:
		if c.ask(ctx, zone, netip.AddrFrom4([4]byte{127, 0, 0, 2})) == listed &&
			c.ask(ctx, zone, netip.AddrFrom4([4]byte{127, 0, 0, 1})) == notListed {
			return listed
		}
		return unusable
	case notListed:
		return notListed
	}
	return unusable
}

// ask looks one address up. Lists answer with addresses in 127.0.0.0/8;
// Spamhaus keeps 127.255.255.0/24 for errors, such as a query through a public
// resolver ("Spamhaus DNSBL return codes", seen November 2026). Anything else is
// a resolver that makes up answers.
func (c *Checker) ask(ctx context.Context, zone string, ip netip.Addr) listing {
	answer := c.cfg.Resolver.Addrs(ctx, reversed(ip)+"."+zone)
	switch answer.Status {
	case mx.NXDomain, mx.NoMail:
		return notListed
	case mx.Found:
	default:
		return unusable
	}
	for _, code := range answer.IPs {
		octets := code.As16()
		if !code.Is4() || octets[12] != 127 || octets[13] == 255 {
			return unusable
		}
	}
	return listed
}

// reversed writes an address as DNS lists name it: octets backwards for IPv4,
// nibbles for IPv6 (RFC 5782 §2.1, §2.4).
func reversed(ip netip.Addr) string {
	ip = ip.Unmap()
	if ip.Is4() {
		o := ip.As4()
		return fmt.Sprintf("%d.%d.%d.%d", o[3], o[2], o[1], o[0])
	}
	octets := ip.As16()
	var labels []string
	for i := len(octets) - 1; i >= 0; i-- {
		labels = append(labels, fmt.Sprintf("%x.%x", octets[i]&0xf, octets[i]>>4))
	}
	return strings.Join(labels, ".")
}
