package smtpprobe

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/mx"
	"rcpt/internal/pace"
)

func TestDeadAndMuteExchangers(t *testing.T) {
	good := []script{pipelined + last(ok, "alice "+yes, "canary "+no) + bye}
	valid := "1 accepted rcpt 250\ncanary mailbox_not_found rcpt 550"
	for _, p := range []probe{
		{name: "the first refuses connections", ask: "alice", mx1: []script{"refused"}, mx2: good, want: valid},
		{
			name: "the first never answers a connection", ask: "alice", timeout: 4 * time.Second, mx1: []script{"unreachable"}, mx2: good,
			want: valid, took: 1600 * time.Millisecond,
		},
		{
			name: "the first never greets", ask: "alice", timeout: 4 * time.Second, mx1: []script{""}, mx2: good,
			want: valid, took: 2400 * time.Millisecond,
		},
		{
			name: "without a caller's deadline the first has five seconds", ask: "alice", mx1: []script{"unreachable"}, mx2: good,
			want: valid, took: 5 * time.Second,
		},
		{
			name: "both are dead", ask: "alice", noCanary: true, mx1: []script{"refused"}, mx2: []script{"refused"},
			want: "1 connection_failed connect",
		},
		{
			name: "the first address is dead, the second is not", ask: "alice",
			addrs: map[string][]string{"mx1.example": {"192.0.2.1", "192.0.2.2"}},
			mx1:   append([]script{"refused"}, good...), want: valid,
		},
		{
			name: "every IPv4 address is dead, IPv6 is not", ask: "alice",
			v6:  map[string][]string{"mx1.example": {"2001:db8::25"}},
			mx1: append([]script{"refused"}, good...), want: valid,
		},
		{
			name: "every address is tried once, three at most", ask: "alice", noCanary: true,
			addrs: map[string][]string{"mx1.example": {"192.0.2.1"}}, v6: map[string][]string{"mx1.example": {"2001:db8::1", "2001:db8::2", "2001:db8::3"}},
			mx1: []script{"refused", "refused", "refused"}, want: "1 connection_failed connect",
		},
		{
			name: "two addresses, no more tries", ask: "alice", noCanary: true,
			v6:  map[string][]string{"mx1.example": {"2001:db8::1"}},
			mx1: []script{"refused", "refused"}, want: "1 connection_failed connect",
		},
		{
			name: "greylisting at the greeting sends us on, a block does not", ask: "alice", noCanary: true,
			mx1: []script{"S: 450 4.3.2 try again later\nC: QUIT"}, mx2: []script{"S: 554 5.7.1 no\nC: QUIT"},
			want: "1 blocked_by_policy greeting 554",
		},
	} {
		p.run(t)
	}
}

func TestAddressesOfExchangers(t *testing.T) {
	good := []script{pipelined + last(ok, "alice "+yes) + bye}
	for _, p := range []probe{
		{
			name: "a private address is not connected to", ask: "alice", noCanary: true,
			mx1: []script{"forbidden"}, want: "1 unreachable connect", trips: "",
		},
		{
			name: "the next exchanger may have a public one", ask: "alice", noCanary: true,
			mx1: []script{"forbidden"}, mx2: good, want: "1 accepted rcpt 250", trips: "4",
		},
		{
			name: "an exchanger that was down counts for more than one that is private", ask: "alice", noCanary: true,
			mx1: []script{"refused"}, mx2: []script{"forbidden"}, want: "1 connection_failed connect",
		},
		{
			name: "no name has an address", ask: "alice", noCanary: true,
			addrs: map[string][]string{"mx1.example": {}, "mx2.example": {}}, want: "1 unresolvable",
		},
		{
			name: "one name has no address, of the other it is not known", ask: "alice", noCanary: true,
			addrs: map[string][]string{"mx1.example": {"servfail"}, "mx2.example": {}}, want: "1 dns_failure",
		},
		{
			name: "a name without address does not stand in the way of the next", ask: "alice", noCanary: true,
			addrs: map[string][]string{"mx1.example": {}}, mx2: good, want: "1 accepted rcpt 250",
		},
	} {
		p.run(t)
	}
}

func TestNamesWithoutAddressesCostNoTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{t: t, addrs: map[string][]string{"a.example": {}, "b.example": {}}, scripts: map[string][]script{
			"c.example": {"refused"}, "d.example": {pipelined + last(ok, "alice "+yes) + bye},
		}}
		b := Batch{Domain: "ok.example", Recipients: probe{ask: "alice"}.batch(t, nil).Recipients}
		for _, host := range []string{"a.example", "b.example", "c.example", "d.example", "e.example"} {
			b.Hosts = append(b.Hosts, mx.Host{Name: host})
		}
		result := newProber(t, n, pace.New(pace.Config{Mode: pace.Off})).Probe(t.Context(), b)
		n.finish()
		if got := show(result); got != "1 accepted rcpt 250" {
			t.Errorf("got %s, want the fourth exchanger's answer", got)
		}
	})
}

func TestNothingOfDialErrorsIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, what := range []script{"refused", "forbidden"} {
			p := probe{ask: "alice", noCanary: true, mx1: []script{what}}
			result, _ := p.play(t, t.Context(), pace.New(pace.Config{Mode: pace.Off}))
			if a := result.Answers[0]; a.Text != "" || a.Code != 0 {
				t.Errorf("%s: answer holds %+v, want no text", what, a)
			}
			for _, c := range result.Contacts {
				if what == "forbidden" {
					t.Errorf("forbidden: contact %+v, want none", c)
				}
			}
		}
	})
}

func TestClosedEgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{t: t}
		prober := newProber(t, n, pace.New(pace.Config{Mode: pace.Off}))
		prober.cfg.Closed = func(string, netip.Addr) bool { return true }
		hosts := []mx.Host{{Name: "mx1.example"}, {Name: "mx2.example"}}
		result := prober.Probe(t.Context(), probe{ask: "alice"}.batch(t, hosts))
		if got := show(result); got != "1 egress_closed\ncanary egress_closed" || len(n.dialed) > 0 {
			t.Errorf("got %s after %d connections, want egress_closed after none", got, len(n.dialed))
		}
	})
}
