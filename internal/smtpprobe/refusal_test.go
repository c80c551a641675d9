package smtpprobe

import (
	"strings"
	"testing"
	"time"
)

func TestBlocks(t *testing.T) {
	listed := "554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org"
	for _, p := range []probe{
		{
			name: "at the greeting", ask: "alice",
			mx1: []script{"S: 554-mx.example\nS: 554 Your access to this mail system has been rejected due to the sending MTA's poor reputation\nC: QUIT"},
			mx2: []script{}, addrs: map[string][]string{"mx2.example": {"192.0.2.26"}}, // not asked
			want: "1 blocked_by_policy greeting 554\ncanary blocked_by_policy greeting 554",
		},
		{
			name: "at EHLO", ask: "alice",
			mx1:  []script{helo + "S: 550 5.7.1 Your HELO name is on our block list\nC: QUIT"},
			want: "1 blocked_by_policy ehlo 550\ncanary blocked_by_policy ehlo 550",
		},
		{
			name: "at EHLO and HELO", ask: "alice", noCanary: true,
			mx1:  []script{helo + "S: 504 5.5.2 Helo command rejected: need fully-qualified hostname\nC: HELO probe.rcpt.example\nS: 504 5.5.2 Helo command rejected: need fully-qualified hostname\nC: QUIT"},
			want: "1 blocked_by_policy ehlo 504",
		},
		{
			name: "at MAIL", ask: "alice",
			mx1:  []script{pipelined + last("554 5.7.1 Sender denied", "alice 503 need MAIL", "canary 503 need MAIL") + bye},
			want: "1 blocked_by_policy mail 554\ncanary blocked_by_policy mail 554",
		},
		{
			name: "at RCPT: who stands behind gets its own answer, and no further write is made", ask: names(1, 12), noCanary: true,
			mx1:  []script{pipelined + write(ok, append([]string{"user1 " + yes, "user2 " + listed}, each(names(3, 10), listed)...)...) + "C: QUIT"},
			want: "1 accepted rcpt 250\n" + expect(2, 12, "blocked_by_policy rcpt 554"),
		},
		{
			name: "at RCPT, one by one: we leave", ask: "alice bob", noCanary: true,
			mx1:  []script{stepwise + "C: MAIL FROM:<verify@rcpt.example>\nS: 250 Ok\nC: RCPT TO:<alice@ok.example>\nS: " + listed + "\nC: QUIT"},
			want: "1 blocked_by_policy rcpt 554\n2 blocked_by_policy rcpt 554",
		},
	} {
		p.run(t)
	}
}

