package enroll

import (
	"context"
	"fmt"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/overlay"
	"rcpt/internal/suppress"
	"rcpt/internal/verdict"
)

// repeated is the count of bounces within 30 days from which a policy may block
// (contract, overlay).
const repeated = 3

// disposables judges domains by the table in use, each once.
type disposables struct {
	table *lists.Table
	known map[string]disposal
}

func (g *Gate) disposables() *disposables {
	return &disposables{table: g.cfg.Lists.Table(), known: make(map[string]disposal)}
}

// disposal is what lists say of a domain.
type disposal struct {
	firm   bool
	weak   bool
	detail string
}

// judge looks a domain up. The key's own lists go before all others. A weak
// listing of what others call a mailbox provider is a mistake (verify, weigh).
func (d *disposables) judge(domain string, own tenant.Match) disposal {
	listed, free := d.table.Disposable(domain), d.table.Free(domain)
	switch {
	case own.List == tenant.Allow:
		return disposal{}
	case own.List == tenant.Deny:
		return disposal{firm: true, detail: "denied by this key's own list: " + own.Rule}
	case listed.Firm():
		return disposal{firm: true, detail: "listed as disposable: " + listed.Rule}
	case !listed.Listed(), free.Confidence == lists.High, free.Listed && listed.Tier == lists.Aggregator:
		return disposal{}
	}
	return disposal{weak: true, detail: "listed by one source as disposable: " + listed.Rule}
}

// screenDomains keeps out who has a disposable domain.
func (p *pass) screenDomains(ctx context.Context) error {
	for _, c := range p.left() {
		if c.address.Literal() {
			continue
		}
		d, err := p.disposal(ctx, c.address.Domain())
		if err != nil {
			return err
		}
		if d.firm {
			c.skip(Disposable, d.detail)
		}
		if d.weak {
			p.weigh(c, p.Rules.DisposableSuspected, DisposableSuspected, MayBeBurner, d.detail)
		}
	}
	return nil
}

func (p *pass) disposal(ctx context.Context, domain string) (disposal, error) {
	if d, known := p.table.known[domain]; known {
		return d, nil
	}
	var own tenant.Match
	if p.cfg.Tenant != nil {
		var err error
		if own, err = p.cfg.Tenant.Match(ctx, p.Key.ID, domain); err != nil {
			return disposal{}, fmt.Errorf("read lists of key %s: %w", p.Key.ID, err)
		}
	}
	d := p.table.judge(domain, own)
	p.table.known[domain] = d
	return d, nil
}

// weigh applies a rule to what is no proof.
func (p *pass) weigh(c *candidate, rule verdict.Action, why Reason, finding Finding, detail string) {
	switch rule {
	case verdict.Block:
		c.skip(why, detail)
	case verdict.Accept:
	default:
		c.member.Findings = append(c.member.Findings, finding)
	}
}

// screenMembers keeps out who is a member. Whom this very request enrolled before
// it died is enrolled.
func (p *pass) screenMembers(ctx context.Context) error {
	candidates := p.left()
	ids := make([]string, len(candidates))
	for i, c := range candidates {
		ids[i] = c.id
	}
	found, err := p.find(ctx, p.Key.ID, p.Sequence, ids)
	if err != nil {
		return err
	}
	for _, c := range candidates {
		item := found[c.id]
		if !item.Present() {
			continue
		}
		member := memberOf(item, c.given)
		if item.Str("request") != p.token {
			c.skip(AlreadyEnrolled, "since "+member.EnrolledAt.Format(time.RFC3339))
			continue
		}
		c.member, c.present, c.asked = member, true, true
	}
	return nil
}

// screenBlocked keeps out whom the key does not want to mail, and what it must
// not mail again.
func (p *pass) screenBlocked(ctx context.Context) error {
	candidates := p.left()
	if len(candidates) == 0 {
		return nil
	}
	blocked, err := p.cfg.Suppression.Look(ctx, p.Key.ID, addressesOf(candidates)...)
	if err != nil {
		return err
	}
	sights, err := p.cfg.Overlay.Look(ctx, p.Key.ID, addressesOf(candidates)...)
	if err != nil {
		return err
	}
	for i, c := range candidates {
		if p.suppressed(c, blocked[i]); c.out == nil {
			p.bounced(c, sights[i])
		}
		if c.out == nil && sights[i].Trap {
			p.weigh(c, p.Rules.SpamTrap, SpamTrap, OnTrapDomain, "several customers report this domain")
		}
	}
	return nil
}

func (p *pass) suppressed(c *candidate, s suppress.Sight) {
	if s.Suppressed {
		c.skip(Suppressed, fmt.Sprintf("%s, since %s", s.Reason, s.AddedAt.Format(time.DateOnly)))
	}
}

func (p *pass) bounced(c *candidate, s overlay.Sight) {
	h := s.History
	if !h.Matched {
		return
	}
	detail := h.PreviousReason + ", last on " + h.OccurredAt.Format(time.DateOnly)
	if h.PreviousReason != string(overlay.SoftBounce) {
		c.skip(PreviouslyBounced, detail)
		return
	}
	rule := p.Rules.SoftBounced
	if h.Count >= repeated {
		rule = p.Rules.SoftBouncedRepeated
	}
	p.weigh(c, rule, PreviouslyBounced, SoftBounced, detail)
}
