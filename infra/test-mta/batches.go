package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"

	"rcpt/internal/address"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
	"rcpt/internal/safedial"
	"rcpt/internal/smtpprobe"
)

// batches are claims about sessions with many recipients, as lists of addresses
// make them. They ask the product's prober directly.
func batches() []claim {
	return []claim{
		{"ten recipients and the canary: one connection, four round trips", []string{"plain"}, proveFour},
		{"421 after five errors is no verdict about the addresses behind it", []string{"patient"}, batch("patient.example", `
			nobody0: mailbox_not_found
			nobody1: mailbox_not_found
			nobody2: mailbox_not_found
			nobody3: mailbox_not_found
			nobody4: mailbox_not_found
			nobody5: mailbox_not_found
			nobody6: mailbox_not_found
			nobody7: mailbox_not_found
			nobody8: mailbox_not_found
			nobody9: mailbox_not_found
			alice: accepted
			bob: accepted`, "patient", `^too many errors after RCPT`)},
		{"a server that takes three recipients at once", []string{"few"}, batch("few.example", `
			user1: accepted
			user2: accepted
			user3: accepted
			nobody1: mailbox_not_found
			user4: accepted
			nobody2: mailbox_not_found
			user5: accepted
			user6: accepted`, "few", `^disconnect from \S+ ehlo=1 mail=2 .* rset=1 quit=1 `)},
		{"Exim that hangs up on dictionary attacks", []string{"exim"}, batch("dictionary.example", `
			nobody0: mailbox_not_found
			nobody1: mailbox_not_found
			nobody2: mailbox_not_found
			nobody3: mailbox_not_found
			alice: rate_limited
			bob: accepted`, "exim", `closed by DROP in ACL`)},
		{"many recipients over TLS", []string{"tls"}, batch("tls.example", `
			user1: accepted
			nobody1: mailbox_not_found
			user2: accepted
			nobody2: mailbox_not_found`, "tls", `^disconnect from \S+ ehlo=2 starttls=1 mail=1 rcpt=2/5 quit=1 commands=7/10$`)},
		{"many recipients without PIPELINING", []string{"smtpd"}, batch("opensmtpd.example", `
			alice: accepted
			nobody1: mailbox_not_found
			bob: accepted
			nobody2: mailbox_not_found`, "smtpd", `smtp disconnected reason=quit$`)},
	}
}

// batch asks for the local parts of a domain in one probe, which the server
// logs. Lines are of the form "local part: class".
func batch(domain, lines, server, logged string) func(context.Context, *trial) {
	return func(ctx context.Context, t *trial) {
		var locals, want []string
		for text := range strings.Lines(lines) {
			if local, class, ok := strings.Cut(strings.TrimSpace(text), ": "); ok {
				locals, want = append(locals, local), append(want, class)
			}
		}
		got, err := probe(ctx, domain, locals)
		if err != nil {
			t.check(false, "%v", err)
			return
		}
		for i, a := range got.Answers {
			t.check(string(a.Class) == want[i], "%s@%s: want %s, got %+v", locals[i], domain, want[i], a)
		}
		t.check(got.Canary.Class == reply.MailboxNotFound, "canary: got %+v", got.Canary)
		t.check(len(got.Contacts) <= smtpprobe.DefaultLimits().Sessions, "%d connections", len(got.Contacts))
		t.logged(ctx, server, logged)
	}
}

func proveFour(ctx context.Context, t *trial) {
	var locals []string
	for i := range 5 {
		locals = append(locals, fmt.Sprintf("user%d", i), fmt.Sprintf("nobody%d", i))
	}
	got, err := probe(ctx, "plain.example", locals)
	if err != nil {
		t.check(false, "%v", err)
		return
	}
	for i, a := range got.Answers {
		want := reply.Accepted
		if i%2 == 1 {
			want = reply.MailboxNotFound
		}
		t.check(a.Class == want, "%s: want %s, got %+v", locals[i], want, a)
	}
	t.check(got.Canary.Class == reply.MailboxNotFound, "canary: got %+v", got.Canary)
	t.check(len(got.Contacts) == 1 && got.Contacts[0].RoundTrips == 4, "want one connection and four round trips, got %+v", got.Contacts)
	t.logged(ctx, "plain", `^disconnect from \S+\[10\.25\.0\.1\] ehlo=1 mail=1 rcpt=5/11 quit=1 commands=8/14$`)
}

// probe asks for local parts of a domain with a prober like the product's.
func probe(ctx context.Context, domain string, locals []string) (smtpprobe.Result, error) {
	resolver := mx.New(mx.Config{Servers: []string{"10.25.0.53:53"}})
	allowed := safedial.Dialer{Allow: []netip.Prefix{netip.MustParsePrefix("10.25.0.0/24")}}
	prober, err := smtpprobe.New(smtpprobe.Config{
		HELO: heloName, MailFrom: mailFrom, Port: 25, Resolver: resolver, Log: slog.New(slog.DiscardHandler),
		Dial: func(ctx context.Context, _ string, to netip.AddrPort) (net.Conn, error) {
			return allowed.DialIP(ctx, to)
		},
		Pacer: pace.New(pace.Config{Mode: pace.Off}),
	})
	if err != nil {
		return smtpprobe.Result{}, err
	}
	b := smtpprobe.Batch{Domain: domain, Hosts: resolver.Lookup(ctx, domain).Hosts}
	for _, local := range locals {
		a, err := address.Parse(local + "@" + domain)
		if err != nil {
			return smtpprobe.Result{}, err
		}
		b.Recipients = append(b.Recipients, a)
	}
	if b.Canary, err = b.Recipients[0].WithLocal("k7w2q9x4m1z8c3v6"); err != nil {
		return smtpprobe.Result{}, err
	}
	return prober.Probe(ctx, b), nil
}
