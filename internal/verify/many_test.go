package verify

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

// town is where a stream's mail goes: a Router and Prober that need time, keep
// count and answer by local part. "user..." exists, "gone..." does not; domains
// that begin with "any" take all.
type town struct {
	takes  time.Duration // an errand
	hosts  func(domain string) []string
	answer func(a address.Address, nth int) (smtpprobe.Answer, bool) // in place of the usual one
	fails  func(b smtpprobe.Batch) bool                              // panics

	mu        sync.Mutex
	asked     map[string]int // RCPTs by address
	canaries  map[string]int // by domain
	now, most int            // errands at once
	errands   int
}

func (w *town) Lookup(_ context.Context, domain string) mx.Answer {
	time.Sleep(time.Millisecond)
	if strings.HasPrefix(domain, "no") {
		return mx.Answer{Status: mx.NXDomain}
	}
	a := mx.Answer{Status: mx.Found}
	for _, host := range w.hosts(domain) {
		a.Hosts = append(a.Hosts, mx.Host{Name: host, Preference: 10})
	}
	return a
}

func (w *town) Probe(ctx context.Context, b smtpprobe.Batch) smtpprobe.Result {
	return w.ProbeAll(ctx, []smtpprobe.Batch{b})[0]
}

func (w *town) ProbeAll(ctx context.Context, batches []smtpprobe.Batch) []smtpprobe.Result {
	w.enter(1)
	defer w.enter(-1)
	asked := true
	select {
	case <-time.After(w.takes):
	case <-ctx.Done():
		asked = false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var results []smtpprobe.Result
	for _, b := range batches {
		if w.fails != nil && w.fails(b) {
			panic("a fault of ours")
		}
		var r smtpprobe.Result
		for _, a := range b.Recipients {
			if asked {
				r.Answers = append(r.Answers, w.say(a))
			} else {
				r.Answers = append(r.Answers, smtpprobe.Answer{Class: smtpprobe.NotAsked})
			}
		}
		if !b.Canary.IsEmpty() && asked {
			w.canaries[b.Domain]++
			r.Canary = w.say(b.Canary)
		}
		results = append(results, r)
	}
	return results
}

func (w *town) say(a address.Address) smtpprobe.Answer {
	w.asked[a.String()]++
	if w.answer != nil {
		if special, ok := w.answer(a, w.asked[a.String()]); ok {
			return special
		}
	}
	if strings.HasPrefix(a.Local(), "user") || strings.HasPrefix(a.Domain(), "any") {
		return answer(reply.Accepted)
	}
	return answer(reply.MailboxNotFound)
}

func (w *town) enter(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now += n
	w.most = max(w.most, w.now)
	if n > 0 {
		w.errands++
	}
}

// over is a Verifier whose Router and Prober are the town.
func (w *town) over() *bench {
	w.asked, w.canaries = make(map[string]int), make(map[string]int)
	if w.takes == 0 {
		w.takes = 100 * time.Millisecond
	}
	if w.hosts == nil {
		w.hosts = func(domain string) []string { return []string{"mx." + domain} }
	}
	b := newBench(w.Lookup, nil)
	b.cfg.Prober = w
	return b
}

// list is a stream of the addresses for one key. pulled counts those taken.
func list(emails []string, pulled *atomic.Int64) iter.Seq[Request] {
	return func(yield func(Request) bool) {
		for _, email := range emails {
			if pulled != nil {
				pulled.Add(1)
			}
			if !yield(Request{Scope: "key", Email: email, Policy: DefaultPolicy()}) {
				return
			}
		}
	}
}

// collect takes the whole stream of verdicts and fails the test unless every
// place has one and only one.
func collect(t *testing.T, verdicts iter.Seq2[int, verdict.Verdict], emails []string) []verdict.Verdict {
	t.Helper()
	got := make([]verdict.Verdict, len(emails))
	for at, v := range verdicts {
		if got[at].Status != "" {
			t.Errorf("%d %s is answered twice", at, emails[at])
		}
		if v.Email != emails[at] {
			t.Errorf("%d is about %s, want %s", at, v.Email, emails[at])
		}
		got[at] = v
	}
	for at, v := range got {
		if v.Status == "" {
			t.Errorf("%d %s is not answered", at, emails[at])
		}
	}
	return got
}

// TestAStreamIsAnsweredOnce holds a long list to its bounds: every address one
// verdict, the right one; every mailbox asked once; one canary a domain; no more
// sessions than allowed, no more addresses open.
func TestAStreamIsAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 1))
		w := &town{hosts: func(domain string) []string {
			return []string{"mx1.host" + domain[len(domain)-9:], "mx2.host" + domain[len(domain)-9:]}
		}}
		b := w.over()
		var emails []string
		for i := range 5000 {
			kind := []string{"user%d@d%d.example", "gone%d@d%d.example", "gone%d@any%d.example", "user%d@no%d.example", "user%d..@d%d.example"}[r.IntN(5)]
			emails = append(emails, fmt.Sprintf(kind, i, int(r.ExpFloat64()*50)))
		}
		flow, pulled, answered := Flow{Sessions: 20, Open: 1000}, new(atomic.Int64), 0
		got := collect(t, func(yield func(int, verdict.Verdict) bool) {
			for at, v := range b.VerifyAll(t.Context(), list(emails, pulled), flow) {
				if answered++; int(pulled.Load())-answered > flow.Open+3*chunk {
					t.Fatalf("%d taken, %d answered", pulled.Load(), answered)
				}
				yield(at, v)
			}
		}, emails)
		for at, v := range got {
			want := verdict.Valid
			switch email := emails[at]; {
			case strings.Contains(email, ".."), strings.Contains(email, "@no"), strings.HasPrefix(email, "gone") && !strings.Contains(email, "@any"):
				want = verdict.Invalid
			case strings.Contains(email, "@any"):
				want = verdict.CatchAll
			}
			if v.Status != want {
				t.Errorf("%s is %s (%s), want %s", emails[at], v.Status, v.Reason, want)
			}
		}
		for a, n := range w.asked {
			if n > 1 && !strings.HasPrefix(a, "user") && !strings.HasPrefix(a, "gone") {
				t.Errorf("canary %s asked for %d times", a, n)
			} else if n > 1 {
				t.Errorf("%s asked for %d times", a, n)
			}
		}
		if w.most > flow.Sessions {
			t.Errorf("%d sessions at once, want at most %d", w.most, flow.Sessions)
		}
		if len(w.asked) > 3*w.errands*perWrite || w.errands*3 > len(w.asked) {
			t.Errorf("%d errands for %d mailboxes", w.errands, len(w.asked))
		}
	})
}

