package smtpprobe

import "testing"

func TestHangUp(t *testing.T) {
	for _, p := range []probe{
		{
			name: "after the first refused RCPT: whoever stood behind is asked in the next session", ask: "alice bob carol",
			mx1: []script{
				pipelined + last(ok, "alice "+yes, "bob "+no, "carol", "canary") + "close",
				pipelined + last(ok, "carol "+yes, "canary "+no) + "close",
			},
			want: "1 accepted rcpt 250\n2 mailbox_not_found rcpt 550\n3 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
		},
		{
			name: "instead of an answer: who it happened to goes behind the canary and takes nobody along", ask: "alice bob carol",
			mx1: []script{
				pipelined + last(ok, "alice "+yes, "bob", "carol", "canary") + "close",
				pipelined + last(ok, "carol "+yes, "canary "+yes, "bob") + "close",
			},
			want: "1 accepted rcpt 250\n2 connection_failed rcpt\n3 accepted rcpt 250\ncanary accepted rcpt 250",
		},
		{
			name: "sessions that bring one answer each are bounded", ask: "alice bob carol dave eve frank", noCanary: true,
			mx1: []script{
				pipelined + last(ok, "alice "+no, "bob", "carol", "dave", "eve", "frank") + "close",
				pipelined + last(ok, "bob "+no, "carol", "dave", "eve", "frank") + "close",
				pipelined + last(ok, "carol "+no, "dave", "eve", "frank") + "close",
				pipelined + last(ok, "dave "+no, "eve", "frank") + "close",
			},
			want: expect(1, 4, "mailbox_not_found rcpt 550") + expect(5, 6, "connection_failed rcpt"),
		},
		{
			name: "each further session needs that the one before brought something", ask: "alice bob carol", noCanary: true,
			mx1: []script{
				pipelined + last(ok, "alice "+no, "bob", "carol") + "close",
				pipelined + last("", "bob", "carol") + "close",
			},
			want: "1 mailbox_not_found rcpt 550\n2 connection_failed mail\n3 connection_failed mail",
		},
		{
			name: "after MAIL, without an answer: no second session with the same address", ask: "alice bob",
			mx1:  []script{pipelined + last("", "alice", "bob", "canary") + "close"},
			want: "1 connection_failed mail\n2 connection_failed mail\ncanary connection_failed mail",
		},
		{
			name: "without an answer: the next exchanger is asked", ask: "alice",
			mx1:  []script{pipelined + last("", "alice", "canary") + "close"},
			mx2:  []script{pipelined + last(ok, "alice "+yes, "canary "+no) + bye},
			want: "1 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
		},
		{
			name: "over the canary: the recipient keeps its answer, and the canary is asked for once more", ask: "alice",
			mx1: []script{
				pipelined + last(ok, "alice "+yes, "canary") + "close",
				pipelined + last(ok, "canary") + "close",
			},
			want: "1 accepted rcpt 250\ncanary connection_failed rcpt",
		},
		{
			name: "over a canary that can teach nothing: that is all", ask: "alice",
			mx1:  []script{pipelined + last(ok, "alice "+no, "canary") + "close"},
			want: "1 mailbox_not_found rcpt 550\ncanary connection_failed rcpt",
		},
		{
			name: "in the middle of a line is no answer", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice") + "S- 550 5.1.1 User unkn\nclose"},
			want: "1 connection_failed rcpt",
		},
		{
			name: "in the middle of a reply of several lines is no answer", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice") + `S- 550-5.1.1 User unknown\r\n` + "\nclose"},
			want: "1 connection_failed rcpt",
		},
	} {
		p.run(t)
	}
}

