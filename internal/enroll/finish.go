package enroll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/store"
	"rcpt/internal/vendors"
)

// Pending names members whose verification time did not allow. It carries no
// address.
type Pending struct {
	Account  string    `json:"account"`
	Key      string    `json:"key"`
	Sequence string    `json:"sequence"`
	Members  []string  `json:"members"` // ids
	Until    time.Time `json:"until"`   // given up afterwards
}

// laterDelay is longer than a request may take: whoever finishes its
// verifications finds its members written, or its process dead.
const laterDelay = 45 * time.Second

// pendingLife is how long a verification is pursued. One that comes much later
// finds the mail sent.
const pendingLife = 2 * time.Hour

// tooLate is what a member is told of that nobody verifies any more.
const tooLate = "time did not allow to verify the address"

// later has those finished that time did not allow. The message goes out before
// the members are written: so none is forgotten when this process dies between.
func (p *pass) later(ctx context.Context) error {
	pending := Pending{Account: p.Key.Account, Key: p.Key.ID, Sequence: p.Sequence, Until: p.cfg.Now().UTC().Add(pendingLife)}
	var late []*candidate
	for _, c := range p.candidates {
		if c.out == nil && c.member.Verification == Deadline {
			late, pending.Members = append(late, c), append(pending.Members, c.id)
		}
	}
	if len(late) == 0 {
		return nil
	}
	err := errNobody
	if p.cfg.Later != nil {
		err = p.cfg.Later(ctx, pending, laterDelay)
	}
	if err == nil {
		return nil
	}
	p.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "verifications not queued; members stay for review", slog.String("error", err.Error()))
	for _, c := range late {
		if !c.present {
			c.member.Verification, c.member.Detail = Failed, tooLate
			c.member.settle()
		}
	}
	return nil
}

var errNobody = errors.New("nobody finishes verifications")

// Finish verifies members whose verification time did not allow, until the
// deadline of ctx, and marks them by what it comes to. They stay members: the
// caller was told that they are. What is left is to be queued again; nothing is
// when left names no members. Members removed or finished meanwhile are nothing to
// do, so it may be called any number of times. An error is the store's.
func (g *Gate) Finish(ctx context.Context, p Pending) (left Pending, err error) {
	key := Key{ID: p.Key, Account: p.Account}
	left = Pending{Account: p.Account, Key: p.Key, Sequence: p.Sequence, Until: p.Until}
	found, err := g.find(ctx, p.Key, p.Sequence, p.Members)
	if err != nil {
		return p, err
	}
	var members []Member
	var addresses []address.Address
	for _, id := range p.Members {
		if item := found[id]; item.Present() && Verification(item.Str("verification")) == Deadline {
			m, err := g.open(ctx, key, item)
			if err != nil {
				return p, err
			}
			if a, err := address.Parse(m.Email); err == nil { // it did when it was enrolled
				members, addresses = append(members, m), append(addresses, a)
			}
		}
	}
	if len(members) == 0 {
		return left, nil
	}
	for i, o := range g.ask(ctx, key, p.Sequence, addresses) {
		m := members[i]
		m.judge(o)
		if m.Verification == Deadline {
			if g.cfg.Now().Before(p.Until) {
				left.Members = append(left.Members, m.ID)
				continue
			}
			m.Verification, m.Detail = Failed, tooLate
		}
		if err := g.mark(ctx, p, m, o); err != nil {
			return p, err
		}
	}
	return left, nil
}

// mark writes what became of a member, if it still waits for that.
func (g *Gate) mark(ctx context.Context, p Pending, m Member, o vendors.Outcome) error {
	if o.Err == nil && o.Answer.Disposable != nil && *o.Answer.Disposable {
		m.Findings = append(m.Findings, MayBeBurner)
	}
	m.settle()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime) // the verdict may have come at the last moment
	defer cancel()
	_, err := g.cfg.Table.Update(ctx, store.Update{
		Key: memberKey(p.Key, p.Sequence, m.ID), Set: m.attrs(),
		If: []store.Cond{store.Equal("verification", string(Deadline))},
	})
	if err != nil && !errors.Is(err, store.ErrCondition) {
		return fmt.Errorf("mark member %s: %w", m.ID, err)
	}
	return nil
}
