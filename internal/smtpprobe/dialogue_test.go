package smtpprobe

import "testing"

func TestOneWrite(t *testing.T) {
	ten := names(1, 10)
	for _, p := range []probe{
		{
			name: "one recipient and the canary cost four round trips", ask: "alice",
			mx1:   []script{pipelined + last(ok, "alice "+yes, "canary "+no) + bye},
			want:  "1 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
			trips: "4",
		},
		{
			name: "ten recipients and the canary cost four round trips", ask: ten,
			mx1:   []script{pipelined + last(ok, append(each(ten, yes), "canary "+no)...) + bye},
			want:  expect(1, 10, "accepted rcpt 250") + "canary mailbox_not_found rcpt 550",
			trips: "4",
		},
		{
			name: "no canary is asked when none is given", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice "+yes) + bye},
			want: "1 accepted rcpt 250",
		},
		{
			name: "a canary can be asked alone",
			mx1:  []script{pipelined + last(ok, "canary "+yes) + bye},
			want: "canary accepted rcpt 250",
		},
		{
			name: "nothing is said before a greeting in pieces is complete, nor before EHLO's answer is", ask: "alice", noCanary: true,
			mx1: []script{`
			S- 220-mx.exam
			wait 2s
			S- ple ESMTP\r
			S- \n
			S- 220 ready\r\n
			C: EHLO probe.rcpt.example
			S- 250-mx.example\r\n250-PIPE
			wait 1s
			S- LINING\n
			S- 250 HELP\r\n` + "\n" + last(ok, "alice "+yes) + bye},
			want: "1 accepted rcpt 250",
		},
		{
			name: "replies of several lines, in pieces, are matched in order", ask: "alice bob carol", noCanary: true,
			mx1: []script{pipelined + last("250-2.1.0 Sender\nS: 250 2.1.0 ok", "alice", "bob", "carol") + `
			S- 250 2.1.5 Ok\r\n550-5.1.1 The email account that you tried
			wait 1s
			S-  to reach\r\n550 5.1.1 does not exist\r\n2
			S- 50 2.1.5 Ok\r\n221 2.0.0 Bye\r\n`},
			want: "1 accepted rcpt 250\n2 mailbox_not_found rcpt 550\n3 accepted rcpt 250",
		},
		{
			name: "252 is told apart from 250", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice 252 2.0.0 Cannot VRFY user") + bye},
			want: "1 accepted_unverified rcpt 252",
		},
	} {
		p.run(t)
	}
}