// TestTenMailboxesOfADomainAreOneSession is the closed world of the benchmark: a
// hundred domains of ten, in any order, at twenty exchangers.
func TestTenMailboxesOfADomainAreOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{hosts: func(domain string) []string {
			return []string{"mx1." + domain[1:], "mx2." + domain[1:]} // ten providers, by the last digit
		}}
		b := w.over()
		var emails []string
		for i := range 1000 {
			i = i * 617 % 1000
			emails = append(emails, fmt.Sprintf("%s%d@%02d.example", []string{"user", "user", "gone"}[i/100%3], i, i%100))
		}
		began := time.Now()
		flow := Flow{Sessions: 100, Operator: func(host string) (string, int) { return host, 5 }}
		collect(t, b.VerifyAll(t.Context(), list(emails, nil), flow), emails)
		if took := time.Since(began); w.errands != 100 || w.most != 100 || took > 2*w.takes {
			t.Errorf("%d errands, %d at once, in %s; want one for each domain, all at once", w.errands, w.most, took)
		}
		for domain, n := range w.canaries {
			if n != 1 {
				t.Errorf("%d canaries of %s", n, domain)
			}
		}
	})
}

func TestASlowCallerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := (&town{}).over()
		var emails []string
		for i := range 3000 {
			emails = append(emails, fmt.Sprintf("user%d@d%d.example", i, i%10))
		}
		flow, pulled, answered := Flow{Open: 500}, new(atomic.Int64), 0
		for range b.VerifyAll(t.Context(), list(emails, pulled), flow) {
			if answered++; answered%100 == 0 {
				time.Sleep(time.Minute)
			}
			if int(pulled.Load())-answered > flow.Open+3*chunk {
				t.Fatalf("%d taken, %d answered", pulled.Load(), answered)
			}
		}
		if answered != len(emails) {
			t.Errorf("%d answered, want %d", answered, len(emails))
		}
	})
}