func TestOutOfStep(t *testing.T) {
	for _, p := range []probe{
		{
			name: "250 as greeting is no acceptance of anything", ask: "alice",
			mx1:  []script{"S: 250 mx.example ready\nC: QUIT"},
			want: "1 protocol_error greeting 250\ncanary protocol_error greeting 250",
		},
		{
			name: "a second greeting is not EHLO's answer", ask: "alice", noCanary: true,
			mx1:  []script{"S: 220 mx.example ESMTP\nS: 220 mx.example ESMTP\nC: QUIT"},
			want: "1 protocol_error ehlo",
		},
		{
			name: "a late second greeting is not EHLO's answer either", ask: "alice", noCanary: true,
			mx1:  []script{helo + "S: 220 mx.example ESMTP\nC: QUIT"},
			want: "1 protocol_error ehlo 220",
		},
		{
			name: "a reply too many makes every reply of the write doubtful", ask: "alice bob", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice 250 extra", "bob "+yes) + "S: 550 5.1.1 User unknown\nS: 221 Bye"},
			want: "1 protocol_error mail\n2 protocol_error mail",
		},
		{
			name: "a reply too many, one by one", ask: "alice", noCanary: true,
			mx1:  []script{stepwise + "C: MAIL FROM:<verify@rcpt.example>\nS: 250 Ok\nS: 250 Ok\nC: QUIT"},
			want: "1 protocol_error mail",
		},
		{
			name: "a reply too few: what QUIT got is nobody's", ask: "alice",
			mx1:  []script{pipelined + last("250 2.1.5 Ok", "alice 550 No such user", "canary 221 Bye")},
			want: "1 protocol_error mail\ncanary protocol_error mail",
		},
		{
			name: "a refusal that names another mailbox is not this one's", ask: "alice",
			mx1:  []script{pipelined + last(ok, "alice 550 5.1.1 <CANARY@ok.example>: User unknown", "canary") + "close"},
			want: "1 protocol_error mail\ncanary protocol_error mail",
		},
		{
			name: "nor is one behind an answer given twice", ask: "bob alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "bob 250 2.1.0 Ok", "alice 550 5.1.1 bob@ok.example... User unknown")},
			want: "1 protocol_error mail\n2 protocol_error mail",
		},
		{
			name: "one by one neither", ask: "bob alice", noCanary: true,
			mx1: []script{stepwise + "C: MAIL FROM:<verify@rcpt.example>\nS: 250 Ok\nC: RCPT TO:<bob@ok.example>\nS: 250 Ok\n" +
				"C: RCPT TO:<alice@ok.example>\nS: 550 <bob@ok.example> unknown\nC: QUIT"},
			want: "1 accepted rcpt 250\n2 protocol_error rcpt",
		},
		{
			name: "a refusal may name what looks like another mailbox, and others beside its own", ask: "alice bob", noCanary: true,
			mx1: []script{pipelined + last(ok, "alice 550 5.1.1 alice@ok.example is not bob@ok.example: user unknown",
				"bob 550 5.1.1 <malice@ok.example.org>, or alice@ok.example.org: user unknown") + bye},
			want: "1 mailbox_not_found rcpt 550\n2 mailbox_not_found rcpt 550",
		},
		{
			name: "nor is the canary's, where the mailbox it names was accepted", ask: "alice",
			mx1:  []script{pipelined + last(ok, "alice 250 2.1.0 Ok", "canary 550 5.1.1 <alice@ok.example>: User unknown")},
			want: "1 protocol_error mail\ncanary protocol_error mail",
		},
		{
			name: "some servers say the same to everybody", ask: "alice",
			mx1:  []script{pipelined + last(ok, "alice 550 5.1.1 <alice@ok.example>: User unknown", "canary 550 5.1.1 <alice@ok.example>: User unknown") + bye},
			want: "1 mailbox_not_found rcpt 550\ncanary mailbox_not_found rcpt 550",
		},
		{
			name: "who asks for our own sender may be told of it at MAIL", ask: "alice verify@rcpt.example", noCanary: true,
			mx1: []script{
				pipelined + strings.Replace(last("250 2.1.0 <verify@rcpt.example>... Sender ok", "alice "+no, "verify "+no), "verify@ok.", "verify@rcpt.", 1) + bye,
			},
			want: "1 mailbox_not_found rcpt 550\n2 mailbox_not_found rcpt 550",
		},
		{
			name: "and who asks for postmaster that one can be written to", ask: "postmaster alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "postmaster "+yes, "alice 550 No such user, contact postmaster@ok.example") + bye},
			want: "1 accepted rcpt 250\n2 mailbox_not_found rcpt 550",
		},
		{
			name: "a forward path is named rightly", ask: "bob alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "bob "+yes, "alice 251 User not local; will forward to <bob@ok.example>") + bye},
			want: "1 accepted rcpt 250\n2 accepted rcpt 251",
		},
		{
			name: "a refusal beside an acceptance is given a second look", ask: "bob alice",
			mx1:  []script{pipelined + last(ok, "bob 250 2.1.0 Ok", "alice 550 User unknown", "canary "+yes) + "wait 300ms\nS: 550 User unknown\nS: 221 Bye"},
			want: "1 protocol_error mail\n2 protocol_error mail\ncanary protocol_error mail",
		},
		{
			name: "also where the answer left over is an acceptance", ask: "bob alice carol", noCanary: true,
			mx1:  []script{pipelined + last(ok, "bob 250 2.1.0 Ok", "alice 550 User unknown", "carol "+yes) + "wait 300ms\nS: 250 2.1.5 Ok\nS: 221 Bye"},
			want: "1 protocol_error mail\n2 protocol_error mail\n3 protocol_error mail",
		},
		{
			name: "QUIT may be answered in words of the server's own", ask: "bob alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "bob "+yes, "alice 550 User unknown") + "\nS: 250 Bye\nclose"},
			want: "1 accepted rcpt 250\n2 mailbox_not_found rcpt 550",
		},
		{
			name: "and stands if nothing comes of that", ask: "alice",
			mx1:  []script{pipelined + last(ok, "alice 550 User unknown", "canary "+yes) + "\nwait 5s"},
			want: "1 mailbox_not_found rcpt 550\ncanary accepted rcpt 250", took: time.Second,
		},
		{
			name: "DATA's answer to RCPT is no acceptance", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice 354 go ahead") + bye},
			want: "1 protocol_error rcpt 354",
		},
		{
			name: "lines of different codes accept nobody for sure", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice 550-no\nS: 250 yes") + bye},
			want: "1 accepted_unverified rcpt 250",
		},
	} {
		p.run(t)
	}
}

