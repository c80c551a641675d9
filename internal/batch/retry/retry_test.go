package retry

import (
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// judged is the verdict on evidence gathered now, with it.
func judged(t *testing.T, e verify.Evidence) verdict.Verdict {
	t.Helper()
	a, err := address.Parse("alice@ok.example")
	if err != nil {
		t.Fatal(err)
	}
	e.Given, e.Address = a.String(), a
	if e.Route.Status == "" {
		e.Route = verify.Route{Status: mx.Found, Host: "mx.ok.example"}
	}
	if e.Gathered.IsZero() {
		e.Gathered = now
	}
	v := verify.Decide(e, verify.DefaultPolicy())
	v.Evidence = e
	return v
}

func said(c reply.Class, change ...func(*smtpprobe.Answer)) verify.Evidence {
	a := smtpprobe.Answer{Class: c, Stage: reply.Rcpt, Code: 451}
	for _, f := range change {
		f(&a)
	}
	return verify.Evidence{Probe: &verify.Probe{Answer: a}}
}

func at(s reply.Stage) func(*smtpprobe.Answer) { return func(a *smtpprobe.Answer) { a.Stage = s } }

func code(n int) func(*smtpprobe.Answer) { return func(a *smtpprobe.Answer) { a.Code = n } }

func stated(d time.Duration) func(*smtpprobe.Answer) {
	return func(a *smtpprobe.Answer) { a.Retry = d }
}

func held(why pace.Why, d time.Duration) func(*smtpprobe.Answer) {
	return func(a *smtpprobe.Answer) { a.Why, a.Until = why, now.Add(d) }
}

// accepted is a mailbox that was accepted beside a canary that was answered so.
func accepted(canary verify.Evidence) verify.Evidence {
	return verify.Evidence{Probe: &verify.Probe{
		Answer: smtpprobe.Answer{Class: reply.Accepted, Stage: reply.Rcpt, Code: 250}, Canary: canary.Probe.Answer,
	}}
}

// TestWaits follows one kind of trouble until its verdict stands.
func TestWaits(t *testing.T) {
	const s, m, h = time.Second, time.Minute, time.Hour
	route := func(status mx.Status) verify.Evidence { return verify.Evidence{Route: verify.Route{Status: status}} }
	for _, tt := range []struct {
		claim string
		e     verify.Evidence
		want  []time.Duration
	}{
		{"greylisted", said(reply.Greylisted), []time.Duration{6 * m, 30 * m, 4 * h}},
		{"greylisted for a stated time", said(reply.Greylisted, stated(20*s)), []time.Duration{24 * s, 6 * m, 30 * m, 4 * h}},
		{"greylisted for long", said(reply.Greylisted, stated(25*m)), []time.Duration{30 * m, 30 * m, 30 * m, 4 * h}},
		{"a canary greylisted", accepted(said(reply.Greylisted)), []time.Duration{6 * m, 30 * m, 4 * h}},
		{"a canary refused for now", accepted(said(reply.TemporaryFailure)), []time.Duration{6 * m, 30 * m}},
		{"a canary blocked", accepted(said(reply.BlockedByPolicy)), nil},
		{"refused for now in unknown words", said(reply.TemporaryFailure), []time.Duration{6 * m, 30 * m}},
		{"refused for now at the greeting", said(reply.TemporaryFailure, at(reply.Greeting)), []time.Duration{6 * m}},
		{"refused for a stated time at MAIL", said(reply.TemporaryFailure, at(reply.Mail), stated(10*m)), []time.Duration{12 * m, 12 * m}},
		{"too fast", said(reply.RateLimited), []time.Duration{6 * m}},
		{"a time-out", said(reply.Timeout), []time.Duration{6 * m}},
		{"no connection", said(smtpprobe.ConnectionFailed), []time.Duration{6 * m}},
		{"no way out", said(smtpprobe.EgressClosed), []time.Duration{6 * m}},
		{"DNS of the exchanger", said(smtpprobe.DNSFailure), []time.Duration{6 * m}},
		{"DNS of the domain", route(mx.Failed), []time.Duration{6 * m}},
		{"DNS too slow", route(mx.Timeout), []time.Duration{6 * m}},
		{"a fault of ours", said(smtpprobe.Fault), []time.Duration{6 * m}},
		{"a panic of ours", verify.Evidence{Lost: verify.LostInternal}, []time.Duration{6 * m}},
		{"cut off before its turn", said(smtpprobe.NotAsked), []time.Duration{10 * s, m, 6 * m}},
		{"absent on a day when nobody is there", func() verify.Evidence {
			e := said(reply.MailboxNotFound, code(550))
			e.Probe.HoldNotFound = true
			return e
		}(), []time.Duration{24 * h}},

		{"accepted", accepted(said(reply.MailboxNotFound, code(550))), nil},
		{"absent", said(reply.MailboxNotFound, code(550)), nil},
		{"full", said(reply.MailboxFull), nil},
		{"blocked", said(reply.BlockedByPolicy, code(554)), nil},
		{"relaying denied", said(reply.RelayDenied, code(550)), nil},
		{"unclear", said(reply.Unclear, code(550)), nil},
		{"nonsense", said(reply.ProtocolError), nil},
		{"a private address", said(smtpprobe.Unreachable), nil},
		{"no exchanger has an address", route(mx.Unresolvable), nil},
		{"no such domain", route(mx.NXDomain), nil},
		{"a soft check", verify.Evidence{Mode: verify.Soft}, nil},
		{"vendors that failed", verify.Evidence{Probe: said(reply.BlockedByPolicy, code(554)).Probe, Vendor: &verify.Vendor{Error: "reoon: HTTP 500"}}, nil},
		{"a vendor's word", verify.Evidence{Probe: said(reply.Timeout).Probe, Vendor: &verify.Vendor{Name: "reoon"}}, nil},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			var past Past
			for n := 0; ; n++ {
				v := judged(t, tt.e)
				next, tried := past.Next(v, now)
				if next.IsZero() {
					if n != len(tt.want) || tried != past {
						t.Errorf("stands after %d waits, want %d: %s %s", n, len(tt.want), v.Status, v.Reason)
					}
					return
				}
				if n >= len(tt.want) {
					t.Fatalf("wait %d is %v, want none", n, next.Sub(now))
				}
				if got := next.Sub(now); got != tt.want[n] {
					t.Errorf("wait %d is %v, want %v", n, got, tt.want[n])
				}
				past = tried
			}
		})
	}
}

