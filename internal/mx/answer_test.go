package mx

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func rr(t testing.TB, line string) dns.RR {
	t.Helper()
	record, err := dns.NewRR(line)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// answerTo is a reply of a recursive server with the records given.
func answerTo(t testing.TB, q dns.Question, lines ...string) *dns.Msg {
	t.Helper()
	m := &dns.Msg{Question: []dns.Question{q}}
	m.Response, m.RecursionAvailable = true, true
	for _, line := range lines {
		m.Answer = append(m.Answer, rr(t, line))
	}
	return m
}

func TestOnlyRecordsOfTheNameAreBelieved(t *testing.T) {
	q := dns.Question{Name: "ok.example.", Qtype: dns.TypeMX, Qclass: dns.ClassINET}
	const mx, planted = "ok.example. 3600 IN MX 10 mx.ok.example.", "bank.example. 3600 IN MX 1 evil.example."
	nxdomain := func(m *dns.Msg) { m.Rcode = dns.RcodeNameError }
	for _, test := range []struct {
		claim   string
		answer  []string
		tamper  func(*dns.Msg)
		status  Status
		hosts   []Host
		problem string
	}{
		{"the name's own record", []string{mx}, nil, Found, []Host{{"mx.ok.example", 10}}, ""},
		{"upper case in the answer is the same name", []string{strings.ToUpper(mx)}, nil, Found, []Host{{"mx.ok.example", 10}}, ""},
		{"an unrelated record beside it", []string{planted, mx}, nil, Found, []Host{{"mx.ok.example", 10}}, ""},
		{"unrelated records alone are no NODATA", []string{planted}, nil, Failed, nil, "another name"},
		{"an unrelated alias", []string{"bank.example. 60 IN CNAME x.example.", "x.example. 60 IN MX 1 evil.example."}, nil, Failed, nil, "another name"},
		{"records in the additional section", nil, func(m *dns.Msg) { m.Extra = append(m.Extra, rr(t, mx)) }, NoMail, nil, ""},
		{"another class", []string{"ok.example. 3600 CH MX 10 mx.ok.example."}, nil, Failed, nil, "another name"},
		{"another name in the question", []string{mx}, func(m *dns.Msg) { m.Question[0].Name = "bank.example." }, Failed, nil, "another question"},
		{"another type in the question", []string{mx}, func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeA }, Failed, nil, "another question"},
		{"no question", []string{mx}, func(m *dns.Msg) { m.Question = nil }, Failed, nil, "another question"},
		{"two questions", []string{mx}, func(m *dns.Msg) { m.Question = append(m.Question, q) }, Failed, nil, "another question"},
		{"NXDOMAIN without question", nil, func(m *dns.Msg) { m.Question = nil; nxdomain(m) }, Failed, nil, "another question"},
		{"refusal without question", nil, func(m *dns.Msg) { m.Question, m.Rcode = nil, dns.RcodeRefused }, Failed, nil, "REFUSED"},
		{"a question sent back", []string{mx}, func(m *dns.Msg) { m.Response = false }, Failed, nil, "no answer"},
		{"NXDOMAIN with records contradicts itself", []string{mx}, nxdomain, Failed, nil, "NXDOMAIN together"},
		{"NXDOMAIN behind an alias", []string{"ok.example. 60 IN CNAME x.example."}, nxdomain, NXDomain, nil, "alias of x.example"},
		{"NODATA behind an alias", []string{"ok.example. 60 IN CNAME x.example."},
			func(m *dns.Msg) { m.Ns = append(m.Ns, rr(t, "example. 60 IN SOA ns. h. 1 1 1 1 1")) }, NoMail, nil, "alias of x.example"},
		{"the SOA of another zone proves no NODATA", nil,
			func(m *dns.Msg) {
				m.RecursionAvailable = false
				m.Ns = append(m.Ns, rr(t, "test. 60 IN SOA ns. h. 1 1 1 1 1"))
			}, Failed, nil, "referral"},
		{"referral", nil, func(m *dns.Msg) { m.Ns = append(m.Ns, rr(t, "example. 60 IN NS ns.example.")) }, Failed, nil, "referral"},
		{"nothing from a server that cannot know", nil, func(m *dns.Msg) { m.RecursionAvailable = false }, Failed, nil, "referral"},
		{"nothing from the authority", nil, func(m *dns.Msg) { m.RecursionAvailable, m.Authoritative = false, true }, NoMail, nil, ""},
		{"another response code", nil, func(m *dns.Msg) { m.Rcode = dns.RcodeNotImplemented }, Failed, nil, "NOTIMP"},
		{"an unknown response code", nil, func(m *dns.Msg) { m.Rcode = 3000 }, Failed, nil, "unknown response code"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			m := answerTo(t, q, test.answer...)
			if test.tamper != nil {
				test.tamper(m)
			}
			got := interpret(m, q, "192.0.2.53", time.Now())
			if got.status != test.status || !reflect.DeepEqual(got.hosts, test.hosts) {
				t.Errorf("got %s %v (%s), want %s %v", got.status, got.hosts, got.detail, test.status, test.hosts)
			}
			if !strings.Contains(got.detail, test.problem) {
				t.Errorf("detail %q, want %q in it", got.detail, test.problem)
			}
		})
	}
}

