package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// text reads a setting that may hold anything.
func (r *reader) text(name, missing string) string {
	if value := r.lookup(name); value != "" {
		return value
	}
	return missing
}

// choice reads one of a few words.
func (r *reader) choice(name, missing string, words ...string) string {
	value := r.text(name, missing)
	if !slices.Contains(words, value) {
		r.reject(name, value, "one of "+strings.Join(words, ", "))
	}
	return value
}

// port reads a TCP port that can be dialed.
func (r *reader) port(name string, missing int) int {
	value := r.text(name, strconv.Itoa(missing))
	port, err := strconv.ParseUint(value, 10, 16)
	if err != nil || port == 0 {
		r.reject(name, value, "a port number from 1 to 65535")
	}
	return int(port)
}

// address reads a host:port to listen on.
func (r *reader) address(name, missing string) string {
	value := r.text(name, missing)
	host, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || strings.ContainsFunc(host, notInHost) {
		r.reject(name, value, "host:port, such as 127.0.0.1:8080")
		return missing // what is derived from it must not be reported too
	}
	return value
}

// endpoints reads a list of host:port to connect to.
func (r *reader) endpoints(name, example string) []string {
	value := r.lookup(name)
	var all []string
	for _, one := range list(value) {
		if !dialable(one) {
			r.reject(name, value, fmt.Sprintf("host:port[,host:port...], such as %s; %q is none", example, one))
			return nil
		}
		all = append(all, one)
	}
	return all
}

// networks reads a list of prefixes; an address alone is a network of one.
func (r *reader) networks(name string) []netip.Prefix {
	value := r.lookup(name)
	var all []netip.Prefix
	for _, one := range list(value) {
		network, err := network(one)
		if err != nil {
			r.reject(name, value, fmt.Sprintf("networks such as 10.0.0.0/8,2001:db8::1; %q is none", one))
			return nil
		}
		all = append(all, network)
	}
	return all
}

// network reads one prefix or address, masked; IPv4 inside IPv6 becomes IPv4,
// as the addresses it is compared with.
func network(s string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(s)
	if err != nil {
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is no network", s)
		}
		network = netip.PrefixFrom(ip, ip.BitLen())
	}
	if network.Addr().Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
	}
	return network.Masked(), nil
}

// ip reads one address, or nothing.
func (r *reader) ip(name string) netip.Addr {
	value := r.lookup(name)
	if value == "" {
		return netip.Addr{}
	}
	ip, err := netip.ParseAddr(value)
	if err != nil || ip.Zone() != "" {
		r.reject(name, value, "an address, such as 192.0.2.1")
	}
	return ip.Unmap()
}

// zones reads a list of domains. The names may hold keys, so they are not
// quoted.
func (r *reader) zones(name string) []string {
	all := list(r.lookup(name))
	for _, zone := range all {
		if !mailDomain(zone) || !strings.Contains(zone, ".") {
			r.problems = append(r.problems, fmt.Errorf("%s is not usable: want domains, such as dnsbl.example", name))
			return nil
		}
	}
	return all
}

// resource reads the name, id or ARN of something on AWS. What it looks like is
// the service's to judge; a space or a line end shows that something else was
// meant.
func (r *reader) resource(name string) string {
	value := r.lookup(name)
	if len(value) > maxResource || strings.ContainsFunc(value, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		r.reject(name, value, "a name or an ARN, without spaces")
	}
	return value
}

// maxResource is the longest ARN there may be ("Identify AWS resources with
// Amazon Resource Names", IAM User Guide), in characters.
const maxResource = 2048

// queue reads the URL of a queue, or nothing.
func (r *reader) queue(name string) string {
	value := r.lookup(name)
	u, err := url.Parse(value)
	if value != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || len(u.Path) < 2) {
		r.reject(name, value, "the URL of a queue, such as https://sqs.eu-central-1.amazonaws.com/123456789012/probes")
	}
	return value
}

// url reads a base URL that paths are appended to.
func (r *reader) url(name, missing string) string {
	value := strings.TrimRight(r.text(name, missing), "/")
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" ||
		u.Hostname() == "" || u.User != nil || u.ForceQuery || u.RawQuery != "" || u.Fragment != "" {
		r.reject(name, value, "an http or https URL of scheme, host and path only, such as https://verify.example.com")
	}
	return value
}

// mailName reads what may follow EHLO: a domain or an address literal (RFC 5321
// §4.1.1.1).
func (r *reader) mailName(name, missing string) string {
	value := r.text(name, missing)
	if !mailDomain(value) {
		r.reject(name, value, "a host name or an address literal, such as verify.example.com")
		return "localhost" // what is derived from it must not be reported too
	}
	return value
}

// sender reads an envelope sender.
func (r *reader) sender(name, missing string) string {
	value := r.text(name, missing)
	at := strings.LastIndexByte(value, '@')
	if at < 1 || len(value) > maxPath || strings.ContainsFunc(value[:at], notInLocal) || !mailDomain(value[at+1:]) {
		r.reject(name, value, "a mail address without spaces or angle brackets, such as verify@example.com")
	}
	return value
}

// Limits of RFC 5321 §4.5.3.1, in octets.
const (
	maxDomain = 255
	maxPath   = 254 // 256 with the angle brackets
)

// mailDomain says whether s can stand in an SMTP command as a domain. It is a
// guard for the dialogue, not a check of the name: no space, line end or angle
// bracket passes. The underscore does, because host names of containers have it.
func mailDomain(s string) bool {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		literal, closed := strings.CutSuffix(inner, "]")
		_, err := netip.ParseAddr(strings.TrimPrefix(literal, "IPv6:"))
		return closed && err == nil && !strings.Contains(literal, "%")
	}
	return s != "" && len(s) <= maxDomain && !strings.ContainsFunc(s, func(c rune) bool {
		return !letterOrDigit(c) && !strings.ContainsRune(".-_", c)
	})
}

// notInLocal allows the atoms of RFC 5321 §4.1.2; a quoted sender is nothing an
// operator needs.
func notInLocal(c rune) bool {
	return !letterOrDigit(c) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", c)
}

// notInHost allows names and addresses, an IPv6 zone among them.
func notInHost(c rune) bool {
	return !letterOrDigit(c) && !strings.ContainsRune(".-_:%", c)
}

func letterOrDigit(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// dialable says whether s is a host and a port that one can connect to.
func dialable(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" || strings.ContainsFunc(host, notInHost) {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// list splits at commas and drops the blanks around its members.
func list(value string) []string {
	if strings.TrimSpace(value) == "" {
		return nil
	}
	all := strings.Split(value, ",")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}