// TestWhoWasNotAskedLosesNothing: the waits of trouble are all there afterwards.
func TestWhoWasNotAskedLosesNothing(t *testing.T) {
	before := Past{Greylisted: 2, Failed: 1}
	for claim, e := range map[string]verify.Evidence{
		"time": {Lost: verify.LostDeadline}, "the caller gone": {Lost: verify.LostCancelled},
		"pace": said(smtpprobe.Held, held(pace.Busy, time.Second)),
		// What was found may be wrong: the key's own reports go before it.
		"reports not readable": {HistoryLost: true, Probe: accepted(said(reply.MailboxNotFound, code(550))).Probe},
		"lists not readable":   {Lists: verify.Lists{TenantLost: true}},
		"vendors not reached":  {Probe: said(reply.BlockedByPolicy, code(554)).Probe, Vendor: &verify.Vendor{Error: "deadline: not attempted"}},
	} {
		past, last := before, time.Duration(0)
		for range 3 {
			next, tried := past.Next(judged(t, e), now)
			if wait := next.Sub(now); wait <= last || wait > time.Minute {
				t.Errorf("%s: wait %v after %v", claim, wait, last)
			} else {
				last = wait
			}
			past = tried
		}
		if past.Greylisted != 2 || past.Failed != 1 || past.Missed != 3 {
			t.Errorf("%s: %+v", claim, past)
		}
		next, tried := past.Next(judged(t, said(reply.Greylisted)), now)
		if next.Sub(now) != 4*time.Hour || tried != (Past{Greylisted: 3, Failed: 1}) {
			t.Errorf("%s: then %v, %+v", claim, next.Sub(now), tried)
		}
	}
}

func TestPaceSaysWhenToComeBack(t *testing.T) {
	for _, why := range []pace.Why{pace.Breaker, pace.Brake, pace.Busy} {
		next, _ := Past{}.Next(judged(t, said(smtpprobe.Held, held(why, 15*time.Minute))), now)
		if got := next.Sub(now); got != 15*time.Minute {
			t.Errorf("%s: after %v", why, got)
		}
	}
}

// TestMissesAreSpreadWider but not without bound.
func TestMissesAreSpreadWider(t *testing.T) {
	lost := judged(t, verify.Evidence{Lost: verify.LostDeadline})
	for _, missed := range []int{10, 100, 1 << 40} {
		if next, _ := (Past{Missed: missed}).Next(lost, now); next.Sub(now) != 5*time.Minute {
			t.Errorf("after %d misses: %v", missed, next.Sub(now))
		}
	}
}

// TestWhatIsMissingBesideAVerdictIsNotWaitedForLong: an answer without the key's
// reports is better than none.
func TestWhatIsMissingBesideAVerdictIsNotWaitedForLong(t *testing.T) {
	e := accepted(said(reply.MailboxNotFound, code(550)))
	e.HistoryLost = true
	if next, _ := (Past{Missed: 3}).Next(judged(t, e), now); !next.IsZero() {
		t.Errorf("asked again after %v", next.Sub(now))
	}
}

// TestTheWaitBeginsWhenTheServerAnswered, which for evidence of the cache was
// before.
func TestTheWaitBeginsWhenTheServerAnswered(t *testing.T) {
	e := said(reply.Greylisted)
	e.Gathered = now.Add(-4 * time.Minute)
	if next, _ := (Past{}).Next(judged(t, e), now); next.Sub(now) != 2*time.Minute {
		t.Errorf("after %v, want 2 more minutes", next.Sub(now))
	}
	e.Gathered = now.Add(-time.Hour)
	if next, _ := (Past{}).Next(judged(t, e), now); next.Sub(now) != time.Second {
		t.Errorf("after %v, want at once", next.Sub(now))
	}
}

func TestAVerdictWithoutEvidenceStands(t *testing.T) {
	v := judged(t, said(reply.Greylisted))
	v.Evidence = nil
	if next, _ := (Past{}).Next(v, now); !next.IsZero() {
		t.Errorf("asked again at %v", next)
	}
}
