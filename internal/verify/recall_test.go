package verify

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

// TestRecallAsksNobody: that what is recalled is what Verify would say is part of
// every scenario; here is what is recalled at all, and that it costs no more than
// reads.
func TestRecallAsksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &town{answer: func(a address.Address, _ int) (smtpprobe.Answer, bool) {
			return answer(reply.Greylisted), a.Local() == "later"
		}}
		b := w.over()
		known := []string{"user@d.example", "gone@d.example", "user@no.example", "later@d.example"}
		collect(t, b.VerifyAll(t.Context(), list(known, nil), Flow{}), known)
		synctest.Wait()
		asked := w.errands

		var requests []Request
		for i := range 2*chunk + 1 { // more than one read
			requests = append(requests, Request{Scope: "key", Email: fmt.Sprintf("user%d@new.example", i)})
		}
		for at, email := range map[int]string{0: known[0], 7: known[1], chunk: known[2], chunk + 1: known[3], 2 * chunk: "no address", 9: "user@[192.0.2.1]"} {
			requests[at].Email = email
		}
		requests[11] = Request{Scope: "other", Email: known[0]}
		requests[12] = Request{Scope: "key", Email: known[0], Fresh: true}
		requests[13] = Request{Scope: "key", Email: "user@mailinator.com"}
		reads := b.table.readCalls
		got, err := b.Recall(t.Context(), requests)
		if err != nil || len(got) != len(requests) {
			t.Fatalf("%d known, %v", len(got), err)
		}
		want := map[int]verdict.Reason{0: verdict.SMTPVerified, 7: verdict.MailboxNotFound, chunk: verdict.DomainNotFound,
			2 * chunk: verdict.InvalidSyntax, 9: verdict.MXUnreachable}
		for at, k := range got {
			var reason verdict.Reason
			if k.Verdict != nil {
				reason = k.Verdict.Reason
			}
			if reason != want[at] {
				t.Errorf("%d %s: %q, want %q", at, requests[at].Email, reason, want[at])
			}
			if k.Unprobed != (at == 13) {
				t.Errorf("%d %s: unprobed is %v", at, requests[at].Email, k.Unprobed)
			}
		}
		if op := got[chunk+1].Operator; op != "ok.example" || got[1].Operator != "" {
			t.Errorf("operators %q of d.example, %q of new.example", op, got[1].Operator)
		}
		if w.errands != asked || b.table.readCalls-reads != 3 {
			t.Errorf("%d errands, %d reads; want none, 3", w.errands-asked, b.table.readCalls-reads)
		}
	})
}

func TestRecallSaysWhenItCannotRead(t *testing.T) {
	b := (&town{}).over()
	gone := errors.New("table is gone")
	b.table.reads = gone
	if got, err := b.Recall(t.Context(), []Request{{Email: "user@d.example"}}); !errors.Is(err, gone) || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	b.table.reads = nil
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := b.Recall(ctx, []Request{{Email: "user@d.example"}}); !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("%v, %v", got, err)
	}
}

// TestAShardLearnsWhoWasNotAsked is the view of a worker with little time: whom
// the operator's pace leaves out until later knows so at once.
func TestAShardLearnsWhoWasNotAsked(t *testing.T) {
	for _, tt := range []struct {
		claim  string
		free   time.Duration // when the operator may be asked again, from the start
		took   time.Duration
		asked  int
		reason verdict.Reason
	}{
		{"beyond the time there is", 10 * time.Minute, 100 * time.Millisecond, 1, verdict.RateLimited},
		{"within", time.Minute, time.Minute + 100*time.Millisecond, 2, verdict.SMTPVerified},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				until := began.Add(tt.free)
				w := &town{answer: func(a address.Address, nth int) (smtpprobe.Answer, bool) {
					return smtpprobe.Answer{Class: smtpprobe.Held, Why: pace.Busy, Until: until}, a.Local() == "user" && nth == 1
				}}
				ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
				defer cancel()
				got := collect(t, w.over().VerifyAll(ctx, list([]string{"user@d.example"}, nil), Flow{}), []string{"user@d.example"})[0]
				retry := got.RetryAt != nil && got.RetryAt.Equal(until)
				if took := time.Since(began).Round(50 * time.Millisecond); got.Reason != tt.reason || w.asked["user@d.example"] != tt.asked || took != tt.took || retry != (tt.reason == verdict.RateLimited) {
					t.Errorf("%s, asked %d times, after %s, retry at %v", got.Reason, w.asked["user@d.example"], took, got.RetryAt)
				}
			})
		})
	}
}
