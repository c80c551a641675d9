package main

import (
	"context"
	"fmt"
	"sync"
)

// verdicts are claims about what the product answers over HTTP.
func verdicts() []claim {
	return []claim{
		{"Postfix: a recipient that exists, one that does not, in each of its tables", []string{"plain"}, table(`
			alice@plain.example:   VALID smtp_verified
			nobody@plain.example:  INVALID mailbox_not_found
			alice@local.example:   VALID smtp_verified
			nobody@local.example:  INVALID mailbox_not_found
			alice@relay.example:   VALID smtp_verified
			nobody@relay.example:  INVALID mailbox_not_found
			alice@alias.example:   VALID smtp_verified
			nobody@alias.example:  INVALID mailbox_not_found
			o'brien@plain.example: VALID smtp_verified
			müller@plain.example:  VALID smtp_verified
			mueller.ä@plain.example: INVALID mailbox_not_found
			user.unknown@plain.example: INVALID mailbox_not_found
			anyone@catchall.example: CATCH_ALL catch_all`)},
		{"Postfix: an account that is disabled, one that an access table refuses", []string{"plain"}, table(`
			disabled@plain.example: INVALID mailbox_disabled
			denied@plain.example:   UNKNOWN probe_blocked`)},
		{"Postfix with Dovecot: over quota", []string{"quota", "dovecot"}, table(`
			full@quota.example:   RISKY mailbox_full
			alice@quota.example:  VALID smtp_verified
			müller@quota.example: UNKNOWN smtputf8_required
			nobody@quota.example: INVALID mailbox_not_found`)},
		{"DNS: every way to an exchanger, and none", []string{"unbound", "nsd"}, table(`
			alice@implicit.example:   VALID smtp_verified
			alice@cname.example:      VALID smtp_verified
			alice@six.example:        VALID smtp_verified
			alice@dead-first.example: VALID smtp_verified
			alice@dead.example:       UNKNOWN connection_failed
			alice@ghost.example:      UNKNOWN mx_unreachable
			alice@private.example:    UNKNOWN mx_unreachable
			alice@lame.example:       UNKNOWN dns_failure
			alice@null.example:       INVALID null_mx
			alice@nomail.example:     INVALID no_mx
			alice@missing.example:    INVALID domain_not_found`)},
		{"an exchanger that does not serve the domain says nothing about its mailboxes", []string{"plain", "exim", "smtpd"}, table(`
			alice@stale.example:        UNKNOWN relay_denied
			nobody@stale.example:       UNKNOWN relay_denied
			alice@unserved.example:     UNKNOWN relay_denied
			alice@stale-first.example:  VALID smtp_verified
			nobody@stale-first.example: INVALID mailbox_not_found
			alice@foreign.example:      UNKNOWN unclear_reply
			alice@foreign-first.example: UNKNOWN unclear_reply`)},
		{"TLS only: STARTTLS where it is demanded", []string{"tls"}, proveTLS},
		{"a blocklist that names us is never about a mailbox", []string{"listed", "door"}, table(`
			alice@listed.example:  UNKNOWN probe_blocked
			nobody@listed.example: UNKNOWN probe_blocked
			alice@door.example:    UNKNOWN probe_blocked
			nobody@door.example:   UNKNOWN probe_blocked`)},
		{"a server that dislikes our address, name or sender says nothing about a mailbox", []string{"wary", "exim"}, table(`
			alice@wary-client.example:   UNKNOWN probe_blocked
			nobody@wary-client.example:  UNKNOWN probe_blocked
			alice@wary-helo.example:     UNKNOWN probe_blocked
			nobody@wary-helo.example:    UNKNOWN probe_blocked
			alice@wary-sender.example:   UNKNOWN probe_blocked
			nobody@wary-sender.example:  UNKNOWN probe_blocked
			alice@wary-reverse.example:  UNKNOWN probe_blocked
			nobody@wary-reverse.example: UNKNOWN probe_blocked
			alice@wary-callout.example:  UNKNOWN probe_blocked
			nobody@wary-callout.example: UNKNOWN probe_blocked`)},
		{"Exim, and Exim that asks another server", []string{"exim", "plain"}, table(`
			alice@exim.example:     VALID smtp_verified
			nobody@exim.example:    INVALID mailbox_not_found
			alice@gateway.example:  VALID smtp_verified
			nobody@gateway.example: INVALID mailbox_not_found
			müller@exim.example:    INVALID mailbox_not_found`)},
		{"Postfix that asks another server", []string{"backup", "verified"}, table(`
			alice@backup.example:    RISKY unconfirmed
			nobody@backup.example:   UNKNOWN temporary_failure
			alice@verified.example:  VALID smtp_verified
			nobody@verified.example: INVALID mailbox_not_found`)},
		{"OpenSMTPD", []string{"smtpd"}, table(`
			alice@opensmtpd.example:  VALID smtp_verified
			bob@opensmtpd.example:    VALID smtp_verified
			nobody@opensmtpd.example: INVALID mailbox_not_found
			alice@accounts.example:   VALID smtp_verified
			stranger@accounts.example: INVALID mailbox_not_found`)},
		{"a session that ends at the first error leaves no wrong verdict behind", []string{"strict"}, proveStrict},
		{"forty addresses of one domain at once", []string{"crowd"}, proveCrowd},
		{"a server that takes one session at a time", []string{"throttle"}, proveThrottle},
		{"postgrey: asked again at retry_at, the mailbox is found", []string{"grey", "postgrey"}, proveGrey},
		{"postgrey as it comes, which states no wait", []string{"grey-default"}, proveGreyDefault},
		{"postscreen catches who talks early, and not us", []string{"screen"}, proveScreen},
		{"postscreen's deep tests: asked again, the mailbox is found", []string{"deep"}, proveDeep},
	}
}

