package safedial

import (
	"net/netip"
	"testing"
)

// edges holds a refused prefix's first and last address and the public
// addresses on either side of it, "" where the neighbor is refused too.
type edges struct {
	name, before, first, last, after string
}

func TestPublicAtTheEdgesOfEveryPrefix(t *testing.T) {
	for _, e := range []edges{
		{"this network", "", "0.0.0.0", "0.255.255.255", "1.0.0.0"},
		{"private 10/8", "9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
		{"carrier-grade NAT", "100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
		{"loopback", "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
		{"link-local", "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
		{"private 172.16/12", "172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
		{"protocol assignments", "191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
		{"documentation 1", "192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
		{"6to4 relays", "192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
		{"private 192.168/16", "192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
		{"benchmarks", "198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
		{"documentation 2", "198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
		{"documentation 3", "203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
		{"multicast", "223.255.255.255", "224.0.0.0", "239.255.255.255", ""},
		{"reserved and broadcast", "", "240.0.0.0", "255.255.255.255", ""},

		{"below global unicast", "", "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"},
		{"protocol assignments", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"},
		{"documentation", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
		{"new documentation", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"},
		{"above global unicast", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
		{"local NAT64", "", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", ""},
		{"discard", "", "100::", "100::ffff:ffff:ffff:ffff", ""},
		{"unique local", "", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
		{"link-local", "", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
		{"site-local", "", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
		{"multicast", "", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
	} {
		t.Run(e.name, func(t *testing.T) {
			check(t, e.before, true)
			check(t, e.first, false)
			check(t, e.last, false)
			check(t, e.after, true)
		})
	}
}

// Every IPv4 edge must hold in every wrapping as well.
func TestPublicUnwrapsIPv4(t *testing.T) {
	for ip, want := range map[string]bool{
		"::ffff:8.8.8.8":         true,
		"::ffff:127.0.0.1":       false,
		"::ffff:10.0.0.1":        false,
		"::ffff:169.254.169.254": false,
		"::ffff:0.0.0.0":         false,

		"64:ff9b::8.8.8.8":         true,
		"64:ff9b::127.0.0.1":       false,
		"64:ff9b::169.254.169.254": false,
		"64:ff9b::192.168.255.255": false,
		"64:ff9b::192.169.0.0":     true,
		"64:ff9b::1:808:808":       false, // outside the /96

		"2002:808:808::1":                         true,
		"2002:7f00:1::1":                          false, // 127.0.0.1
		"2002:a9fe:a9fe::":                        false, // 169.254.169.254
		"2002:a00::":                              false, // 10.0.0.0
		"2002:aff:ffff:ffff:ffff:ffff:ffff:ffff":  false, // 10.255.255.255
		"2002:b00::":                              true,  // 11.0.0.0
		"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff": true,  // one before 2002::/16

		"::127.0.0.1":      false, // IPv4-compatible
		"::10.0.0.1":       false,
		"::8.8.8.8":        false, // deprecated and routed nowhere (RFC 4291 §2.5.5.1)
		"::1":              false,
		"fd00:ec2::254":    false, // instance metadata over IPv6
		"fe80::1%eth0":     false,
		"2606:4700::1%any": false, // a zone has no business on a public address
		"2606:4700::1":     true,
	} {
		check(t, ip, want)
	}
	if Public(netip.Addr{}) {
		t.Error("Public(zero Addr) = true, want false")
	}
}

func check(t *testing.T, ip string, want bool) {
	t.Helper()
	if ip == "" {
		return
	}
	if got := Public(netip.MustParseAddr(ip)); got != want {
		t.Errorf("Public(%s) = %v, want %v", ip, got, want)
	}
}

func TestPermits(t *testing.T) {
	d := Dialer{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.1.2.3/32")},
		Deny:  []netip.Prefix{netip.MustParsePrefix("8.8.8.0/24"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2606:4700::/32")},
	}
	for _, test := range []struct {
		claim, ip string
		want      bool
	}{
		{"public", "9.9.9.9", true},
		{"private", "192.168.0.1", false},
		{"allowed", "127.0.0.1", true},
		{"allowed, written as mapped", "::ffff:127.0.0.1", true},
		{"allowing the inner address does not open a translator", "64:ff9b::127.0.0.1", false},
		{"allowed wins over denied", "10.1.2.3", true},
		{"denied", "8.8.8.8", false},
		{"denied as mapped", "::ffff:8.8.8.8", false},
		{"denied behind NAT64", "64:ff9b::8.8.8.8", false},
		{"denied behind 6to4", "2002:808:808::1", false},
		{"denied IPv6", "2606:4700::1", false},
		{"zone", "fe80::1%lo", false},
	} {
		t.Run(test.claim, func(t *testing.T) {
			if got := d.Permits(netip.MustParseAddr(test.ip)); got != test.want {
				t.Errorf("Permits(%s) = %v, want %v", test.ip, got, test.want)
			}
		})
	}
	if d.Permits(netip.Addr{}) {
		t.Error("Permits(zero Addr) = true, want false")
	}
}
