package verify

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/mx"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

func TestVerifyIsNeverLate(t *testing.T) {
	for _, tt := range []struct {
		claim  string
		route  func(release <-chan struct{}) routerFunc
		probe  func(release <-chan struct{}) proberFunc
		cache  func(*memory)
		reason verdict.Reason
	}{
		{claim: "DNS that hangs and does not heed its context", reason: verdict.Deadline,
			route: func(release <-chan struct{}) routerFunc {
				return func(context.Context, string) mx.Answer { <-release; return mx.Answer{Status: mx.Timeout} }
			}},
		{claim: "DNS that hangs until its time ends", reason: verdict.DNSFailure,
			route: func(<-chan struct{}) routerFunc {
				return func(ctx context.Context, _ string) mx.Answer { <-ctx.Done(); return mx.Answer{Status: mx.Timeout} }
			}},
		{claim: "a prober that hangs and does not heed its context", reason: verdict.Deadline,
			probe: func(release <-chan struct{}) proberFunc {
				return func(context.Context, int) smtpprobe.Result { <-release; return valid() }
			}},
		{claim: "a prober that hangs until its time ends", reason: verdict.Timeout,
			probe: func(<-chan struct{}) proberFunc { return takes(time.Hour) }},
		{claim: "a cache that cannot be read in time", reason: verdict.SMTPVerified, cache: func(m *memory) { m.readsHang = true }},
		{claim: "a cache that cannot be written in time", reason: verdict.SMTPVerified, cache: func(m *memory) { m.writesHang = true }},
		{claim: "a cache that hangs and a prober too", reason: verdict.Timeout, cache: func(m *memory) { m.readsHang, m.writesHang = true, true },
			probe: func(<-chan struct{}) proberFunc { return takes(time.Hour) }},
	} {
		for _, timeout := range []time.Duration{time.Millisecond, 425 * time.Millisecond, 4 * time.Second} {
			t.Run(tt.claim+", "+timeout.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					release := make(chan struct{})
					route, probe := routerFunc(oneExchanger), takes(time.Microsecond)
					if tt.route != nil {
						route = tt.route(release)
					}
					if tt.probe != nil {
						probe = tt.probe(release)
					}
					b := newBench(route, probe)
					if tt.cache != nil {
						tt.cache(b.table)
					}
					start := time.Now()
					got := b.Verify(t.Context(), ask(timeout))
					if took := time.Since(start); took > timeout {
						t.Errorf("it took %v of %v", took, timeout)
					}
					if got.Reason != tt.reason && timeout > tidyUp {
						t.Errorf("%s %s, want %s", got.Status, got.Reason, tt.reason)
					}
					close(release)
					synctest.Wait()
				})
			})
		}
	}
}

func TestVerifyEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(oneExchanger, takes(time.Second))
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			time.Sleep(100 * time.Millisecond)
			leave()
		}()
		start := time.Now()
		got := b.Verify(ctx, ask(4*time.Second))
		if got.Reason != verdict.Cancelled || time.Since(start) != 100*time.Millisecond {
			t.Errorf("%s %s after %v, want UNKNOWN cancelled after 100ms", got.Status, got.Reason, time.Since(start))
		}
		// The work goes on: what it learns is there for who comes back.
		time.Sleep(2 * time.Second)
		if again := b.Verify(t.Context(), ask(4*time.Second)); again.Status != verdict.Valid || !again.Cached || b.probes.Load() != 1 {
			t.Errorf("%s %s, cached %v, after %d probes", again.Status, again.Reason, again.Cached, b.probes.Load())
		}
	})
}

func TestARequestWhoseTimeIsOverStartsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(oneExchanger, takes(0))
		got := b.Verify(t.Context(), ask(-time.Second))
		synctest.Wait()
		if got.Reason != verdict.Deadline || b.probes.Load() != 0 || b.log.Len() > 0 {
			t.Errorf("%s %s after %d probes, log %q", got.Status, got.Reason, b.probes.Load(), b.log)
		}
	})
}

// together runs requests at the same time and returns their verdicts.
func together(t *testing.T, b *bench, requests ...Request) []verdict.Verdict {
	verdicts := make([]verdict.Verdict, len(requests))
	done := make(chan struct{})
	for i, r := range requests {
		go func() {
			verdicts[i] = b.Verify(t.Context(), r)
			done <- struct{}{}
		}()
		synctest.Wait() // it is under way before the next one comes
	}
	for range requests {
		<-done
	}
	return verdicts
}