// TestWhoIsOpenWhenTimeEndsIsUnknown ends the caller's time in the middle.
func TestWhoIsOpenWhenTimeEndsIsUnknown(t *testing.T) {
	for _, tt := range []struct {
		claim string
		end   func(context.Context) (context.Context, context.CancelFunc)
		want  verdict.Reason
	}{
		{"its deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 550*time.Millisecond)
		}, verdict.Deadline},
		{"it goes away", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(550*time.Millisecond, cancel)
			return ctx, cancel
		}, verdict.Cancelled},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := (&town{}).over()
				var emails []string
				for i := range 2000 {
					emails = append(emails, fmt.Sprintf("user%d@d%d.example", i, i%40))
				}
				ctx, cancel := tt.end(t.Context())
				defer cancel()
				pulled := new(atomic.Int64)
				began := time.Now()
				verdicts := b.VerifyAll(ctx, list(emails, pulled), Flow{Open: 1000, Sessions: 4})
				reasons := make(map[verdict.Reason]int)
				places := make(map[int]bool)
				for at, v := range verdicts {
					places[at] = true
					reasons[v.Reason]++
				}
				if took := time.Since(began); took > 600*time.Millisecond {
					t.Errorf("took %s", took)
				}
				if n := int(pulled.Load()); len(places) != n || reasons[verdict.SMTPVerified]+reasons[tt.want] != n || reasons[verdict.SMTPVerified] < 50 {
					t.Errorf("%d taken, %d answered: %v", n, len(places), reasons)
				}
			})
		})
	}
}

func TestACallerMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble fails if a goroutine stays
		b := (&town{}).over()
		emails := make([]string, 500)
		for i := range emails {
			emails[i] = fmt.Sprintf("user%d@d%d.example", i, i%7)
		}
		n := 0
		for range b.VerifyAll(t.Context(), list(emails, nil), Flow{Sessions: 2}) {
			if n++; n == 3 {
				break
			}
		}
	})
}

func TestACallerMayPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := (&town{}).over()
		emails := make([]string, 500)
		for i := range emails {
			emails[i] = fmt.Sprintf("user%d@d%d.example", i, i%7)
		}
		defer func() {
			if recover() == nil {
				t.Error("the panic is lost")
			}
		}()
		for range b.VerifyAll(t.Context(), list(emails, nil), Flow{Sessions: 2}) {
			panic("the caller's")
		}
	})
}

// TestAFewMayBeOpen has bounds below what can be taken at once.
func TestAFewMayBeOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var emails []string
		for i := range 700 {
			emails = append(emails, fmt.Sprintf("user%d@d%d.example", i, i%90))
		}
		collect(t, (&town{}).over().VerifyAll(t.Context(), list(emails, nil), Flow{Open: 1, Sessions: 1, Lookups: 1}), emails)
	})
}

func TestASteadyStreamIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := (&town{}).over()
		began := time.Now()
		var first time.Duration
		for range b.VerifyAll(t.Context(), func(yield func(Request) bool) {
			for i := range 3 {
				yield(Request{Scope: "key", Email: fmt.Sprintf("user%d@d.example", i)})
				time.Sleep(time.Minute)
			}
		}, Flow{}) {
			if first == 0 {
				first = time.Since(began)
			}
		}
		if first > time.Second {
			t.Errorf("the first verdict came after %s, although the stream paused", first)
		}
	})
}

func TestTheSameAddressIsAskedOnceForAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{}
		b := w.over()
		strict, _ := PolicyNamed("b2c_strict")
		requests := []Request{
			{Scope: "one", Email: "user@d.example", Policy: DefaultPolicy()},
			{Scope: "one", Email: "user@D.example", Policy: strict},
			{Scope: "two", Email: "user@d.example", Policy: DefaultPolicy()},
			{Scope: "one", Email: "user@d.example", Mode: Soft},
		}
		got := make([]string, len(requests))
		for at, v := range b.VerifyAll(t.Context(), slices.Values(requests), Flow{}) {
			got[at] = fmt.Sprint(v.Email, " ", v.Policy, " ", v.Reason)
		}
		want := []string{"user@d.example default smtp_verified", "user@D.example b2c_strict smtp_verified", "user@d.example default smtp_verified", "user@d.example  soft_ok"}
		if !slices.Equal(got, want) || w.asked["user@d.example"] != 2 {
			t.Errorf("%q, asked for %d times; want %q, once for each key", got, w.asked["user@d.example"], want)
		}
	})
}

func TestADomainThatTakesAnyIsAskedOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{}
		b := w.over()
		var emails []string
		for i := range 60 {
			emails = append(emails, fmt.Sprintf("gone%d@any.example", i))
		}
		for _, v := range collect(t, b.VerifyAll(t.Context(), list(emails, nil), Flow{}), emails) {
			if v.Status != verdict.CatchAll {
				t.Errorf("%s is %s", v.Email, v.Status)
			}
		}
		if len(w.asked) != perWrite+1 || w.canaries["any.example"] != 1 {
			t.Errorf("%d mailboxes asked for, %d canaries", len(w.asked), w.canaries["any.example"])
		}
		again := w.errands
		for _, v := range collect(t, b.VerifyAll(t.Context(), list(emails, nil), Flow{}), emails) {
			if v.Status != verdict.CatchAll {
				t.Errorf("%s is %s the second time", v.Email, v.Status)
			}
		}
		if w.errands != again {
			t.Errorf("%d errands for what the cache knows", w.errands-again)
		}
	})
}

// TestASilentDomainIsAskedOnce: a tarpit costs a stream one time-out, however many
// mailboxes it has; a domain that has answered before may lose a session.
func TestASilentDomainIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var emails []string
		for i := range 60 {
			emails = append(emails, fmt.Sprintf("user%d@mute.example", i), fmt.Sprintf("user%d@d.example", i))
		}
		answered := 0
		w := &town{answer: func(a address.Address, _ int) (smtpprobe.Answer, bool) {
			if a.Domain() == "d.example" {
				answered++
			}
			lost := a.Domain() == "mute.example" || answered > 20 && answered <= 40
			return smtpprobe.Answer{Class: reply.Timeout, Stage: reply.Rcpt}, lost
		}}
		timeouts := make(map[string]int)
		for _, v := range collect(t, w.over().VerifyAll(t.Context(), list(emails, nil), Flow{}), emails) {
			if v.Reason == verdict.Timeout {
				timeouts[v.Email[strings.IndexByte(v.Email, '@'):]]++
			}
		}
		mute, others := 0, 0
		for email := range w.asked {
			if strings.HasPrefix(email, "user") && strings.HasSuffix(email, "@mute.example") {
				mute++
			} else if strings.HasPrefix(email, "user") {
				others++
			}
		}
		if mute != perWrite || timeouts["@mute.example"] != 60 {
			t.Errorf("%d mailboxes of the silent domain asked for, %d timed out; want %d, 60", mute, timeouts["@mute.example"], perWrite)
		}
		if others != 60 || timeouts["@d.example"] == 0 || timeouts["@d.example"] > 20 {
			t.Errorf("%d mailboxes of the other domain asked for, %d timed out; want 60, at most 20", others, timeouts["@d.example"])
		}
	})
}

