package safedial

import "net/netip"

// refused4 lists the IPv4 prefixes that are not public (RFC 6890 and the IANA
// special-purpose registry it started).
func refused4() []netip.Prefix {
	return []netip.Prefix{
		v4(0, 0, 0, 0, 8),       // "this network" (RFC 791); 0.0.0.0 connects to ourselves
		v4(10, 0, 0, 0, 8),      // private (RFC 1918)
		v4(100, 64, 0, 0, 10),   // carrier-grade NAT (RFC 6598)
		v4(127, 0, 0, 0, 8),     // loopback
		v4(169, 254, 0, 0, 16),  // link-local (RFC 3927): instance metadata lives here
		v4(172, 16, 0, 0, 12),   // private
		v4(192, 0, 0, 0, 24),    // protocol assignments (RFC 6890)
		v4(192, 0, 2, 0, 24),    // documentation (RFC 5737)
		v4(192, 88, 99, 0, 24),  // 6to4 relays, withdrawn (RFC 7526)
		v4(192, 168, 0, 0, 16),  // private
		v4(198, 18, 0, 0, 15),   // benchmarks (RFC 2544)
		v4(198, 51, 100, 0, 24), // documentation
		v4(203, 0, 113, 0, 24),  // documentation
		v4(224, 0, 0, 0, 4),     // multicast (RFC 5771)
		v4(240, 0, 0, 0, 4),     // reserved (RFC 1112), broadcast included
	}
}

// refused6 lists the prefixes inside 2000::/3 that are not public. Whatever
// lies outside it is refused without a list: nothing there is assigned as
// global unicast, so ::, ::1, IPv4-compatible ::/96, 64:ff9b:1::/48, 100::/64,
// fc00::/7, fe80::/10, the former site-local fec0::/10 and ff00::/8 are covered.
func refused6() []netip.Prefix {
	return []netip.Prefix{
		v6(0x2001, 0x0000, 23), // protocol assignments (RFC 2928), Teredo and ORCHID included
		v6(0x2001, 0x0db8, 32), // documentation (RFC 3849)
		v6(0x3fff, 0x0000, 20), // documentation (RFC 9637)
	}
}

// Public reports whether ip is a public unicast address. The zero Addr and
// addresses with a zone are not. IPv4 inside IPv6 is unwrapped and decides:
// mapped ::ffff:0:0/96, NAT64 64:ff9b::/96 (RFC 6052) and 6to4 2002::/16
// (RFC 3056) all end at the IPv4 address they carry.
func Public(ip netip.Addr) bool {
	if !ip.IsValid() || ip.Zone() != "" {
		return false
	}
	if inner, ok := unwrap(ip); ok {
		return Public(inner)
	}
	if ip.Is4() {
		return !within(refused4(), ip)
	}
	return v6(0x2000, 0, 3).Contains(ip) && !within(refused6(), ip)
}

// unwrap returns the IPv4 address that an IPv6 address leads to.
func unwrap(ip netip.Addr) (netip.Addr, bool) {
	if ip.Is4() {
		return netip.Addr{}, false
	}
	if ip.Is4In6() {
		return ip.Unmap(), true
	}
	b := ip.As16()
	switch {
	case netip.PrefixFrom(netip.AddrFrom16([16]byte{1: 0x64, 2: 0xff, 3: 0x9b}), 96).Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case v6(0x2002, 0, 16).Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

func within(prefixes []netip.Prefix, ip netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

func v4(a, b, c, d byte, bits int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{a, b, c, d}), bits)
}

// v6 is a prefix by the first two groups of its address.
func v6(first, second uint16, bits int) netip.Prefix {
	b := [16]byte{byte(first >> 8), byte(first), byte(second >> 8), byte(second)}
	return netip.PrefixFrom(netip.AddrFrom16(b), bits)
}
