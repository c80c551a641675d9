package verify

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/lists"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

// anything makes evidence at random: most of it could not come about, and must
// do no harm.
type anything struct {
	*rand.Rand
	answers   []smtpprobe.Answer
	addresses []address.Address
}

func newAnything(t *testing.T, seed uint64) anything {
	r := anything{Rand: rand.New(rand.NewPCG(seed, seed)), answers: answers()}
	for _, email := range []string{"alice@ok.example", "info@ok.example", "al.ice+tag@gmail.com", "jörg@ok.example", "alice@[192.0.2.1]"} {
		r.addresses = append(r.addresses, parse(t, email))
	}
	return r
}

func pick[T any](r anything, from ...T) T { return from[r.IntN(len(from))] }

func (r anything) rarely() bool { return r.IntN(8) == 0 }

func (r anything) answer() smtpprobe.Answer {
	a := pick(r, pick(r, r.answers...), answer(reply.Accepted), answer(reply.MailboxNotFound))
	if r.rarely() {
		a.Stage = pick(r, reply.Connect, reply.Greeting, reply.Ehlo, reply.StartTLS, reply.Mail, "")
	}
	if r.rarely() {
		a.Code = pick(r, 0, 250, 252, 354, 421, 450, 503, 550, 551, 554, 556, 999)
	}
	a.Weak = a.Weak || r.rarely()
	a.Rule = pick(r, noRule, "words:some")
	a.Missing = r.rarely()
	a.Text = pick(r, "one", "two")
	if r.rarely() {
		a.Retry = time.Duration(r.IntN(10_000)) * time.Second
	}
	if a.Class == smtpprobe.Held {
		a.Why, a.Until = pick(r, pace.Busy, pace.Brake, pace.Breaker), gathered.Add(time.Hour)
	}
	return a
}

func (r anything) evidence() Evidence {
	e := Evidence{
		Given: "alice@ok.example", Mode: pick(r, Full, Full, Full, Soft), Gathered: gathered,
		Address: pick(r, r.addresses...),
		Lost:    pick(r, "", "", "", LostDeadline, LostCancelled, LostInternal),
		Route: Route{Status: pick(r, mx.Found, mx.Found, mx.Found, mx.Implicit, mx.NullMX, mx.NXDomain, mx.NoMail,
			mx.Unresolvable, mx.Failed, mx.Timeout, "")},
		Trap: r.rarely(), Cached: r.rarely(),
	}
	if r.rarely() {
		e.Syntax, e.Address = &address.SyntaxError{Problem: "no @", Fix: "write one"}, address.Address{}
	}
	if r.rarely() {
		e.History = verdict.History{Matched: true, Recent: r.IntN(9),
			PreviousReason: pick(r, "hard_bounce", "soft_bounce", "spam_complaint", "unsubscribe")}
	}
	if r.rarely() {
		e.Lists.Disposable.Tier = pick(r, lists.Curated, lists.Families, lists.Family, lists.Aggregator)
	}
	if r.rarely() {
		e.Lists.Relay, e.Lists.Role.Class = "DuckDuckGo", lists.Generic
	}
	if r.rarely() {
		e.Lists.Typo = lists.Typo{Meant: "gmail.com", Certain: r.rarely(), Digits: pick(r, "", "", "59")}
	}
	if r.rarely() {
		e.Lists.Exchanger.Kind = pick(r, lists.Mailboxes, lists.Gateway, lists.Throwaway, lists.Parked)
	}
	if r.rarely() {
		e.Lists.Free = lists.Free{Listed: true, Confidence: pick(r, lists.High, lists.Low)}
	}
	if r.rarely() {
		e.Lists.Tenant.List = pick(r, tenant.Allow, tenant.Deny)
	}
	e.Lists.Closed, e.Lists.Guarded = r.rarely(), r.rarely()
	if r.IntN(4) > 0 {
		e.Probe = &Probe{
			Answer: r.answer(), Canary: r.answer(), Control: r.answer(), Peer: r.rarely(), HoldNotFound: r.rarely(),
			CatchAll: pick(r, CatchAllUnknown, CatchAllUnknown, TakesAny, Checks),
		}
	}
	return e
}