func Test421(t *testing.T) {
	for _, p := range []probe{
		{
			name: "in the middle of a group says nothing about those behind it, who are asked again", ask: "alice bob carol",
			mx1: []script{
				pipelined + last(ok, "alice "+yes, "bob 421 4.7.0 Error: too many errors", "carol", "canary") + "close",
				pipelined + last(ok, "carol "+yes, "canary "+no, "bob "+yes) + bye,
			},
			want: "1 accepted rcpt 250\n2 accepted rcpt 250\n3 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
		},
		{
			name: "with words about a mailbox is not about one", ask: "alice bob", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice 421 5.1.1 User unknown", "bob") + "close"},
			want: "1 temporary_failure rcpt 421\n2 temporary_failure rcpt 421",
		},
		{
			name: "that is about us ends the matter too", ask: "alice bob", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice "+yes, "bob 421 4.7.25 cannot find your reverse hostname") + "close"},
			want: "1 accepted rcpt 250\n2 blocked_by_policy rcpt 421",
		},
		{
			name: "that says we are listed ends the matter", ask: "alice bob", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice "+yes, "bob 421 4.7.1 Service unavailable; client host blocked using zen.spamhaus.org") + "close"},
			want: "1 accepted rcpt 250\n2 blocked_by_policy rcpt 421",
		},
		{
			name: "to MAIL: nobody is asked again", ask: "alice",
			mx1:  []script{pipelined + last("421 4.3.2 Service shutting down", "alice", "canary") + "close"},
			want: "1 temporary_failure mail 421\ncanary temporary_failure mail 421",
		},
		{
			name: "that demands TLS is given it", ask: "alice", noCanary: true,
			mx1: []script{
				pipelined + last(ok, "alice 421 4.7.0 TLS required for RCPT domain, closing connection") + "close",
				pipelined + secured + last(ok, "alice "+yes) + bye,
			},
			want: "1 accepted rcpt 250\ntls demanded",
		},
		{
			name: "to RSET: the next session goes on", ask: names(1, 12), noCanary: true,
			mx1: []script{
				pipelined + write(ok, each(names(1, 10), yes)...) +
					"C: RSET\nC: MAIL FROM:<verify@rcpt.example>\nC: RCPT TO:<user11@ok.example>\nC: RCPT TO:<user12@ok.example>\nC: QUIT\nS: 421 4.4.2 timeout\nclose",
				pipelined + last(ok, "user11 "+yes, "user12 "+no) + bye,
			},
			want: expect(1, 11, "accepted rcpt 250") + "12 mailbox_not_found rcpt 550",
		},
		{
			name: "as greeting: the next exchanger is asked", ask: "alice", noCanary: true,
			mx1:  []script{"S: 421 4.3.2 try later\nC: QUIT"},
			mx2:  []script{pipelined + last(ok, "alice "+yes) + bye},
			want: "1 accepted rcpt 250",
		},
	} {
		p.run(t)
	}
}

