package pace

import (
	"net/netip"
	"testing"
	"time"
)

func TestOperator(t *testing.T) {
	const documentation, private = "203.0.113.77", "10.1.2.3"
	tests := []struct {
		name, host, ip, want string
	}{
		{"Google", "aspmx.l.google.com", documentation, "google.com"},
		{"Google's other name", "aspmx2.googlemail.com", documentation, "googlemail.com"},
		{"Microsoft's tenants are one operator", "customer-example.mail.protection.outlook.com", documentation, "outlook.com"},
		{"Microsoft's consumer hosts", "hotmail-com.olc.protection.outlook.com", documentation, "outlook.com"},
		{"a name under co.uk", "mx1.mail.operator.co.uk", documentation, "operator.co.uk"},
		{"case and the final dot", "MX1.Operator.Example.", documentation, "operator.example"},
		{"the domain itself", "operator.example", documentation, "operator.example"},
		{"an unknown address", "mx.operator.example", "", "operator.example"},
		{"a private address by name", "mx.operator.test", private, "operator.test"},

		{"a single label by its network", "localhost", documentation, "203.0.113.0/24"},
		{"a bare public suffix by its network", "co.uk", documentation, "203.0.113.0/24"},
		{"an IPv4 literal by its network", documentation, documentation, "203.0.113.0/24"},
		{"a literal in brackets", "[203.0.113.77]", documentation, "203.0.113.0/24"},
		{"an IPv6 literal", "[IPv6:2001:db8:1:2::3]", "2001:db8:1:2::3", "2001:db8:1::/48"},
		{"an IPv6 literal with dots", "[IPv6:::ffff:203.0.113.77]", "::ffff:203.0.113.77", "203.0.113.0/24"},

		{"a single label at a private address by name", "mailhost", private, "mailhost"},
		{"a single label on this machine by name", "mailhost", "127.0.0.1", "mailhost"},
		{"a single label at a private IPv6 address by name", "mailhost", "fd00::1", "mailhost"},
		{"a single label, address unknown", "mailhost", "", "mailhost"},
		{"a private literal by name", "[10.1.2.3]", private, "[10.1.2.3]"},
		{"a private IPv4 address inside IPv6", "mailhost", "::ffff:10.1.2.3", "mailhost"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var ip netip.Addr
			if test.ip != "" {
				ip = netip.MustParseAddr(test.ip)
			}
			if got := Operator(test.host, ip); got != test.want {
				t.Errorf("Operator(%q, %v) = %q, want %q", test.host, ip, got, test.want)
			}
		})
	}
}

func TestWhatOperatorsBear(t *testing.T) {
	tests := []struct {
		operator string
		sessions int
		interval time.Duration
	}{
		{"small.example", 2, time.Second},
		{"203.0.113.0/24", 2, time.Second},
		{"icloud.com", 5, 400 * time.Millisecond},
		{"google.com", 10, 200 * time.Millisecond},
		{"outlook.com", 10, 200 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.operator, func(t *testing.T) {
			if s, i := SessionsAtOnce(test.operator), startInterval(test.operator); s != test.sessions || i != test.interval {
				t.Errorf("%d sessions, one start each %v, want %d, %v", s, i, test.sessions, test.interval)
			}
		})
	}
}