func TestWhatASessionLeftIsAskedAgain(t *testing.T) {
	left := smtpprobe.Answer{Class: smtpprobe.NotAsked}
	for _, tt := range []struct {
		claim  string
		answer func(a address.Address, nth int) (smtpprobe.Answer, bool)
		want   verdict.Reason
		asked  int
		took   time.Duration
	}{
		{"once", func(_ address.Address, nth int) (smtpprobe.Answer, bool) { return left, nth == 1 }, verdict.SMTPVerified, 2, 200 * time.Millisecond},
		{"not for ever", func(address.Address, int) (smtpprobe.Answer, bool) { return left, true }, verdict.Deadline, 3, 300 * time.Millisecond},
		{"when the operator is not busy any more", func(_ address.Address, nth int) (smtpprobe.Answer, bool) {
			return smtpprobe.Answer{Class: smtpprobe.Held, Why: pace.Busy, Until: time.Now().Add(time.Minute)}, nth == 1
		}, verdict.SMTPVerified, 2, time.Minute + 200*time.Millisecond},
		{"not while the breaker is open", func(address.Address, int) (smtpprobe.Answer, bool) {
			return smtpprobe.Answer{Class: smtpprobe.Held, Why: pace.Breaker, Until: time.Now().Add(time.Minute)}, true
		}, verdict.ProbeBlocked, 1, 100 * time.Millisecond},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &town{answer: func(a address.Address, nth int) (smtpprobe.Answer, bool) {
					if a.Local() == "user" {
						return tt.answer(a, nth)
					}
					return smtpprobe.Answer{}, false
				}}
				b := w.over()
				began := time.Now()
				got := collect(t, b.VerifyAll(t.Context(), list([]string{"user@d.example"}, nil), Flow{}), []string{"user@d.example"})[0]
				took := time.Since(began).Round(50 * time.Millisecond)
				if got.Reason != tt.want || w.asked["user@d.example"] != tt.asked || took != tt.took {
					t.Errorf("%s, asked %d times, after %s; want %s, %d, %s", got.Reason, w.asked["user@d.example"], took, tt.want, tt.asked, tt.took)
				}
			})
		})
	}
}

func TestAFaultOfOursCostsOneErrand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{fails: func(b smtpprobe.Batch) bool { return b.Domain == "bad.example" }}
		b := w.over()
		emails := []string{"user@good.example"}
		for i := range 3 * perWrite {
			emails = append(emails, fmt.Sprintf("user%d@bad.example", i))
		}
		for i, v := range collect(t, b.VerifyAll(t.Context(), list(emails, nil), Flow{}), emails) {
			if want := verdict.Internal; i == 0 && v.Reason != verdict.SMTPVerified || i > 0 && v.Reason != want {
				t.Errorf("%s: %s", v.Email, v.Reason)
			}
		}
		if !strings.Contains(b.log.String(), "a fault of ours") || strings.Contains(b.log.String(), "user@") {
			t.Errorf("log: %s", b.log)
		}
	})
}

// TestAMissingMailboxIsAsGoodAsACanary: what the canary could not show, another
// mailbox of the same session may.
func TestAMissingMailboxIsAsGoodAsACanary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			other string
			want  verdict.Reason
		}{{"gone", verdict.SMTPVerified}, {"userb", verdict.Unconfirmed}} {
			w := &town{answer: func(a address.Address, _ int) (smtpprobe.Answer, bool) {
				return answer(reply.TemporaryFailure), !strings.HasPrefix(a.Local(), "user") && a.Local() != "gone"
			}}
			emails := []string{"user@d.example", tt.other + "@d.example"}
			if got := collect(t, w.over().VerifyAll(t.Context(), list(emails, nil), Flow{}), emails)[0]; got.Reason != tt.want {
				t.Errorf("beside %s: %s, want %s", tt.other, got.Reason, tt.want)
			}
		}
	})
}

func TestAStreamWithoutCacheGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{}
		b := w.over()
		b.table.reads = context.DeadlineExceeded
		emails := []string{"user@d.example", "gone@d.example"}
		got := collect(t, b.VerifyAll(t.Context(), list(emails, nil), Flow{}), emails)
		if got[0].Reason != verdict.SMTPVerified || got[1].Reason != verdict.MailboxNotFound || len(b.table.items) != 0 {
			t.Errorf("%s, %s, written %v", got[0].Reason, got[1].Reason, b.table.items)
		}
	})
}
