package app

import (
	"context"

	"rcpt/internal/batch"
	"rcpt/internal/batch/prober"
	"rcpt/internal/config"
)

// Prober builds the handler of functions/prober: one message, one attempt at a
// shard of a job or at a recheck.
func Prober(cfg config.Config, p Ports) (func(context.Context, batch.Message) error, error) {
	p = p.observed()
	p.Lists, p.Tenant = Lists(p), Tenant(p)
	live, err := verifier(cfg, p)
	if err != nil {
		return nil, err
	}
	simulated, err := testVerifier(p)
	if err != nil {
		return nil, err
	}
	rechecks := rechecks(cfg, p)
	rechecks.Verifier, rechecks.TestVerifier = live, simulated
	worker := prober.New(prober.Config{
		Book: Batch(p), Meter: Meter(p), Verifier: live, TestVerifier: simulated, Rechecks: rechecks.book(),
		Now: p.Now, Log: p.Log, Metric: p.Metric,
	})
	touch := freshening(p)
	return func(ctx context.Context, m batch.Message) error {
		touch()
		return worker.Handle(ctx, m)
	}, nil
}

// DeadLetter builds the handler of functions/deadletter: messages that the prober
// was given too often. It asks nobody.
func DeadLetter(cfg config.Config, p Ports) (func(context.Context, batch.Message) error, error) {
	p = p.observed()
	worker := prober.New(prober.Config{
		Book: Batch(p), Meter: Meter(p), Rechecks: rechecks(cfg, p).book(), Now: p.Now, Log: p.Log, Metric: p.Metric,
	})
	return worker.Bury, nil
}