func TestMailRefused(t *testing.T) {
	sender := "550 5.1.8 Sender address rejected: Domain not found"
	for _, p := range []probe{
		{
			name: "its meaning stands for all, and the 503s behind it mean nothing", ask: "alice bob",
			mx1: []script{pipelined + last(sender, each("alice bob canary", "503 5.5.1 Error: need MAIL command")...) + bye},
			want: `1 blocked_by_policy mail 550
			2 blocked_by_policy mail 550
			canary blocked_by_policy mail 550`,
		},
		{
			name: "it stands although a 421 follows", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(sender, "alice 421 4.7.0 too many errors") + "close"},
			want: "1 blocked_by_policy mail 550",
		},
		{
			name: "replies that look like one about a mailbox behind it mean nothing either", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(sender, "alice "+no) + bye},
			want: "1 blocked_by_policy mail 550",
		},
		{
			name: "it stands for those of the writes that are not made", ask: names(1, 12), noCanary: true,
			mx1:  []script{pipelined + write("451 4.7.1 sender verify in progress", each(names(1, 10), "503 need MAIL")...) + "C: QUIT"},
			want: expect(1, 12, "blocked_by_policy mail 451"),
		},
		{
			name: "in a write of several transactions each one has its own", ask: "alice bob", noCanary: true,
			mx1: []script{helo + "S: 250-mx.example\nS: 250-PIPELINING\nS: 250 LIMITS RCPTMAX=1\n" + `
			C: MAIL FROM:<verify@rcpt.example>
			C: RCPT TO:<alice@ok.example>
			C: RSET
			C: MAIL FROM:<verify@rcpt.example>
			C: RCPT TO:<bob@ok.example>
			C: QUIT
			S: 550 5.1.8 Sender address rejected: Domain not found
			S: 503 5.5.1 need MAIL command
			S: 250 Ok
			S: 550 5.1.8 Sender address rejected: Domain not found
			S: 503 5.5.1 need MAIL command` + bye},
			want: "1 blocked_by_policy mail 550\n2 blocked_by_policy mail 550",
		},
		{
			name: "a second transaction's is about the session: the next session goes on", ask: names(1, 12), noCanary: true,
			mx1: []script{
				pipelined + write(ok, each(names(1, 10), yes)...) + againLast("451 4.5.3 Too many transactions", each("user11 user12", "503 need MAIL")...) + bye,
				pipelined + last(ok, "user11 "+yes, "user12 "+no) + bye,
			},
			want: expect(1, 11, "accepted rcpt 250") + "12 mailbox_not_found rcpt 550",
		},
		{
			name: "a second transaction's that says we are listed ends the matter", ask: "alice bob carol", noCanary: true,
			mx1: []script{helo + "S: 250-mx.example\nS: 250-PIPELINING\nS: 250 LIMITS RCPTMAX=1\n" + `
			C: MAIL FROM:<verify@rcpt.example>
			C: RCPT TO:<alice@ok.example>
			C: RSET
			C: MAIL FROM:<verify@rcpt.example>
			C: RCPT TO:<bob@ok.example>
			C: RSET
			C: MAIL FROM:<verify@rcpt.example>
			C: RCPT TO:<carol@ok.example>
			C: QUIT
			S: 250 Ok
			S: 250 Ok
			S: 250 Ok
			S: 554 5.7.1 Client host [192.0.2.9] blocked using zen.spamhaus.org
			S: 503 need MAIL
			S: 250 Ok
			S: 554 5.7.1 Client host [192.0.2.9] blocked using zen.spamhaus.org
			S: 503 need MAIL` + bye},
			want: "1 accepted rcpt 250\n2 blocked_by_policy mail 554\n3 blocked_by_policy mail 554",
		},
		{
			name: "250 is the only good answer to it", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last("220 mx.example ESMTP", "alice "+yes) + bye},
			want: "1 protocol_error mail 220",
		},
	} {
		p.run(t)
	}
}

func TestRSETRefused(t *testing.T) {
	for _, p := range []probe{
		{
			name: "what follows is not believed, and from then on a session has one transaction", ask: names(1, 22), noCanary: true,
			mx1: []script{
				pipelined + write(ok, each(names(1, 10), yes)...) +
					"C: RSET\nC: MAIL FROM:<verify@rcpt.example>\n" + recipients(11, 20) +
					"S: 502 5.5.1 not implemented\nS: 503 5.5.1 nested MAIL\n" + answers(10, no) + "C: QUIT",
				pipelined + last(ok, each(names(11, 20), yes)...) + bye,
				pipelined + last(ok, each(names(21, 22), yes)...) + bye,
			},
			want: expect(1, 22, "accepted rcpt 250"),
		},
	} {
		p.run(t)
	}
}

func TestRSETRefusedAndTheRestAccepted(t *testing.T) {
	probe{
		name: "replies in a transaction that should be over are not believed", ask: names(1, 11), noCanary: true,
		mx1: []script{
			pipelined + write(ok, each(names(1, 10), yes)...) +
				"C: RSET\nC: MAIL FROM:<verify@rcpt.example>\nC: RCPT TO:<user11@ok.example>\nC: QUIT\nS: 502 no\nS: 250 Ok\nS: " + no + bye,
			pipelined + last(ok, "user11 "+yes) + bye,
		},
		want: expect(1, 11, "accepted rcpt 250"),
	}.run(t)
}

func recipients(first, last int) (text script) {
	for _, name := range each(names(first, last), "") {
		text += "C: RCPT TO:<" + name[:len(name)-1] + "@ok.example>\n"
	}
	return text
}

func answers(n int, text string) (all script) {
	for range n {
		all += "S: " + text + "\n"
	}
	return all
}
