package mx

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// udpSize is what we take over UDP: it passes every path without fragments,
// which are lost or forged too easily (DNS flag day 2020).
const udpSize = 1232

// ask answers q from the cache or from the servers, and reports whether the
// cache sufficed. The question to the servers lives by its own clock: a caller
// who leaves early takes nothing away from the others who wait for it.
func (r *Resolver) ask(ctx context.Context, q dns.Question) (fact, bool) {
	if f, ok := r.cache.fact(q, r.now()); ok {
		return f, true
	}
	if ctx.Err() != nil {
		return r.abandoned(ctx), false
	}
	flight := r.flights.DoChan(dns.TypeToString[q.Qtype]+" "+q.Name, func() (any, error) {
		// The flight we missed by a moment may have landed meanwhile.
		if f, ok := r.cache.fact(q, r.now()); ok {
			return f, nil
		}
		f := r.question(q)
		r.cache.put(q, f, r.now())
		return f, nil
	})
	select {
	case landed := <-flight:
		return landed.Val.(fact), false
	case <-ctx.Done():
		return r.abandoned(ctx), false
	}
}

// abandoned is the fact of a caller whose context ended; it is never cached.
func (r *Resolver) abandoned(ctx context.Context) fact {
	detail := "cancelled before DNS answered"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		detail = "deadline reached before DNS answered"
	}
	return fact{status: Timeout, detail: detail, expires: r.now()}
}

// question puts q to the servers in turn until one says something. A server
// that answered with a failure is not asked again: it would say the same. One
// that stayed silent is, since a packet may be lost.
func (r *Resolver) question(q dns.Question) fact {
	// One more timeout than tries leaves room for a TCP exchange.
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.tries+1)*r.timeout)
	defer cancel()
	p := r.poolFor(q.Name)
	if len(p.servers) == 0 {
		return failure(Failed, "no DNS server configured for this name", r.now())
	}
	status := Timeout
	answered := make(map[int]bool)
	var details []string
	for _, i := range p.order(r.tries) {
		if answered[i] {
			continue
		}
		f := r.try(ctx, p.servers[i], q)
		if f.conclusive() {
			return f
		}
		p.failed(i)
		if f.status == Failed {
			status, answered[i] = Failed, true
		}
		if !slices.Contains(details, f.detail) {
			details = append(details, f.detail)
		}
	}
	return failure(status, strings.Join(details, "; "), r.now())
}

// try puts q to one server, over TCP too when the answer does not fit.
func (r *Resolver) try(ctx context.Context, server string, q dns.Question) fact {
	m, err := r.exchange(ctx, "udp", server, request(q, true))
	if err == nil && m.IsEdns0() == nil && (m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented) {
		// RFC 6891 §7: a server that predates EDNS0. Home routers do.
		m, err = r.exchange(ctx, "udp", server, request(q, false))
	}
	// A message cut in the middle of a record does not unpack, yet its
	// header says why.
	if m != nil && m.Truncated {
		m, err = r.exchange(ctx, "tcp", server, request(q, true))
		if err != nil {
			return failure(Failed, "truncated, and over TCP "+r.describe(err, server), r.now())
		}
	}
	if err != nil {
		s := Failed
		if timedOut(err) {
			s = Timeout
		}
		return failure(s, r.describe(err, server), r.now())
	}
	return interpret(m, q, hostOf(server), r.now())
}

// request is q as a message: random id, recursion desired, with our UDP size
// unless the server does not understand that.
func request(q dns.Question, edns bool) *dns.Msg {
	m := &dns.Msg{Question: []dns.Question{q}}
	m.Id = dns.Id()
	m.RecursionDesired = true
	if edns {
		m.SetEdns0(udpSize, false)
	}
	return m
}

// exchange sends m from a socket of its own, so from a random port. Beside an
// error it returns the message as far as it could be read, or nil.
func (r *Resolver) exchange(ctx context.Context, network, server string, m *dns.Msg) (*dns.Msg, error) {
	client := dns.Client{Net: network, Timeout: r.timeout}
	reply, _, err := client.ExchangeContext(ctx, m, server)
	if err != nil && reply != nil && reply.Id != m.Id {
		return nil, err
	}
	return reply, err
}

// describe says in words why a server gave no usable answer, without the
// socket addresses that net's errors carry.
func (r *Resolver) describe(err error, server string) string {
	var op *net.OpError
	switch {
	case timedOut(err):
		return "no answer from " + hostOf(server) + " within " + r.timeout.String()
	case errors.As(err, &op):
		return "no answer from " + hostOf(server) + ": " + op.Err.Error()
	default:
		return "garbled answer from " + hostOf(server)
	}
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func hostOf(server string) string {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return server
	}
	return host
}
