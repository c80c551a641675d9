package verify

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

// wanting is a stream that wants vendors.
func wanting(emails []string, later func(verdict.Verdict) bool) func(yield func(Request) bool) {
	return func(yield func(Request) bool) {
		for _, email := range emails {
			r := Request{Scope: "key", Email: email, Policy: DefaultPolicy(), Vendors: true, Account: "acme", Job: "job_1", Later: later}
			if !yield(r) {
				return
			}
		}
	}
}

// mute is a town where nobody at "mute..." says anything about a mailbox.
func mute() *town {
	return &town{answer: func(a address.Address, _ int) (smtpprobe.Answer, bool) {
		return answer(reply.BlockedByPolicy), strings.HasPrefix(a.Domain(), "mute")
	}}
}

func TestVendorsDoNotHoldUpTheSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := mute().over(), sells(10*time.Second, sold(VendorValid, "deliverable", "valid"))
		b.cfg.Vendors = s
		var emails []string
		for i := range 400 {
			emails = append(emails, fmt.Sprintf("user%d@%s%d.example", i, []string{"mute", "d", "d", "d"}[i%4], i%40))
		}
		began, own := time.Now(), time.Duration(0)
		for at, v := range b.VerifyAll(t.Context(), wanting(emails, nil), Flow{}) {
			want := verdict.SMTPVerified
			if strings.Contains(emails[at], "@mute") {
				want = verdict.VendorVerified
			} else {
				own = time.Since(began)
			}
			if v.Reason != want {
				t.Errorf("%s: %s", emails[at], v.Reason)
			}
		}
		if took := time.Since(began); own > 3*time.Second || s.most != vendorsAtOnce || took > 105*time.Second {
			t.Errorf("the exchangers' verdicts after %s, all after %s, %d vendors at once", own, took, s.most)
		}
		if len(s.asked) != 100 || s.asked[0].Job != "job_1" || s.asked[0].Account != "acme" {
			t.Errorf("%d questions, the first %+v", len(s.asked), s.asked[0])
		}
	})
}

// TestVendorsHaveTheTimeAfterProbing: when the exchangers' time ends, what they
// left goes to the vendors; when all time ends, it is answered without.
func TestVendorsHaveTheTimeAfterProbing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := mute()
		w.takes = time.Hour
		b, s := w.over(), sells(10*time.Second, sold(VendorValid, "deliverable", "valid"))
		b.cfg.Vendors = s
		var emails []string
		for i := range 55 {
			emails = append(emails, fmt.Sprintf("user%d@d%d.example", i, i%7))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		began := time.Now()
		reasons := make(map[verdict.Reason]int)
		for _, v := range collect(t, b.VerifyAll(ctx, wanting(emails, nil), Flow{Probing: 75 * time.Second}), emails) {
			reasons[v.Reason]++
			if v.Status == verdict.Unknown && !strings.Contains(v.Detail, "deadline") {
				t.Errorf("detail %q", v.Detail)
			}
		}
		if took := time.Since(began); took != 100*time.Second || reasons[verdict.VendorVerified] != 20 || reasons[verdict.Deadline] != 35 {
			t.Errorf("%v after %s", reasons, took)
		}
	})
}

func TestWhoIsAskedAboutAgainIsNotPaidForYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := mute().over(), sells(0, sold(VendorInvalid, VendorUndeliverable, "invalid"))
		b.cfg.Vendors = s
		emails := []string{"user1@mute.example", "user2@mute.example", "user3@d.example", "no address"}
		later := func(own verdict.Verdict) bool { return own.Email == emails[0] }
		var got []verdict.Reason
		for _, v := range collect(t, b.VerifyAll(t.Context(), wanting(emails, later), Flow{}), emails) {
			got = append(got, v.Reason)
		}
		want := []verdict.Reason{verdict.ProbeBlocked, verdict.VendorInvalid, verdict.SMTPVerified, verdict.InvalidSyntax}
		if fmt.Sprint(got) != fmt.Sprint(want) || len(s.asked) != 1 {
			t.Errorf("%v, %d asked; want %v", got, len(s.asked), want)
		}
	})
}

func TestACallerMayLeaveVendors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble fails if a goroutine stays
		b := mute().over()
		b.cfg.Vendors = sells(time.Minute, sold(VendorValid, "deliverable", "valid"))
		var emails []string
		for i := range 60 {
			emails = append(emails, fmt.Sprintf("user%d@mute.example", i))
		}
		n := 0
		for range b.VerifyAll(t.Context(), wanting(emails, nil), Flow{}) {
			if n++; n == 3 {
				break
			}
		}
		if n != 3 {
			t.Errorf("%d verdicts", n)
		}
	})
}
