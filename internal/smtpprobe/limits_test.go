package smtpprobe

import (
	"slices"
	"strings"
	"testing"
)

func TestGroupsAndBudgets(t *testing.T) {
	accepted := "accepted rcpt 250"
	missing := "mailbox_not_found rcpt 550"
	for _, p := range []probe{
		{
			name: "25 recipients leave in three writes of one session", ask: names(1, 25),
			mx1: []script{pipelined + write(ok, each(names(1, 10), yes)...) + again(ok, each(names(11, 20), yes)...) +
				againLast(ok, append(each(names(21, 25), yes), "canary "+no)...) + bye},
			want:  expect(1, 25, accepted) + "canary " + missing,
			trips: "6",
		},
		{
			name: "refused recipients end the session after eight, and the next one goes on", ask: names(1, 20), noCanary: true,
			mx1: []script{
				pipelined + write(ok, each(names(1, 10), no)...) + "C: QUIT",
				pipelined + last(ok, each(names(11, 20), yes)...) + bye,
			},
			want: expect(1, 10, missing) + expect(11, 20, accepted),
		},
		{
			name: "after the first write no more are asked than may still be refused", ask: names(1, 16), noCanary: true,
			mx1: []script{
				pipelined + write(ok, append(each(names(1, 5), no), each(names(6, 10), yes)...)...) +
					again(ok, each(names(11, 13), no)...) + "C: QUIT",
				pipelined + last(ok, each(names(14, 16), yes)...) + bye,
			},
			want: expect(1, 5, missing) + expect(6, 10, accepted) + expect(11, 13, missing) + expect(14, 16, accepted),
		},
		{
			name: "the sessions are bounded, and who is left was not asked", ask: names(1, 50), noCanary: true,
			mx1: []script{
				pipelined + write(ok, each(names(1, 10), no)...) + "C: QUIT",
				pipelined + write(ok, each(names(11, 20), no)...) + "C: QUIT",
				pipelined + write(ok, each(names(21, 30), no)...) + "C: QUIT",
				pipelined + write(ok, each(names(31, 40), no)...) + "C: QUIT",
			},
			want: expect(1, 40, missing) + expect(41, 50, "not_asked"),
		},
		{
			name: "a session resets five times and then makes place for the next", ask: names(1, 61), noCanary: true,
			mx1: []script{
				pipelined + write(ok, each(names(1, 10), yes)...) + again(ok, each(names(11, 20), yes)...) +
					again(ok, each(names(21, 30), yes)...) + again(ok, each(names(31, 40), yes)...) + again(ok, each(names(41, 50), yes)...) +
					againLast(ok, each(names(51, 60), yes)...) + bye,
				pipelined + last(ok, "user61 "+yes) + bye,
			},
			want: expect(1, 61, accepted),
		},
	} {
		p.run(t)
	}
}

