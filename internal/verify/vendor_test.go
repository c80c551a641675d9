package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

// shop is Vendors as a function, with what it was asked.
type shop struct {
	sells func(ctx context.Context, q VendorQuestion) (Vendor, error)

	mu        sync.Mutex
	asked     []VendorQuestion
	now, most int
}

func (s *shop) Ask(ctx context.Context, q VendorQuestion) (Vendor, error) {
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.now--
	}()
	return s.sells(ctx, q)
}

// sells is a shop that needs so long for a verdict.
func sells(takes time.Duration, v Vendor) *shop {
	return &shop{sells: func(ctx context.Context, _ VendorQuestion) (Vendor, error) {
		select {
		case <-time.After(takes):
			return v, nil
		case <-ctx.Done():
			return Vendor{Error: "deadline: no answer in time"}, nil
		}
	}}
}

func sold(s VendorStatus, d VendorDeliverability, raw string) Vendor {
	return Vendor{Name: "hunter", Status: s, Deliverability: d, Raw: raw, At: gathered.Add(-time.Hour), Cached: true}
}

// TestWhenAVendorMakesInvalid is the hard rule for paid verdicts.
func TestWhenAVendorMakesInvalid(t *testing.T) {
	blocked := Probe{Answer: answer(reply.BlockedByPolicy)}
	invalid := sold(VendorInvalid, VendorUndeliverable, "invalid")
	catchall := invalid
	catchall.CatchAll = new(true)
	doubted := func(d VendorDoubt) Vendor {
		v := invalid
		v.Doubt = d
		return v
	}
	for _, tt := range []struct {
		claim, email string
		p            Probe
		s            Vendor
		status       verdict.Status
		reason       verdict.Reason
	}{
		{"it calls mail undeliverable", "alice@ok.example", blocked, invalid, verdict.Invalid, verdict.VendorInvalid},
		{"it calls the address harmful", "alice@ok.example", blocked, sold(VendorInvalid, "risky", "spamtrap"), verdict.Risky, verdict.VendorRisky},
		{"it calls it a risk", "alice@ok.example", blocked, sold(VendorRisky, VendorUndeliverable, "inbox_full"), verdict.Risky, verdict.VendorRisky},
		{"it calls the mailbox full", "alice@ok.example", blocked, doubted(DoubtRoom), verdict.Risky, verdict.VendorRisky},
		{"it calls the domain a catch-all", "alice@ok.example", blocked, catchall, verdict.Risky, verdict.VendorRisky},
		{"it did not reach the mailbox", "alice@ok.example", blocked, doubted(DoubtUnreached), verdict.Unknown, verdict.VendorUndecided},
		{"it does not like the syntax", "alice@ok.example", blocked, doubted(DoubtForm), verdict.Unknown, verdict.VendorUndecided},
		{"it can read Unicode", "älice@ok.example", blocked, sold(VendorValid, "deliverable", "ok"), verdict.Valid, verdict.VendorVerified},
		{"nobody is known to the operator today", "alice@ok.example", Probe{Answer: answer(reply.MailboxNotFound), HoldNotFound: true}, invalid, verdict.Unknown, verdict.TemporaryFailure},
		{"our own probe says VALID", "alice@ok.example", Probe{Answer: answer(reply.Accepted), Canary: answer(reply.MailboxNotFound)}, invalid, verdict.Valid, verdict.SMTPVerified},
		{"our own probe says catch-all", "alice@ok.example", Probe{CatchAll: TakesAny}, invalid, verdict.CatchAll, verdict.CatchAllDomain},
		{"nobody answered", "alice@ok.example", blocked, Vendor{Status: VendorInvalid, Deliverability: VendorUndeliverable, Error: "all failed"}, verdict.Unknown, verdict.ProbeBlocked},
	} {
		e := probedEvidence(t, tt.p)
		e.Address, e.Vendor = parse(t, tt.email), &tt.s
		v := Decide(e, DefaultPolicy())
		if v.Status != tt.status || v.Reason != tt.reason {
			t.Errorf("%s: %s %s, want %s %s", tt.claim, v.Status, v.Reason, tt.status, tt.reason)
		}
		if byIt := strings.HasPrefix(string(v.Reason), "vendor_") && v.Status != verdict.Unknown; (v.Provider != "") != byIt || byIt && !v.CheckedAt.Equal(tt.s.At) {
			t.Errorf("%s: decided by %q at %s", tt.claim, v.Provider, v.CheckedAt)
		}
	}
}

// TestAVendorsDisposable: one vendor's word is a suspicion, and none about names
// that are known better.
func TestAVendorsDisposable(t *testing.T) {
	for _, tt := range []struct {
		claim string
		lists Lists
		want  verdict.Reason
	}{
		{"nothing else is known", Lists{}, verdict.DisposableSuspected},
		{"the key allows it", Lists{Tenant: Own{List: tenant.Allow}}, verdict.VendorRisky},
		{"people have their mail there", Lists{Free: lists.Free{Listed: true}}, verdict.VendorRisky},
		{"it is a relay", Lists{Relay: "icloud"}, verdict.VendorRisky},
	} {
		e := probedEvidence(t, Probe{Answer: answer(reply.Timeout)})
		s := sold(VendorRisky, "risky", "disposable")
		s.Disposable = new(true)
		e.Lists, e.Vendor = tt.lists, &s
		v := Decide(e, DefaultPolicy())
		suspected := tt.want == verdict.DisposableSuspected
		if v.Reason != tt.want || v.Status != verdict.Risky || v.Disposable != suspected || (v.DisposableSource == verdict.ByVendor) != suspected {
			t.Errorf("%s: %s %s, disposable %v by %q", tt.claim, v.Status, v.Reason, v.Disposable, v.DisposableSource)
		}
	}
}

