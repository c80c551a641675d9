package smtpprobe

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"rcpt/internal/mx"
	"rcpt/internal/pace"
)

// shared is one ProbeAll of a test.
type shared struct {
	name     string
	ask      []string // domain and its local parts, "a.example alice bob"; "canary" is the canary
	mx1, mx2 []script
	want     string // show of each domain's result behind its name
}

func (p shared) play(t *testing.T, pacer *pace.Pacer) string {
	t.Helper()
	n := &network{t: t, scripts: map[string][]script{"mx1.example": p.mx1, "mx2.example": p.mx2}}
	hosts := []mx.Host{{Name: "mx1.example"}, {Name: "mx2.example", Preference: 10}}
	var batches []Batch
	for _, line := range p.ask {
		fields := strings.Fields(line)
		b := Batch{Domain: fields[0], Hosts: hosts}
		for _, local := range fields[1:] {
			if a := parse(t, local+"@"+b.Domain); local == "canary" {
				b.Canary = a
			} else {
				b.Recipients = append(b.Recipients, a)
			}
		}
		batches = append(batches, b)
	}
	var got strings.Builder
	for i, r := range newProber(t, n, pacer).ProbeAll(t.Context(), batches) {
		fmt.Fprintf(&got, "%s, %d sessions\n%s\n", batches[i].Domain, len(r.Contacts), show(r))
	}
	n.finish()
	return strings.TrimSpace(got.String())
}

// tx is one transaction of a write: what is said, and what is answered.
func tx(domain string, rcpts ...string) [2]string {
	said, answered := "C: MAIL FROM:<verify@rcpt.example>\n", "S: 250 2.1.0 Ok\n"
	for _, r := range rcpts {
		local, answer, _ := strings.Cut(r, " ")
		said += "C: RCPT TO:<" + local + "@" + domain + ">\n"
		if answer != "" {
			answered += "S: " + answer + "\n"
		}
	}
	return [2]string{said, answered}
}

// oneWrite joins transactions, with RSET between them.
func oneWrite(end string, txs ...[2]string) script {
	var said, answered []string
	for _, x := range txs {
		said, answered = append(said, x[0]), append(answered, x[1])
	}
	return strings.Join(said, "C: RSET\n") + end + strings.Join(answered, "S: 250 2.0.0 Ok\n")
}

