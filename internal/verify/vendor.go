package verify

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/verdict"
)

// Vendors asks paid verifiers with the keys that an account brought along.
type Vendors interface {
	// Ask answers until the deadline of ctx. That no vendor gave a verdict is an
	// answer too; an error is our own failure.
	Ask(ctx context.Context, q VendorQuestion) (Vendor, error)
}

// VendorQuestion is about one address that rcpt could not decide itself.
type VendorQuestion struct {
	Account string
	Key     string // id of the API key that asks
	Address address.Address
	Job     string // id of the job it belongs to; "": a request in real time
}

// Vendor is what came of asking paid verifiers: a verdict, or why there is none.
type Vendor struct {
	Name           string               `json:"name,omitempty"`   // who answered; "": nobody
	Status         VendorStatus         `json:"status,omitempty"` // "" without Name
	Deliverability VendorDeliverability `json:"deliverability,omitempty"`
	Disposable     *bool                `json:"is_disposable,omitempty"` // nil: it did not say
	CatchAll       *bool                `json:"is_catch_all,omitempty"`  // nil: it did not say
	Raw            string               `json:"raw_status,omitempty"`    // the vendor's own word
	Doubt          VendorDoubt          `json:"doubt,omitempty"`         // why undeliverable is no proof
	At             time.Time            `json:"at,omitzero"`             // when the vendor was asked, UTC
	LatencyMS      int64                `json:"latency_ms"`
	CostUSD        float64              `json:"cost_estimate_usd"` // of this request, by list price
	Cached         bool                 `json:"cached"`            // known before and not paid for again
	Error          string               `json:"error,omitempty"`   // why nobody answered; may be shown to the owner of the keys
}

// VendorStatus says what list hygiene should do with an address.
type VendorStatus string

// The statuses, verifier-vendors.md §0.7.
const (
	VendorValid   VendorStatus = "valid"
	VendorInvalid VendorStatus = "invalid"
	VendorRisky   VendorStatus = "risky"
	VendorUnknown VendorStatus = "unknown"
)

// VendorDeliverability says what would happen to mail.
type VendorDeliverability string

// The one that a verdict depends on.
const VendorUndeliverable VendorDeliverability = "undeliverable"

// VendorDoubt is why a vendor's undeliverable is no proof. The zero value: it is
// one.
type VendorDoubt string

// The doubts. DoubtRoom: the vendor's reason leaves room for a mailbox.
const (
	DoubtForm      VendorDoubt = "form"      // the vendor could not read an address that we can
	DoubtUnreached VendorDoubt = "unreached" // it did not get as far as the mailbox
	DoubtRoom      VendorDoubt = "room"      // a full mailbox, for example
)

// vendorLate is why nobody was asked when the request's time is over.
const vendorLate = "deadline: not attempted"

// probeShare is the part of a request's time, in percent, that DNS and exchangers
// have when vendors may be asked about what they leave open.
const probeShare = 60

// paid reports whether vendors may be asked at all. A soft check settles for
// UNKNOWN by choice.
func (r check) paid() bool { return r.Vendors && r.Mode != Soft }

// probing returns the context for DNS and exchangers: of a request that vendors
// may be asked for it ends early.
func (r check) probing(ctx context.Context) (context.Context, context.CancelFunc) {
	left := timeLeft(ctx)
	if !r.paid() || left == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, left*probeShare/100)
}

// worthPaying reports whether a vendor's answer can change the verdict, and
// whether the caller wants it now. Of an address literal and of what is longer
// than SMTP can ask for, vendors know as little as we do.
func (r check) worthPaying(e Evidence, own verdict.Verdict) bool {
	return r.paid() && own.Status == verdict.Unknown && e.Lost != LostCancelled &&
		!e.Address.Literal() && !e.Address.TooLong() && (r.Later == nil || !r.Later(own))
}

// consult asks vendors if that is worth it.
func (v *Verifier) consult(ctx context.Context, r check, e *Evidence) {
	if r.paid() && r.worthPaying(*e, Decide(*e, r.Policy)) {
		e.Vendor = v.pay(ctx, r, e.Address)
	}
}

// pay asks vendors. A fault of ours is an answer too.
func (v *Verifier) pay(ctx context.Context, r check, a address.Address) (answer *Vendor) {
	defer func() {
		if fault := recover(); fault != nil {
			answer = &Vendor{Error: "internal"}
			v.cfg.Log.LogAttrs(ctx, slog.LevelError, "vendors broke off",
				slog.Any("fault", fault), slog.Any("address", a), slog.String("stack", string(debug.Stack())))
		}
	}()
	switch {
	case v.cfg.Vendors == nil:
		return &Vendor{Error: "no paid verifier is asked here"}
	case ctx.Err() != nil:
		return &Vendor{Error: vendorLate}
	}
	said, err := v.cfg.Vendors.Ask(ctx, VendorQuestion{Account: r.Account, Key: r.Scope, Address: a, Job: r.Job})
	if err != nil {
		v.complain(ctx, "vendors not askable", err)
		return &Vendor{Error: "internal"}
	}
	return &said
}

// byVendor judges what a vendor says of a mailbox that our own probe left open.
// INVALID takes a vendor that calls mail undeliverable. It is no proof where the
// vendor calls that a risk (a full mailbox) or the address harmful (a spam trap,
// where mail arrives); where its reason leaves room for a mailbox, or the domain takes
// any; where it could not read an address that we can, or did not reach the mailbox;
// and while the operator knows nobody, whoever asks.
func byVendor(e Evidence, own verdict.Reason) (verdict.Status, verdict.Reason) {
	s := *e.Vendor
	switch {
	case s.Status == VendorInvalid && s.Deliverability == VendorUndeliverable:
		switch {
		case e.Probe != nil && e.Probe.HoldNotFound:
			return verdict.Unknown, own
		case s.Doubt == DoubtForm, s.Doubt == DoubtUnreached:
			return verdict.Unknown, verdict.VendorUndecided
		case s.Doubt == DoubtRoom, s.CatchAll != nil && *s.CatchAll:
			return verdict.Risky, verdict.VendorRisky
		}
		return verdict.Invalid, verdict.VendorInvalid
	case e.vendorDisposable():
		return verdict.Risky, verdict.DisposableSuspected
	case s.Status == VendorValid:
		return verdict.Valid, verdict.VendorVerified
	case s.Status == VendorInvalid:
		return verdict.Risky, verdict.VendorRisky
	case s.CatchAll != nil && *s.CatchAll:
		return verdict.CatchAll, verdict.CatchAllDomain
	case s.Status == VendorRisky:
		return verdict.Risky, verdict.VendorRisky
	}
	return verdict.Unknown, verdict.VendorUndecided
}

// answered reports whether a vendor gave a verdict. The receiver may be nil.
func (s *Vendor) answered() bool { return s != nil && s.Name != "" }

// vendorDisposable reports a vendor that calls the domain disposable where nothing
// better known speaks against it. One vendor's word is no firm listing.
func (e Evidence) vendorDisposable() bool {
	return e.Vendor.answered() && e.Vendor.Disposable != nil && *e.Vendor.Disposable && weigh(e.Lists).downgradedBy == "" &&
		e.Lists.Tenant.List == "" && !e.Lists.Free.Listed && e.Lists.Relay == ""
}
