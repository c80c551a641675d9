package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/mx"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

// routerFunc is a Router as a function.
type routerFunc func(ctx context.Context, domain string) mx.Answer

func (f routerFunc) Lookup(ctx context.Context, domain string) mx.Answer { return f(ctx, domain) }

func oneExchanger(context.Context, string) mx.Answer {
	return mx.Answer{Status: mx.Found, Hosts: []mx.Host{{Name: "mx.ok.example", Preference: 10}}}
}

// proberFunc is a Prober as a function of the context and how many probes
// there were before.
type proberFunc func(ctx context.Context, before int) smtpprobe.Result

// bench is a Verifier over fakes, with what they saw.
type bench struct {
	*Verifier
	table  *memory
	log    *bytes.Buffer // read it when all work has ended
	probe  proberFunc
	probes atomic.Int64
}

func (b *bench) Probe(ctx context.Context, _ smtpprobe.Batch) smtpprobe.Result {
	return b.probe(ctx, int(b.probes.Add(1)-1))
}

func newBench(route routerFunc, probe proberFunc) *bench {
	b := &bench{table: newMemory(), log: new(bytes.Buffer), probe: probe}
	b.Verifier = New(Config{
		Lists: lists.NewLive(lists.New()), Router: route, Prober: b, Cache: b.table, Secret: []byte("secret"), Now: time.Now,
		Log: slog.New(slog.NewTextHandler(b.log, nil)),
	})
	return b
}

func said(a, canary smtpprobe.Answer) smtpprobe.Result {
	return smtpprobe.Result{Answers: []smtpprobe.Answer{a}, Canary: canary}
}

// valid is what a probe says of a mailbox that exists.
func valid() smtpprobe.Result { return said(answer(reply.Accepted), answer(reply.MailboxNotFound)) }

// takes is a prober that needs so long, and reports a time-out when its time
// ends before.
func takes(d time.Duration) proberFunc {
	return func(ctx context.Context, _ int) smtpprobe.Result {
		select {
		case <-time.After(d):
			return valid()
		case <-ctx.Done():
			return said(answer(reply.Timeout), smtpprobe.Answer{})
		}
	}
}

// ask is a full request for alice@ok.example with so much time.
func ask(timeout time.Duration) Request {
	now := time.Now()
	return Request{
		Scope: "key", Email: "alice@ok.example", Policy: DefaultPolicy(), Received: now, Deadline: now.Add(timeout), Explain: true,
	}
}

func TestVerifyWithoutDeadlineWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(oneExchanger, takes(time.Minute))
		r := ask(0)
		r.Deadline, r.Received = time.Time{}, time.Time{}
		got := b.Verify(t.Context(), r)
		if got.Status != verdict.Valid || got.LatencyMS != time.Minute.Milliseconds() {
			t.Errorf("%s %s in %d ms, want VALID in 60000", got.Status, got.Reason, got.LatencyMS)
		}
	})
}

func TestATableThatFailsCostsNoVerdict(t *testing.T) {
	broken := errors.New("table is gone")
	for _, tt := range []struct {
		claim         string
		reads, writes error
		lines         int
	}{
		{"it cannot be read", broken, nil, 1},
		{"it cannot be written", nil, broken, 1},
		{"neither", broken, broken, 1},
		{"it works", nil, nil, 0},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(oneExchanger, takes(time.Millisecond))
				b.table.reads, b.table.writes = tt.reads, tt.writes
				got := b.Verify(t.Context(), ask(4*time.Second))
				synctest.Wait()
				if got.Status != verdict.Valid {
					t.Errorf("%s %s, want VALID", got.Status, got.Reason)
				}
				if n := strings.Count(b.log.String(), "\n"); n != tt.lines {
					t.Errorf("%d lines of log, want %d:\n%s", n, tt.lines, b.log)
				}
				if strings.Contains(b.log.String(), "alice") {
					t.Errorf("the log shows the address: %s", b.log)
				}
			})
		})
	}
}

