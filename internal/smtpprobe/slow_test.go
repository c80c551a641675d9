package smtpprobe

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/mx"
	"rcpt/internal/pace"
)

func TestSlowServers(t *testing.T) {
	for _, p := range []probe{
		{
			name: "never a greeting: nothing is said", ask: "alice",
			mx1:  []script{""},
			want: "1 timeout greeting\ncanary timeout greeting",
			took: 15 * time.Second, trips: "2",
		},
		{
			name: "a greeting after six seconds is waited for", ask: "alice", noCanary: true,
			mx1:  []script{"wait 6s\n" + pipelined + last(ok, "alice "+yes) + bye},
			want: "1 accepted rcpt 250",
			took: 6 * time.Second,
		},
		{
			name: "a greeting of one octet a second is none", ask: "alice", noCanary: true,
			mx1:  []script{"drip 1s 220 mx.example ESMTP spamd IP-based SPAM blocker"},
			want: "1 timeout greeting",
			took: 15 * time.Second,
		},
		{
			name: "a greeting whose second line never comes is none", ask: "alice", noCanary: true,
			mx1:  []script{`S- 220-mx.example\r\n`},
			want: "1 timeout greeting",
		},
		{
			name: "never an answer to EHLO: nothing more is said", ask: "alice", noCanary: true,
			mx1:  []script{helo},
			want: "1 timeout ehlo",
		},
		{
			name: "never an answer to RCPT: the session is not tried again", ask: "alice",
			mx1:  []script{pipelined + last(ok, "alice", "canary")},
			want: "1 timeout rcpt\ncanary timeout rcpt",
			took: 15 * time.Second,
		},
		{
			name: "never an answer to RCPT, one by one: not even QUIT is said out of turn", ask: "alice bob", noCanary: true,
			mx1:  []script{stepwise + "C: MAIL FROM:<verify@rcpt.example>\nS: 250 Ok\nC: RCPT TO:<alice@ok.example>"},
			want: "1 timeout rcpt\n2 timeout rcpt",
		},
		{
			name: "an answer of one octet a second is none", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice") + "drip 1s 250 2.1.5 Recipient ok"},
			want: "1 timeout rcpt",
			took: 15 * time.Second,
		},
		{
			name: "each reply has its clock, and the session has one", ask: "alice bob carol dave eve", noCanary: true,
			mx1: []script{pipelined + last(ok, "alice", "bob", "carol", "dave", "eve") +
				strings.Repeat("wait 14s\nS: "+yes+"\nS- \n", 3)},
			want: expect(1, 3, "accepted rcpt 250") + expect(4, 5, "timeout rcpt"),
			took: 45 * time.Second,
		},
		{
			name: "a stall of six minutes holds nobody up", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice") + "wait 6m"},
			want: "1 timeout rcpt",
		},
	} {
		p.run(t)
	}
}

func TestDeadline(t *testing.T) {
	for _, p := range []probe{
		{
			name: "in the middle: answers stand, the others timed out", ask: "alice bob carol", timeout: 4 * time.Second,
			mx1:  []script{pipelined + last(ok, "alice "+yes, "bob "+no, "carol", "canary")},
			want: "1 accepted rcpt 250\n2 mailbox_not_found rcpt 550\n3 timeout rcpt\ncanary timeout rcpt",
			took: 4 * time.Second,
		},
		{
			name: "in the middle: who was not asked stays so, and QUIT is said", ask: names(1, 12), noCanary: true, timeout: 4 * time.Second,
			mx1:  []script{pipelined + write(ok, append([]string{"user1 " + yes}, strings.Fields(names(2, 10))...)...) + "wait 4s\nC: QUIT"},
			want: "1 accepted rcpt 250\n" + expect(2, 10, "timeout rcpt") + expect(11, 12, "not_asked"),
			took: 4 * time.Second,
		},
		{
			name: "one by one: who was not asked stays so, and QUIT would be out of turn", ask: "alice bob", noCanary: true, timeout: 4 * time.Second,
			mx1:  []script{stepwise + "C: MAIL FROM:<verify@rcpt.example>\nS: 250 Ok\nC: RCPT TO:<alice@ok.example>"},
			want: "1 timeout rcpt\n2 not_asked",
			took: 4 * time.Second,
		},
		{
			name: "before the greeting: nobody was asked, the exchanger timed out", ask: "alice", timeout: time.Second,
			mx1:  []script{""},
			want: "1 timeout greeting\ncanary timeout greeting",
			took: time.Second,
		},
		{
			name: "in the TLS handshake", ask: "alice", noCanary: true, tls: true, timeout: 4 * time.Second,
			mx1:  []script{pipelined + "C: STARTTLS\nS: 220 Ready\nwait 1m"},
			want: "1 timeout starttls",
			took: 4 * time.Second,
		},
	} {
		p.run(t)
	}
}

func TestCallerGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		time.AfterFunc(2*time.Second, cancel)
		p := probe{ask: "alice bob", mx1: []script{pipelined + last(ok, "alice "+yes, "bob", "canary")}}
		result, took := p.play(t, ctx, pace.New(pace.Config{Mode: pace.Off}))
		if took != 2*time.Second {
			t.Errorf("took %s, want to end with the caller", took)
		}
		want := "1 accepted rcpt 250\n2 not_asked rcpt\n"
		if got := show(result); got+"\n" != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestCallerGoesAwayBeforeTheConnectionStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		time.AfterFunc(2*time.Second, cancel)
		p := probe{ask: "alice", mx1: []script{"unreachable"}}
		result, _ := p.play(t, ctx, pace.New(pace.Config{Mode: pace.Off}))
		if got := show(result); got != "1 not_asked" && got != "1 not_asked connect" {
			t.Errorf("got %s, want not_asked", got)
		}
	})
}

func TestNoTimeNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		result, _ := probe{ask: "alice"}.play(t, ctx, pace.New(pace.Config{Mode: pace.Off}))
		if got := show(result); got != "1 not_asked" {
			t.Errorf("got %s, want not_asked", got)
		}
	})
}

func TestSessionsAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{t: t, scripts: map[string][]script{"mx1.example": {
			"wait 5s\n" + pipelined + last(ok, "alice "+yes) + bye,
			"wait 5s\n" + pipelined + last(ok, "alice "+yes) + bye,
		}}}
		prober := newProber(t, n, pace.New(pace.Config{Mode: pace.Off}))
		prober.slots = make(chan struct{}, 1)
		b := probe{ask: "alice", noCanary: true}.batch(t, []mx.Host{{Name: "mx1.example"}})
		began := time.Now()
		done := make(chan string)
		for range 2 {
			go func() { done <- show(prober.Probe(t.Context(), b)) }()
		}
		hurried, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		synctest.Wait()
		if got := show(prober.Probe(hurried, b)); got != "1 not_asked" {
			t.Errorf("without a free slot: got %s, want not_asked", got)
		}
		for range 2 {
			if got := <-done; got != "1 accepted rcpt 250" {
				t.Errorf("got %s, want accepted", got)
			}
		}
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("took %s, want one after the other", took)
		}
		n.finish()
	})
}
