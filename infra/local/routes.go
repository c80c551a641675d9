package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/trigger"
)

// functions builds every function that HTTP reaches, behind the routes to them.
func functions(cfg config.Config, ports app.Ports) (function, error) {
	verify, err := app.Verify(cfg, ports)
	if err != nil {
		return nil, err
	}
	account, err := app.Account(cfg, ports)
	if err != nil {
		return nil, err
	}
	webhooks, err := app.Webhooks(cfg, ports)
	if err != nil {
		return nil, err
	}
	providers, err := app.Providers(cfg, ports)
	if err != nil {
		return nil, err
	}
	jobs, err := app.Jobs(cfg, ports)
	if err != nil {
		return nil, err
	}
	return routed(map[string]http.Handler{
		"verify": verify, "account": account, "webhooks": webhooks, "providers": providers, "jobs": jobs,
	}, ports.Log), nil
}

// routes stand for those of API Gateway: each is ANY on the path and on
// everything below it, so that wrong methods come to the function, too; * is one
// segment. The last one that matches counts. What matches none is the first
// one's, as $default is there.
func routes() []struct{ path, function string } {
	return []struct{ path, function string }{
		{"/", "verify"}, // verify, check, health, and what does not exist
		{"/v1/keys", "account"},
		{"/v1/lists", "account"},
		{"/v1/lists/info", "verify"}, // it tells of the table that verdicts go by
		{"/v1/bounces", "account"},
		{"/v1/addresses", "account"},
		{"/v1/suppressions", "account"},
		{"/v1/hooks", "account"},
		{"/v1/traps", "account"},
		{"/v1/audit", "account"},
		{"/v1/usage", "account"},
		{"/v1/webhook-secret", "account"},
		{"/v1/openapi.json", "account"},
		{"/docs", "account"},
		{"/v1/report-bounce", "webhooks"},
		{"/v1/hooks/*/*", "webhooks"}, // what ESPs send; the hooks themselves are kept by account
		{"/v1/email-verifiers", "providers"},
		{"/v1/sequences", "providers"},
		{"/v1/jobs", "jobs"},
		{"/v1/uploads", "jobs"},
		{"/v1/webhooks/test", "jobs"},
	}
}

// routed hands an event to the function of its path.
func routed(handlers map[string]http.Handler, log *slog.Logger) function {
	table := routes()
	built := make(map[string]function, len(handlers))
	for name, handler := range handlers {
		built[name] = trigger.HTTP(handler, log)
	}
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		chosen := table[0]
		for _, route := range table[1:] {
			if under(e.RawPath, route.path) {
				chosen = route
			}
		}
		return built[chosen.function](ctx, e)
	}
}

// under reports whether a path is that of a route or below it.
func under(path, route string) bool {
	segments, pattern := strings.Split(path, "/"), strings.Split(route, "/")
	if len(segments) < len(pattern) {
		return false
	}
	for i, want := range pattern {
		if want != "*" && segments[i] != want {
			return false
		}
	}
	return true
}