func TestLimitsOfTheExchanger(t *testing.T) {
	limits := func(text string) script {
		return helo + "S: 250-mx.example\nS: 250-PIPELINING\nS: 250 LIMITS " + text + "\n"
	}
	split := "452 4.5.3 Too many recipients"
	for _, p := range []probe{
		{
			name: "RCPTMAX sets the size of a transaction, several of which leave in one write", ask: "alice bob carol",
			mx1: []script{limits("RCPTMAX=2") + `
			C: MAIL FROM:<verify@rcpt.example>
			C: RCPT TO:<alice@ok.example>
			C: RCPT TO:<bob@ok.example>
			C: RSET
			C: MAIL FROM:<verify@rcpt.example>
			C: RCPT TO:<carol@ok.example>
			C: RCPT TO:<canary@ok.example>
			C: QUIT
			S: 250 Ok
			S: 250 Ok
			S: 250 Ok
			S: 250 Ok
			S: 250 Ok
			S: 250 Ok
			S: 550 5.1.1 User unknown
			S: 221 Bye`},
			want:  "1 accepted rcpt 250\n2 accepted rcpt 250\n3 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
			trips: "4",
		},
		{
			name: "MAILMAX sets how many transactions a session has", ask: "alice bob carol",
			mx1: []script{
				limits("MAILMAX=1 RCPTMAX=2") + last(ok, "alice "+yes, "bob "+yes) + bye,
				limits("MAILMAX=1 RCPTMAX=2") + last(ok, "carol "+yes, "canary "+no) + bye,
			},
			want: "1 accepted rcpt 250\n2 accepted rcpt 250\n3 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
		},
		{
			name: "limits that are none are ignored", ask: "alice bob",
			mx1:  []script{limits("RCPTMAX=0 MAILMAX=x RCPTDOMAINMAX=1") + last(ok, "alice "+yes, "bob "+yes, "canary "+no) + bye},
			want: "1 accepted rcpt 250\n2 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
		},
		{
			name: "where the second RCPT is always too many, each gets its answer in a transaction of one", ask: "alice bob carol",
			mx1: []script{
				pipelined + last(ok, "alice "+yes, "bob "+split, "carol "+split, "canary "+split) + bye,
				pipelined + `
			C: MAIL FROM:<verify@rcpt.example>
			C: RCPT TO:<bob@ok.example>
			C: RSET
			C: MAIL FROM:<verify@rcpt.example>
			C: RCPT TO:<carol@ok.example>
			C: RSET
			C: MAIL FROM:<verify@rcpt.example>
			C: RCPT TO:<canary@ok.example>
			C: QUIT
			S: 250 Ok
			S: 550 5.1.1 User unknown
			S: 250 Ok
			S: 250 Ok
			S: 250 Ok
			S: 250 Ok
			S: 250 Ok
			S: 550 5.1.1 User unknown` + bye,
			},
			want: "1 accepted rcpt 250\n2 mailbox_not_found rcpt 550\n3 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
		},
		{
			name: "where the third is, transactions of two follow", ask: "alice bob carol dave", noCanary: true,
			mx1: []script{
				pipelined + last(ok, "alice "+yes, "bob "+no, "carol "+split, "dave "+split) + bye,
				pipelined + last(ok, "carol "+yes, "dave "+yes) + bye,
			},
			want: "1 accepted rcpt 250\n2 mailbox_not_found rcpt 550\n3 accepted rcpt 250\n4 accepted rcpt 250",
		},
		{
			name: "a first RCPT that was refused counts as one too", ask: "alice bob", noCanary: true,
			mx1: []script{
				pipelined + last(ok, "alice "+no, "bob "+split) + bye,
				pipelined + last(ok, "bob "+yes) + bye,
			},
			want: "1 mailbox_not_found rcpt 550\n2 accepted rcpt 250",
		},
		{
			name: "452 alone says too many, where it is not the first RCPT", ask: "alice bob", noCanary: true,
			mx1: []script{
				pipelined + last(ok, "alice "+yes, "bob 452 4.3.0 one at a time, please") + bye,
				pipelined + last(ok, "bob "+yes) + bye,
			},
			want: "1 accepted rcpt 250\n2 accepted rcpt 250",
		},
		{
			name: "a full disk does not", ask: "alice bob", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice "+yes, "bob 452 4.3.1 Insufficient system storage") + bye},
			want: "1 accepted rcpt 250\n2 temporary_failure rcpt 452",
		},
		{
			name: "too many recipients said of the first one is a rate limit", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice "+split) + bye},
			want: "1 rate_limited rcpt 452",
		},
	} {
		p.run(t)
	}
}

func TestMicrosoftAsksForSmallTransactions(t *testing.T) {
	for _, test := range []struct {
		host, banner string
		want         int
	}{
		{"hotmail-com.olc.protection.outlook.com", "AM7EUR.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready", 1},
		{"ok-example.mail.protection.outlook.com", "AM7EUR.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready", 11},
		{"ok-example.o-v1.mx.microsoft", "AM7EUR.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready", 11},
		{"mx.customer.example", "AM7EUR.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready", 11},
		{"mail.ok.example", "mail.ok.example Microsoft ESMTP MAIL Service ready at Mon", 2},
		{"mail.ok.example", "mail.ok.example ESMTP Postfix", 11},
	} {
		r := newRun(&Prober{cfg: Config{Limits: DefaultLimits()}}, Batch{})
		if got := r.perTransaction(&session{host: test.host, banner: test.banner}); got != test.want {
			t.Errorf("recipients per transaction of %s, %q: got %d, want %d", test.host, test.banner, got, test.want)
		}
	}
}

func TestLongAddressesStayBelowAWindow(t *testing.T) {
	long := strings.Repeat("a", 64) + "@" + strings.Repeat(strings.Repeat("d", 60)+".", 2) + strings.Repeat("e", 59) + ".example"
	if len(long) != 254 {
		t.Fatalf("an address of %d octets, want the longest there is", len(long))
	}
	b := Batch{Canary: parse(t, long)}
	for range 20 {
		b.Recipients = append(b.Recipients, parse(t, long))
	}
	r := newRun(&Prober{cfg: Config{Limits: Limits{Recipients: 20, Refused: 20, Groups: 5}, MailFrom: long}}, b)
	s := &session{ext: map[string]string{"PIPELINING": ""}}
	size, verbs := 0, []verb{}
	for _, st := range r.plan(s) {
		size += len(st.line) + 2
		verbs = append(verbs, st.verb)
	}
	if size > groupOctets {
		t.Errorf("a write of %d octets, want at most %d", size, groupOctets)
	}
	if slices.Contains(verbs, quit) || verbs[len(verbs)-1] != rcpt || len(verbs) < 10 {
		t.Errorf("commands %v, want MAIL and RCPTs, no QUIT before the rest is asked", verbs)
	}
}
