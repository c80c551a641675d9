package verify_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/verify"
)

// paid are the paid verifiers of a scenario.
type paid struct {
	mu     sync.Mutex
	said   map[string]verify.Vendor // by address
	asked  map[string]int
	faults []string
	now    func() time.Time
}

// paidVerifiers reads the vendor section, an address a line:
//
//	alice@ok.example hunter valid deliverable valid
//	alice@ok.example zerobounce risky risky do_not_mail:disposable disposable
//	alice@ok.example - every active provider failed
//
// who says it, status, deliverability, the vendor's own word, and flags that it
// says are so; or why nobody said anything. Each must be asked about once, and
// about nobody else.
func paidVerifiers(t *testing.T, text string, now func() time.Time) *paid {
	p := &paid{said: make(map[string]verify.Vendor), asked: make(map[string]int), now: now}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) > 2 && f[1] == "-":
			p.said[f[0]] = verify.Vendor{Error: strings.Join(f[2:], " ")}
		case len(f) >= 5:
			v := verify.Vendor{Name: f[1], Status: verify.VendorStatus(f[2]), Deliverability: verify.VendorDeliverability(f[3]), Raw: f[4]}
			if slices.Contains(f[5:], "disposable") {
				v.Disposable = new(true)
			}
			if slices.Contains(f[5:], "catch_all") {
				v.CatchAll = new(true)
			}
			p.said[f[0]] = v
		default:
			t.Fatalf("vendor line %q", line)
		}
	}
	return p
}

func (p *paid) Ask(_ context.Context, q verify.VendorQuestion) (verify.Vendor, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[q.Address.String()]++
	v, ok := p.said[q.Address.String()]
	if !ok || q.Account != "acme" || q.Key != "key" {
		p.faults = append(p.faults, "a vendor is asked about "+q.Address.String()+" for "+q.Account)
	}
	v.At = p.now()
	return v, nil
}

func (p *paid) finish(t *testing.T) {
	for _, fault := range p.faults {
		t.Error(fault)
	}
	for email := range p.said {
		if p.asked[email] != 1 {
			t.Errorf("vendors are asked %d times about %s, want once", p.asked[email], email)
		}
	}
}
