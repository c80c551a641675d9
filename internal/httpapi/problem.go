package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"rcpt/internal/batch"
	"rcpt/internal/batch/collector"
	"rcpt/internal/batch/intake"
	"rcpt/internal/enroll"
	"rcpt/internal/esp"
	"rcpt/internal/hooks"
	"rcpt/internal/keys"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/notify"
	"rcpt/internal/overlay"
	"rcpt/internal/store"
	"rcpt/internal/suppress"
	"rcpt/internal/usage"
	"rcpt/internal/vendors"
	"rcpt/internal/verify"
)

// What this package itself finds wrong.
var (
	errBusy        = errors.New("too many requests in flight")
	errNotFound    = errors.New("no such path")
	errNoRecheck   = errors.New("there is no such recheck")
	errAccount     = errors.New("there is no such account")
	errMethod      = errors.New("this path takes the methods of the Allow header")
	errNoKey       = errors.New("no key given")
	errScope       = errors.New("scope missing")
	errPlan        = errors.New("plan is soft")
	errTestKey     = errors.New("test key")
	errRequest     = errors.New("bad request")
	errTooLarge    = errors.New("body too large")
	errAdmission   = errors.New("limits not readable")
	errPanic       = errors.New("panic")
	errHook        = errors.New("there is no such hook: the ESP or the token in the URL is wrong")
	errConfirm     = errors.New("subscription not confirmed")
	errTestVendors = errors.New("test key, vendors")
	errValidation  = errors.New("vendor key not confirmed") // what a validationError Is
	errLater       = errors.New("to be sent again")         // what a laterError Is

	errBudget      = errors.New("budget of reports used up") // what a budgetError Is
	errBudgetLater = errors.New("budget of reports used up, for callers that give up at 429")
)

// requestError says what is wrong with a request, in words for the caller. It
// Is errRequest.
type requestError struct {
	field  string // of the body or the query; empty when none is at fault
	detail string
}

func (e requestError) Error() string { return e.detail }
func (e requestError) Unwrap() error { return errRequest }

// badRequest makes a requestError without a field.
func badRequest(format string, args ...any) error {
	return requestError{detail: fmt.Sprintf(format, args...)}
}

// badField makes a requestError about one field.
func badField(field, format string, args ...any) error {
	return requestError{field: field, detail: field + " " + fmt.Sprintf(format, args...)}
}

// scopeError names the scope that a key lacks. It Is errScope.
type scopeError struct{ scope keys.Scope }

func (e scopeError) Error() string {
	return fmt.Sprintf("this key does not have the scope %s", e.scope)
}
func (e scopeError) Unwrap() error { return errScope }

// sizeError names the limit a body is over. It Is errTooLarge.
type sizeError struct{ max int64 }

func (e sizeError) Error() string { return fmt.Sprintf("the body may have %d KB", e.max>>10) }
func (e sizeError) Unwrap() error { return errTooLarge }

// answerTo is how one error is answered.
type answerTo struct {
	err        error
	status     int
	slug       string // the problem's type is /problems/<slug>, relative to the API (RFC 9457 §3.1.1)
	title      string
	detail     string // "": the error's own text, which is then meant for the caller
	field      string // "": the error's own, if it has one
	retryAfter int    // seconds, unless the error tells them; 0: no Retry-After
}

