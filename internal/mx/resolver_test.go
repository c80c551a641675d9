package mx

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"rcpt/internal/mx/mxtest"
)

func TestLifeOfAnswers(t *testing.T) {
	z := mailZone()
	for _, test := range []struct {
		claim, domain string
		ttl, minimum  time.Duration
		want          time.Duration
	}{
		{"the record's TTL", "ok.example", time.Hour, 0, time.Hour},
		{"at least five minutes", "ok.example", time.Second, 0, 5 * time.Minute},
		{"at most a day", "ok.example", 30 * 24 * time.Hour, 0, 24 * time.Hour},
		{"NXDOMAIN: the SOA's minimum", "gone.example", 0, 10 * time.Minute, 10 * time.Minute},
		{"NODATA: the SOA's minimum", "empty.example", 0, 10 * time.Minute, 10 * time.Minute},
		{"negative at least a minute", "gone.example", 0, time.Second, time.Minute},
		{"negative at most an hour", "gone.example", 0, 24 * time.Hour, time.Hour},
		{"implicit MX: as long as the missing MX", "implicit.example", time.Hour, 10 * time.Minute, 10 * time.Minute},
		{"SERVFAIL: seconds", "servfail.example", time.Hour, time.Hour, 5 * time.Second},
		{"time-out: seconds", "mute.example", time.Hour, time.Hour, 5 * time.Second},
		{"failure of the second step: seconds", "sick-a.example", time.Hour, time.Hour, 5 * time.Second},
	} {
		t.Run(test.claim, func(t *testing.T) {
			t.Parallel()
			z := z
			z.TTL, z.Minimum = test.ttl, test.minimum
			c := newClock()
			r, _ := serve(t, z, c)
			if test.domain == "mute.example" {
				r.timeout = impatience
			}
			first := r.Lookup(t.Context(), test.domain)
			if got := first.Expires.Sub(c.now()); got != test.want {
				t.Fatalf("expires after %v, want %v", got, test.want)
			}
			c.advance(test.want - time.Second)
			if again := r.Lookup(t.Context(), test.domain); !again.Cached || again.Status != first.Status {
				t.Errorf("a second before the end: %+v, want it cached", again)
			}
			c.advance(time.Second)
			if again := r.Lookup(t.Context(), test.domain); again.Cached {
				t.Error("cached after its end")
			}
		})
	}
}

// Without an SOA NODATA is believed (RFC 2308 §2.2, third kind), for a minute.
func TestNoDataWithoutSOA(t *testing.T) {
	z := mailZone()
	z.Tamper = func(reply *dns.Msg) { reply.Ns = nil }
	c := newClock()
	r, _ := serve(t, z, c)
	got := r.Lookup(t.Context(), "empty.example")
	if life := got.Expires.Sub(c.now()); got.Status != NoMail || life != time.Minute {
		t.Errorf("got %s for %v, want no_mail for a minute", got.Status, life)
	}
}

// A lost packet is repeated; with a silent server that makes three questions.
func TestSilenceIsAskedThreeTimes(t *testing.T) {
	t.Parallel()
	asked, end := make(chan struct{}, 10), make(chan struct{})
	z := mailZone()
	z.Tamper = func(*dns.Msg) {
		asked <- struct{}{}
		<-end
	}
	r, s := serve(t, z, newClock())
	defer close(end)
	r.timeout = impatience
	if got := r.Lookup(t.Context(), "ok.example"); got.Status != Timeout {
		t.Errorf("got %s (%s), want timeout", got.Status, got.Detail)
	}
	for range 3 { // the last packet may arrive after the answer
		<-asked
	}
	if n := s.Count("ok.example", "MX"); n != 3 {
		t.Errorf("%d questions, want 3", n)
	}
}

func TestRebindingSeesTheFirstAnswerUntilItExpires(t *testing.T) {
	c := newClock()
	r, s := serve(t, mxtest.Zone{
		A:     map[string][]string{"mx.example": {"192.0.2.1"}},
		Later: map[string][]string{"mx.example": {"127.0.0.1", "::1"}},
	}, c)
	for range 3 {
		if got := texts(r.Addrs(t.Context(), "mx.example").IPs); !reflect.DeepEqual(got, []string{"192.0.2.1"}) {
			t.Errorf("got %v, want the first answer", got)
		}
	}
	c.advance(time.Hour)
	if got := texts(r.Addrs(t.Context(), "mx.example").IPs); !reflect.DeepEqual(got, []string{"127.0.0.1"}) {
		t.Errorf("after expiry got %v, want the second answer", got)
	}
	if n := s.Count("mx.example", "A"); n != 2 {
		t.Errorf("%d questions, want 2", n)
	}
}

