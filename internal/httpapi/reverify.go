package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// Rechecker asks again, later, about addresses whose verdict was UNKNOWN.
type Rechecker interface {
	// Later accepts a recheck and returns its id, "rv_" and up to 61 lower-case
	// letters and digits. Its verdict goes to WebhookURL, if there is one, and is
	// found for some days.
	Later(ctx context.Context, r Recheck) (id string, err error)

	// Find returns a recheck of an account; nil if there is none of that id.
	Find(ctx context.Context, account, id string) (*Rechecked, error)
}

// Recheck is what to ask again.
type Recheck struct {
	Key     string // id of the API key that asked
	Account string
	Test    bool // the key is a test key: its verdicts are simulated

	Email      string      // as given
	Mode       verify.Mode //
	Policy     string      // as the request named it: default, b2b, b2c_strict, own; "": the key's, else default
	Vendors    bool        // paid verifiers may be asked about what then still is UNKNOWN
	WebhookURL string      // of the request, else of the key; ""
	RetryAt    time.Time   // not before; UTC
}

// Rechecked is where a recheck stands.
type Rechecked struct {
	Test    bool             // of a test key: others do not find it, nor does it find theirs
	RetryAt time.Time        // when it is asked next, while there is no verdict
	Verdict *verdict.Verdict // nil: pending
}

const (
	// recheckMargin is the part of timeout_ms kept back, beside answerMargin, for
	// accepting a recheck: an item and a message. UNKNOWN often comes at the
	// deadline.
	recheckMargin = 150 * time.Millisecond

	// recheckWait is when to ask again where nobody stated a wait. Sooner the cache
	// would answer.
	recheckWait = 6 * time.Minute

	// maxRecheckID bounds ids before the store sees them.
	maxRecheckID = 64
)

// followUp is what "on_unknown": "reverify" adds to the answer of a check that
// will be repeated.
type followUp struct {
	ID      string    `json:"id"`
	URL     string    `json:"url"`      // where its verdict will be found
	RetryAt time.Time `json:"retry_at"` // not before
}

// checkFollowUp refuses what this deployment cannot do, and a webhook for nothing:
// only rechecks are announced.
func (a *api) checkFollowUp(q question) error {
	const unavailable = "is not available in this deployment yet; leave it out"
	switch {
	case q.onUnknown == nil && q.webhook == nil:
		return nil
	case !oneOf(q.onUnknown, "reverify"):
		return badField("on_unknown", "must be reverify")
	case q.onUnknown != nil && a.Recheck == nil:
		return badField("on_unknown", "reverify "+unavailable)
	case q.webhook != nil && (a.Recheck == nil || a.CheckWebhook == nil):
		return badField("webhook_url", unavailable)
	case q.onUnknown == nil:
		return badField("webhook_url", `goes with "on_unknown": "reverify" only`)
	case q.webhook == nil:
		return nil
	}
	if err := a.CheckWebhook(*q.webhook); err != nil {
		return badField("webhook_url", "%s", err)
	}
	return nil
}

// followUp has a check repeated later, if it was asked for and the verdict leaves
// something to find out. Nil: nothing is to follow. That a recheck cannot be
// accepted does not cost the verdict.
func (a *api) followUp(ctx context.Context, c *call, q question, request verify.Request, v verdict.Verdict) *followUp {
	if q.onUnknown == nil || v.Status != verdict.Unknown || v.Reason == verdict.SoftOK || ctx.Err() != nil {
		return nil
	}
	r := Recheck{
		Key: c.key.ID, Account: c.key.Account, Test: c.key.Test, Email: request.Email, Mode: request.Mode,
		Vendors: request.Vendors, WebhookURL: c.key.WebhookURL, RetryAt: wireTime(a.recheckAt(v)),
	}
	if q.policy != nil {
		r.Policy = *q.policy
	}
	if q.webhook != nil {
		r.WebhookURL = *q.webhook
	}
	ctx, cancel := context.WithTimeout(ctx, request.Deadline.Add(recheckMargin).Sub(a.Now()))
	defer cancel()
	id, err := a.Recheck.Later(ctx, r)
	if err != nil {
		a.Log.LogAttrs(ctx, slog.LevelError, "recheck not accepted", slog.String("error", err.Error()), slog.String("request_id", c.id))
		return nil
	}
	return &followUp{ID: id, URL: "/v1/verify/" + id, RetryAt: r.RetryAt}
}

// recheckAt is when asking again is worth it. What only wanted time is asked again
// at once: there is more of it then.
func (a *api) recheckAt(v verdict.Verdict) time.Time {
	switch {
	case v.RetryAt != nil:
		return *v.RetryAt
	case v.Reason == verdict.Deadline, v.Reason == verdict.Timeout:
		return a.Now()
	}
	return a.Now().Add(recheckWait)
}

// rechecked answers GET /v1/verify/{recheck}.
func (a *api) rechecked(w http.ResponseWriter, r *http.Request, c *call) error {
	id := r.PathValue("recheck")
	if a.Recheck == nil || len(id) > maxRecheckID {
		return errNoRecheck
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
	defer cancel()
	found, err := a.Recheck.Find(ctx, c.key.Account, id)
	if err != nil {
		return err
	}
	if found == nil || found.Test != c.key.Test {
		return errNoRecheck
	}
	shape := recheckShape{ID: id, Status: "pending"}
	if found.Verdict != nil {
		v := onTheWire(*found.Verdict)
		shape.Status, shape.Verdict = "done", &v
	} else {
		at := wireTime(found.RetryAt)
		shape.RetryAt = &at
	}
	return writeJSON(w, http.StatusOK, shape)
}

// recheckShape is a recheck on the wire.
type recheckShape struct {
	ID      string           `json:"id"`
	Status  string           `json:"status"`             // pending or done
	RetryAt *time.Time       `json:"retry_at,omitempty"` // of what is pending
	Verdict *verdict.Verdict `json:"verdict,omitempty"`  // of what is done
}