// An MX record without data is what a dynamic update leaves; it is no null MX.
func TestEmptyRecords(t *testing.T) {
	q := dns.Question{Name: "ok.example.", Qtype: dns.TypeMX, Qclass: dns.ClassINET}
	m := answerTo(t, q)
	m.Answer = []dns.RR{&dns.MX{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeMX, Class: dns.ClassINET}}}
	if got := interpret(m, q, "192.0.2.53", time.Now()); got.status != Unresolvable {
		t.Errorf("empty MX: got %s, want %s", got.status, Unresolvable)
	}
	q.Qtype = dns.TypeA
	m = answerTo(t, q)
	m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET}}}
	if got := interpret(m, q, "192.0.2.53", time.Now()); got.status != Failed {
		t.Errorf("empty A: got %s, want %s", got.status, Failed)
	}
}

func FuzzAnswer(f *testing.F) {
	q := dns.Question{Name: "ok.example.", Qtype: dns.TypeMX, Qclass: dns.ClassINET}
	for _, seed := range []*dns.Msg{
		answerTo(f, q, "ok.example. 3600 IN MX 10 mx.ok.example.", "ok.example. 3600 IN MX 20 192.0.2.1."),
		answerTo(f, q, "ok.example. 3600 IN MX 0 ."),
		answerTo(f, q, "ok.example. 60 IN CNAME x.example.", "x.example. 60 IN MX 10 a\\.b\\032\\200.example."),
		answerTo(f, dns.Question{Name: "ok.example.", Qtype: dns.TypeA, Qclass: dns.ClassINET}, "ok.example. 60 IN A 192.0.2.1"),
		answerTo(f, dns.Question{Name: "ok.example.", Qtype: dns.TypeAAAA, Qclass: dns.ClassINET}, "ok.example. 60 IN AAAA ::ffff:192.0.2.1"),
	} {
		packed, err := seed.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
	}
	r := New(Config{Servers: []string{"192.0.2.53:53"}})
	now := time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, packet []byte) {
		m := new(dns.Msg)
		if m.Unpack(packet) != nil {
			return
		}
		for _, qtype := range []uint16{dns.TypeMX, dns.TypeA, dns.TypeAAAA} {
			q := dns.Question{Name: "ok.example.", Qtype: qtype, Qclass: dns.ClassINET}
			if len(m.Question) == 1 {
				// Let the fuzzer get past the question it cannot guess.
				m.Question[0].Name, m.Question[0].Qtype, m.Question[0].Qclass = q.Name, qtype, q.Qclass
			}
			checkFact(t, r, interpret(m, q, "192.0.2.53", now), now)
		}
	})
}

// checkFact asserts what holds for every answer, however hostile.
func checkFact(t *testing.T, r *Resolver, f fact, now time.Time) {
	t.Helper()
	hosts := r.pick(f.hosts)
	if len(hosts) > 10 || len(f.ips) > maxAddrs {
		t.Errorf("%d hosts and %d addresses", len(hosts), len(f.ips))
	}
	for i, h := range hosts {
		if strings.Trim(h.Name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" || h.Name == "" || len(h.Name) > 253 {
			t.Errorf("host name %q", h.Name)
		}
		if i > 0 && h.Preference < hosts[i-1].Preference {
			t.Errorf("hosts out of order: %v", hosts)
		}
	}
	for _, ip := range f.ips {
		if !ip.IsValid() || ip.Is4In6() {
			t.Errorf("address %v", ip)
		}
	}
	if life := f.expires.Sub(now); life < failureLife || life > maxPositive {
		t.Errorf("status %s for %v", f.status, life)
	}
	if (len(f.hosts) > 0 || len(f.ips) > 0 || f.alias != "") != (f.status == Found) {
		t.Errorf("status %s with hosts %v, addresses %v, alias %q", f.status, f.hosts, f.ips, f.alias)
	}
	if len(f.detail) > 500 {
		t.Errorf("detail of %d octets", len(f.detail))
	}
}
