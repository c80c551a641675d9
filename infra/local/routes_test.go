package main

import (
	"log/slog"
	"net/http"
	"slices"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// named is a handler that answers with its name.
func named(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(name)) })
}

func functionNames() []string { return []string{"verify", "account", "webhooks", "providers", "jobs"} }

func TestPathChoosesTheFunction(t *testing.T) {
	handlers := make(map[string]http.Handler)
	for _, name := range functionNames() {
		handlers[name] = named(name)
	}
	pick := routed(handlers, slog.New(slog.DiscardHandler))
	for path, want := range map[string]string{
		"/v1/verify": "verify", "/v1/check": "verify", "/v1/health": "verify", "/": "verify", "/v1/nothing": "verify", "/v1": "verify",
		"/v1/keys": "account", "/v1/keys/": "account", "/v1/keys/abc": "account", "/v1/keys/abc/rotate": "account",
		"/v1/keysmith": "verify", "/V1/keys": "verify", "/v1/usage": "account", "/v1/audit": "account", "/docs": "account", "/docs/x": "account",
		"/v1/lists": "account", "/v1/lists/": "account", "/v1/lists/information": "account", "/v1/lists/info": "verify", "/v1/lists/info/x": "verify",
		"/v1/report-bounce": "webhooks", "/v1/report-bounce/from-ses": "webhooks", "/v1/report-bounces": "verify",
		"/v1/hooks": "account", "/v1/hooks/": "account", "/v1/hooks/resend": "account", "/v1/hooks/resend/hk_a": "webhooks", "/v1/hooks/a/b/c": "webhooks",
		"/v1/bounces": "account", "/v1/bounces/abc": "account", "/v1/addresses": "account", "/v1/traps/a.example": "account",
		"/v1/openapi.json": "account", "/v1/openapi.json5": "verify",
		"/v1/sequences/spring-2026/enroll": "providers", "/v1/sequences": "providers", "/v1/suppressions": "account", "/v1/suppressions/import": "account",
		"/v1/email-verifiers": "providers", "/v1/email-verifiers/known-providers": "providers", "/v1/email-verifiers/providers/1": "providers",
		"/v1/jobs": "jobs", "/v1/jobs/estimate": "jobs", "/v1/jobs/job_a/results": "jobs", "/v1/uploads": "jobs", "/v1/webhooks/test": "jobs", "/v1/webhook-secret/rotate": "account", "/v1/webhooks": "verify",
	} {
		for _, method := range []string{"GET", "POST", "BREW"} {
			var e events.APIGatewayV2HTTPRequest
			e.RawPath, e.RequestContext.HTTP.Method = path, method
			answer, err := pick(t.Context(), e)
			if err != nil || answer.Body != want {
				t.Errorf("%s %s goes to %q, error %v; want %s", method, path, answer.Body, err, want)
			}
		}
	}
}

func TestEveryRouteNamesAFunction(t *testing.T) {
	for _, route := range routes() {
		if !slices.Contains(functionNames(), route.function) {
			t.Errorf("%s goes to %q", route.path, route.function)
		}
	}
}
