package vendors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rcpt/internal/store"
)

// Budget is what an account wants to spend at most in a calendar month, UTC, by
// list price. Money is in micro-dollars.
type Budget struct {
	Max   *int64 // nil: no budget
	Month string // "2026-11", to which Spent belongs
	Spent int64  // of calls that were answered; under a budget also what may be spent by those under way, or was by those whose end was never written
}

// MaxBudget is the highest budget, a million dollars.
const MaxBudget = 1_000_000_000_000

// budgetSort sorts before all ids.
const budgetSort = headSort + "budget"

func budgetKey(account string) store.Key { return store.Key{Part: keyPart + account, Sort: budgetSort} }

// budgetNumber stands for the id of a key in the numbers of audit notes: no key
// comes to have it.
const budgetNumber = 1_000_000_000

const monthFormat = "2006-01"

// monthCap is the cap that keeps a budget in the month of a time.
func monthCap(most int64, at time.Time) Cap {
	return Cap{Name: "month#" + at.UTC().Format(monthFormat), Max: most}
}

// Budget returns an account's budget, and what is spent in this month.
func (c *Chain) Budget(ctx context.Context, account string) (Budget, error) {
	now := c.cfg.Now().UTC()
	item, err := c.cfg.Book.table.Get(ctx, budgetKey(account))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Budget{}, fmt.Errorf("read budget: %w", err)
	}
	b := Budget{Max: budgetOf(item), Month: now.Format(monthFormat)}
	if b.Max != nil {
		b.Spent, err = c.cfg.Ledger.Spent(ctx, account, monthCap(0, now).Name)
		return b, err
	}
	b.Spent, err = c.cfg.Ledger.month(ctx, account, now)
	return b, err
}

// SetBudget changes an account's budget; nil takes it away. What was spent in this
// month before there was one counts, but for calls under way just now. Other
// processes follow within three seconds. ErrConflict.
func (c *Chain) SetBudget(ctx context.Context, account string, most *int64, audit Audit) error {
	if most != nil {
		if err := c.cfg.Ledger.carry(ctx, account, c.cfg.Now().UTC()); err != nil {
			return err
		}
	}
	book := c.cfg.Book
	defer book.memory.forget(account)
	for range tries {
		item, err := book.table.Get(ctx, budgetKey(account))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("read budget: %w", err)
		}
		version := item.Int("version")
		u := store.Update{Key: budgetKey(account), Add: map[string]int64{"version": 1}, If: []store.Cond{store.AtMost("version", version)}}
		if most == nil {
			u.Remove = []string{"max"}
		} else {
			u.Set = store.Attrs{"max": *most}
		}
		err = book.table.Transact(ctx, audit.join([]store.Op{store.UpdateOp(u)}, budgetNumber, version+1))
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrCondition) {
			return fmt.Errorf("set budget: %w", err)
		}
	}
	return ErrConflict
}

// budgetOf reads a budget; nil when there is none.
func budgetOf(item store.Item) *int64 {
	if most, has := item.Attrs["max"].(int64); has {
		return &most
	}
	return nil
}

// within gives a request the cap of its account's budget, unless it has a closer
// one of its own.
func (c *Chain) within(ctx context.Context, r Request) (Request, error) {
	if r.Cap != (Cap{}) {
		return r, nil
	}
	s, err := c.cfg.Book.sheet(ctx, r.Account)
	if err == nil && s.budget != nil {
		r.Cap = monthCap(*s.budget, c.cfg.Now())
	}
	return r, err
}

// month is what an account has spent in the month of a time.
func (l *Ledger) month(ctx context.Context, account string, at time.Time) (spent int64, err error) {
	days, err := l.Usage(ctx, account, time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC), at)
	for _, day := range days {
		spent += day.All.Cost
	}
	return spent, err
}

// carry begins the count of a month under a budget with what was spent without
// one.
func (l *Ledger) carry(ctx context.Context, account string, at time.Time) error {
	name := monthCap(0, at).Name
	spent, err := l.month(ctx, account, at)
	if err != nil {
		return err
	}
	known, err := l.Spent(ctx, account, name)
	if err != nil || known >= spent {
		return err
	}
	_, err = l.table.Update(ctx, store.Update{
		Key: capKey(account, name), Add: map[string]int64{"spent": spent - known}, Expires: at.Add(logLife),
		If: []store.Cond{store.AtMost("spent", known)},
	})
	if errors.Is(err, store.ErrCondition) {
		return nil // somebody spends just now, under a budget that is in force
	}
	if err != nil {
		return fmt.Errorf("begin count of month: %w", err)
	}
	return nil
}
