package sim

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestDNSAnswers(t *testing.T) {
	w := start(t, Options{})
	const nothing = "" // no record: the answer carries the SOA instead
	for _, test := range []struct {
		claim, name string
		qtype       uint16
		rcode       int
		want        string // "TYPE data", the address cut to its first octets
	}{
		{"one MX", "ok.test", dns.TypeMX, dns.RcodeSuccess, "MX 10 mx1.ok.test."},
		{"an MX of its own", "ok-5.test", dns.TypeMX, dns.RcodeSuccess, "MX 10 mx1.ok-5.test."},
		{"more hyphens", "full-a-b.test", dns.TypeMX, dns.RcodeSuccess, "MX 10 mx1.full-a-b.test."},
		{"in any case", "Ok.TEST", dns.TypeMX, dns.RcodeSuccess, "MX 10 mx1.ok.test."},
		{"any type", "ok.test", dns.TypeANY, dns.RcodeSuccess, "MX 10 mx1.ok.test."},
		{"a domain with MX has no address", "ok.test", dns.TypeA, dns.RcodeSuccess, nothing},
		{"the exchanger has an address", "mx1.ok.test", dns.TypeA, dns.RcodeSuccess, "A 127.25."},
		{"and none in IPv6", "mx1.ok.test", dns.TypeAAAA, dns.RcodeSuccess, nothing},
		{"and no MX", "mx1.ok.test", dns.TypeMX, dns.RcodeSuccess, nothing},
		{"implicit MX: no MX", "implicit.test", dns.TypeMX, dns.RcodeSuccess, nothing},
		{"implicit MX: an address", "implicit-3.test", dns.TypeA, dns.RcodeSuccess, "A 127.25."},
		{"implicit MX: no other host", "mx1.implicit.test", dns.TypeA, dns.RcodeNameError, nothing},
		{"null MX", "nullmx.test", dns.TypeMX, dns.RcodeSuccess, "MX 0 ."},
		{"null MX has no address", "nullmx-1.test", dns.TypeA, dns.RcodeSuccess, nothing},
		{"no MX", "nomx.test", dns.TypeMX, dns.RcodeSuccess, nothing},
		{"no address either", "nomx.test", dns.TypeA, dns.RcodeSuccess, nothing},
		{"no TXT", "ok.test", dns.TypeTXT, dns.RcodeSuccess, nothing},
		{"the zone itself", "test", dns.TypeMX, dns.RcodeSuccess, nothing},
		{"an unknown name", "okay.test", dns.TypeMX, dns.RcodeNameError, nothing},
		{"an unknown name before a hyphen", "okay-1.test", dns.TypeMX, dns.RcodeNameError, nothing},
		{"nothing after the hyphen", "ok-.test", dns.TypeMX, dns.RcodeNameError, nothing},
		{"no host name", "ok-_a.test", dns.TypeMX, dns.RcodeNameError, nothing},
		{"a dot inside a label", `ok-a\.b.test`, dns.TypeMX, dns.RcodeNameError, nothing},
		{"another host", "www.ok.test", dns.TypeA, dns.RcodeNameError, nothing},
		{"below an exchanger", "a.mx1.ok.test", dns.TypeA, dns.RcodeNameError, nothing},
		{"an exchanger of nobody", "mx1.nomx.test", dns.TypeA, dns.RcodeNameError, nothing},
		{"not ours", "ok.example", dns.TypeMX, dns.RcodeRefused, nothing},
		{"not ours by a letter", "oktest", dns.TypeMX, dns.RcodeRefused, nothing},
	} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(test.claim+" over "+network, func(t *testing.T) {
				m := ask(t, w, network, test.name, test.qtype)
				if m.Rcode != test.rcode {
					t.Errorf("rcode %s, want %s", dns.RcodeToString[m.Rcode], dns.RcodeToString[test.rcode])
				}
				if got := text(m.Answer); got != test.want && (test.want != "A 127.25." || !strings.HasPrefix(got, test.want)) {
					t.Errorf("answer %q, want %q", got, test.want)
				}
				if got, want := len(m.Ns) == 1, test.want == nothing && m.Rcode != dns.RcodeRefused; got != want {
					t.Errorf("SOA given: %t, want %t", got, want)
				}
			})
		}
	}
}

// text puts records in one line: type and data, without owner and TTL.
func text(records []dns.RR) string {
	var parts []string
	for _, rr := range records {
		h := rr.Header()
		parts = append(parts, dns.TypeToString[h.Rrtype]+" "+strings.TrimPrefix(rr.String(), h.String()))
	}
	return strings.Join(parts, ", ")
}

func TestDNSTimesToLive(t *testing.T) {
	w := start(t, Options{})
	if got := ask(t, w, "udp", "ok.test", dns.TypeMX).Answer[0].Header().Ttl; got != positiveTTL {
		t.Errorf("MX lives %d s, want %d", got, positiveTTL)
	}
	soa, ok := ask(t, w, "udp", "unknown.test", dns.TypeMX).Ns[0].(*dns.SOA)
	if !ok || soa.Hdr.Ttl != negativeTTL || soa.Minttl != negativeTTL {
		t.Errorf("NXDOMAIN carries %v, want a SOA with TTL and minimum %d", soa, negativeTTL)
	}
}

func TestDNSSpeaksEDNS(t *testing.T) {
	q := new(dns.Msg).SetQuestion("ok.test.", dns.TypeMX)
	if answer(q).IsEdns0() != nil {
		t.Error("OPT in the answer to a plain question")
	}
	q.SetEdns0(1232, false)
	if answer(q).IsEdns0() == nil {
		t.Error("no OPT in the answer to a question with one")
	}
}

func TestThousandsOfDomains(t *testing.T) {
	addresses := make(map[netip.Addr]bool)
	const domains = 5000
	for n := range domains {
		b := behaviors[n%len(behaviors)]
		if b.zone != withMX {
			continue
		}
		domain := fmt.Sprintf("%s-%d.test.", b.name, n)
		mx := answer(new(dns.Msg).SetQuestion(domain, dns.TypeMX))
		if got, want := text(mx.Answer), "MX 10 mx1."+domain; got != want {
			t.Fatalf("%s: %q, want %q", domain, got, want)
		}
		a := answer(new(dns.Msg).SetQuestion("mx1."+domain, dns.TypeA))
		ip, _ := addrOf(a.Answer[0])
		if i, ok := behaviorAt(ip); !ok || behaviors[i].name != b.name {
			t.Fatalf("%s has address %s, which is not of %s", domain, ip, b.name)
		}
		addresses[ip] = true
	}
	if len(addresses) < domains/2 {
		t.Errorf("%d domains share %d addresses, want at least %d", domains, len(addresses), domains/2)
	}
}

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{"ok.test.", "mx1.ok-5.test.", "implicit.test.", `a\.b.test.`, ".", "test."} {
		f.Add(seed, dns.TypeMX)
	}
	f.Fuzz(func(t *testing.T, name string, qtype uint16) {
		m := answer(new(dns.Msg).SetQuestion(name, qtype))
		if len(m.Answer) > 0 && (m.Rcode != dns.RcodeSuccess || len(m.Ns) > 0) {
			t.Errorf("%q: records and %s with %d authorities", name, dns.RcodeToString[m.Rcode], len(m.Ns))
		}
		for _, rr := range m.Answer {
			if rr.Header().Name != name && qtype != dns.TypeSOA {
				t.Errorf("asked for %q, answered for %q", name, rr.Header().Name)
			}
		}
	})
}
