package verify

import (
	"testing"
	"time"

	"rcpt/internal/pace"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

func TestRetryAt(t *testing.T) {
	until := gathered.Add(15 * time.Minute)
	with := func(c reply.Class, change func(*smtpprobe.Answer)) smtpprobe.Answer {
		a := answer(c)
		change(&a)
		return a
	}
	stated := func(a *smtpprobe.Answer) { a.Retry = 100 * time.Second }
	held := with(smtpprobe.Held, func(a *smtpprobe.Answer) { a.Until, a.Why = until, pace.Busy })
	accepted := answer(reply.Accepted)
	for _, tt := range []struct {
		claim string
		p     Probe
		want  time.Duration // 0: none
	}{
		{"greylisted", Probe{Answer: answer(reply.Greylisted)}, 6 * time.Minute},
		{"greylisted with a stated wait", Probe{Answer: with(reply.Greylisted, stated)}, 2 * time.Minute},
		{"a temporary failure", Probe{Answer: answer(reply.TemporaryFailure)}, 30 * time.Minute},
		{"a temporary failure with a stated wait", Probe{Answer: with(reply.TemporaryFailure, stated)}, 2 * time.Minute},
		{"too fast", Probe{Answer: answer(reply.RateLimited)}, 30 * time.Minute},
		{"held back by pace", Probe{Answer: held}, 15 * time.Minute},
		{"absent, but not to be believed today", Probe{Answer: answer(reply.MailboxNotFound), HoldNotFound: true}, 24 * time.Hour},
		{"accepted, canary greylisted", Probe{Answer: accepted, Canary: answer(reply.Greylisted)}, 6 * time.Minute},
		{"accepted, canary with a stated wait", Probe{Answer: accepted, Canary: with(reply.TemporaryFailure, stated)}, 2 * time.Minute},
		{"full", Probe{Answer: answer(reply.MailboxFull)}, 0},
		{"absent", Probe{Answer: answer(reply.MailboxNotFound)}, 0},
		{"accepted", Probe{Answer: accepted, Canary: answer(reply.MailboxNotFound)}, 0},
		{"accepted, canary blocked", Probe{Answer: accepted, Canary: answer(reply.BlockedByPolicy)}, 0},
		{"a block", Probe{Answer: answer(reply.BlockedByPolicy)}, 0},
		{"a time-out", Probe{Answer: answer(reply.Timeout)}, 0},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			got := Decide(probedEvidence(t, tt.p), DefaultPolicy()).RetryAt
			switch {
			case tt.want == 0 && got != nil:
				t.Errorf("retry at %v, want none", got)
			case tt.want != 0 && (got == nil || !got.Equal(gathered.Add(tt.want)) || got.Location() != time.UTC):
				t.Errorf("retry at %v, want %v after %v", got, tt.want, gathered)
			}
		})
	}
}

func TestHeldForWantOfTimeIsARate(t *testing.T) {
	for why, want := range map[pace.Why]verdict.Reason{
		pace.Busy: verdict.RateLimited, pace.Breaker: verdict.ProbeBlocked, pace.Brake: verdict.ProbeBlocked,
	} {
		a := answer(smtpprobe.Held)
		a.Why = why
		if got := Decide(probedEvidence(t, Probe{Answer: a}), DefaultPolicy()); got.Reason != want {
			t.Errorf("held by %s: %s, want %s", why, got.Reason, want)
		}
	}
}

// TestWhatIsKeptEndsBeforeTheRetry: who comes back at retry_at is not answered from
// the cache.
func TestWhatIsKeptEndsBeforeTheRetry(t *testing.T) {
	accepted := answer(reply.Accepted)
	for _, class := range []reply.Class{reply.Greylisted, reply.TemporaryFailure, reply.RateLimited, reply.MailboxFull} {
		for _, stated := range []time.Duration{0, time.Second, 20 * time.Second, time.Hour} {
			a := answer(class)
			a.Retry = stated
			for _, p := range []Probe{{Answer: a}, {Answer: accepted, Canary: a}, {Answer: answer(reply.MailboxNotFound), HoldNotFound: true}} {
				e := probedEvidence(t, p)
				at := Decide(e, DefaultPolicy()).RetryAt
				if at != nil && e.Gathered.Add(lifeOf(e)).After(*at) {
					t.Errorf("%s, %s stated: kept for %s, retry after %s", class, stated, lifeOf(e), at.Sub(e.Gathered))
				}
			}
		}
	}
}