func TestACacheThatCannotBeReadIsNotOverwritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(oneExchanger, takes(time.Millisecond))
		b.table.reads = errors.New("table is gone")
		b.Verify(t.Context(), ask(4*time.Second))
		synctest.Wait()
		if len(b.table.items) != 0 {
			t.Errorf("written: %v", b.table.items)
		}
	})
}

func TestWhatIsAboutUsIsNotKept(t *testing.T) {
	for _, class := range []string{"held", "not_asked", "fault", "egress_closed", "deadline", "greylisted"} {
		t.Run(class, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(oneExchanger, func(ctx context.Context, _ int) smtpprobe.Result {
					if class == "deadline" {
						time.Sleep(time.Minute)
					}
					return said(answer(reply.Class(class)), smtpprobe.Answer{})
				})
				b.Verify(t.Context(), ask(4*time.Second))
				kept := len(b.table.kept("EVI#"))
				if want := class == "greylisted"; (kept == 1) != want {
					t.Errorf("%d items kept, want any: %v", kept, want)
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

func TestATimeOutAnswersRequestsWithNoMoreTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(oneExchanger, takes(2*time.Second))
		for i, step := range []struct {
			timeout time.Duration
			reason  verdict.Reason
			cached  bool
		}{
			{time.Second, verdict.Timeout, false},
			{time.Second, verdict.Timeout, true},
			{500 * time.Millisecond, verdict.Timeout, true},
			{1500 * time.Millisecond, verdict.Timeout, false}, // more time, and still not enough
			{1500 * time.Millisecond, verdict.Timeout, true},
			{4 * time.Second, verdict.SMTPVerified, false},
			{time.Second, verdict.SMTPVerified, true},
		} {
			got := b.Verify(t.Context(), ask(step.timeout))
			if got.Reason != step.reason || got.Cached != step.cached {
				t.Errorf("step %d: %s, cached %v, want %s, %v", i, got.Reason, got.Cached, step.reason, step.cached)
			}
		}
	})
}

func TestFactsOfADomainAreWrittenWhenTheyChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(oneExchanger, takes(time.Millisecond))
		b.Verify(t.Context(), ask(time.Second))
		if n := len(b.table.kept("DOM#")); n != 1 {
			t.Fatalf("%d domains known, want 1", n)
		}
		clear(b.table.items) // what is written again from here on is new
		b.table.items[domainKey("ok.example")] = keptFacts(t, domainFacts{CatchAll: TakesAny, CatchAllUntil: time.Now().Add(time.Hour)})
		before := b.table.items[domainKey("ok.example")]
		got := b.Verify(t.Context(), ask(time.Second))
		if got.Status != verdict.CatchAll || b.probes.Load() != 1 {
			t.Errorf("%s %s after %d probes, want CATCH_ALL after the first one", got.Status, got.Reason, b.probes.Load())
		}
		if len(b.table.items) != 1 || !bytes.Equal(b.table.items[domainKey("ok.example")].Bytes("facts"), before.Bytes("facts")) {
			t.Errorf("written without news: %v", b.table.items)
		}
	})
}

func TestEvidenceCarriesNoAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, email := range []string{"Zaphod.B+tag@gmal.com", "zaphod@disposable.test", "zaphod@[192.0.2.1]", "zaphod..b@ok.example"} {
			b := newBench(oneExchanger, takes(time.Millisecond))
			r := ask(time.Second)
			r.Email = email
			text, err := json.Marshal(b.Verify(t.Context(), r).Evidence)
			if err != nil || len(text) < 10 {
				t.Fatalf("evidence %s, %v", text, err)
			}
			if strings.Contains(strings.ToLower(string(text)), "zaphod") {
				t.Errorf("%s: evidence shows the mailbox: %s", email, text)
			}
			if names := regexp.MustCompile(`"[^":]*[A-Z][^":]*":`).FindAll(text, -1); names != nil {
				t.Errorf("%s: evidence has Go's names: %s", email, names)
			}
		}
	})
}