func TestDomainsShareSessions(t *testing.T) {
	const quit = "C: QUIT\n"
	gcdp := "550 5.7.1 The user or domain that you are sending to has a policy that prohibited the mail. violates the domain's email policy gcdp"
	accepted, missing := "accepted rcpt 250", "mailbox_not_found rcpt 550"
	many := func(domain string, n int, answer string) [2]string { return tx(domain, each(names(1, n), answer)...) }
	for _, p := range []shared{
		{
			name: "small ones leave in one write, each in a transaction of its own with its canary last",
			ask:  []string{"a.example alice bob canary", "b.example alice canary", "c.example alice"},
			mx1: []script{pipelined + oneWrite(quit, tx("a.example", "alice "+yes, "bob "+no, "canary "+no),
				tx("b.example", "alice "+yes, "canary "+yes), tx("c.example", "alice "+no)) + bye},
			want: "a.example, 1 sessions\n1 " + accepted + "\n2 " + missing + "\ncanary " + missing +
				"\nb.example, 1 sessions\n1 " + accepted + "\ncanary " + accepted + "\nc.example, 1 sessions\n1 " + missing,
		},
		{
			name: "one that would not fit as a whole leaves with the next write",
			ask:  []string{"a.example " + names(1, 8), "b.example alice bob carol"},
			mx1: []script{pipelined + oneWrite("", many("a.example", 8, yes)) +
				"C: RSET\n" + strings.Replace(oneWrite(quit, tx("b.example", "alice "+yes, "bob "+yes, "carol "+yes)), "S: ", "S: 250 2.0.0 Ok\nS: ", 1) + bye},
			want: "a.example, 1 sessions\n" + expect(1, 8, accepted) + "b.example, 1 sessions\n" + expect(1, 3, accepted),
		},
		{
			name: "and with the next session, when this one was refused too much to hold it",
			ask:  []string{"a.example " + names(1, 8), "b.example alice bob carol"},
			mx1: []script{
				pipelined + oneWrite("", many("a.example", 8, no)) + "C: QUIT",
				pipelined + oneWrite(quit, tx("b.example", "alice "+yes, "bob "+yes, "carol "+yes)) + bye,
			},
			want: "a.example, 1 sessions\n" + expect(1, 8, missing) + "b.example, 1 sessions\n" + expect(1, 3, accepted),
		},
		{
			name: "421 in the middle leaves the domains behind it to the next session",
			ask:  []string{"a.example alice", "b.example alice", "c.example alice"},
			mx1: []script{
				pipelined + oneWrite(quit, tx("a.example", "alice "+no), tx("b.example", "alice 421 4.7.0 too many errors"), [2]string{tx("c.example", "alice")[0]}),
				pipelined + oneWrite(quit, tx("c.example", "alice "+yes), tx("b.example", "alice "+yes)) + bye,
			},
			want: "a.example, 1 sessions\n1 " + missing + "\nb.example, 2 sessions\n1 " + accepted + "\nc.example, 2 sessions\n1 " + accepted,
		},
		{
			name: "only the domain that is not served here is asked for at the next exchanger",
			ask:  []string{"a.example alice", "b.example alice"},
			mx1:  []script{pipelined + oneWrite(quit, tx("a.example", "alice 554 5.7.1 Relay access denied"), tx("b.example", "alice "+yes)) + bye},
			mx2:  []script{pipelined + oneWrite(quit, tx("a.example", "alice "+no)) + bye},
			want: "a.example, 2 sessions\n1 " + missing + "\nb.example, 1 sessions\n1 " + accepted,
		},
		{
			name: "only the domain whose policy refuses us is left alone",
			ask:  []string{"a.example " + names(1, 9), "b.example alice bob"},
			mx1: []script{
				strings.Replace(pipelined, "220 mx.example ESMTP", "220 mx.google.com ESMTP gsmtp", 1) + oneWrite("", many("a.example", 9, gcdp)) + "C: QUIT",
				pipelined + oneWrite(quit, tx("b.example", "alice "+yes, "bob "+no)) + bye,
			},
			want: "a.example, 1 sessions\n" + expect(1, 9, "blocked_by_policy rcpt 550") + "b.example, 1 sessions\n1 " + accepted + "\n2 " + missing,
		},
		{
			name: "a refusal that names a blocklist stops all",
			ask:  []string{"a.example " + names(1, 9), "b.example alice bob"},
			mx1:  []script{pipelined + oneWrite("", many("a.example", 9, "554 5.7.1 Client host [192.0.2.9] blocked using zen.spamhaus.org")) + "C: QUIT"},
			want: "a.example, 1 sessions\n" + expect(1, 9, "blocked_by_policy rcpt 554") + "b.example, 0 sessions\n" + expect(1, 2, "blocked_by_policy rcpt 554"),
		},
		{
			name: "the refusal of our sender is that of all",
			ask:  []string{"a.example alice", "b.example alice"},
			mx1: []script{pipelined + "C: MAIL FROM:<verify@rcpt.example>\nC: RCPT TO:<alice@a.example>\nC: RSET\nC: MAIL FROM:<verify@rcpt.example>\n" +
				"C: RCPT TO:<alice@b.example>\nC: QUIT\nS: 554 5.7.1 Sender denied\nS: 503 need MAIL\nS: 250 Ok\nS: 554 5.7.1 Sender denied\nS: 503 need MAIL" + bye},
			want: "a.example, 1 sessions\n1 blocked_by_policy mail 554\nb.example, 1 sessions\n1 blocked_by_policy mail 554",
		},
		{
			name: "a vague refusal has the postmaster of its own domain for control",
			ask:  []string{"a.example alice", "b.example alice"},
			mx1: []script{
				pipelined + oneWrite(quit, tx("a.example", "alice 550 Requested action not taken: mailbox unavailable"), tx("b.example", "alice "+yes)) + bye,
				pipelined + oneWrite(quit, tx("a.example", "postmaster "+yes)) + bye,
			},
			want: "a.example, 2 sessions\n1 mailbox_not_found rcpt 550\ncontrol accepted rcpt 250\nb.example, 1 sessions\n1 " + accepted,
		},
	} {
		t.Run(p.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got, want := p.play(t, pace.New(pace.Config{Mode: pace.Off})), trim(p.want); got != want {
					t.Errorf("results\n got: %s\nwant: %s", indent(got), indent(want))
				}
			})
		})
	}
}

func TestSharedSessionsKeepToTheDomainsThatPaceLets(t *testing.T) {
	gcdp := "550 5.7.1 The user or domain that you are sending to has a policy that prohibited the mail. violates the domain's email policy gcdp"
	google := strings.Replace(pipelined, "220 mx.example ESMTP", "220 mx.google.com ESMTP gsmtp", 1)
	synctest.Test(t, func(t *testing.T) {
		pacer := paced(&memory{})
		ask := []string{"a.example alice", "b.example alice", "c.example alice"}
		first := shared{ask: ask, mx1: []script{google + oneWrite("C: QUIT\n", tx("a.example", "alice "+yes), tx("b.example", "alice "+gcdp), tx("c.example", "alice "+gcdp)) + bye}}
		first.play(t, pacer)
		second := shared{ask: ask, mx1: []script{pipelined + oneWrite("C: QUIT\n", tx("a.example", "alice "+yes)) + bye}}
		want := "a.example, 1 sessions\n1 accepted rcpt 250\nb.example, 0 sessions\n1 held\nc.example, 0 sessions\n1 held"
		if got := second.play(t, pacer); got != want {
			t.Errorf("the second time\n got: %s\nwant: %s", indent(got), indent(want))
		}
	})
}

func TestNobodyToAskIsNoSession(t *testing.T) {
	if got := newProber(t, &network{t: t}, nil).ProbeAll(t.Context(), nil); len(got) != 0 {
		t.Errorf("results %v, want none", got)
	}
}
