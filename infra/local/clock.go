package main

import (
	"context"
	"log/slog"
	"time"

	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/trigger"
)

// The clock of AWS comes every few minutes; one machine has only its own state
// to look after, and somebody waiting in front of it. Two rounds show that the
// way out is closed, so the second one comes soon.
const (
	egressSecond = 2 * time.Second
	egressAgain  = 30 * time.Second
)

// egressChecked reports whether there is anything to ask about our way out.
func egressChecked(cfg config.Config) bool {
	return len(cfg.EgressCheck) > 0 || len(cfg.EgressLists) > 0 && cfg.EgressIP.IsValid()
}

// watchEgress runs functions/egresscheck by the clock until ctx ends.
func watchEgress(ctx context.Context, cfg config.Config, ports app.Ports) {
	if !egressChecked(cfg) {
		return
	}
	check := trigger.Scheduled(app.EgressCheck(cfg, ports), ports.Log)
	for pause := egressSecond; ctx.Err() == nil; pause = egressAgain {
		_, _ = check(ctx, nil) // logged there
		wait(ctx, pause)
	}
}

// sweep removes what has expired, as DynamoDB does, until ctx ends.
func sweep(ctx context.Context, db *embedded.DB, log *slog.Logger) {
	for ctx.Err() == nil {
		if _, err := db.Sweep(ctx); err != nil && ctx.Err() == nil {
			log.Error("sweep", "error", err.Error())
		}
		wait(ctx, time.Minute)
	}
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
