package pace

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rcpt/internal/store"
)

func operatorKey(operator string) store.Key { return store.Key{Part: "OPER#" + operator} }
func domainKey(domain string) store.Key     { return store.Key{Part: "OPER#@" + domain} }

// stateLife keeps an operator's past for a month after the last session.
const stateLife = 30 * 24 * time.Hour

// change replaces an operator's state by what rule makes of it, unless rule
// says to leave it. The error is contended when somebody else changed the state
// meanwhile.
func (p *Pacer) change(ctx context.Context, operator string, rule func(state) (state, bool)) error {
	read, revision, err := p.load(ctx, operator)
	if err != nil {
		return fmt.Errorf("read operator: %w", err)
	}
	next, changed := rule(read.sane(p.cfg.Now()))
	if !changed {
		return nil
	}
	return p.save(ctx, operator, next, revision)
}

// contended reports an error after which nothing is written and the same may
// be tried again: another writer came first, or the table is too busy.
func contended(err error) bool {
	return errors.Is(err, store.ErrCondition) || errors.Is(err, store.ErrThrottled)
}

// load reads the state of an operator and its revision, 0 if there is none.
func (p *Pacer) load(ctx context.Context, operator string) (state, int64, error) {
	item, err := p.cfg.Table.Get(ctx, operatorKey(operator))
	if errors.Is(err, store.ErrNotFound) {
		return state{}, 0, nil
	}
	if err != nil {
		return state{}, 0, err
	}
	var s state
	if json.Unmarshal(item.Bytes("state"), &s) != nil {
		// Written by another version. State may be lost at any time, with its
		// table; an operator that cannot be entered for a month is worse.
		s = state{}
	}
	return s, item.Int("rev"), nil
}

// save writes the state if the revision that it was made from still stands.
func (p *Pacer) save(ctx context.Context, operator string, s state, revision int64) error {
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	unchanged := store.Absent()
	if revision > 0 {
		unchanged = store.Equal("rev", revision)
	}
	return p.cfg.Table.Put(ctx, store.Item{
		Key:     operatorKey(operator),
		Attrs:   store.Attrs{"state": text, "rev": revision + 1},
		Expires: p.cfg.Now().Add(stateLife),
	}, unchanged)
}

// domainRest is how long a domain whose own policy refused us is left alone.
// Other than an operator's rest it does not grow: nobody else is concerned.
const domainRest = 15 * time.Minute

func (p *Pacer) closeDomain(ctx context.Context, domain string) error {
	until := p.cfg.Now().Add(domainRest)
	err := p.cfg.Table.Put(ctx, store.Item{
		Key:     domainKey(domain),
		Attrs:   store.Attrs{"until": until.UnixMilli()},
		Expires: until.Add(time.Second), // it counts whole seconds
	})
	if err != nil {
		return fmt.Errorf("close domain %s: %w", domain, err)
	}
	return nil
}

// domainClosed returns a *HeldError when the domain's own policy refused us.
func (p *Pacer) domainClosed(ctx context.Context, domain string) error {
	item, err := p.cfg.Table.Get(ctx, domainKey(domain))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read breaker of domain %s: %w", domain, err)
	}
	now := p.cfg.Now()
	until := time.UnixMilli(item.Int("until"))
	if until.After(now) && !until.After(now.Add(domainRest+skew)) { // further ahead, a clock was wrong
		return &HeldError{Operator: domain, Why: Breaker, Until: until.UTC()}
	}
	return nil
}
