package mx

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"rcpt/internal/mx/mxtest"
)

// clock is a time that tests move by hand.
type clock struct{ t time.Time }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func newClock() *clock {
	return &clock{time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)}
}

// unshuffled keeps hosts of equal preference in the order of the answer.
func unshuffled(int, func(i, j int)) {}

// A test that waits for an answer has patience even on a busy machine; one
// that waits for silence has none.
const (
	patience   = 10 * time.Second
	impatience = 100 * time.Millisecond
)

// serve returns a resolver of z and z's server.
func serve(t *testing.T, z mxtest.Zone, c *clock) (*Resolver, *mxtest.Server) {
	t.Helper()
	s := mxtest.Serve(t, z)
	r := New(Config{Servers: []string{s.Addr()}, Now: c.now, Shuffle: unshuffled, Timeout: patience})
	return r, s
}

// mailZone has one domain for every way DNS can answer.
func mailZone() mxtest.Zone {
	return mxtest.Zone{
		MX: map[string][]string{
			"ok.example":         {"20 mx2.ok.example", "10 MX1.ok.example"},
			"null.example":       {"0 ."},
			"null-among.example": {"0 .", "10 mx1.ok.example"},
			"null-ten.example":   {"10 ."},
			"literal.example":    {"5 192.0.2.1", "6 2001:db8::1", "10 mx1.ok.example"},
			"broken.example":     {"10 192.0.2.1", "20 mail\\.host.example", "30 mail\\032server.example"},
			"twice.example":      {"20 mx1.ok.example", "10 mx1.ok.example"},
			"no-address.example": {"10 empty.example"},
			"odd.example":        {"10 _mail-.ok.example"},
			"dead-names.example": {"10 gone.example"},
		},
		A: map[string][]string{
			"mx1.ok.example":     {"192.0.2.1", "192.0.2.2"},
			"implicit.example":   {"192.0.2.3"},
			"empty.example":      {},
			"sick-a.example":     {},
			"mute-aaaa.example":  {},
			"alias-host.example": {"192.0.2.4"},
		},
		AAAA: map[string][]string{
			"mx1.ok.example":         {"2001:db8::1"},
			"implicit-six.example":   {"2001:db8::3"},
			"mapped.example":         {"::ffff:192.0.2.9"},
			"no-a-but-aaaa.example":  {"2001:db8::4"},
			"below.nothing.example":  {"2001:db8::5"},
			"sick-then-fine.example": {"2001:db8::6"},
		},
		CNAME: map[string]string{
			"alias.example":      "ok.example",
			"alias-host-of":      "alias-host.example",
			"dangling.example":   "gone.example",
			"alias-null.example": "null.example",
			"alias-a.example":    "implicit.example",
			"loop.example":       "loop2.example",
			"loop2.example":      "loop.example",
			"self.example":       "self.example",
			"c1.example":         "c2.example", "c2.example": "c3.example", "c3.example": "c4.example",
			"c4.example": "c5.example", "c5.example": "c6.example", "c6.example": "c7.example",
			"c7.example": "c8.example", "c8.example": "ok.example",
			"c0.example": "c1.example",
		},
		Rules: map[string]mxtest.Rule{
			"servfail.example":       {ServFail: true},
			"refused.example":        {Refused: true},
			"mute.example":           {Timeout: true},
			"cut.example":            {Truncate: true, NoTCP: true},
			"sick-a.example A":       {ServFail: true},
			"mute-aaaa.example AAAA": {Timeout: true},
		},
	}
}