func TestRequestsShareAProbeWithinAKey(t *testing.T) {
	with := func(change func(*Request)) Request {
		r := Request{Scope: "key", Email: "alice@ok.example", Mode: Full, Policy: DefaultPolicy()}
		change(&r)
		return r
	}
	same := func(*Request) {}
	for _, tt := range []struct {
		claim  string
		change func(*Request)
		probes int64
	}{
		{"the same request", same, 1},
		{"the domain in capitals", func(r *Request) { r.Email = "alice@OK.example" }, 1},
		{"the mode left out", func(r *Request) { r.Mode = "" }, 1},
		{"another policy", func(r *Request) { r.Policy.Valid = verdict.Review }, 1},
		{"another key", func(r *Request) { r.Scope = "other" }, 2},
		{"another mailbox", func(r *Request) { r.Email = "bob@ok.example" }, 2},
		{"another case of the local part", func(r *Request) { r.Email = "Alice@ok.example" }, 2},
		{"fresh beside one that may use what is known", func(r *Request) { r.Fresh = true }, 2},
		{"soft mode asks nobody", func(r *Request) { r.Mode = Soft }, 1},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(oneExchanger, takes(time.Second))
				r := with(tt.change)
				got := together(t, b, with(same), r, r, with(same))
				if n := b.probes.Load(); n != tt.probes {
					t.Errorf("%d probes, want %d", n, tt.probes)
				}
				for i, v := range got {
					if v.Status != verdict.Valid && r.Mode != Soft {
						t.Errorf("request %d: %s %s", i, v.Status, v.Reason)
					}
				}
			})
		})
	}
}

func TestEachRequestHasItsOwnWordsAndPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(oneExchanger, takes(time.Second))
		one, two := ask(4*time.Second), ask(4*time.Second)
		two.Email = " alice@OK.example. "
		two.Policy.Name, two.Policy.Valid, two.Explain = "own", verdict.Review, false
		got := together(t, b, one, two)
		if got[0].Email != one.Email || got[1].Email != two.Email || got[0].Action != verdict.Accept || got[1].Action != verdict.Review ||
			got[1].Policy != "own" || got[0].Evidence == nil || got[1].Evidence != nil {
			t.Errorf("verdicts %+v and %+v", got[0], got[1])
		}
	})
}

// TestTimeOfOthersDoesNotCutShort: work that ended for want of time is taken
// up again by who has more of it, and by nobody else.
func TestTimeOfOthersDoesNotCutShort(t *testing.T) {
	const short, long = 500 * time.Millisecond, 4 * time.Second
	undecidedCanary := func(ctx context.Context, _ int) smtpprobe.Result {
		select {
		case <-time.After(time.Second):
			return valid()
		case <-ctx.Done():
			return said(answer(reply.Accepted), answer(reply.Timeout))
		}
	}
	for _, tt := range []struct {
		claim    string
		probe    proberFunc
		timeouts []time.Duration
		reasons  []verdict.Reason
		atMost   int64 // probes: who takes up work again may find company
	}{
		{"more time after less", takes(time.Second), []time.Duration{short, long}, []verdict.Reason{verdict.Timeout, verdict.SMTPVerified}, 2},
		{"less time after more", takes(time.Second), []time.Duration{long, short}, []verdict.Reason{verdict.SMTPVerified, verdict.Deadline}, 1},
		{"as much time", takes(time.Second), []time.Duration{short, short}, []verdict.Reason{verdict.Timeout, verdict.Timeout}, 1},
		{"no limit after one", takes(time.Second), []time.Duration{short, 0}, []verdict.Reason{verdict.Timeout, verdict.SMTPVerified}, 2},
		{"three steps", takes(time.Second), []time.Duration{short, 900 * time.Millisecond, long},
			[]verdict.Reason{verdict.Timeout, verdict.Timeout, verdict.SMTPVerified}, 3},
		{"only the canary was cut short", undecidedCanary, []time.Duration{short, long},
			[]verdict.Reason{verdict.Unconfirmed, verdict.SMTPVerified}, 2},
		{"an answer is an answer", takes(400 * time.Millisecond), []time.Duration{short, long},
			[]verdict.Reason{verdict.SMTPVerified, verdict.SMTPVerified}, 1},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(oneExchanger, tt.probe)
				var requests []Request
				for _, timeout := range tt.timeouts {
					r := ask(timeout)
					if timeout == 0 {
						r.Deadline = time.Time{}
					}
					requests = append(requests, r)
				}
				for i, v := range together(t, b, requests...) {
					if v.Reason != tt.reasons[i] {
						t.Errorf("request %d: %s %s, want %s", i, v.Status, v.Reason, tt.reasons[i])
					}
				}
				synctest.Wait()
				if n := b.probes.Load(); n > tt.atMost {
					t.Errorf("%d probes, want at most %d", n, tt.atMost)
				}
			})
		})
	}
}

func TestAFaultOfOursIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(oneExchanger, func(context.Context, int) smtpprobe.Result { panic("index out of range") })
		if got := b.Verify(t.Context(), ask(time.Second)); got.Reason != verdict.Internal || !got.MXFound {
			t.Errorf("%s %s, mx_found %v, want UNKNOWN internal with what DNS said", got.Status, got.Reason, got.MXFound)
		}
		if n := strings.Count(b.log.String(), "\n"); n != 1 || strings.Contains(b.log.String(), "alice@") {
			t.Errorf("log of %d lines, want one without the address:\n%s", n, b.log)
		}
		if len(b.table.items) != 0 {
			t.Errorf("a fault is kept: %v", b.table.items)
		}
	})
}
