package app

import (
	"context"
	"errors"

	"rcpt/internal/batch/recheck"
	"rcpt/internal/config"
	"rcpt/internal/httpapi"
	"rcpt/internal/keys"
	"rcpt/internal/verify"
)

// Rechecks asks again about addresses whose verdict was UNKNOWN, as the HTTP
// interface wants it: functions/verify accepts and shows what functions/prober
// carries out. Nil without vault or queue of probes.
func Rechecks(cfg config.Config, p Ports) httpapi.Rechecker {
	if p.Vault == nil || p.ProbeQueue == nil {
		return nil
	}
	return rechecker{rechecks(cfg, p).book()}
}

// recheckParts are the settings of the book of rechecks.
type recheckParts recheck.Config

func (c recheckParts) book() *recheck.Book { return recheck.New(recheck.Config(c)) }

func rechecks(cfg config.Config, p Ports) recheckParts {
	return recheckParts{
		Table: p.Control, Vault: p.Vault, Queue: p.ProbeQueue, Meter: Meter(p), Policy: policies(Keys(p)),
		Post: Deliveries(cfg, p).Post, Now: p.Now, Log: p.Log,
	}
}

// policies finds the policy that a request named. That of a key that is gone, or
// one that cannot be read any more, is the default: what is under way comes to an
// end.
func policies(book *keys.Book) func(ctx context.Context, key, name string) (verify.Policy, error) {
	return func(ctx context.Context, key, name string) (policy verify.Policy, err error) {
		if name != "" && name != "own" {
			policy, err = verify.PolicyNamed(name)
		} else {
			var found keys.Key
			if found, err = book.Find(ctx, key); err == nil {
				policy, err = verify.ParsePolicy(found.Policy)
			}
		}
		if errors.Is(err, keys.ErrNotFound) || errors.Is(err, verify.ErrPolicy) {
			return verify.DefaultPolicy(), nil
		}
		return policy, err
	}
}

// rechecker is the book as the HTTP interface sees it.
type rechecker struct{ book *recheck.Book }

// Later accepts a recheck.
func (r rechecker) Later(ctx context.Context, d httpapi.Recheck) (string, error) {
	return r.book.Later(ctx, recheck.Draft(d))
}

// Find returns a recheck; nil if there is none.
func (r rechecker) Find(ctx context.Context, account, id string) (*httpapi.Rechecked, error) {
	found, err := r.book.Find(ctx, account, id)
	if errors.Is(err, recheck.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &httpapi.Rechecked{Test: found.Test, RetryAt: found.RetryAt, Verdict: found.Verdict}, nil
}