func TestLookup(t *testing.T) {
	mx := []Host{{"mx1.ok.example", 10}, {"mx2.ok.example", 20}}
	one := mx[:1]
	for _, test := range []struct {
		claim, domain string
		status        Status
		hosts         []Host
		detail        string // a part of it
	}{
		{"MX in order of preference, lower case", "ok.example", Found, mx, ""},
		{"upper case and final dot are the same name", "OK.Example.", Found, mx, ""},
		{"no MX but A", "implicit.example", Implicit, []Host{{"implicit.example", 0}}, ""},
		{"no MX, no A, but AAAA", "implicit-six.example", Implicit, []Host{{"implicit-six.example", 0}}, ""},
		{"null MX", "null.example", NullMX, nil, ""},
		{"a dot among others is ignored", "null-among.example", Found, one, ""},
		{"a dot of another preference is no null MX", "null-ten.example", Unresolvable, nil, "MX records: ."},
		{"NXDOMAIN", "gone.example", NXDomain, nil, ""},
		{"NODATA for MX, A and AAAA", "empty.example", NoMail, nil, ""},
		{"an empty name above others exists", "nothing.example", NoMail, nil, ""},
		{"SERVFAIL", "servfail.example", Failed, nil, "SERVFAIL from 127.0.0.1"},
		{"REFUSED", "refused.example", Failed, nil, "REFUSED from 127.0.0.1"},
		{"time-out", "mute.example", Timeout, nil, "no answer from 127.0.0.1 within 100ms"},
		{"truncated and TCP fails", "cut.example", Failed, nil, "truncated, and over TCP"},
		{"NODATA for MX, SERVFAIL for A", "sick-a.example", Failed, nil, "SERVFAIL"},
		{"NODATA for MX and A, time-out for AAAA", "mute-aaaa.example", Timeout, nil, "no answer"},
		{"IP literals as MX are skipped", "literal.example", Found, one, ""},
		{"only impossible names as MX", "broken.example", Unresolvable, nil, "192.0.2.1"},
		{"underscore and hyphen pass", "odd.example", Found, []Host{{"_mail-.ok.example", 10}}, ""},
		{"one host with two preferences has the better one", "twice.example", Found, one, ""},
		{"MX without address is the caller's to find out", "no-address.example", Found, []Host{{"empty.example", 10}}, ""},
		{"alias of a domain with MX", "alias.example", Found, mx, ""},
		{"alias of nothing", "dangling.example", NXDomain, nil, "alias of gone.example"},
		{"alias of a null MX", "alias-null.example", NullMX, nil, ""},
		{"alias of a domain without MX", "alias-a.example", Implicit, []Host{{"alias-a.example", 0}}, ""},
		{"CNAME loop", "loop.example", Failed, nil, "CNAME loop"},
		{"alias of itself", "self.example", Failed, nil, "CNAME loop"},
		{"eight aliases are followed", "c1.example", Found, mx, ""},
		{"nine are not", "c0.example", Failed, nil, "CNAME loop"},
		{"an unusual top-level domain is asked", "host.123", NXDomain, nil, ""},
		{"address literal", "[192.0.2.1]", Failed, nil, "not a domain name"},
		{"empty text", "", Failed, nil, "not a domain name"},
		{"two dots", "a..example", Failed, nil, "not a domain name"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			t.Parallel()
			r, _ := serve(t, mailZone(), newClock())
			if strings.HasPrefix(test.domain, "mute") {
				r.timeout = impatience
			}
			got := r.Lookup(t.Context(), test.domain)
			if got.Status != test.status || !reflect.DeepEqual(got.Hosts, test.hosts) {
				t.Errorf("Lookup(%q) = %s %v, want %s %v", test.domain, got.Status, got.Hosts, test.status, test.hosts)
			}
			if !strings.Contains(got.Detail, test.detail) {
				t.Errorf("detail %q, want %q in it", got.Detail, test.detail)
			}
			if got.Cached {
				t.Error("a first look-up is called cached")
			}
		})
	}
}

