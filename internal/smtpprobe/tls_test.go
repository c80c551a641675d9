package smtpprobe

import (
	"strings"
	"testing"
)

// secured is STARTTLS up to the second EHLO's answer.
const secured = "C: STARTTLS\nS: 220 2.0.0 Ready to start TLS\nstarttls\nC: EHLO probe.rcpt.example\nS: 250-mx.example\nS: 250 PIPELINING\n"

func TestTLSDemanded(t *testing.T) {
	const demand = "530 5.7.0 Must issue a STARTTLS command first"
	for _, p := range []probe{
		{
			name: "at MAIL: the same host is asked again, under TLS", ask: "alice",
			mx1: []script{
				pipelined + last(demand, "alice "+demand, "canary "+demand) + bye,
				pipelined + secured + last(ok, "alice "+yes, "canary "+no) + bye,
			},
			want:  "1 accepted rcpt 250\ncanary mailbox_not_found rcpt 550\ntls demanded",
			trips: "4 7",
		},
		{
			name: "at RCPT: only who was refused so is asked again", ask: "alice bob", noCanary: true,
			mx1: []script{
				pipelined + last(ok, "alice "+yes, "bob 450 4.7.10 Encryption needed") + bye,
				pipelined + secured + last(ok, "bob "+no) + bye,
			},
			want: "1 accepted rcpt 250\n2 mailbox_not_found rcpt 550\ntls demanded",
		},
		{
			name: "one by one", ask: "alice", noCanary: true,
			mx1: []script{
				stepwise + "C: MAIL FROM:<verify@rcpt.example>\nS: " + demand + "\nC: QUIT",
				pipelined + secured + last(ok, "alice "+yes) + bye,
			},
			want: "1 accepted rcpt 250\ntls demanded",
		},
		{
			name: "of a server that knows only what is broken", ask: "alice", noCanary: true,
			mx1: []script{
				pipelined + last(demand, "alice "+demand) + bye,
				pipelined + strings.Replace(secured, "\nstarttls\n", "\nstarttls old\n", 1) + last(ok, "alice "+yes) + bye,
			},
			want: "1 accepted rcpt 250\ntls demanded",
		},
		{
			name: "and not offered", ask: "alice", noCanary: true,
			mx1: []script{
				helo + "S: 250-mx.example\nS: 250 PIPELINING\n" + last(demand, "alice "+demand) + bye,
				helo + "S: 250-mx.example\nS: 250 PIPELINING\n" + last(demand, "alice "+demand) + bye,
			},
			want: "1 tls_required mail 530\ntls demanded",
		},
		{
			name: "and still demanded under TLS", ask: "alice", noCanary: true,
			mx1: []script{
				pipelined + last(demand, "alice "+demand) + bye,
				pipelined + secured + last(demand, "alice "+demand) + bye,
			},
			want: "1 tls_required mail 530\ntls demanded",
		},
		{
			name: "and the handshake does not succeed", ask: "alice", noCanary: true,
			mx1: []script{
				pipelined + last(demand, "alice "+demand) + bye,
				pipelined + "C: STARTTLS\nS: 220 Ready\nclose",
			},
			want: "1 tls_required mail 530\ntls demanded",
		},
		{
			name: "and put off", ask: "alice", noCanary: true,
			mx1: []script{
				pipelined + last(demand, "alice "+demand) + bye,
				pipelined + "C: STARTTLS\nS: 454 4.7.0 TLS not available due to temporary reason\n" + last(demand, "alice "+demand) + bye,
			},
			want: "1 temporary_failure starttls 454\ntls demanded",
		},
	} {
		p.run(t)
	}
}

func TestTLSRemembered(t *testing.T) {
	for _, p := range []probe{
		{
			name: "the first session begins with it", ask: "alice", tls: true,
			mx1:   []script{pipelined + secured + last(ok, "alice "+yes, "canary "+no) + bye},
			want:  "1 accepted rcpt 250\ncanary mailbox_not_found rcpt 550",
			trips: "7",
		},
		{
			name: "not offered any more: on in clear", ask: "alice", tls: true, noCanary: true,
			mx1:  []script{helo + "S: 250-mx.example\nS: 250 PIPELINING\n" + last(ok, "alice "+yes) + bye},
			want: "1 accepted rcpt 250",
		},
		{
			name: "put off: on in clear", ask: "alice", tls: true, noCanary: true,
			mx1:  []script{pipelined + "C: STARTTLS\nS: 454 4.7.0 TLS not available due to temporary reason\n" + last(ok, "alice "+yes) + bye},
			want: "1 accepted rcpt 250",
		},
		{
			name: "the handshake does not succeed: a new connection, in clear", ask: "alice", tls: true, noCanary: true,
			mx1: []script{
				pipelined + "C: STARTTLS\nS: 220 Ready\nclose",
				pipelined + last(ok, "alice "+yes) + bye,
			},
			want: "1 accepted rcpt 250",
		},
		{
			name: "the handshake does not succeed, and clear is not taken", ask: "alice", tls: true, noCanary: true,
			mx1: []script{
				pipelined + "C: STARTTLS\nS: 220 Ready\nclose",
				pipelined + last("530 5.7.0 Must issue a STARTTLS command first", "alice 503 need MAIL") + bye,
			},
			want: "1 tls_required mail 530\ntls demanded",
		},
		{
			name: "no answer to STARTTLS: nothing more is said", ask: "alice", tls: true, noCanary: true,
			mx1:  []script{pipelined + "C: STARTTLS"},
			want: "1 timeout starttls",
		},
	} {
		p.run(t)
	}
}

func TestPlaintextBehindSTARTTLSIsDropped(t *testing.T) {
	for _, p := range []probe{
		{
			name: "injected answers are nobody's", ask: "alice", tls: true, noCanary: true,
			mx1: []script{pipelined +
				strings.Replace(secured, "S: 220 2.0.0 Ready to start TLS\n", "S: 220 Ready\nS: 250-mx.example\nS: 250 PIPELINING\nS: 250 Ok\nS: 250 Ok\n", 1) +
				last(ok, "alice "+no) + bye},
			want: "1 mailbox_not_found rcpt 550",
		},
		{
			name: "what was offered in clear counts no more", ask: "alice", tls: true, noCanary: true,
			mx1: []script{pipelined + "C: STARTTLS\nS: 220 Ready\nstarttls\nC: EHLO probe.rcpt.example\nS: 250 mx.example\n" + `
			C: MAIL FROM:<verify@rcpt.example>
			S: 250 Ok
			C: RCPT TO:<alice@ok.example>
			S: 250 Ok
			C: QUIT`},
			want: "1 accepted rcpt 250",
		},
	} {
		p.run(t)
	}
}
