package mxtest

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// ServeDNS answers one question by the zone and its rules.
func (s *Server) ServeDNS(w dns.ResponseWriter, request *dns.Msg) {
	q := request.Question[0]
	name := strings.TrimSuffix(strings.ToLower(q.Name), ".")
	qtype := dns.TypeToString[q.Qtype]
	asked := s.count(name + " " + qtype)
	rule, ok := s.zone.Rules[name+" "+qtype]
	if !ok {
		rule = s.zone.Rules[name]
	}
	if rule.Timeout || !s.wait(rule.Delay) {
		return
	}
	overTCP := w.LocalAddr().Network() == "tcp"
	if overTCP && rule.NoTCP {
		_ = w.Close() // the client sees the end of the stream
		return
	}
	reply := s.zone.reply(request, rule, name, qtype, asked)
	if !overTCP && rule.Truncate {
		reply.Answer, reply.Ns, reply.Truncated = nil, nil, true
	}
	if !overTCP {
		reply.Truncate(udpSize(request))
	}
	if s.zone.Tamper != nil {
		s.zone.Tamper(reply)
	}
	_ = w.WriteMsg(reply) // a client that left is its own affair
}

// wait reports false when the test ended first.
func (s *Server) wait(d time.Duration) bool {
	if d == 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.done:
		return false
	}
}

func udpSize(request *dns.Msg) int {
	if opt := request.IsEdns0(); opt != nil {
		return int(opt.UDPSize())
	}
	return dns.MinMsgSize
}

// reply builds the answer before size and transport matter.
func (z *Zone) reply(request *dns.Msg, rule Rule, name, qtype string, asked int) *dns.Msg {
	m := new(dns.Msg).SetReply(request)
	m.RecursionAvailable = true
	if request.IsEdns0() != nil {
		m.SetEdns0(dns.DefaultMsgSize, false)
	}
	switch {
	case rule.ServFail:
		m.Rcode = dns.RcodeServerFailure
		return m
	case rule.Refused:
		m.Rcode = dns.RcodeRefused
		return m
	}
	name = z.chase(m, name)
	for _, value := range z.values(name, qtype, asked) {
		m.Answer = append(m.Answer, z.must(name, qtype, value))
	}
	if !z.exists(name) {
		m.Rcode = dns.RcodeNameError
	}
	if len(m.Answer) == 0 || m.Rcode != dns.RcodeSuccess || m.Answer[len(m.Answer)-1].Header().Rrtype == dns.TypeCNAME {
		m.Ns = append(m.Ns, z.soa(name))
	}
	return m
}

// chase appends the CNAME records from name on and returns the last target.
func (z *Zone) chase(m *dns.Msg, name string) string {
	const most = 12 // longer than any client should follow
	for range most {
		target, ok := z.CNAME[name]
		if !ok {
			break
		}
		m.Answer = append(m.Answer, z.must(name, "CNAME", target))
		name = target
	}
	return name
}

// values returns the records of name; asked counts the questions for it.
func (z *Zone) values(name, qtype string, asked int) []string {
	later, changes := z.Later[name]
	switch {
	case changes && asked > 1 && qtype == "A":
		return family(later, netip.Addr.Is4)
	case changes && asked > 1 && qtype == "AAAA":
		return family(later, netip.Addr.Is6)
	}
	switch qtype {
	case "MX":
		return z.MX[name]
	case "A":
		return z.A[name]
	case "AAAA":
		return z.AAAA[name]
	}
	return nil
}

func family(values []string, is func(netip.Addr) bool) []string {
	var some []string
	for _, value := range values {
		if ip, err := netip.ParseAddr(value); err == nil && is(ip) {
			some = append(some, value)
		}
	}
	return some
}

// exists reports whether name has an entry, or is above one that has.
func (z *Zone) exists(name string) bool {
	return holds(z.MX, name) || holds(z.A, name) || holds(z.AAAA, name) ||
		holds(z.CNAME, name) || holds(z.Later, name)
}

func holds[V any](records map[string]V, name string) bool {
	for key := range records {
		if key == name || strings.HasSuffix(key, "."+name) {
			return true
		}
	}
	return false
}

func (z *Zone) record(name, qtype, value string) (dns.RR, error) {
	ttl := cmp.Or(z.TTL, time.Hour) / time.Second
	// The final dot keeps the parser from looking for an origin.
	switch qtype {
	case "MX", "CNAME":
		value = strings.TrimSuffix(value, ".") + "."
	}
	line := fmt.Sprintf("%s. %d IN %s %s", name, ttl, qtype, value)
	rr, err := dns.NewRR(line)
	if err != nil {
		return nil, fmt.Errorf("record %q: %w", line, err)
	}
	return rr, nil
}

// must builds a record that check has seen before.
func (z *Zone) must(name, qtype, value string) dns.RR {
	rr, err := z.record(name, qtype, value)
	if err != nil {
		panic(err)
	}
	return rr
}

// soa is the start of authority of name's top-level domain.
func (z *Zone) soa(name string) dns.RR {
	top := name[strings.LastIndexByte(name, '.')+1:]
	minimum := uint32(cmp.Or(z.Minimum, 10*time.Minute) / time.Second)
	return &dns.SOA{
		Hdr:    dns.RR_Header{Name: top + ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: minimum},
		Ns:     "ns." + top + ".",
		Mbox:   "hostmaster." + top + ".",
		Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400,
		Minttl: minimum,
	}
}
