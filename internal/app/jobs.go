package app

import (
	"context"
	"net/http"

	"rcpt/internal/batch/drop"
	"rcpt/internal/config"
	"rcpt/internal/httpapi"
	"rcpt/internal/trigger"
)

// Jobs builds the handler of functions/jobs: lists are submitted, looked at and
// collected.
func Jobs(cfg config.Config, p Ports) (http.Handler, error) {
	p = p.observed()
	p.Lists = Lists(p)
	return following(p, httpapi.New(httpapi.Deps{
		Keys: Keys(p), Meter: Meter(p), Jobs: Batch(p), Plans: plans(p, nil), Results: results(cfg, p), Deliveries: Deliveries(cfg, p),
		PublicURL: cfg.PublicURL, Log: p.Log, Metric: p.Metric, Mark: p.Mark, Now: p.Now,
	}, httpapi.JobsRoutes)), nil
}

// DropFolder builds the handler of functions/dropfolder: files become jobs.
func DropFolder(_ config.Config, p Ports) (func(context.Context, trigger.File) error, error) {
	folder := drop.Folder{Jobs: Batch(p), Keys: Keys(p), Log: p.Log}
	return func(ctx context.Context, f trigger.File) error { return folder.Accept(ctx, f.Name, f.Version) }, nil
}