// answers is the one table from error to problem document. The first row whose
// error the given one Is decides.
func answers() []answerTo {
	const reportsUsedUp = "the reports of this key are used up for now; send this one again after the wait"
	return []answerTo{
		{err: errRequest, status: 400, slug: "bad-request", title: "Bad request"},
		{err: verify.ErrPolicy, status: 400, slug: "bad-request", title: "Bad request", field: "policy"},
		{err: keys.ErrDraft, status: 400, slug: "bad-request", title: "Bad request"},
		{err: keys.ErrCursor, status: 400, slug: "bad-request", title: "Bad request", field: "next"},
		{err: tenant.ErrEntry, status: 400, slug: "bad-request", title: "Bad request"},
		{err: tenant.ErrCursor, status: 400, slug: "bad-request", title: "Bad request", field: "next"},
		{err: overlay.ErrCursor, status: 400, slug: "bad-request", title: "Bad request", field: "next"},
		{err: suppress.ErrCursor, status: 400, slug: "bad-request", title: "Bad request", field: "next"},
		{err: suppress.ErrList, status: 400, slug: "bad-request", title: "Bad request"},
		{err: enroll.ErrCursor, status: 400, slug: "bad-request", title: "Bad request", field: "next"},
		{err: hooks.ErrField, status: 400, slug: "bad-request", title: "Bad request"},
		{err: esp.ErrBody, status: 400, slug: "bad-request", title: "Bad request"},
		{err: esp.ErrSecret, status: 400, slug: "bad-request", title: "Bad request", field: "secret"},
		{err: esp.ErrTopic, status: 400, slug: "bad-request", title: "Bad request", field: "topic_arn"},
		{err: intake.ErrList, status: 400, slug: "bad-request", title: "List not readable"},
		{err: batch.ErrUpload, status: 400, slug: "bad-request", title: "Bad request", field: "upload_id"},
		{err: batch.ErrCursor, status: 400, slug: "bad-request", title: "Bad request", field: "next"},
		{err: notify.ErrCursor, status: 400, slug: "bad-request", title: "Bad request", field: "next"},
		{err: vendors.ErrDraft, status: 400, slug: "bad-request", title: "Bad request"},
		{err: vendors.ErrCursor, status: 400, slug: "bad-request", title: "Bad request", field: "next"},
		{err: errValidation, status: 400, slug: "provider-key-refused", title: "Provider key not confirmed", field: "api_key"},
		// A vendor that finds our request malformed is no outage. Beside the key, which
		// has errors of its own, the address is all that a caller puts into it: so it is
		// the caller's to mend. After a 502 callers would send it again, and gates would
		// open. The error Is ErrFailed, too.
		{err: vendors.ErrRequest, status: 400, slug: "address-refused", title: "Address refused", field: "email"},
		{err: vendors.ErrNone, status: 400, slug: "no-provider", title: "No provider configured",
			detail: "there is no active provider key; add one with POST /v1/email-verifiers/providers"},
		{err: esp.ErrSignature, status: 401, slug: "unauthorized", title: "Not verified"},
		{err: esp.ErrStale, status: 401, slug: "unauthorized", title: "Not verified"},
		{err: hooks.ErrReplay, status: 401, slug: "unauthorized", title: "Not verified"},
		{err: errNoKey, status: 401, slug: "unauthorized", title: "API key needed",
			detail: "send the header Authorization: Bearer KEY, once"},
		{err: keys.ErrUnknown, status: 401, slug: "unauthorized", title: "API key not accepted",
			detail: "the key is wrong, expired or revoked"},
		{err: vendors.ErrCap, status: 402, slug: "quota-used-up", title: "Budget used up",
			detail: "the budget for paid verification is used up"},
		{err: usage.ErrQuota, status: 402, slug: "quota-used-up", title: "Monthly quota used up",
			detail: "the checks of this key for this month, UTC, are used up; RateLimit-Reset tells when the next one begins"},
		{err: errScope, status: 403, slug: "forbidden", title: "Not allowed for this key"},
		{err: errPlan, status: 403, slug: "forbidden", title: "Not allowed for this key", field: "mode",
			detail: "the plan of this key allows soft checks only"},
		{err: errTestKey, status: 403, slug: "forbidden", title: "Not allowed for this key",
			detail: "test keys are not available in this deployment yet; use a live key and addresses under .test"},
		{err: errTestVendors, status: 403, slug: "forbidden", title: "Not allowed for this key",
			detail: "test keys neither change provider keys nor spend their credits; use a live key"},
		{err: errNotFound, status: 404, slug: "not-found", title: "No such path",
			detail: "nothing is served under this path; paths have no final slash and no empty parts"},
		{err: errNoRecheck, status: 404, slug: "not-found", title: "Not found",
			detail: "there is no such recheck, or it was forgotten"},
		{err: keys.ErrNotFound, status: 404, slug: "not-found", title: "Not found"},
		{err: errAccount, status: 404, slug: "not-found", title: "Not found"},
		{err: errHook, status: 404, slug: "not-found", title: "Not found"},
		{err: esp.ErrUnknown, status: 404, slug: "not-found", title: "Not found"},
		{err: hooks.ErrNotFound, status: 404, slug: "not-found", title: "Not found"},
		{err: overlay.ErrNotFound, status: 404, slug: "not-found", title: "Not found"},
		{err: suppress.ErrNotFound, status: 404, slug: "not-found", title: "Not found"},
		{err: enroll.ErrNotFound, status: 404, slug: "not-found", title: "Not found"},
		{err: batch.ErrJob, status: 404, slug: "not-found", title: "Not found"},
		{err: notify.ErrNotFound, status: 404, slug: "not-found", title: "Not found"},
		{err: vendors.ErrKey, status: 404, slug: "not-found", title: "Not found"},
		{err: errMethod, status: 405, slug: "method-not-allowed", title: "Method not allowed"},
		{err: keys.ErrConflict, status: 409, slug: "conflict", title: "Conflict"},
		{err: tenant.ErrConflict, status: 409, slug: "conflict", title: "Conflict"},
		{err: tenant.ErrFull, status: 409, slug: "conflict", title: "Lists full"},
		{err: hooks.ErrConflict, status: 409, slug: "conflict", title: "Conflict"},
		{err: esp.ErrMapping, status: 409, slug: "conflict", title: "No mapping",
			detail: "this hook has no mapping that can be followed; declare one with PUT /v1/hooks/generic"},
		{err: batch.ErrRunning, status: 409, slug: "conflict", title: "Job under way"},
		{err: batch.ErrEnded, status: 409, slug: "conflict", title: "Job has ended"},
		{err: intake.ErrReplaced, status: 409, slug: "conflict", title: "List replaced", field: "upload_id",
			detail: "the list was replaced while it was read; send the request again"},
		{err: collector.ErrNoResults, status: 409, slug: "conflict", title: "No results"},
		{err: notify.ErrConflict, status: 409, slug: "conflict", title: "Conflict"},
		{err: vendors.ErrConflict, status: 409, slug: "conflict", title: "Conflict"},
		{err: vendors.ErrFull, status: 409, slug: "conflict", title: "Too many provider keys"},
		{err: enroll.ErrInProgress, status: 409, slug: "conflict", title: "In progress", field: onceHeader},
		{err: errTooLarge, status: 413, slug: "too-large", title: "Body too large"},
		{err: batch.ErrReused, status: 422, slug: "idempotency-key-reused", title: "Idempotency-Key used before", field: onceHeader},
		{err: enroll.ErrReused, status: 422, slug: "idempotency-key-reused", title: "Idempotency-Key used before", field: onceHeader},
		{err: usage.ErrBusy, status: 429, slug: "too-many-requests", title: "Too many requests", retryAfter: 1,
			detail: "as many requests of this key as it may have at once are under way; send this one again"},
		{err: usage.ErrRate, status: 429, slug: "too-many-requests", title: "Too many requests", retryAfter: 1,
			detail: "this key has sent as many requests as it may in one second; send this one again"},
		{err: errBudget, status: 429, slug: "too-many-requests", title: "Too many reports", retryAfter: 1, detail: reportsUsedUp},
		{err: errLater, status: 429, slug: "too-many-requests", title: "Not available", retryAfter: 1,
			detail: "the events could not be recorded at present; send them again"},
		{err: vendors.ErrFailed, status: 502, slug: "providers-failed", title: "Every provider failed"},
		{err: vendors.ErrLate, status: 503, slug: "unavailable", title: "Not finished", retryAfter: 1,
			detail: "the request took too long; send it again"},
		{err: collector.ErrPreparing, status: 503, slug: "unavailable", title: "Not finished", retryAfter: 1},
		{err: errBudgetLater, status: 503, slug: "unavailable", title: "Too many reports", retryAfter: 1, detail: reportsUsedUp},
		{err: enroll.ErrConflict, status: 503, slug: "unavailable", title: "Too busy", retryAfter: 1},
		{err: overlay.ErrConflict, status: 503, slug: "unavailable", title: "Too busy", retryAfter: 1},
		{err: esp.ErrCertificate, status: 503, slug: "unavailable", title: "Not available", retryAfter: 5},
		{err: errConfirm, status: 503, slug: "unavailable", title: "Not available", retryAfter: 5,
			detail: "the subscription could not be confirmed at Amazon SNS; have it ask again"},
		{err: errBusy, status: 503, slug: "unavailable", title: "Too busy", retryAfter: 1,
			detail: "too many requests are under way; send this one again"},
		{err: errAdmission, status: 503, slug: "unavailable", title: "Not available", retryAfter: 1,
			detail: "the limits of this key cannot be read at present; send the request again"},
		{err: store.ErrThrottled, status: 503, slug: "unavailable", title: "Too busy", retryAfter: 1,
			detail: "the store is too busy; send the request again"},
		// Before the next two: the end of a context may be inside.
		{err: store.ErrUnknown, status: 503, slug: "unavailable", title: "Outcome not known", retryAfter: 1,
			detail: "the store did not say whether this was carried out: what it creates or changes may be there; look before you send it again"},
		{err: context.Canceled, status: 503, slug: "unavailable", title: "Not finished", retryAfter: 1,
			detail: "the request was given up before it was answered; send it again"},
		{err: context.DeadlineExceeded, status: 503, slug: "unavailable", title: "Not finished", retryAfter: 1,
			detail: "the request took too long; send it again"},
	}
}