// proven is the hard rule in other words than Decide's: what may be called
// INVALID.
func proven(e Evidence) bool {
	if e.Syntax != nil || e.History.Matched && e.History.PreviousReason != "soft_bounce" {
		return true
	}
	if e.Route.Status == mx.NXDomain || e.Route.Status == mx.NullMX || e.Route.Status == mx.NoMail {
		return true
	}
	if e.Probe == nil {
		return false
	}
	a := e.Probe.Answer
	if a.Stage != reply.Rcpt || a.Code < 500 || a.Code > 599 {
		return false
	}
	control := e.Probe.Control.Accepted()
	switch a.Class {
	case reply.DomainTakesNoMail:
		return true
	case reply.MailboxNotFound, reply.MailboxDisabled:
		return (!a.Weak || control) && !e.Probe.HoldNotFound
	case reply.Unclear: // bare words: everyone who cannot exist gets them, another mailbox does not
		return a.Weak && control && (e.Probe.Peer || a.Rule != noRule) && !e.Probe.HoldNotFound && e.Probe.Canary.Text == a.Text && e.Probe.Canary.Stage == reply.Rcpt
	}
	return false
}

func TestDecideOnAnyEvidence(t *testing.T) {
	r := newAnything(t, 1)
	count := make(map[verdict.Status]int)
	for range 30_000 {
		e := r.evidence()
		v := Decide(e, DefaultPolicy())
		count[v.Status]++
		switch {
		case v.Status == verdict.Invalid && !proven(e):
			t.Fatalf("INVALID %s without proof: %+v, probe %+v", v.Reason, e, e.Probe)
		case v.Status == verdict.Valid && (e.Probe.Answer.Class != reply.Accepted || e.Probe.Of() != Checks):
			t.Fatalf("VALID without an accepted mailbox at a domain that checks: %+v", e.Probe)
		case !slices.Contains(v.Reason.Statuses(), v.Status):
			t.Fatalf("%s goes with %s", v.Reason, v.Status)
		case v.Score < 0 || v.Score > 100:
			t.Fatalf("score %d of %s %s", v.Score, v.Status, v.Reason)
		case severity(v.Action) < 0:
			t.Fatalf("action %q of %s %s", v.Action, v.Status, v.Reason)
		case v.RetryAt != nil && !v.RetryAt.After(gathered):
			t.Fatalf("retry at %v, before %v", v.RetryAt, gathered)
		case !reflect.DeepEqual(v, Decide(e, DefaultPolicy())):
			t.Fatalf("two verdicts on %+v", e)
		}
	}
	for _, status := range []verdict.Status{verdict.Valid, verdict.Invalid, verdict.Disposable, verdict.CatchAll, verdict.Risky, verdict.Unknown} {
		if count[status] < 50 {
			t.Errorf("%d of 30,000 are %s: the evidence is too tame", count[status], status)
		}
	}
}

// TestEvidenceIsKeptByWhatItProves: whatever the evidence, the worse and the
// less certain expires sooner.
func TestEvidenceIsKeptByWhatItProves(t *testing.T) {
	r := newAnything(t, 2)
	for range 30_000 {
		e := r.evidence()
		if e.Syntax != nil {
			continue
		}
		e.History, e.Trap, e.Lists, e.Mode = verdict.History{}, false, Lists{}, Full // what the cache does not hold
		if e.Probe != nil {
			e.Route.Status, e.Address = mx.Found, r.addresses[0]
		}
		life, v := lifeOf(e), Decide(e, DefaultPolicy())
		switch {
		case e.Lost != "" && life != 0:
			t.Fatalf("lost for %s and kept for %v", e.Lost, life)
		case v.Status == verdict.Unknown && life > undecidedLife, v.Reason == verdict.Unconfirmed && life > undecidedLife:
			t.Fatalf("%s %s kept for %v: %+v", v.Status, v.Reason, life, e.Probe)
		case v.Status == verdict.Invalid && life > refusedLife:
			t.Fatalf("INVALID %s kept for %v", v.Reason, life)
		case e.Probe != nil && v.RetryAt != nil && life > v.RetryAt.Sub(gathered):
			t.Fatalf("%s kept for %v, retry after %v", v.Reason, life, v.RetryAt.Sub(gathered))
		}
	}
}
