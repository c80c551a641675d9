package closed

import (
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

func (w *World) serveDNS() (err error) {
	if w.socket, err = net.ListenPacket("udp4", "127.0.0.1:0"); err != nil {
		return err
	}
	ready := make(chan struct{})
	w.dns = &dns.Server{PacketConn: w.socket, Handler: w, NotifyStartedFunc: func() { close(ready) }}
	w.running.Go(func() { _ = w.dns.ActivateAndServe() })
	<-ready
	return nil
}

// ServeDNS answers one question. The server runs each in a goroutine of its
// own, so that delays do not add up.
func (w *World) ServeDNS(out dns.ResponseWriter, request *dns.Msg) {
	w.questions.Add(1)
	time.Sleep(w.spec.DNSDelay)
	reply := new(dns.Msg).SetReply(request)
	reply.RecursionAvailable = true
	q := request.Question[0]
	name := strings.ToLower(strings.TrimSuffix(q.Name, "."))
	header := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: 3600}
	host, isHost := w.hosts[name]
	exchangers := w.spec.Exchangers(name)
	switch {
	case q.Qtype == dns.TypeA && isHost:
		reply.Answer = append(reply.Answer, &dns.A{Hdr: header, A: net.IP(address(host).AsSlice())})
	case q.Qtype == dns.TypeMX && exchangers != nil:
		for _, host := range exchangers {
			reply.Answer = append(reply.Answer, &dns.MX{Hdr: header, Preference: 10, Mx: w.names[host] + "."})
		}
	case !isHost && exchangers == nil:
		reply.Rcode = dns.RcodeNameError
	}
	_ = out.WriteMsg(reply) // a client that left is its own affair
}