// answerFor looks an error up. What is not in the table is ours to mend and
// nothing to show.
func answerFor(err error) answerTo {
	for _, row := range answers() {
		if errors.Is(err, row.err) {
			return row
		}
	}
	return answerTo{err: err, status: 500, slug: "internal", title: "Internal error",
		detail: "something went wrong on our side; report the request id if it happens again"}
}

// problem is an RFC 9457 problem document.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`
	Field     string `json:"field,omitempty"`

	Trace []stepShape `json:"trace,omitempty"` // what happened at each vendor, where vendors were asked
}

// writeProblem answers the call's error.
func writeProblem(w http.ResponseWriter, c *call) {
	row := answerFor(c.err)
	p := problem{
		Type: "/problems/" + row.slug, Title: row.title, Status: row.status,
		Detail: row.detail, RequestID: c.id, Field: row.field,
	}
	if p.Detail == "" {
		p.Detail = c.err.Error()
	}
	if field := fieldOf(c.err); field != "" {
		p.Field = field
	}
	var failed *vendors.FailedError
	if errors.As(c.err, &failed) {
		p.Trace = stepsOf(failed.Trace)
	}
	if row.retryAfter > 0 {
		w.Header().Set("Retry-After", retryAfter(c.err, row))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(row.status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(p) // the caller has hung up; there is nobody to tell
}

// fieldOf is the field that the error itself blames.
func fieldOf(err error) string {
	var request requestError
	var draft *keys.DraftError
	var entry *tenant.EntryError
	var hook *hooks.FieldError
	switch {
	case errors.As(err, &request):
		return request.field
	case errors.As(err, &draft):
		return draft.Field
	case errors.As(err, &entry):
		return entry.Field
	case errors.As(err, &hook):
		return hook.Field
	}
	return ""
}

// retryAfter is the wait that the error itself tells, else that of its row.
func retryAfter(err error, row answerTo) string {
	var refused *usage.RefusedError
	if errors.As(err, &refused) {
		return wholeSeconds(refused.RetryAfter)
	}
	var budget budgetError
	if errors.As(err, &budget) {
		return wholeSeconds(budget.after)
	}
	return strconv.Itoa(row.retryAfter)
}