func TestControl(t *testing.T) {
	vague := "550 Requested action not taken: mailbox unavailable"
	for _, p := range []probe{
		{
			name: "postmaster is asked for when a refusal is vague", ask: "alice",
			mx1: []script{
				pipelined + last(ok, "alice "+vague, "canary "+vague) + bye,
				pipelined + last(ok, "postmaster "+yes) + bye,
			},
			want: "1 mailbox_not_found rcpt 550\ncanary mailbox_not_found rcpt 550\ncontrol accepted rcpt 250",
		},
		{
			name: "and is asked for once, whatever comes of it", ask: "alice bob", noCanary: true,
			mx1: []script{
				pipelined + last(ok, "alice "+vague, "bob") + "close",
				pipelined + last(ok, "postmaster") + "close",
				pipelined + last(ok, "bob "+vague) + bye,
			},
			want: "1 mailbox_not_found rcpt 550\n2 mailbox_not_found rcpt 550\ncontrol connection_failed rcpt",
		},
		{
			name: "and so is the canary, if it got no answer", ask: "alice",
			mx1: []script{
				pipelined + last(ok, "alice "+vague, "canary") + "close",
				pipelined + last(ok, "postmaster "+yes) + bye,
				pipelined + last(ok, "canary "+vague) + bye,
			},
			want: "1 mailbox_not_found rcpt 550\ncanary mailbox_not_found rcpt 550\ncontrol accepted rcpt 250",
		},
		{
			name: "an accepted recipient is control enough", ask: "alice bob", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice "+vague, "bob "+yes) + bye},
			want: "1 mailbox_not_found rcpt 550\n2 accepted rcpt 250\ncontrol accepted rcpt 250",
		},
		{
			name: "but not one that another exchanger accepted", ask: "alice bob", noCanary: true,
			mx1: []script{pipelined + last(ok, "alice "+yes, "bob 554 5.7.1 Relay access denied") + bye},
			mx2: []script{pipelined + last(ok, "bob "+vague) + bye, pipelined + last(ok, "postmaster "+vague) + bye},
			want: `1 accepted rcpt 250
				2 mailbox_not_found rcpt 550
				control mailbox_not_found rcpt 550`,
		},
		{
			name: "a clear refusal needs none", ask: "alice",
			mx1:  []script{pipelined + last(ok, "alice "+no, "canary "+no) + bye},
			want: "1 mailbox_not_found rcpt 550\ncanary mailbox_not_found rcpt 550",
		},
	} {
		p.run(t)
	}
}

func TestRelayDenied(t *testing.T) {
	denied := "554 5.7.1 Relay access denied"
	for _, p := range []probe{
		{
			name: "the next exchanger is asked, for those who were refused so", ask: "alice bob",
			mx1:  []script{pipelined + last(ok, "alice "+denied, "bob "+yes, "canary "+no) + bye},
			mx2:  []script{pipelined + last(ok, "alice "+yes) + bye},
			want: "1 accepted rcpt 250\n2 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
		},
		{
			name: "all exchangers agree", ask: "alice",
			mx1:  []script{pipelined + last(ok, "alice "+denied, "canary "+denied) + bye},
			mx2:  []script{pipelined + last(ok, "alice "+denied, "canary "+denied) + bye},
			want: "1 relay_denied rcpt 554\ncanary relay_denied rcpt 554",
		},
		{
			name: "it stands for those of the writes that are not made", ask: names(1, 12), noCanary: true,
			mx1: []script{
				pipelined + write(ok, each(names(1, 10), denied)...) + "C: QUIT",
			},
			want: expect(1, 12, "relay_denied rcpt 554"),
		},
		{
			name: "the word stands although the next exchanger cannot be reached", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice "+denied) + bye},
			mx2:  []script{"refused"},
			want: "1 relay_denied rcpt 554",
		},
	} {
		p.run(t)
	}
}
