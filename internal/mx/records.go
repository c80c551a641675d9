package mx

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxHosts bounds an Answer. Two are probed; the rest is for explanations.
	maxHosts = 10
	// maxKept bounds the hosts kept per domain, so that a zone of thousands
	// of exchangers cannot fill the memory.
	maxKept = 50

	loopDetail = "CNAME loop, or more than 8 aliases"
)

// chain is the path from the name asked to the records that answer.
type chain struct {
	owner   string        // where it ends, absolute, lower case
	aliases int           // CNAME links on the way
	ttl     time.Duration // the smallest of its links
	records []dns.RR      // of the asked type, owned by owner
}

// follow walks the CNAME records of an answer from the name asked. It reports
// false for a loop or a chain that is too long.
func follow(answer []dns.RR, q dns.Question) (chain, bool) {
	c := chain{owner: q.Name, ttl: maxPositive}
	for {
		var next *dns.CNAME
		for _, rr := range answer {
			h := rr.Header()
			if h.Class != q.Qclass || dns.CanonicalName(h.Name) != c.owner {
				continue
			}
			if h.Rrtype == q.Qtype {
				c.records = append(c.records, rr)
			}
			if alias, ok := rr.(*dns.CNAME); ok && next == nil {
				next = alias
			}
		}
		if len(c.records) > 0 || next == nil {
			return c, true
		}
		if c.aliases++; c.aliases > maxAliases {
			return c, false
		}
		c.owner = dns.CanonicalName(next.Target)
		c.ttl = min(c.ttl, seconds(next.Hdr.Ttl))
	}
}

// found turns the records at the end of a chain into a fact.
func found(c chain, qtype uint16, server string, now time.Time) fact {
	f := fact{status: Found, aliases: c.aliases}
	life := c.ttl
	for _, rr := range c.records {
		life = min(life, seconds(rr.Header().Ttl))
	}
	f.expires = now.Add(within(life, minPositive, maxPositive))
	if qtype == dns.TypeMX {
		f.status, f.hosts, f.detail = exchangers(c.records)
		return f
	}
	f.ips = addresses(c.records)
	if len(f.ips) == 0 {
		return failure(Failed, "address record without address from "+server, now)
	}
	return f
}

// exchangers sorts MX records by preference and drops what cannot be a host.
func exchangers(records []dns.RR) (Status, []Host, string) {
	var hosts []Host
	var skipped []string
	null := 0
	for _, rr := range records {
		mx, ok := rr.(*dns.MX)
		if !ok {
			continue
		}
		name := hostText(mx.Mx)
		if name == "." && mx.Preference == 0 {
			null++
		}
		if !hostName(name) {
			skipped = append(skipped, name)
			continue
		}
		hosts = append(hosts, Host{name, mx.Preference})
	}
	switch {
	case len(hosts) > 0:
		return Found, trim(hosts), ""
	case null == 1 && len(skipped) == 1:
		return NullMX, nil, ""
	default:
		return Unresolvable, nil, "no usable host name among the MX records: " + listed(skipped)
	}
}

// trim orders hosts by preference, keeps the best entry of each name, and
// bounds their number.
func trim(hosts []Host) []Host {
	slices.SortStableFunc(hosts, byPreference)
	seen := make(map[string]bool, len(hosts))
	hosts = slices.DeleteFunc(hosts, func(h Host) bool {
		again := seen[h.Name]
		seen[h.Name] = true
		return again
	})
	return slices.Clone(hosts[:min(len(hosts), maxKept)])
}

func byPreference(a, b Host) int {
	return cmp.Compare(a.Preference, b.Preference)
}

// listed names at most three hosts, since a stranger chose how many there are.
func listed(names []string) string {
	const most = 3
	var shown []string
	for _, name := range names[:min(len(names), most)] {
		shown = append(shown, brief(name))
	}
	if len(names) > most {
		shown = append(shown, "...")
	}
	return strings.Join(shown, ", ")
}

// brief cuts a name for an explanation. The library writes names in ASCII,
// four characters for every octet that is not printable.
func brief(name string) string {
	const most = 80
	if len(name) > most {
		return name[:most] + "..."
	}
	return name
}

func addresses(records []dns.RR) []netip.Addr {
	var ips []netip.Addr
	for _, rr := range records {
		var raw net.IP
		switch rr := rr.(type) {
		case *dns.A:
			raw = rr.A
		case *dns.AAAA:
			raw = rr.AAAA
		}
		ip, ok := netip.AddrFromSlice(raw)
		if !ok || len(ips) == maxAddrs {
			continue
		}
		ips = append(ips, ip.Unmap())
	}
	return ips
}

// hostText is an absolute name as people write it: lower case, no final dot.
// The root stays ".". A record without data has the name "" and keeps it.
func hostText(name string) string {
	if name == "." || name == "" {
		return name
	}
	return strings.TrimSuffix(dns.CanonicalName(name), ".")
}

// hostName reports whether a lower-case name without final dot can be the name
// of an exchanger. A last label of digits is an IP literal that somebody put
// into an MX record: no top-level domain is all digits (RFC 3696 §2).
func hostName(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return plainName(name) && strings.Trim(last, "0123456789") != ""
}

// plainName reports whether a lower-case name without final dot has the
// characters and lengths of a host name (RFC 1123 §2.1). Underscores and stray
// hyphens occur in real zones and resolve, so they pass.
func plainName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			letter := 'a' <= c && c <= 'z' || c == '-' || c == '_'
			if !letter && (c < '0' || c > '9') {
				return false
			}
		}
	}
	return true
}
