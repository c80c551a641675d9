package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"rcpt/internal/usage"
)

// measure counts the request. What is alarmed on or drawn by cause has a name of
// its own; the labels of latency_ms are for queries.
//
//	latency_ms             of every request but those for health, from receipt to answer
//	errors_bad_request     4xx that are the caller's to mend, those below left out
//	errors_unauthorized    401, 403
//	errors_internal        500
//	errors_vendor          502
//	errors_timeout         503, the time was over
//	errors_unavailable     503, for another reason
//	rate_limited_<limit>   429 and 402: concurrency, rate, month; reports, also where 503 makes an ESP wait
//	hooks_unverified       webhooks with a wrong, stale or repeated signature, by esp (deliver.go)
//	reports_<outcome>      recorded, duplicate, ignored (reports.go, deliver.go)
//	panics
//	checks_unsettled       a check that ended holds its slot still, or is not counted
func (a *api) measure(w *recorder, c *call, took time.Duration) {
	if c.route != "/v1/health" {
		labels := []string{"route", c.route, "status", strconv.Itoa(w.status)}
		if c.verdict.Status != "" {
			labels = append(labels, "verdict", string(c.verdict.Status), "reason", string(c.verdict.Reason),
				"cached", strconv.FormatBool(c.verdict.Cached))
		}
		a.Metric("latency_ms", float64(took)/float64(time.Millisecond), labels...)
	}
	if c.err != nil {
		a.Metric(cause(c.err), 1, "route", c.route)
	}
	if c.panicked != nil {
		a.Metric("panics", 1, "route", c.route)
	}
	if c.unsettled != nil {
		a.Metric("checks_unsettled", 1, "route", c.route)
	}
}

// cause names the metric that an error counts for.
func cause(err error) string {
	var refused *usage.RefusedError
	if errors.As(err, &refused) {
		return "rate_limited_" + string(refused.Limit)
	}
	if errors.As(err, new(budgetError)) {
		return "rate_limited_reports"
	}
	err = causeOf(err)
	switch status := answerFor(err).status; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "errors_unauthorized"
	case status < http.StatusInternalServerError:
		return "errors_bad_request"
	case status == http.StatusBadGateway:
		return "errors_vendor"
	case status == http.StatusServiceUnavailable && errors.Is(err, context.DeadlineExceeded):
		return "errors_timeout"
	case status == http.StatusServiceUnavailable:
		return "errors_unavailable"
	}
	return "errors_internal"
}