// TestVendorsHaveWhatTheProbeLeaves: sixty percent of the time are the probe's,
// the verdict is there in time, and the vendors' trouble costs nothing.
func TestVendorsHaveWhatTheProbeLeaves(t *testing.T) {
	good := sold(VendorValid, "deliverable", "valid")
	broken := &shop{sells: func(context.Context, VendorQuestion) (Vendor, error) { return Vendor{}, errors.New("table is gone") }}
	bad := &shop{sells: func(context.Context, VendorQuestion) (Vendor, error) { panic("a fault of ours") }}
	for _, tt := range []struct {
		claim  string
		probe  time.Duration
		shop   *shop
		reason verdict.Reason
		took   time.Duration
		trouble,
		log string
	}{
		{"the probe decides", time.Second, sells(0, good), verdict.SMTPVerified, time.Second, "", ""},
		{"the probe hangs", time.Hour, sells(time.Second, good), verdict.VendorVerified, 6*time.Second - tidyUp + time.Second, "", ""},
		{"both hang", time.Hour, sells(time.Hour, good), verdict.Timeout, 10 * time.Second, "deadline: no answer in time", ""},
		{"the store is down", time.Hour, broken, verdict.Timeout, 6*time.Second - tidyUp, "internal", "table is gone"},
		{"a fault of ours", time.Hour, bad, verdict.Timeout, 6*time.Second - tidyUp, "internal", "a fault of ours"},
		{"there are none", time.Hour, nil, verdict.Timeout, 6*time.Second - tidyUp, "no paid verifier is asked here", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(oneExchanger, takes(tt.probe))
				if tt.shop != nil {
					b.cfg.Vendors = tt.shop
				}
				r := ask(10 * time.Second)
				r.Vendors, r.Account = true, "acme"
				began := time.Now()
				v := b.Verify(t.Context(), r)
				took := time.Since(began)
				synctest.Wait()
				if v.Reason != tt.reason || took != tt.took {
					t.Errorf("%s after %s, want %s after %s", v.Reason, took, tt.reason, tt.took)
				}
				if s := v.Evidence.(Evidence).Vendor; tt.trouble != "" && (s.Error != tt.trouble || !strings.Contains(v.Detail, tt.trouble)) {
					t.Errorf("vendors: %+v, detail %q; want %q", s, v.Detail, tt.trouble)
				}
				if !strings.Contains(b.log.String(), tt.log) || tt.log == "" && b.log.Len() > 0 || strings.Contains(b.log.String(), "alice@") {
					t.Errorf("log %q, want %q", b.log, tt.log)
				}
				if tt.shop != nil && len(tt.shop.asked) > 0 && (tt.shop.asked[0].Account != "acme" || tt.shop.asked[0].Key != "key" || tt.shop.asked[0].Address.String() != "alice@ok.example") {
					t.Errorf("asked %+v", tt.shop.asked[0])
				}
			})
		})
	}
}

func TestNobodyPaysForWhoHasGoneOrComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sells(0, sold(VendorValid, "deliverable", "valid"))
		b := newBench(oneExchanger, takes(time.Hour))
		b.cfg.Vendors = s
		r := ask(10 * time.Second)
		r.Vendors = true

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if v := b.Verify(ctx, r); v.Reason != verdict.Cancelled || len(s.asked) != 0 {
			t.Errorf("who has gone: %s, asked %v", v.Reason, s.asked)
		}

		r = ask(10 * time.Second)
		r.Vendors, r.Fresh = true, true
		var told verdict.Reason
		r.Later = func(own verdict.Verdict) bool { told = own.Reason; return true }
		if v := b.Verify(t.Context(), r); v.Reason != verdict.Timeout || told != verdict.Timeout || len(s.asked) != 0 {
			t.Errorf("who comes back: %s, told %s, asked %v", v.Reason, told, s.asked)
		}
	})
}

// TestAVendorsVerdictIsNoEvidenceOfOurs: the cache has what the exchanger said.
func TestAVendorsVerdictIsNoEvidenceOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(oneExchanger, func(context.Context, int) smtpprobe.Result {
			return said(answer(reply.BlockedByPolicy), answer(reply.BlockedByPolicy))
		})
		b.cfg.Vendors = sells(0, sold(VendorInvalid, VendorUndeliverable, "rejected_email"))
		r := ask(10 * time.Second)
		r.Vendors = true
		if v := b.Verify(t.Context(), r); v.Reason != verdict.VendorInvalid || v.Cached {
			t.Errorf("%s, cached %v", v.Reason, v.Cached)
		}
		if v := b.Verify(t.Context(), ask(10*time.Second)); v.Reason != verdict.ProbeBlocked || !v.Cached {
			t.Errorf("without vendors: %s, cached %v", v.Reason, v.Cached)
		}
		for _, item := range b.table.kept("") {
			if text := fmt.Sprintf("%s", item.Attrs); strings.Contains(text, "rejected_email") || strings.Contains(text, "hunter") {
				t.Errorf("kept: %s", text)
			}
		}
	})
}
