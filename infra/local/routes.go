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
	return routed(map[string]http.Handler{"verify": verify, "account": account}, ports.Log), nil
}

// routes stand for those of API Gateway: each is ANY on the path and on
// everything below it, so that wrong methods come to the function, too. What
// matches none is the first one's, as $default is there.
func routes() []struct{ path, function string } {
	return []struct{ path, function string }{
		{"/", "verify"}, // verify, check, health, and what does not exist
		{"/v1/keys", "account"},
		{"/v1/lists", "account"},
		{"/v1/lists/info", "verify"}, // it tells of the table that verdicts go by
		{"/v1/audit", "account"},
		{"/v1/usage", "account"},
		{"/v1/openapi.json", "account"},
		{"/docs", "account"},
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
			if e.RawPath == route.path || strings.HasPrefix(e.RawPath, route.path+"/") {
				chosen = route
			}
		}
		return built[chosen.function](ctx, e)
	}
}