func TestOneQuestionForAHundredCallers(t *testing.T) {
	z := mailZone()
	z.Rules["ok.example"] = mxtest.Rule{Delay: 20 * time.Millisecond}
	s := mxtest.Serve(t, z)
	r := New(Config{Servers: []string{s.Addr()}, Timeout: patience})
	var callers sync.WaitGroup
	for range 100 {
		callers.Go(func() {
			if got := r.Lookup(t.Context(), "ok.example"); got.Status != Found {
				t.Errorf("got %s (%s), want found", got.Status, got.Detail)
			}
		})
	}
	callers.Wait()
	if n := s.Count("ok.example", "MX"); n != 1 {
		t.Errorf("%d questions, want one for all", n)
	}
}

func TestACancelledCallerDoesNotFailTheOthers(t *testing.T) {
	asked, release := make(chan struct{}, 1), make(chan struct{})
	z := mailZone()
	z.Tamper = func(*dns.Msg) {
		asked <- struct{}{}
		<-release
	}
	s := mxtest.Serve(t, z)
	r := New(Config{Servers: []string{s.Addr()}, Timeout: time.Minute})

	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan Answer, 1)
	go func() { first <- r.Lookup(ctx, "ok.example") }()
	<-asked
	second := make(chan Answer, 1)
	go func() { second <- r.Lookup(t.Context(), "ok.example") }()
	cancel()
	if got := <-first; got.Status != Timeout || !strings.Contains(got.Detail, "cancelled") {
		t.Errorf("cancelled caller got %s (%s), want timeout", got.Status, got.Detail)
	}
	close(release)
	if got := <-second; got.Status != Found {
		t.Errorf("the other caller got %s (%s), want found", got.Status, got.Detail)
	}
	if n := s.Count("ok.example", "MX"); n != 1 {
		t.Errorf("%d questions, want 1", n)
	}
}

