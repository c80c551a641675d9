package app

import (
	"context"
	"errors"
	"log/slog"

	"rcpt/internal/config"
	"rcpt/internal/egress"
	"rcpt/internal/mx"
)

// EgressCheck builds the handler of functions/egresscheck: one round of looking
// whether our way out to port 25 is open, kept in the cache table, where the
// egress.Watch of every process finds it. It is told in the log when it is not
// open or has changed, and always by the metric egress_closed, 1 or 0. A round
// that found nothing counts nothing.
//
// Hosts of the simulation and networks in RCPT_PROBE_ALLOW are never governed by
// it; see route.
func EgressCheck(cfg config.Config, p Ports) func(context.Context) error {
	p = p.observed()
	checker := egress.NewChecker(egress.Config{
		Targets: cfg.EgressCheck, Address: cfg.EgressIP, Lists: cfg.EgressLists,
		Resolver: mx.New(mx.Config{Servers: cfg.DNS, Now: p.Now}), Table: p.Cache, Now: p.Now,
	})
	return func(ctx context.Context) error {
		report, err := checker.Check(ctx)
		if errors.Is(err, context.Canceled) {
			return nil // the process is going down; there is nothing to mend
		}
		if err != nil {
			return err
		}
		if p.Egress != nil {
			p.Egress.Forget()
		}
		switch {
		case report.State.Blocks():
			p.Metric("egress_closed", 1, "state", string(report.State))
			p.Log.LogAttrs(ctx, slog.LevelWarn, "way out to port 25 is "+string(report.State), slog.String("seen", report.Seen))
		case report.State == egress.Open:
			p.Metric("egress_closed", 0)
			if report.Changed {
				p.Log.LogAttrs(ctx, slog.LevelInfo, "way out to port 25 is open", slog.String("seen", report.Seen))
			}
		default:
			p.Log.LogAttrs(ctx, slog.LevelInfo, "way out to port 25 is not known", slog.String("seen", report.Seen))
		}
		return nil
	}
}
