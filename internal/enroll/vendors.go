package enroll

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/vendors"
)

// verify asks the account's vendors about who is left. Whatever goes wrong there
// leaves the gate open.
func (p *pass) verify(ctx context.Context) error {
	candidates := p.left()
	if len(candidates) == 0 {
		return nil
	}
	now := p.cfg.Now().UTC().Truncate(time.Millisecond)
	within := ctx
	if deadline, ok := ctx.Deadline(); ok {
		earlier, cancel := context.WithDeadline(ctx, deadline.Add(-writeTime))
		defer cancel()
		within = earlier
	}
	outcomes := p.ask(within, p.Key, p.Sequence, addressesOf(candidates))
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err() // whoever asked has gone, and would not learn who is in
	}
	for i, c := range candidates {
		c.asked, c.member.EnrolledAt = true, now
		if why := c.member.judge(outcomes[i]); why != "" {
			c.out = &Skipped{
				Email: c.given, Reason: why, Detail: says(outcomes[i].Answer.Result), Provider: c.member.Provider, Raw: c.member.Raw,
			}
		}
		c.member.settle()
	}
	return nil
}

// ask returns an outcome for each address, whatever happens.
func (g *Gate) ask(ctx context.Context, key Key, sequence string, addresses []address.Address) []vendors.Outcome {
	var outcomes []vendors.Outcome
	err := vendors.ErrNone
	if g.cfg.Vendors != nil && !key.Test {
		request := vendors.Request{Account: key.Account, Key: key.ID, Action: vendors.Enrolment, Subject: sequence}
		outcomes, err = g.cfg.Vendors.VerifyAll(ctx, request, addresses)
	}
	if err == nil {
		g.pardon(ctx, key, addresses, outcomes)
		return outcomes
	}
	if !errors.Is(err, vendors.ErrNone) {
		g.cfg.Log.LogAttrs(ctx, slog.LevelError, "gate is open: vendors could not be asked", slog.String("error", err.Error()))
	}
	return slices.Repeat([]vendors.Outcome{{Err: err}}, len(addresses))
}

// pardon takes back what vendors say of throw-away domains where the key's own
// list, which goes before all others, allows the domain.
func (g *Gate) pardon(ctx context.Context, key Key, addresses []address.Address, outcomes []vendors.Outcome) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime) // the verdicts may have come at the last moment
	defer cancel()
	for i, a := range addresses {
		said := &outcomes[i].Answer.Result
		if said.Disposable == nil || !*said.Disposable || g.cfg.Tenant == nil || a.Literal() {
			continue
		}
		own, err := g.cfg.Tenant.Match(ctx, key.ID, a.Domain()) // mostly from memory
		if err != nil {
			g.cfg.Log.LogAttrs(ctx, slog.LevelError, "gate is open: the key's own lists could not be read", slog.String("error", err.Error()))
		}
		if err != nil || own.List == tenant.Allow {
			said.Disposable = nil
		}
	}
}

// judge takes over what vendors say, and returns why the address must stay out,
// if so. A vendor that could not read the address, or did not reach the mailbox, has
// said nothing about mail.
func (m *Member) judge(o vendors.Outcome) Reason {
	if o.Err != nil {
		m.Verification, m.Detail = trouble(o.Err)
		return ""
	}
	r := o.Answer.Result
	m.Provider, m.Raw, m.Detail = o.Answer.Vendor, capped(r.Raw), ""
	invalid := r.Status == vendors.Invalid || r.Deliverability == vendors.Undeliverable
	proven := r.Doubt != vendors.Form && r.Doubt != vendors.Unreached
	switch {
	case invalid && proven:
		m.Verification = Invalid
		if r.Disposable != nil && *r.Disposable {
			return Disposable
		}
		return VendorInvalid
	case r.Disposable != nil && *r.Disposable:
		m.Verification = Risky
		return Disposable
	case r.Status == vendors.Valid && r.Deliverability == vendors.Deliverable:
		m.Verification = Valid
	case invalid, r.Status == vendors.Unknown, r.Deliverability == vendors.Undecided:
		m.Verification = Unknown
	default:
		m.Verification = Risky
	}
	return ""
}

// trouble says why there is no verdict. Only what vendors and their budget say is
// for others to read.
func trouble(err error) (Verification, string) {
	var failed *vendors.FailedError
	switch {
	case errors.Is(err, vendors.ErrLate):
		return Deadline, ""
	case errors.As(err, &failed):
		late := func(s vendors.Step) bool { return s.Outcome == "deadline" }
		switch {
		case failed.Refused(): // it finds the address odd, which proves nothing
			return Unknown, capped(failed.Error())
		case slices.ContainsFunc(failed.Trace, late):
			return Deadline, ""
		}
		return Failed, capped(failed.Error())
	case errors.Is(err, vendors.ErrNone):
		return None, ""
	case errors.Is(err, vendors.ErrCap):
		return Failed, vendors.ErrCap.Error()
	}
	return Failed, "the verification could not be carried out"
}

// says is a verdict for people.
func says(r vendors.Result) string {
	text := string(r.Status) + ", " + string(r.Deliverability)
	if r.Disposable != nil && *r.Disposable {
		text += ", disposable"
	}
	return text
}
