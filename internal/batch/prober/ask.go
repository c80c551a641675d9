package prober

import (
	"context"
	"slices"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/batch"
	"rcpt/internal/batch/retry"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

const (
	// askTime is how long one attempt asks. A function has 180 s.
	askTime = 150 * time.Second

	// keepTime is what is left of the function's time to keep what was found.
	keepTime = 20 * time.Second

	// closeTime is what is left before the job's deadline for the same, or a fifth
	// of all its time if that is less: an answer that comes behind it is lost.
	closeTime = 5 * time.Second

	// vendorShare is the part of an attempt's time, in percent, that is left to
	// vendors where they are asked.
	vendorShare = 40
)

// found is what an attempt came to.
type found struct {
	final []answered
	left  []item // in the order of their addresses in the shard
}

type answered struct {
	item
	verdict verdict.Verdict
}

// lastCall is when the job's addresses are asked for the last time.
func lastCall(job batch.Job) time.Time {
	return job.Deadline.Add(-min(closeTime, job.Deadline.Sub(job.CreatedAt)/5))
}

// ask asks the addresses that are due. The error is that of a context that ended
// early: nothing is known of what was being asked.
func (w *Worker) ask(ctx context.Context, job batch.Job, items []item) (found, error) {
	var all found
	var due []item
	began := w.Now()
	for _, i := range items {
		if i.at.After(began) {
			all.left = append(all.left, i)
		} else {
			due = append(due, i)
		}
	}
	verdicts := w.verdicts(ctx, job, due)
	if err := ctx.Err(); err != nil {
		return found{}, err
	}
	now := w.Now()
	for n, i := range due {
		v := verdicts[n]
		if at, past := next(job, i, v, now); !at.IsZero() {
			i.at, i.past = at, past
			all.left = append(all.left, i)
			continue
		}
		all.final = append(all.final, answered{i, v})
	}
	return all, nil
}

// next is when to ask the address again; zero: the verdict stands. Nothing but
// greylisting passes in a simulation.
func next(job batch.Job, i item, v verdict.Verdict, now time.Time) (time.Time, retry.Past) {
	at, tried := i.past.Next(v, now)
	if !at.Before(lastCall(job)) || job.Test && tried.Failed > i.past.Failed {
		return time.Time{}, i.past
	}
	return at, tried
}

// verdicts asks for each item and explains what it says.
func (w *Worker) verdicts(ctx context.Context, job batch.Job, items []item) []verdict.Verdict {
	span := min(askTime, lastCall(job).Sub(w.Now()))
	if end, ok := ctx.Deadline(); ok {
		span = min(span, time.Until(end)-keepTime)
	}
	all, answered := make([]verdict.Verdict, len(items)), make([]bool, len(items))
	if span > 0 {
		ctx, cancel := context.WithTimeout(ctx, span)
		defer cancel()
		var flow verify.Flow
		if job.Options.Vendors {
			flow.Probing = span * (100 - vendorShare) / 100
		}
		for n, v := range w.verifierOf(job).VerifyAll(ctx, w.requests(job, items), flow) {
			all[n], answered[n] = v, true
		}
	}
	for n, i := range items {
		if !answered[n] {
			all[n] = unasked(job, i, verify.LostDeadline, w.Now())
		}
	}
	return all
}

func (w *Worker) verifierOf(job batch.Job) Verifier {
	if job.Test {
		return w.TestVerifier
	}
	return w.Verifier
}

func (w *Worker) requests(job batch.Job, items []item) func(yield func(verify.Request) bool) {
	return func(yield func(verify.Request) bool) {
		for _, i := range items {
			if !yield(verify.Request{
				Scope: job.Key, Account: job.Account, Job: job.ID, Email: i.email, Received: w.Now(),
				Mode: job.Options.Mode, Policy: job.Options.Policy, Vendors: job.Options.Vendors, Explain: true,
				Later: func(v verdict.Verdict) bool {
					at, _ := next(job, i, v, w.Now())
					return !at.IsZero()
				},
			}) {
				return
			}
		}
	}
}

// unasked is the verdict on an address that nobody came to.
func unasked(job batch.Job, i item, why verify.Loss, now time.Time) verdict.Verdict {
	e := verify.Evidence{Given: i.email, Mode: job.Options.Mode, Lost: why, Gathered: now}
	e.Address, _ = address.Parse(i.email) // addresses alone come into shards
	v := verify.Decide(e, job.Options.Policy)
	v.Evidence = e
	return v
}

// together is how far apart addresses may be due that one attempt asks.
const (
	togetherLeast = 5 * time.Second
	togetherMost  = time.Minute
)

// dueAt is when the next attempt begins: when the first of the addresses are due,
// and a little later if that brings more of them. Those of one session were refused
// within moments, and should be asked in one session again.
func dueAt(items []item, now time.Time) time.Time {
	first := slices.MinFunc(items, func(a, b item) int { return a.at.Compare(b.at) }).at
	until := first.Add(min(togetherMost, max(togetherLeast, first.Sub(now)/4)))
	at := first
	for _, i := range items {
		if i.at.After(at) && !i.at.After(until) {
			at = i.at
		}
	}
	return at
}
