package verify

import (
	"testing"

	"rcpt/internal/lists"
	"rcpt/internal/mx"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

// scored is a verdict's score by evidence of a domain that takes mail.
func scored(t *testing.T, p Probe, changes ...func(*Evidence)) int {
	t.Helper()
	e := probedEvidence(t, p)
	for _, change := range changes {
		change(&e)
	}
	return Decide(e, DefaultPolicy()).Score
}

// TestBetterEvidenceNeverScoresLower walks chains of evidence, each link worse
// than the one before.
func TestBetterEvidenceNeverScoresLower(t *testing.T) {
	accepted := answer(reply.Accepted)
	missing := answer(reply.TemporaryFailure)
	missing.Missing = true
	soft := func(count int) func(*Evidence) {
		return func(e *Evidence) {
			e.History = verdict.History{Matched: true, PreviousReason: "soft_bounce", Recent: count}
		}
	}
	hard := func(e *Evidence) { e.History = verdict.History{Matched: true, PreviousReason: "hard_bounce"} }
	listed := func(tier lists.Tier) func(*Evidence) {
		return func(e *Evidence) { e.Lists.Disposable.Tier = tier }
	}
	valid := Probe{Answer: accepted, Canary: answer(reply.MailboxNotFound)}
	for claim, chain := range map[string][]int{
		"what the mailbox and the canary said": {
			scored(t, valid),
			scored(t, valid, func(e *Evidence) { e.Lists.Role.Class = lists.Generic }),
			scored(t, Probe{Answer: accepted, Canary: answer(reply.Greylisted)}),
			scored(t, Probe{Answer: accepted, Canary: accepted}),
			scored(t, Probe{Answer: answer(reply.MailboxFull)}),
			scored(t, Probe{Answer: answer(reply.MailboxDisabled)}),
			scored(t, Probe{Answer: answer(reply.MailboxNotFound)}),
			scored(t, Probe{Answer: answer(reply.DomainTakesNoMail)}),
		},
		"nothing learned stands between accepted and refused": {
			scored(t, Probe{Answer: accepted, Canary: accepted}),
			scored(t, Probe{Answer: answer(reply.Greylisted)}),
			scored(t, Probe{Answer: answer(reply.RateLimited)}),
			scored(t, Probe{Answer: answer(reply.TemporaryFailure)}),
			scored(t, Probe{Answer: missing}),
			scored(t, Probe{Answer: answer(reply.MailboxNotFound)}),
		},
		"how far we came": {
			scored(t, Probe{Answer: answer(reply.Timeout)}),
			scored(t, Probe{Answer: answer(smtpprobe.ConnectionFailed)}),
			scored(t, Probe{Answer: answer(smtpprobe.Unreachable)}),
			scored(t, Probe{}, func(e *Evidence) { e.Probe, e.Route = nil, Route{Status: mx.NXDomain} }),
			scored(t, Probe{}, func(e *Evidence) { e.Probe, e.Route = nil, Route{Status: mx.NullMX} }),
		},
		"reports of the key": {
			scored(t, valid), scored(t, valid, soft(1)), scored(t, valid, soft(2)), scored(t, valid, soft(3)), scored(t, valid, soft(4)),
			scored(t, valid, soft(50)), scored(t, valid, hard),
		},
		"lists": {
			scored(t, valid), scored(t, valid, listed(lists.Aggregator)), scored(t, valid, listed(lists.Family)),
			scored(t, valid, listed(lists.Families)), scored(t, valid, listed(lists.Curated)),
		},
		"a trap, a typo": {
			scored(t, valid), scored(t, valid, func(e *Evidence) { e.Trap = true }),
			scored(t, valid, func(e *Evidence) { e.Lists.Typo = lists.Typo{Meant: "gmail.com", Certain: true} }),
		},
	} {
		for i := 1; i < len(chain); i++ {
			if chain[i] > chain[i-1] {
				t.Errorf("%s: %v rises at link %d", claim, chain, i)
			}
		}
	}
}

// TestAHintOfAbsenceStaysAHint: it lowers the score of a transient failure and
// of nothing else.
func TestAHintOfAbsenceStaysAHint(t *testing.T) {
	hinting := answer(reply.TemporaryFailure)
	hinting.Missing = true
	for claim, tt := range map[string]struct {
		change func(*Evidence)
		want   int
	}{
		"alone":             {func(*Evidence) {}, 25},
		"beside a typo":     {func(e *Evidence) { e.Lists.Typo = lists.Typo{Meant: "gmail.com", Certain: true} }, 15},
		"beside a trap":     {func(e *Evidence) { e.Trap = true }, 30},
		"beside disposable": {func(e *Evidence) { e.Lists.Disposable.Tier = lists.Curated }, 20},
		"beside null MX":    {func(e *Evidence) { e.Route.Status = mx.NullMX }, 0},
	} {
		if got := scored(t, Probe{Answer: hinting}, tt.change); got != tt.want {
			t.Errorf("%s: score %d, want %d", claim, got, tt.want)
		}
	}
}

func TestEveryReasonHasItsWeight(t *testing.T) {
	for _, r := range verdict.Reasons() {
		w := weight(r)
		if w < 0 || w > 100 {
			t.Errorf("%s weighs %d", r, w)
		}
		for _, s := range r.Statuses() {
			if s == verdict.Invalid && w > 5 || s == verdict.Valid && w < 90 {
				t.Errorf("%s %s weighs %d", s, r, w)
			}
		}
	}
}
