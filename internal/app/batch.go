package app

import (
	"context"
	"net/netip"
	"strings"

	"rcpt/internal/batch"
	"rcpt/internal/batch/collector"
	"rcpt/internal/batch/planner"
	"rcpt/internal/config"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/verify"
)

// Batch is the book of jobs.
func Batch(p Ports) *batch.Book {
	return batch.NewBook(batch.Config{
		Table: p.Control, Blob: p.Blob, Probes: p.ProbeQueue, Flow: p.Jobs, Now: p.Now, Log: p.Log,
	})
}

// Planner builds the handler of functions/planner: lists become work.
func Planner(cfg config.Config, p Ports) (func(context.Context, batch.Step) (batch.Next, error), error) {
	p = p.observed()
	p.Lists = Lists(p)
	plans := plans(p, operator(cfg, p))
	touch := freshening(p)
	return func(ctx context.Context, s batch.Step) (batch.Next, error) {
		touch()
		return plans.Step(ctx, s)
	}, nil
}

// plans joins the planner of a job, which looks ahead for those who ask what a
// job would be, too. Who looks ahead needs no operator.
//
// It asks for what is known, and no exchanger: so it needs neither a name to
// introduce itself with nor a way out, and carries neither prober nor simulated
// mail internet.
func plans(p Ports, operator func(ctx context.Context, domain string) string) *planner.Planner {
	known := verify.Config{
		Lists: Lists(p), Tenant: Tenant(p), Overlay: Overlay(p), Cache: p.Cache, Secret: p.Secret, Now: p.Now, Log: p.Log,
	}
	simulated := known
	simulated.Overlay, simulated.Cache = ownReports{Overlay(p)}, apart{p.Cache}
	return planner.New(planner.Config{
		Book: Batch(p), Meter: Meter(p), Verifier: verify.New(known), TestVerifier: verify.New(simulated),
		Operator: operator, Now: p.Now, Log: p.Log,
	})
}

// operator names who runs the first exchanger of a domain. Without the simulated
// mail internet that is nobody for names under .test, which no DNS need be asked
// for (RFC 6761 §6.2).
func operator(cfg config.Config, p Ports) func(ctx context.Context, domain string) string {
	resolver := mx.New(resolverConfig(cfg, p))
	return func(ctx context.Context, domain string) string {
		if p.Sim == nil && cfg.Sim && strings.HasSuffix(domain, ".test") {
			return ""
		}
		answer := resolver.Lookup(ctx, domain)
		if len(answer.Hosts) == 0 {
			return ""
		}
		return pace.Operator(answer.Hosts[0].Name, netip.Addr{})
	}
}

// Collector builds the handler of functions/collector: answers become results.
func Collector(cfg config.Config, p Ports) (func(context.Context, batch.Step) (batch.Next, error), error) {
	return results(cfg, p).Step, nil
}

func results(cfg config.Config, p Ports) *collector.Collector {
	deliveries := Deliveries(cfg, p)
	book := Batch(p)
	book.GiveBack = Meter(p).GiveBack
	return collector.New(collector.Config{
		Book: book, Post: deliveries.Post, Forget: deliveries.Forget, Base: cfg.PublicURL, Now: p.Now, Log: p.Log,
	})
}