func TestAddrs(t *testing.T) {
	for _, test := range []struct {
		claim, host string
		status      Status
		ips         []string
	}{
		{"A alone, though there is AAAA", "mx1.ok.example", Found, []string{"192.0.2.1", "192.0.2.2"}},
		{"only AAAA", "implicit-six.example", Found, []string{"2001:db8::3"}},
		{"mapped addresses are unmapped", "mapped.example", Found, []string{"192.0.2.9"}},
		{"an exchanger that is an alias", "alias-host-of", Found, []string{"192.0.2.4"}},
		{"NXDOMAIN", "gone.example", NXDomain, nil},
		{"exists without address", "empty.example", NoMail, nil},
		{"SERVFAIL", "servfail.example", Failed, nil},
		{"time-out", "mute.example", Timeout, nil},
		{"SERVFAIL for A is no reason to take AAAA", "sick-a.example", Failed, nil},
		{"CNAME loop", "loop.example", Failed, nil},
		{"no host name", "mail server.example", Failed, nil},
	} {
		t.Run(test.claim, func(t *testing.T) {
			t.Parallel()
			r, _ := serve(t, mailZone(), newClock())
			if strings.HasPrefix(test.host, "mute") {
				r.timeout = impatience
			}
			got := r.Addrs(t.Context(), test.host)
			if got.Status != test.status || !reflect.DeepEqual(texts(got.IPs), test.ips) {
				t.Errorf("Addrs(%q) = %s %v, want %s %v", test.host, got.Status, got.IPs, test.status, test.ips)
			}
		})
	}
}

func TestAddrsV6(t *testing.T) {
	r, s := serve(t, mailZone(), newClock())
	got := r.AddrsV6(t.Context(), "mx1.ok.example")
	if want := []string{"2001:db8::1"}; got.Status != Found || !reflect.DeepEqual(texts(got.IPs), want) {
		t.Errorf("got %s %v, want found %v", got.Status, got.IPs, want)
	}
	if got := r.AddrsV6(t.Context(), "implicit.example"); got.Status != NoMail {
		t.Errorf("host without AAAA: got %s, want %s", got.Status, NoMail)
	}
	want := map[string]int{"mx1.ok.example AAAA": 1, "implicit.example AAAA": 1}
	if got := s.Questions(); !reflect.DeepEqual(got, want) {
		t.Errorf("questions %v, want %v", got, want)
	}
}

func texts(ips []netip.Addr) []string {
	var all []string
	for _, ip := range ips {
		all = append(all, ip.String())
	}
	return all
}

// Every question costs a round trip of the caller's deadline.
func TestQuestionsOfAColdLookup(t *testing.T) {
	for _, test := range []struct {
		claim, domain string
		want          map[string]int
	}{
		{"normal domain: one MX, one A per host", "null-among.example",
			map[string]int{"null-among.example MX": 1, "mx1.ok.example A": 1}},
		{"implicit MX: one MX, one A", "implicit.example",
			map[string]int{"implicit.example MX": 1, "implicit.example A": 1}},
		{"implicit MX over IPv6: AAAA after A", "implicit-six.example",
			map[string]int{"implicit-six.example MX": 1, "implicit-six.example A": 1, "implicit-six.example AAAA": 1}},
		{"NXDOMAIN: one more, for A", "gone.example", map[string]int{"gone.example MX": 1, "gone.example A": 1}},
		{"null MX: one question", "null.example", map[string]int{"null.example MX": 1}},
		{"alias followed in the answer: one MX", "alias-null.example", map[string]int{"alias-null.example MX": 1}},
		{"a failure is not asked again", "servfail.example", map[string]int{"servfail.example MX": 1}},
	} {
		t.Run(test.claim, func(t *testing.T) {
			t.Parallel()
			r, s := serve(t, mailZone(), newClock())
			for range 2 { // the second round must cost nothing
				for _, h := range r.Lookup(t.Context(), test.domain).Hosts {
					r.Addrs(t.Context(), h.Name)
				}
			}
			if got := s.Questions(); !reflect.DeepEqual(got, test.want) {
				t.Errorf("questions %v, want %v", got, test.want)
			}
		})
	}
}

