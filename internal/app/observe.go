package app

import (
	"context"
	"slices"
	"strconv"

	"rcpt/internal/mx"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verify"
)

// observed fills in who is told nothing.
func (p Ports) observed() Ports {
	if p.Metric == nil {
		p.Metric = func(string, float64, ...string) {}
	}
	if p.Step == nil {
		p.Step = func(ctx context.Context, _ string) (context.Context, func(...string)) { return ctx, func(...string) {} }
	}
	if p.Mark == nil {
		p.Mark = func(ctx context.Context, _, _ string) context.Context { return ctx }
	}
	return p
}

// observedRouter makes a step of each look-up.
type observedRouter struct {
	verify.Router
	step func(ctx context.Context, step string) (_ context.Context, end func(notes ...string))
}

func (r observedRouter) Lookup(ctx context.Context, domain string) mx.Answer {
	ctx, end := r.step(ctx, "dns")
	a := r.Router.Lookup(ctx, domain)
	end("status", string(a.Status), "cached", strconv.FormatBool(a.Cached))
	return a
}

// observedProber makes a step of each probe and counts what came of it, by
// mailbox provider:
//
//	probe_answered     the mailbox was spoken about: it is there, or not, or full
//	probe_deferred     greylisting and other trouble of the moment
//	probe_refused      we were spoken about: blocked, slowed down, no relaying
//	probe_silent       no answer, no connection
//	probe_unclear      an answer that says nothing
//	probe_held         nobody was contacted: pace, our way out, our time
//	blocklist_replies  probes in which a reply named our address as listed
type observedProber struct {
	verify.Prober
	p Ports
}

func (o observedProber) Probe(ctx context.Context, b smtpprobe.Batch) smtpprobe.Result {
	ctx, end := o.p.Step(ctx, "probe")
	result := o.Prober.Probe(ctx, b)
	provider := o.provider(b)
	counts := make(map[string]int)
	for _, a := range result.Answers {
		counts[outcome(a.Class)]++
	}
	for name, n := range counts {
		o.p.Metric(name, float64(n), "provider", provider)
	}
	if slices.ContainsFunc(result.Answers, smtpprobe.Answer.Listed) {
		o.p.Metric("blocklist_replies", 1, "provider", provider)
	}
	class := "none"
	if len(result.Answers) > 0 {
		class = string(result.Answers[0].Class)
	}
	end("provider", provider, "class", class, "contacts", strconv.Itoa(len(result.Contacts)))
	return result
}

// provider names who is asked. Each name is a metric that is paid for, so all
// but the largest are one.
func (o observedProber) provider(b smtpprobe.Batch) string {
	if len(b.Hosts) > 0 {
		name := o.p.Lists.Table().Provider(b.Hosts[0].Name)
		if slices.Contains([]string{"Google", "Microsoft 365", "Outlook.com", "Yahoo", "iCloud", "Proofpoint", "Mimecast"}, name) {
			return name
		}
	}
	return "other"
}

// outcome names the metric that an answer counts for.
func outcome(c reply.Class) string {
	switch c {
	case reply.Accepted, reply.AcceptedUnverified, reply.MailboxNotFound, reply.MailboxFull, reply.MailboxDisabled, reply.DomainTakesNoMail:
		return "probe_answered"
	case reply.Greylisted, reply.TemporaryFailure:
		return "probe_deferred"
	case reply.BlockedByPolicy, reply.RateLimited, reply.RelayDenied:
		return "probe_refused"
	case reply.Timeout, smtpprobe.ConnectionFailed:
		return "probe_silent"
	case smtpprobe.Held, smtpprobe.EgressClosed, smtpprobe.NotAsked:
		return "probe_held"
	}
	return "probe_unclear"
}

// breakerOpened counts breakers that open and tells whose. The operator is a
// domain or a network, never an address.
func breakerOpened(p Ports) func(operator string) {
	return func(operator string) {
		p.Metric("breaker_opened", 1, "operator", operator)
		p.Log.Warn("breaker opened", "operator", operator)
	}
}
