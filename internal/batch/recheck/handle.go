package recheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/batch"
	"rcpt/internal/batch/jsonjs"
	"rcpt/internal/notify"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

const (
	// askTime is how long one attempt asks: slow servers have their time here.
	askTime = 100 * time.Second

	// keepTime is what is left of a function's time to keep the verdict.
	keepTime = 20 * time.Second

	// vendorShare is the part of an attempt's time, in percent, that is left to
	// vendors where they are asked.
	vendorShare = 40
)

// Handle deals with one message: it asks the address, or puts that off until it is
// due, or sees to what somebody left undone. An error means that the message must
// come again.
func (b *Book) Handle(ctx context.Context, m batch.Message) error {
	r, todo, err := b.take(ctx, m)
	if err != nil || !todo {
		return err
	}
	v, err := b.ask(ctx, &r)
	if err != nil {
		return err
	}
	return b.follow(ctx, r, v)
}

// Bury ends a recheck that nobody could deal with: with the verdict of its last
// attempt, or, if none had one, with UNKNOWN internal.
func (b *Book) Bury(ctx context.Context, m batch.Message) error {
	m.NotBefore = 0
	r, todo, err := b.take(ctx, m)
	if errors.Is(err, store.ErrSealed) {
		b.cfg.Log.ErrorContext(ctx, "recheck given up", "recheck", m.Recheck, "error", err.Error())
		return nil
	}
	if err != nil || !todo {
		return err
	}
	b.cfg.Log.ErrorContext(ctx, "recheck given up", "recheck", m.Recheck)
	if r.Verdict == nil {
		e := verify.Evidence{Given: r.Email, Mode: r.Mode, Lost: verify.LostInternal, Gathered: b.cfg.Now()}
		e.Address, _ = address.Parse(e.Given) // of bad syntax nothing was UNKNOWN
		v := onTheWire(verify.Decide(e, verify.DefaultPolicy()))
		r.Verdict = &v
	}
	return b.end(ctx, r)
}

// take loads the recheck of a message and tells whether its address is to be asked
// now. What is to be done otherwise take does.
func (b *Book) take(ctx context.Context, m batch.Message) (r kept, todo bool, err error) {
	r, err = b.load(ctx, m.Recheck)
	switch {
	case errors.Is(err, ErrNotFound):
		return kept{}, false, nil
	case err != nil:
		return kept{}, false, err
	case r.done:
		return r, false, b.post(ctx, r) // who ended it may have died since
	case m.Attempt < r.attempt:
		return r, false, b.send(ctx, r) // likewise who moved it on
	case m.Wait(b.cfg.Now()) > 0:
		return r, false, b.send(ctx, r)
	}
	return r, true, nil
}

// ask asks for the address and notes in r what follows: the next attempt's time, or
// that this was the last.
func (b *Book) ask(ctx context.Context, r *kept) (verdict.Verdict, error) {
	policy, err := b.cfg.Policy(ctx, r.Key, r.Policy)
	if err != nil {
		return verdict.Verdict{}, err
	}
	span := askTime
	if end, ok := ctx.Deadline(); ok {
		span = max(time.Second, min(span, time.Until(end)-keepTime))
	}
	asking, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	var flow verify.Flow
	if r.Vendors {
		flow.Probing = span * (100 - vendorShare) / 100
	}
	request := verify.Request{
		Scope: r.Key, Account: r.Account, Email: r.Email, Mode: r.Mode, Policy: policy, Vendors: r.Vendors,
		Received: b.cfg.Now(), Explain: true, Later: func(v verdict.Verdict) bool { return b.next(*r, v) != nil },
	}
	e := verify.Evidence{Given: r.Email, Mode: r.Mode, Lost: verify.LostDeadline, Gathered: b.cfg.Now()}
	v := verify.Decide(e, policy)
	v.Evidence = e
	verifier := b.cfg.Verifier
	if r.Test {
		verifier = b.cfg.TestVerifier
	}
	for _, said := range verifier.VerifyAll(asking, slices.Values([]verify.Request{request}), flow) {
		v = said
	}
	return v, ctx.Err()
}

