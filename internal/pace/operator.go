package pace

import (
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Operator names who runs an exchanger: the registrable domain of its MX name,
// since limits apply to the operator and thousands of domains share one. A
// name that has none (an address literal, a bare public suffix) is grouped by
// its network, /24 or /48, if the address is public, else by the name itself.
func Operator(host string, ip netip.Addr) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil {
		if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
			return domain
		}
	}
	if ip.IsValid() && ip.IsGlobalUnicast() && !ip.IsPrivate() {
		bits := 24
		if ip.Is6() {
			bits = 48
		}
		return netip.PrefixFrom(ip, bits).Masked().String()
	}
	return host
}

// sessionsAtOnce is how many sessions an operator bears from one address: the
// giants more than a small host (smtp-probing, session limits).
func sessionsAtOnce(operator string) int {
	switch operator {
	case "google.com", "googlemail.com", "outlook.com":
		return 10
	case "yahoodns.net", "icloud.com", "mimecast.com", "pphosted.com", "protonmail.ch", "messagelabs.com",
		"yandex.ru", "mail.ru", "gmx.net", "kundenserver.de", "secureserver.net", "ovh.net":
		return 5
	}
	return 2
}
