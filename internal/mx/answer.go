package mx

import (
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxAliases bounds a CNAME chain. Real ones have two or three links.
	maxAliases = 8
	// maxAddrs bounds the addresses kept per name; nobody tries more than a
	// few, and a hostile answer may hold thousands.
	maxAddrs = 20
)

// fact is what one answer says about one name and type.
type fact struct {
	status  Status       // NoMail stands for NODATA: the name exists without this type
	hosts   []Host       // MX: usable ones by preference; shared, not to be changed
	ips     []netip.Addr // A, AAAA; shared, not to be changed
	alias   string       // the answer ends at this name, absolute, and does not speak about it
	aliases int          // CNAME links followed inside the answer
	expires time.Time
	detail  string
}

// conclusive reports whether DNS said something, as opposed to a failure that
// another server may not have.
func (f fact) conclusive() bool {
	return f.status != Failed && f.status != Timeout
}

func failure(s Status, detail string, now time.Time) fact {
	return fact{status: s, detail: detail, expires: now.Add(failureLife)}
}

// interpret reads the answer m of a server to the question q. It believes
// records of the answer section only, and of those only the ones that belong
// to the name asked or to its CNAME chain: anything else may be planted.
func interpret(m *dns.Msg, q dns.Question, server string, now time.Time) fact {
	if problem := mismatch(m, q); problem != "" {
		return failure(Failed, problem+" from "+server, now)
	}
	if m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError {
		return failure(Failed, rcode(m.Rcode)+" from "+server, now)
	}
	c, ok := follow(m.Answer, q)
	if !ok {
		return failure(Failed, loopDetail, now)
	}
	if m.Rcode == dns.RcodeNameError {
		if len(c.records) > 0 {
			return failure(Failed, "NXDOMAIN together with records from "+server, now)
		}
		return absent(NXDomain, m, c, now)
	}
	if len(c.records) > 0 {
		return found(c, q.Qtype, server, now)
	}
	return empty(m, q, c, server, now)
}

// mismatch says why m is no answer to q, or "". A refusal may come without a
// question section; data may not.
func mismatch(m *dns.Msg, q dns.Question) string {
	switch {
	case !m.Response || m.Opcode != dns.OpcodeQuery:
		return "a message that is no answer"
	case len(m.Question) == 0 && m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return ""
	case len(m.Question) != 1,
		m.Question[0].Qtype != q.Qtype,
		m.Question[0].Qclass != q.Qclass,
		dns.CanonicalName(m.Question[0].Name) != q.Name:
		return "answer to another question"
	}
	return ""
}

func rcode(code int) string {
	if name, ok := dns.RcodeToString[code]; ok {
		return name
	}
	return "unknown response code"
}

// empty reads an answer without a record of the asked type at the end of the
// chain. Only what is certain to be NODATA may be called so: "no such record"
// ends as "this domain takes no mail".
func empty(m *dns.Msg, q dns.Question, c chain, server string, now time.Time) fact {
	if soaFor(m.Ns, c.owner) != nil {
		return absent(NoMail, m, c, now)
	}
	if c.aliases > 0 {
		expires := now.Add(within(c.ttl, minPositive, maxPositive))
		return fact{status: Found, alias: c.owner, aliases: c.aliases, expires: expires}
	}
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == q.Qtype {
			return failure(Failed, "answer about another name from "+server, now)
		}
	}
	// RFC 2308 §2.2: neither SOA nor NS is NODATA of the third kind, NS
	// alone a referral, which says nothing. A server that neither recurses
	// nor has authority cannot know.
	if !m.Authoritative && (!m.RecursionAvailable || hasNS(m.Ns)) {
		return failure(Failed, "referral from "+server, now)
	}
	return absent(NoMail, m, c, now)
}

// absent is NXDOMAIN or NODATA at the end of the chain. Its life is the
// smaller of the SOA's TTL and minimum (RFC 2308 §5).
func absent(s Status, m *dns.Msg, c chain, now time.Time) fact {
	life := minNegative
	if soa := soaFor(m.Ns, c.owner); soa != nil {
		life = min(seconds(soa.Hdr.Ttl), seconds(soa.Minttl))
	}
	f := fact{status: s, aliases: c.aliases}
	if c.aliases > 0 {
		life = min(life, c.ttl)
		f.detail = "alias of " + brief(hostText(c.owner))
	}
	f.expires = now.Add(within(life, minNegative, maxNegative))
	return f
}

// soaFor returns the SOA of a zone that name can be in.
func soaFor(authority []dns.RR, name string) *dns.SOA {
	for _, rr := range authority {
		soa, ok := rr.(*dns.SOA)
		if ok && dns.IsSubDomain(dns.CanonicalName(soa.Hdr.Name), name) {
			return soa
		}
	}
	return nil
}

func hasNS(authority []dns.RR) bool {
	for _, rr := range authority {
		if rr.Header().Rrtype == dns.TypeNS {
			return true
		}
	}
	return false
}

func seconds(ttl uint32) time.Duration {
	return time.Duration(ttl) * time.Second
}