func TestHostsAreShuffledAndAtMostTen(t *testing.T) {
	var records []string
	for _, letter := range "abcdefghijkl" {
		records = append(records, "10 "+string(letter)+".example")
	}
	records = append(records, "5 first.example")
	s := mxtest.Serve(t, mxtest.Zone{MX: map[string][]string{"many.example": records}})
	turn := 0
	reverse := func(n int, swap func(i, j int)) {
		for i := range n / 2 {
			swap(i, n-1-i)
		}
		turn++
	}
	r := New(Config{Servers: []string{s.Addr()}, Shuffle: reverse, Timeout: patience})
	for range 2 { // from the wire, then from the cache
		hosts := r.Lookup(t.Context(), "many.example").Hosts
		if len(hosts) != 10 || hosts[0].Name != "first.example" || hosts[1].Name != "l.example" {
			t.Errorf("got %v, want ten hosts: first.example, then the others shuffled", hosts)
		}
	}
	if turn != 2 {
		t.Errorf("shuffled %d times, want once per call", turn)
	}
}

// A load balancer that knows its name for A only denies it for MX.
func TestANameDeniedForMXOnlyIsAnImplicitExchanger(t *testing.T) {
	z := mailZone()
	z.Tamper = func(reply *dns.Msg) {
		if reply.Question[0].Qtype != dns.TypeA {
			reply.Rcode, reply.Answer = dns.RcodeNameError, nil
		}
	}
	r, _ := serve(t, z, newClock())
	for domain, want := range map[string]Status{"implicit.example": Implicit, "gone.example": NXDomain, "empty.example": NXDomain, "servfail.example": NXDomain} {
		if got := r.Lookup(t.Context(), domain); got.Status != want {
			t.Errorf("%s: got %s (%s), want %s", domain, got.Status, got.Detail, want)
		}
	}
	want := []Host{{"implicit.example", 0}}
	if got := r.Lookup(t.Context(), "implicit.example"); !reflect.DeepEqual(got.Hosts, want) || !got.Cached {
		t.Errorf("hosts %v, cached %t, want %v from the cache", got.Hosts, got.Cached, want)
	}
}

// A server that gives only the alias leaves the rest to be asked for.
func TestAliasesAreAskedOn(t *testing.T) {
	z := mailZone()
	z.Tamper = func(reply *dns.Msg) {
		if len(reply.Answer) > 0 && reply.Answer[0].Header().Rrtype == dns.TypeCNAME {
			reply.Rcode, reply.Answer, reply.Ns = dns.RcodeSuccess, reply.Answer[:1], nil
		}
	}
	for _, test := range []struct {
		domain string
		status Status
		want   map[string]int
	}{
		{"alias.example", Found, map[string]int{"alias.example MX": 1, "ok.example MX": 1}},
		{"dangling.example", NXDomain, map[string]int{
			"dangling.example MX": 1, "gone.example MX": 1, "dangling.example A": 1, "gone.example A": 1,
		}},
		{"loop.example", Failed, map[string]int{"loop.example MX": 1, "loop2.example MX": 1}},
	} {
		t.Run(test.domain, func(t *testing.T) {
			r, s := serve(t, z, newClock())
			got := r.Lookup(t.Context(), test.domain)
			if got.Status != test.status {
				t.Errorf("got %s (%s), want %s", got.Status, got.Detail, test.status)
			}
			if asked := s.Questions(); !reflect.DeepEqual(asked, test.want) {
				t.Errorf("questions %v, want %v", asked, test.want)
			}
		})
	}
}

func TestAnAnswerIsTheCallersToChange(t *testing.T) {
	r, _ := serve(t, mailZone(), newClock())
	r.Lookup(t.Context(), "ok.example").Hosts[0].Name = "changed"
	r.Addrs(t.Context(), "mx1.ok.example").IPs[0] = netip.Addr{}
	if got := r.Lookup(t.Context(), "ok.example").Hosts[0].Name; got != "mx1.ok.example" {
		t.Errorf("host %q after a caller changed its copy", got)
	}
	if got := r.Addrs(t.Context(), "mx1.ok.example").IPs; slices.Contains(got, netip.Addr{}) {
		t.Errorf("addresses %v after a caller changed its copy", got)
	}
}
