package app

import (
	"context"
	"errors"

	"rcpt/internal/config"
	"rcpt/internal/vendors"
	"rcpt/internal/verify"
)

// paidVerifiers lets the pipeline ask the vendors of an account.
type paidVerifiers struct{ chain *vendors.Chain }

// PaidVerifiers is the chain as the pipeline asks it. Nil without a vault: what the
// vendors are to be asked with could not be opened.
func PaidVerifiers(cfg config.Config, p Ports) verify.Vendors {
	if p.Vault == nil {
		return nil
	}
	return paidVerifiers{Chain(cfg, p)}
}

// Ask asks the chain. What the customer can mend is told to them; the rest is an
// error.
func (p paidVerifiers) Ask(ctx context.Context, q verify.VendorQuestion) (verify.Vendor, error) {
	action := vendors.Realtime
	if q.Job != "" {
		action = vendors.Job
	}
	a, err := p.chain.Verify(ctx, vendors.Request{Account: q.Account, Key: q.Key, Address: q.Address, Action: action, Subject: q.Job})
	switch {
	case errors.Is(err, vendors.ErrNone), errors.Is(err, vendors.ErrCap), errors.Is(err, vendors.ErrLate), errors.Is(err, vendors.ErrFailed):
		return verify.Vendor{Error: err.Error()}, nil
	case ctx.Err() != nil && err != nil:
		return verify.Vendor{Error: vendors.ErrLate.Error()}, nil
	case err != nil:
		return verify.Vendor{}, err
	}
	return verify.Vendor{
		Name: string(a.Vendor), Status: verify.VendorStatus(a.Status), Deliverability: verify.VendorDeliverability(a.Deliverability),
		Disposable: a.Disposable, CatchAll: a.CatchAll, Raw: a.Raw, Doubt: verify.VendorDoubt(a.Doubt), At: a.At.UTC(),
		LatencyMS: a.Latency.Milliseconds(), CostUSD: float64(a.Cost) / microDollars, Cached: a.Cached,
	}, nil
}

// microDollars is how many of them make a dollar.
const microDollars = 1e6

// noVendors stands for the vendors of test keys: a simulated verdict costs
// nothing.
type noVendors struct{}

func (noVendors) Ask(context.Context, verify.VendorQuestion) (verify.Vendor, error) {
	return verify.Vendor{Error: "test keys ask no paid verifier"}, nil
}
