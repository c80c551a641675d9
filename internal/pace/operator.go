package pace

import (
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// Operator names who runs an exchanger: the registrable domain of its MX name,
// since limits apply to the operator and thousands of domains share one. A
// name that has none (an address literal, a bare public suffix) is grouped by
// its network, /24 or /48, unless that is a private or local one, else by the
// name itself.
func Operator(host string, ip netip.Addr) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if !literal(host) {
		if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
			return domain
		}
	}
	if ip = ip.Unmap(); !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return host
	}
	bits := 24
	if ip.Is6() {
		bits = 48
	}
	network, _ := ip.Prefix(bits) // fails only for bits out of range
	return network.String()
}

// literal reports an address in place of a name: its last octets would pass
// for a domain.
func literal(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || strings.HasPrefix(host, "[")
}

// SessionsAtOnce is how many sessions an operator bears from one address: the
// giants more than a small host (smtp-probing.md §10).
func SessionsAtOnce(operator string) int {
	switch operator {
	case "google.com", "googlemail.com", "outlook.com":
		return 10
	case "yahoodns.net", "icloud.com", "mimecast.com", "pphosted.com", "protonmail.ch", "messagelabs.com",
		"yandex.ru", "mail.ru", "gmx.net", "kundenserver.de", "secureserver.net", "ovh.net":
		return 5
	}
	return 2
}

// startInterval is the least time between two starts in the long run: a second
// for a small host, shorter for who bears more sessions (smtp-probing.md §10).
func startInterval(operator string) time.Duration {
	return 2 * time.Second / time.Duration(SessionsAtOnce(operator))
}
