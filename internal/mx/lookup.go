package mx

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Lookup tells where the mail of domain goes. domain is in A-labels, with or
// without final dot. Without MX it asks for A, and for AAAA only when the name
// exists without A; Addrs then answers for the implicit exchanger without a question.
//
// Everything is an answer, a server's failure and the end of ctx included. A
// text that is no domain name (an address literal, say) is Failed and is not
// asked. Found promises host names, not that they have addresses.
func (r *Resolver) Lookup(ctx context.Context, domain string) Answer {
	name, ok := absolute(domain)
	if !ok {
		return Answer{Status: Failed, Detail: "not a domain name", Expires: r.now()}
	}
	f, cached := r.resolve(ctx, name, dns.TypeMX)
	a := Answer{Status: f.status, Expires: f.expires, Detail: f.detail, Cached: cached}
	switch f.status {
	case Found:
		a.Hosts = r.pick(f.hosts)
	case NoMail:
		r.implicit(ctx, name, &a)
	case NXDomain:
		r.doubt(ctx, name, &a)
	}
	return a
}

// doubt asks for an address where the name was denied. Some load balancers know
// their names for A only and deny them for other types (RFC 4074 §4.2); senders
// that treat NXDOMAIN like NODATA, Postfix for one, deliver there all the same.
// Only an address changes the answer.
func (r *Resolver) doubt(ctx context.Context, name string, a *Answer) {
	f, cached := r.resolve(ctx, name, dns.TypeA)
	if f.status != Found {
		return
	}
	a.Status, a.Hosts, a.Detail = Implicit, []Host{{Name: hostText(name)}}, ""
	a.Cached = a.Cached && cached
	a.Expires = earlier(a.Expires, f.expires)
}

// implicit completes the answer for a domain without MX (RFC 5321 §5.1).
func (r *Resolver) implicit(ctx context.Context, name string, a *Answer) {
	f, cached := r.addrs(ctx, name)
	a.Cached = a.Cached && cached
	a.Expires = earlier(a.Expires, f.expires)
	switch f.status {
	case Found:
		a.Status = Implicit
		a.Hosts = []Host{{Name: hostText(name)}}
	case NXDomain, NoMail:
		// NXDOMAIN to A after NODATA to MX contradicts itself, but either
		// way nothing can be connected to.
		a.Status = NoMail
	default:
		a.Status, a.Detail, a.Expires = f.status, f.detail, f.expires
	}
}

// Addrs returns the IPv4 addresses of a host, or its IPv6 addresses when it
// has no IPv4 ones. One question when A answers.
func (r *Resolver) Addrs(ctx context.Context, host string) Addrs {
	name, ok := absolute(host)
	if !ok {
		return r.noHost()
	}
	f, _ := r.addrs(ctx, name)
	return f.addrs()
}

// AddrsV6 returns the IPv6 addresses of a host: for when every IPv4 address
// that Addrs gave has failed.
func (r *Resolver) AddrsV6(ctx context.Context, host string) Addrs {
	name, ok := absolute(host)
	if !ok {
		return r.noHost()
	}
	f, _ := r.resolve(ctx, name, dns.TypeAAAA)
	return f.addrs()
}

func (r *Resolver) noHost() Addrs {
	return Addrs{Status: Failed, Detail: "not a host name", Expires: r.now()}
}

func (f fact) addrs() Addrs {
	return Addrs{Status: f.status, IPs: slices.Clone(f.ips), Expires: f.expires, Detail: f.detail}
}

// addrs asks for A, and for AAAA when the name exists without A.
func (r *Resolver) addrs(ctx context.Context, name string) (fact, bool) {
	v4, cached4 := r.resolve(ctx, name, dns.TypeA)
	if v4.status != NoMail {
		return v4, cached4
	}
	v6, cached6 := r.resolve(ctx, name, dns.TypeAAAA)
	if v6.status == NXDomain {
		// Some load balancers deny the whole name when asked for AAAA
		// (RFC 4074 §4.2); the answer to A has shown that it exists.
		v6.status = NoMail
	}
	v6.expires = earlier(v4.expires, v6.expires)
	return v6, cached4 && cached6
}

// resolve asks for one type and asks on where an answer ends at an alias.
func (r *Resolver) resolve(ctx context.Context, name string, qtype uint16) (fact, bool) {
	var (
		aliases   int
		allCached = true
		expires   time.Time
	)
	for {
		f, cached := r.ask(ctx, dns.Question{Name: name, Qtype: qtype, Qclass: dns.ClassINET})
		allCached = allCached && cached
		if !expires.IsZero() {
			f.expires = earlier(expires, f.expires)
		}
		aliases += f.aliases
		if aliases > maxAliases {
			return failure(Failed, loopDetail, r.now()), allCached
		}
		if f.alias == "" {
			return f, allCached
		}
		name, expires = f.alias, f.expires
	}
}

// pick returns up to ten hosts in the order to try them. Equal preferences are
// shuffled anew for every caller (RFC 5321 §5.1): that is how exchangers ask
// for their load to be spread.
func (r *Resolver) pick(hosts []Host) []Host {
	picked := slices.Clone(hosts)
	r.shuffle(len(picked), func(i, j int) { picked[i], picked[j] = picked[j], picked[i] })
	slices.SortStableFunc(picked, byPreference)
	return picked[:min(len(picked), maxHosts)]
}

// absolute returns the name as asked: lower case, final dot.
func absolute(name string) (string, bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if !plainName(name) {
		return "", false
	}
	return name + ".", true
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