// next is the recheck before its next attempt; nil if the verdict stands.
func (b *Book) next(r kept, v verdict.Verdict) *kept {
	at, past := r.Past.Next(v, b.cfg.Now())
	if at.IsZero() || at.After(r.created.Add(patience)) || r.Test && past.Failed > r.Past.Failed {
		return nil
	}
	r.Past, r.RetryAt = past, at.UTC().Truncate(time.Millisecond)
	return &r
}

// follow keeps what an attempt found, and sends the next one or ends the recheck.
func (b *Book) follow(ctx context.Context, r kept, v verdict.Verdict) error {
	found := onTheWire(v)
	r.Verdict = &found
	next := b.next(r, v)
	if next == nil {
		return b.end(ctx, r)
	}
	next.attempt++
	err := b.move(ctx, *next)
	switch {
	case errors.Is(err, store.ErrCondition):
		return nil // somebody was faster, and has a message of his own
	case err != nil:
		return err
	}
	return b.send(ctx, *next)
}

// end keeps the final verdict, counts it and has it posted.
func (b *Book) end(ctx context.Context, r kept) error {
	r.attempt++
	r.done = true
	op, err := b.cfg.Meter.Batch(r.Key, spread(r.id), map[usage.Check]int64{{Kind: r.kind(), Outcome: string(r.Verdict.Status)}: 1})
	if err != nil {
		return err
	}
	err = b.move(ctx, r, op)
	switch {
	case errors.Is(err, store.ErrCondition):
		return nil
	case err != nil:
		return err
	}
	return b.post(ctx, r)
}

// kind is what the check is counted as, in the words of real-time checks.
func (r kept) kind() string {
	switch {
	case r.Test:
		return "test"
	case r.Verdict.Cached:
		return "cached"
	}
	return string(r.Mode)
}

// spread divides rechecks among the items that count.
func spread(id string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	return int64(h.Sum32())
}

// post has the verdict delivered, if somebody wants it; again is no harm.
func (b *Book) post(ctx context.Context, r kept) error {
	if r.WebhookURL == "" {
		return nil
	}
	body, err := bodyOf(r)
	if err != nil {
		return err
	}
	err = b.cfg.Post(ctx, notify.Draft{
		Account: r.Account, Key: r.Key, Subject: r.id, ID: "msg_" + r.id, URL: r.WebhookURL, Body: body,
	})
	if errors.Is(err, notify.ErrURL) || errors.Is(err, notify.ErrDraft) {
		// It was good when it was accepted; the verdict is there all the same.
		b.cfg.Log.WarnContext(ctx, "recheck not posted", "recheck", r.id, "error", err.Error())
		return nil
	}
	return err
}

// bodyOf is the webhook's body, to the octet as JavaScript would write it.
func bodyOf(r kept) ([]byte, error) {
	text, err := json.Marshal(struct {
		ID      string           `json:"id"`
		Status  string           `json:"status"`
		Verdict *verdict.Verdict `json:"verdict"`
	}{r.id, "done", r.Verdict})
	if err != nil {
		return nil, fmt.Errorf("encode recheck %s: %w", r.id, err)
	}
	body, err := jsonjs.Canonical(string(text))
	return []byte(body), err
}

// onTheWire is a verdict as callers see it: without evidence, in whole
// milliseconds.
func onTheWire(v verdict.Verdict) verdict.Verdict {
	v.Evidence = nil
	v.CheckedAt = v.CheckedAt.UTC().Truncate(time.Millisecond)
	for _, t := range []**time.Time{&v.RetryAt, &v.AccountHistory.OccurredAt} {
		if *t != nil {
			at := (*t).UTC().Truncate(time.Millisecond)
			*t = &at
		}
	}
	return v
}
