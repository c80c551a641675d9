package enroll

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"rcpt/internal/address"
)

// candidate is one address of a request on its way through the gate.
type candidate struct {
	given   string
	address address.Address
	id      string // of the member that it is or becomes

	out     *Skipped // why it stays out; nil: it has not been kept out yet
	member  Member   // what it is or becomes
	present bool     // this very request made it a member before, and died
	asked   bool     // it came as far as the vendors
}

// skip keeps the candidate out.
func (c *candidate) skip(why Reason, detail string) {
	c.out = &Skipped{Email: c.given, Reason: why, Detail: detail}
}

// pass is one request under way.
type pass struct {
	*Gate
	Request
	token      string // tells members that this request made from all others
	candidates []*candidate
	table      *disposables
}

// writeTime is kept back from the time of a request for what comes behind the
// vendors: six transactions and a message for 500 addresses.
const writeTime = 2 * time.Second

// Enroll lets addresses into a sequence, which begins to exist with the first.
// It takes at most until the deadline of ctx, which should have one: what vendors
// could not be asked about by then gets in with the verification Deadline, and is
// finished by Later.
//
// Without Once an address that a first try enrolled is AlreadyEnrolled for the
// second. With it the second is answered like the first; ErrReused, ErrInProgress.
// ErrConflict; else the store's: then it is not known who was enrolled, and the
// same call may be repeated.
func (g *Gate) Enroll(ctx context.Context, r Request) (Result, error) {
	claim, answer, err := g.begin(ctx, r)
	if err != nil {
		return Result{}, err
	}
	if answer != nil {
		return *answer, nil
	}
	result, err := g.enroll(ctx, r, claim)
	if err != nil {
		g.release(ctx, r, claim)
		return Result{}, err
	}
	g.keep(ctx, r, claim, result)
	return result, nil
}

func (g *Gate) enroll(ctx context.Context, r Request, claim claim) (Result, error) {
	p := &pass{Gate: g, Request: r, token: claim.token, table: g.disposables()}
	p.read()
	for _, step := range []func(context.Context) error{p.screenDomains, p.screenMembers, p.screenBlocked, p.verify, p.later, p.write} {
		if err := step(ctx); err != nil {
			return Result{}, err
		}
	}
	return p.result(), nil
}

// read parses what was given. The first of several that name one mailbox counts.
func (p *pass) read() {
	seen := make(map[string]bool, len(p.Emails))
	for _, given := range p.Emails {
		c := &candidate{given: given}
		p.candidates = append(p.candidates, c)
		a, err := address.Parse(given)
		var syntax *address.SyntaxError
		if errors.As(err, &syntax) {
			c.skip(InvalidSyntax, syntax.Error())
			continue
		}
		c.address, c.id = a, p.memberID(p.Key.ID, p.Sequence, a)
		if seen[c.id] {
			c.skip(Duplicate, "")
		}
		seen[c.id] = true
		c.member = Member{ID: c.id, Email: given, Findings: []Finding{}}
	}
}

// left returns who has not been kept out so far, but for those who are in.
func (p *pass) left() (all []*candidate) {
	for _, c := range p.candidates {
		if c.out == nil && !c.present {
			all = append(all, c)
		}
	}
	return all
}

func addressesOf(candidates []*candidate) []address.Address {
	all := make([]address.Address, len(candidates))
	for i, c := range candidates {
		all[i] = c.address
	}
	return all
}

func (p *pass) result() Result {
	r := Result{Sequence: p.Sequence, Enrolled: []Member{}, Skipped: []Skipped{}}
	troubles := make(map[Verification]int)
	var failure string
	for _, c := range p.candidates {
		switch {
		case c.out != nil:
			r.Skipped = append(r.Skipped, *c.out)
		default:
			r.Enrolled = append(r.Enrolled, c.member)
		}
		if !c.asked {
			continue
		}
		r.Gate.Asked++
		switch v := c.member.Verification; {
		case c.out != nil || v.judged():
			r.Gate.Judged++
		default:
			troubles[v]++
			if v == Failed && failure == "" {
				failure = c.member.Detail
			}
		}
	}
	r.Gate.Status = Partial
	switch r.Gate.Judged {
	case r.Gate.Asked:
		r.Gate.Status = Checked
	case 0:
		r.Gate.Status = Open
	}
	r.Gate.Reason = p.reason(troubles, failure)
	return r
}

// reason puts into words why addresses got in without a verdict.
func (p *pass) reason(troubles map[Verification]int, failure string) string {
	var words []string
	if n := troubles[None]; n > 0 {
		why := "no email verification provider is configured"
		if p.Key.Test {
			why = "vendors are not asked for test keys"
		}
		words = append(words, why)
	}
	if n := troubles[Failed]; n > 0 {
		words = append(words, fmt.Sprintf("no vendor gave a verdict on %d of the addresses: %s", n, failure))
	}
	if n := troubles[Deadline]; n > 0 {
		words = append(words, fmt.Sprintf("time did not allow to verify %d of the addresses; they are verified in the background", n))
	}
	return strings.Join(words, "; ")
}
