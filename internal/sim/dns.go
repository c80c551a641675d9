package sim

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/miekg/dns"
)

// How long answers hold, in seconds: positive ones, and the negative ones that
// carry the zone's SOA (RFC 2308 §5).
const (
	positiveTTL = 300
	negativeTTL = 60
)

// portTries bounds the search for a port free on both UDP and TCP: the system
// picks one for UDP, and TCP may find it taken.
const portTries = 20

// nameserver answers for .test with authority and refuses every other name.
type nameserver struct {
	address string
	servers []*dns.Server
	tally   questionTally
	running sync.WaitGroup
}

func startNameserver() (*nameserver, error) {
	packets, listener, err := listenBoth()
	if err != nil {
		return nil, err
	}
	n := &nameserver{address: listener.Addr().String()}
	n.servers = []*dns.Server{{PacketConn: packets, Handler: n}, {Listener: listener, Handler: n}}
	for _, s := range n.servers {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		n.running.Go(func() { _ = s.ActivateAndServe() }) // ends at Shutdown, with nothing to report
		<-started                                         // a server that has not started cannot be shut down
	}
	return n, nil
}

// listenBoth opens UDP and TCP on one port of 127.0.0.1.
func listenBoth() (net.PacketConn, net.Listener, error) {
	var tried error
	for range portTries {
		packets, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		listener, err := net.Listen("tcp4", packets.LocalAddr().String())
		if err == nil {
			return packets, listener, nil
		}
		tried = errors.Join(err, packets.Close())
	}
	return nil, nil, fmt.Errorf("find a port for UDP and TCP in %d tries: %w", portTries, tried)
}

func (n *nameserver) close() error {
	var err error
	for _, s := range n.servers {
		err = errors.Join(err, s.Shutdown())
	}
	n.running.Wait()
	return err
}

// ServeDNS answers one query; it implements dns.Handler.
func (n *nameserver) ServeDNS(rw dns.ResponseWriter, query *dns.Msg) {
	for _, q := range query.Question {
		n.tally.add(q.Qtype)
	}
	_ = rw.WriteMsg(answer(query)) // a client that is gone asks again or does not care
}

// answer is the whole zone as a function of the query.
func answer(query *dns.Msg) *dns.Msg {
	m := new(dns.Msg)
	if len(query.Question) != 1 {
		return m.SetRcode(query, dns.RcodeFormatError)
	}
	m.SetReply(query)
	if opt := query.IsEdns0(); opt != nil {
		m.SetEdns0(dns.DefaultMsgSize, opt.Do())
	}
	q := query.Question[0]
	if q.Qclass != dns.ClassINET || !dns.IsSubDomain("test.", dns.CanonicalName(q.Name)) {
		m.Rcode = dns.RcodeRefused
		return m
	}
	m.Authoritative = true
	records, exists := recordsOf(q.Name)
	for _, rr := range records {
		if q.Qtype == dns.TypeANY || q.Qtype == rr.Header().Rrtype {
			m.Answer = append(m.Answer, rr)
		}
	}
	if !exists {
		m.Rcode = dns.RcodeNameError
	}
	if len(m.Answer) == 0 {
		m.Ns = []dns.RR{soa()}
	}
	return m
}

// recordsOf returns everything the zone holds under a name, owned by the name
// as it was asked, and whether the name exists.
func recordsOf(asked string) (records []dns.RR, exists bool) {
	name := dns.CanonicalName(asked)
	labels := dns.SplitDomainName(name)
	switch len(labels) {
	case 1:
		return []dns.RR{soa()}, true
	case 2:
		return domainRecords(asked, name)
	case 3:
		if labels[0] != "mx1" {
			return nil, false
		}
		i, ok := behaviorOf(labels[1] + "." + labels[2])
		if !ok || behaviors[i].zone != withMX {
			return nil, false
		}
		return []dns.RR{addressRecord(asked, name, i)}, true
	}
	return nil, false
}

func domainRecords(asked, name string) (records []dns.RR, exists bool) {
	i, ok := behaviorOf(name[:len(name)-1])
	if !ok {
		return nil, false
	}
	b := behaviors[i]
	switch b.zone {
	case withMX:
		return []dns.RR{mxRecord(asked, 10, b.host(name))}, true
	case addressOnly:
		return []dns.RR{addressRecord(asked, name, i)}, true
	case nullMX:
		return []dns.RR{mxRecord(asked, 0, ".")}, true
	}
	return nil, true
}

func mxRecord(owner string, preference uint16, host string) dns.RR {
	return &dns.MX{Hdr: header(owner, dns.TypeMX, positiveTTL), Preference: preference, Mx: host}
}

func addressRecord(owner, host string, i int) dns.RR {
	ip := addressOf(host[:len(host)-1], i)
	return &dns.A{Hdr: header(owner, dns.TypeA, positiveTTL), A: ip.AsSlice()}
}

func soa() dns.RR {
	return &dns.SOA{Hdr: header("test.", dns.TypeSOA, negativeTTL), Ns: "ns.test.", Mbox: "hostmaster.test.",
		Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: negativeTTL}
}

func header(owner string, rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}