func TestTheCallersDeadlineHolds(t *testing.T) {
	s := mxtest.Serve(t, mailZone())
	r := New(Config{Servers: []string{s.Addr()}, Timeout: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	got := r.Lookup(ctx, "mute.example")
	if got.Status != Timeout || !strings.Contains(got.Detail, "deadline") {
		t.Errorf("got %s (%s), want timeout by deadline", got.Status, got.Detail)
	}
	if got := r.Lookup(ctx, "ok.example"); got.Status != Timeout || s.Count("ok.example", "MX") != 0 {
		t.Errorf("after the deadline: got %s and %d questions, want timeout and none", got.Status, s.Count("ok.example", "MX"))
	}
	// What one caller had no time for is not held against the name.
	if got := r.Lookup(t.Context(), "ok.example"); got.Status != Found {
		t.Errorf("next caller got %s (%s), want found", got.Status, got.Detail)
	}
}

func TestTruncatedAnswersAreFetchedOverTCP(t *testing.T) {
	t.Run("flagged", func(t *testing.T) {
		z := mailZone()
		z.Rules["ok.example"] = mxtest.Rule{Truncate: true}
		r, s := serve(t, z, newClock())
		if got := r.Lookup(t.Context(), "ok.example"); got.Status != Found || len(got.Hosts) != 2 {
			t.Errorf("got %s %v, want found, two hosts", got.Status, got.Hosts)
		}
		if n := s.Count("ok.example", "MX"); n != 2 {
			t.Errorf("%d questions, want one over UDP and one over TCP", n)
		}
	})
	t.Run("too large for UDP", func(t *testing.T) {
		var records []string
		for i := range 100 {
			records = append(records, fmt.Sprintf("%d mx%d.a-rather-long-name-%d.example", i, i, i))
		}
		r, _ := serve(t, mxtest.Zone{MX: map[string][]string{"large.example": records}}, newClock())
		got := r.Lookup(t.Context(), "large.example")
		if got.Status != Found || len(got.Hosts) != 10 || got.Hosts[0].Preference != 0 {
			t.Errorf("got %s %v, want the best ten", got.Status, got.Hosts)
		}
	})
}

// RFC 6891 §7: a server that does not know EDNS0 answers FORMERR.
func TestServerWithoutEDNS(t *testing.T) {
	z := mailZone()
	z.Tamper = func(reply *dns.Msg) {
		if reply.IsEdns0() != nil {
			reply.Rcode, reply.Answer, reply.Ns, reply.Extra = dns.RcodeFormatError, nil, nil, nil
		}
	}
	r, s := serve(t, z, newClock())
	if got := r.Lookup(t.Context(), "ok.example"); got.Status != Found {
		t.Errorf("got %s (%s), want found", got.Status, got.Detail)
	}
	if n := s.Count("ok.example", "MX"); n != 2 {
		t.Errorf("%d questions, want one with EDNS0 and one without", n)
	}
}

func TestServersAreTriedInTurn(t *testing.T) {
	sick := mailZone()
	for _, name := range []string{"ok.example", "empty.example", "implicit.example"} {
		sick.Rules[name] = mxtest.Rule{ServFail: true}
	}
	first, second := mxtest.Serve(t, sick), mxtest.Serve(t, mailZone())
	r := New(Config{Servers: []string{first.Addr(), second.Addr()}, Timeout: patience})
	for domain, want := range map[string]Status{"ok.example": Found, "empty.example": NoMail, "implicit.example": Implicit} {
		if got := r.Lookup(t.Context(), domain); got.Status != want {
			t.Errorf("%s: got %s (%s), want %s from the second server", domain, got.Status, got.Detail, want)
		}
	}
	// Only the very first question went to the sick one.
	if got := first.Questions(); len(got) != 1 {
		t.Errorf("questions to the sick server %v, want one", got)
	}
	// And it is asked again only when the other one fails.
	got := r.Lookup(t.Context(), "servfail.example")
	if got.Status != Failed || first.Count("servfail.example", "MX") != 1 || second.Count("servfail.example", "MX") != 1 {
		t.Errorf("got %s after %v and %v, want failed after one question each", got.Status, first.Questions(), second.Questions())
	}
}

func TestAnUnreachableServerIsAFailureNotASilence(t *testing.T) {
	closed, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := closed.LocalAddr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	got := New(Config{Servers: []string{addr}}).Lookup(t.Context(), "ok.example")
	if got.Status != Failed || strings.Contains(got.Detail, "->") {
		t.Errorf("got %s (%s), want failed, without socket addresses", got.Status, got.Detail)
	}
}

func TestZonesRouteOnLabels(t *testing.T) {
	zone := mxtest.Zone{MX: map[string][]string{
		"test": {"10 mx.test"}, "ok.test": {"10 mx.test"}, "ok.sub.test": {"10 mx.test"}, "contest": {"10 mx.test"}, "ok.example": {"10 mx.test"},
	}}
	system, simulated, special := mxtest.Serve(t, zone), mxtest.Serve(t, zone), mxtest.Serve(t, zone)
	r := New(Config{
		Servers: []string{system.Addr()},
		Zones:   map[string][]string{"Test.": {simulated.Addr()}, "sub.test": {special.Addr()}, "void": nil},
	})
	for domain, s := range map[string]*mxtest.Server{
		"test": simulated, "OK.test.": simulated, "ok.sub.test": special, "contest": system, "ok.example": system,
	} {
		got := r.Lookup(t.Context(), domain)
		if n := s.Count(strings.Trim(strings.ToLower(domain), "."), "MX"); got.Status != Found || n != 1 {
			t.Errorf("%s: %s, %d questions at the server it belongs to, want found and 1", domain, got.Status, n)
		}
	}
	if got := r.Lookup(t.Context(), "ok.void"); got.Status != Failed {
		t.Errorf("zone without servers: got %s, want failed", got.Status)
	}
}

func TestSystemServers(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct {
		claim, conf string
		want        []string
	}{
		{"each nameserver on port 53", "search example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n", []string{"192.0.2.53:53", "[2001:db8::53]:53"}},
		{"none named", "options ndots:1\n", []string{"127.0.0.1:53"}},
	} {
		file := filepath.Join(dir, test.claim)
		if err := os.WriteFile(file, []byte(test.conf), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := systemServers(file); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.claim, got, test.want)
		}
	}
	if got := systemServers(filepath.Join(dir, "absent")); !reflect.DeepEqual(got, []string{"127.0.0.1:53"}) {
		t.Errorf("no file: got %v", got)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newClock()
	const size = 100
	facts := newCache(size)
	question := func(i int) dns.Question {
		return dns.Question{Name: fmt.Sprintf("n%d.example.", i), Qtype: dns.TypeMX, Qclass: dns.ClassINET}
	}
	for i := range 10 * size {
		facts.put(question(i), fact{status: Found, expires: c.now().Add(time.Hour)}, c.now())
		if len(facts.facts) > size {
			t.Fatalf("%d facts kept, want at most %d", len(facts.facts), size)
		}
		if _, ok := facts.fact(question(i), c.now()); !ok {
			t.Fatal("the newest fact is gone")
		}
	}
	c.advance(time.Hour)
	if _, ok := facts.fact(question(10*size-1), c.now()); ok {
		t.Error("an expired fact is still told")
	}
	for i := range 2 { // the first takes the place just freed
		facts.put(question(i), fact{expires: c.now().Add(time.Hour)}, c.now())
	}
	if n := len(facts.facts); n > size-10 {
		t.Errorf("%d facts after one more, want the expired ones in the sample gone", n)
	}
}