func table(lines string) func(context.Context, *trial) {
	return func(ctx context.Context, t *trial) { t.verdicts(ctx, lines) }
}

func proveTLS(ctx context.Context, t *trial) {
	got := t.verdict(ctx, "VALID smtp_verified", request{Email: "alice@tls.example"})
	contacts := got.Evidence.Probe.Contacts
	t.check(len(contacts) == 2 && contacts[0].TLS == "" && contacts[1].TLS != "", "want a session in clear, then one with TLS, got %+v", contacts)
	got = t.verdict(ctx, "INVALID mailbox_not_found", request{Email: "nobody@tls.example"})
	contacts = got.Evidence.Probe.Contacts
	t.check(len(contacts) == 1 && contacts[0].TLS != "", "want TLS at once, the demand is remembered, got %+v", contacts)
	t.logged(ctx, "tls", `TLS connection established from \S*\[10\.25\.0\.1\]`)
}

// proveStrict asks for ten missing mailboxes at once, each in a session that
// 421 ends early, and for one that exists among them.
func proveStrict(ctx context.Context, t *trial) {
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			t.verdict(ctx, "INVALID mailbox_not_found", request{Email: fmt.Sprintf("nobody%d@strict.example", i)})
		})
	}
	all.Go(func() { t.verdict(ctx, "VALID smtp_verified", request{Email: "alice@strict.example"}) })
	all.Wait()
	t.logged(ctx, "strict", `^too many errors after RCPT from \S+\[10\.25\.0\.1\]`)
}

// proveCrowd stays below the number of sessions that Postfix allows a client.
func proveCrowd(ctx context.Context, t *trial) {
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			t.verdict(ctx, "VALID smtp_verified", request{Email: fmt.Sprintf("user%d@crowd.example", i)})
		})
		all.Go(func() {
			t.verdict(ctx, "INVALID mailbox_not_found", request{Email: fmt.Sprintf("nobody%d@crowd.example", i)})
		})
	}
	all.Wait()
}

// proveThrottle asks while another session of ours is open, is turned away with
// 421 as greeting, and asks again when that one is over.
func proveThrottle(ctx context.Context, t *trial) {
	first, err := call(ours, "10.25.0.24:25")
	if err != nil {
		t.check(false, "%v", err)
		return
	}
	defer first.close()
	_, err = first.reply()
	t.check(err == nil, "no greeting: %v", err)
	got := t.verdict(ctx, "UNKNOWN rate_limited", request{Email: "alice@throttle.example"})
	t.check(got.RetryAt != nil, "no retry_at")
	t.logged(ctx, "throttle", `Connection concurrency limit exceeded: 2 from \S+\[10\.25\.0\.1\]`)
	_, err = first.ask("QUIT")
	t.check(err == nil, "no answer to QUIT: %v", err)
	t.logged(ctx, "throttle", `^disconnect from \S+\[10\.25\.0\.1\] quit=1 commands=1$`)
	t.verdict(ctx, "VALID smtp_verified", request{Email: "alice@throttle.example", Fresh: true})
}