func TestWithoutPipelining(t *testing.T) {
	mail := "C: MAIL FROM:<verify@rcpt.example>\n"
	for _, p := range []probe{
		{
			name: "commands go one by one, and QUIT is not waited for", ask: "alice bob",
			mx1: []script{stepwise + mail + `
			S: 250 Ok
			C: RCPT TO:<alice@ok.example>
			S: 250 Ok
			C: RCPT TO:<bob@ok.example>
			S: 550 5.1.1 User unknown
			C: RCPT TO:<canary@ok.example>
			S: 550 5.1.1 User unknown
			C: QUIT`},
			want:  "1 accepted rcpt 250\n2 mailbox_not_found rcpt 550\ncanary mailbox_not_found rcpt 550",
			trips: "7",
		},
		{
			name: "a canary that can teach nothing is left out", ask: "alice",
			mx1: []script{stepwise + mail + `
			S: 250 Ok
			C: RCPT TO:<alice@ok.example>
			S: 550 5.1.1 User unknown
			C: QUIT`},
			want: "1 mailbox_not_found rcpt 550",
		},
		{
			name: "a canary that can teach nothing is not worth a transaction", ask: "alice",
			mx1: []script{helo + "S: 250-mx.example\nS: 250 LIMITS RCPTMAX=1\n" + mail + `
			S: 250 Ok
			C: RCPT TO:<alice@ok.example>
			S: 550 5.1.1 User unknown
			C: QUIT`},
			want: "1 mailbox_not_found rcpt 550",
		},
		{
			name: "a refused sender ends the session at once", ask: "alice bob",
			mx1: []script{stepwise + mail + `
			S: 550 5.1.8 Sender address rejected: Domain not found
			C: QUIT`},
			want: "1 blocked_by_policy mail 550\n2 blocked_by_policy mail 550\ncanary blocked_by_policy mail 550",
		},
		{
			name: "eight refusals end the session, and the next one goes on", ask: names(1, 9), noCanary: true,
			mx1: []script{
				stepwise + mail + "S: 250 Ok\n" + refusals(1, 8) + "C: QUIT",
				stepwise + mail + "S: 250 Ok\nC: RCPT TO:<user9@ok.example>\nS: 250 Ok\nC: QUIT",
			},
			want: expect(1, 8, "mailbox_not_found rcpt 550") + "9 accepted rcpt 250",
		},
		{
			name: "too many recipients: the next transaction begins at once", ask: "alice bob carol", noCanary: true,
			mx1: []script{stepwise + mail + `
			S: 250 Ok
			C: RCPT TO:<alice@ok.example>
			S: 250 Ok
			C: RCPT TO:<bob@ok.example>
			S: 452 4.5.3 Too many recipients
			C: RSET
			S: 250 Ok
			C: MAIL FROM:<verify@rcpt.example>
			S: 250 Ok
			C: RCPT TO:<bob@ok.example>
			S: 250 Ok
			C: RSET
			S: 250 Ok
			C: MAIL FROM:<verify@rcpt.example>
			S: 250 Ok
			C: RCPT TO:<carol@ok.example>
			S: 250 Ok
			C: QUIT`},
			want: expect(1, 3, "accepted rcpt 250"),
		},
		{
			name: "EHLO is refused, HELO is not", ask: "alice",
			mx1: []script{`
			S: 220 mx.example ready
			C: EHLO probe.rcpt.example
			S: 502 5.5.1 Command not implemented
			C: HELO probe.rcpt.example
			S: 250-mx.example
			S: 250 PIPELINING` + "\n" + mail + `
			S: 250 Ok
			C: RCPT TO:<alice@ok.example>
			S: 250 Ok
			C: RCPT TO:<canary@ok.example>
			S: 550 5.1.1 User unknown
			C: QUIT`},
			want: "1 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
		},
	} {
		p.run(t)
	}
}

func refusals(first, last int) string {
	var text string
	for _, name := range each(names(first, last), "") {
		text += "C: RCPT TO:<" + name[:len(name)-1] + "@ok.example>\nS: " + no + "\n"
	}
	return text
}

func TestSMTPUTF8(t *testing.T) {
	offered := helo + "S: 250-mx.example\nS: 250-SMTPUTF8\nS: 250 PIPELINING\n"
	for _, p := range []probe{
		{
			name: "it is declared for a non-ASCII local part", ask: "jürgen",
			mx1: []script{offered + `
			C: MAIL FROM:<verify@rcpt.example> SMTPUTF8
			C: RCPT TO:<jürgen@ok.example>
			C: RCPT TO:<canary@ok.example>
			C: QUIT
			S: 250 Ok
			S: 250 Ok
			S: 550 5.1.1 User unknown` + bye},
			want: "1 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
		},
		{
			name: "it is not declared where nobody needs it", ask: "juergen", noCanary: true,
			mx1:  []script{offered + last(ok, "juergen "+yes) + bye},
			want: "1 accepted rcpt 250",
		},
		{
			name: "not offered, the non-ASCII local part is not asked for and the others are", ask: "jürgen alice",
			mx1:  []script{pipelined + last(ok, "alice "+yes, "canary "+no) + bye},
			want: "1 smtputf8_required ehlo\n2 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
		},
		{
			name: "not offered and nobody else to ask for, we leave", ask: "jürgen",
			mx1:  []script{pipelined + "C: QUIT"},
			want: "1 smtputf8_required ehlo",
		},
	} {
		p.run(t)
	}
}

func TestNew(t *testing.T) {
	for _, test := range []struct {
		name, helo, from string
		good             bool
	}{
		{"plain names", "probe.rcpt.example", "verify@rcpt.example", true},
		{"the null sender", "probe.rcpt.example", "", true},
		{"no name", "", "verify@rcpt.example", false},
		{"a line end in the name", "a\r\nMAIL", "verify@rcpt.example", false},
		{"a space in the sender", "probe.rcpt.example", "a b@rcpt.example", false},
		{"a bracket in the sender", "probe.rcpt.example", "a@rcpt.example> SIZE=1", false},
	} {
		if _, err := New(Config{HELO: test.helo, MailFrom: test.from}); (err == nil) != test.good {
			t.Errorf("%s: got %v, want good %v", test.name, err, test.good)
		}
	}
}
