package verify

import (
	"time"

	"rcpt/internal/mx"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
)

// question is what to ask of a domain about some of its mailboxes. The canary
// goes along unless the domain is known to check.
func (v *Verifier) question(hosts []mx.Host, facts domainFacts, known CatchAll, now time.Time, es ...*Evidence) smtpprobe.Batch {
	b := smtpprobe.Batch{Domain: es[0].Address.Domain(), Hosts: hosts, TLS: facts.TLSUntil.After(now)}
	for _, e := range es {
		b.Recipients = append(b.Recipients, e.Address)
	}
	if known != Checks {
		b.Canary = v.cache.canary(es[0].Address, now)
	}
	return b
}

// take gives each mailbox its part of what was found and reports whether the
// domain showed something worth keeping.
func (f *domainFacts) take(r smtpprobe.Result, known CatchAll, now time.Time, es ...*Evidence) (learned bool) {
	for i, e := range es {
		e.Probe = &Probe{
			Answer: r.Answers[i], Canary: r.Canary, Control: r.Control, Peer: r.Peer, CatchAll: known,
			HoldNotFound: r.HoldNotFound, Contacts: r.Contacts,
		}
	}
	shown := shownBy(es...)
	for _, e := range es {
		if shown == Checks && e.Probe.Answer.Class == reply.Accepted && e.Probe.Of() == CatchAllUnknown {
			// The canary taught nothing, but a mailbox beside this one is surely
			// absent: that shows as much.
			e.Probe.Canary, e.Probe.CatchAll = smtpprobe.Answer{}, Checks
		}
		learned = f.learn(*e.Probe, r.TLSDemanded, now) || learned
	}
	return learned
}

// shownBy is what probes of one session showed of the domain together. A canary
// that was accepted weighs more than a mailbox that was not.
func shownBy(es ...*Evidence) CatchAll {
	shown := CatchAllUnknown
	for _, e := range es {
		if s := e.Probe.shows(); s == TakesAny || shown == CatchAllUnknown {
			shown = s
		}
	}
	return shown
}

// route notes where the domain's mail goes and who stands behind that.
func (r check) route(a mx.Answer, e *Evidence) {
	e.Route = Route{Status: a.Status, Detail: a.Detail}
	if len(a.Hosts) > 0 {
		e.Route.Host = a.Hosts[0].Name
	}
	r.name(e)
}
