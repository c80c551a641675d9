package main

import (
	"context"
	"math/rand/v2"
	"time"

	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/lists/refresh"
)

// refreshLists runs functions/refresher once a day until ctx ends: some minutes
// after the start, when nobody waits for the machine, or a day after the run
// before, also if that was in an earlier life. What goes wrong is one line of
// log, and the table in use stays.
func refreshLists(ctx context.Context, cfg config.Config, ports app.Ports) {
	if len(cfg.ListsURLs) == 0 {
		return
	}
	run := app.Refresher(cfg, ports)
	pause := time.Minute + rand.N(4*time.Minute)
	if last, err := refresh.LastRun(ctx, ports.Blob); err == nil {
		pause = max(pause, last.Add(24*time.Hour).Sub(ports.Now()))
	}
	for wait(ctx, pause); ctx.Err() == nil; wait(ctx, pause) {
		if _, err := run(ctx, refresh.Request{}); err != nil && ctx.Err() == nil {
			ports.Log.Error("refresh lists", "error", err.Error())
		}
		pause = 24*time.Hour + rand.N(time.Hour)
	}
}
