package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/keys"
	"rcpt/internal/overlay"
)

const (
	// apiSource is who says what came by POST /v1/report-bounce.
	apiSource = "api"

	// maxEventID is the longest event_id, in characters.
	maxEventID = 200
)

// budgetError says that a key reported as much as it may for now. It Is
// errBudget, or errBudgetLater for a caller that gives up at a 429.
type budgetError struct {
	after time.Duration
	later bool
}

func (e budgetError) Error() string { return "budget of reports used up" }

func (e budgetError) Unwrap() error {
	if e.later {
		return errBudgetLater
	}
	return errBudget
}

// reportBounce answers POST /v1/report-bounce.
func (a *api) reportBounce(w http.ResponseWriter, r *http.Request, c *call) error {
	body, err := readBody(w, r, maxQuestion)
	if err != nil {
		return err
	}
	event, err := a.readReport(body)
	if err != nil {
		return err
	}
	o, err := a.record(r.Context(), c, apiSource, []overlay.Event{event}, overlay.Terms{})
	if err != nil {
		return err
	}
	if o.Refused > 0 {
		return budgetError{after: o.RetryAfter}
	}
	return writeJSON(w, http.StatusAccepted, struct {
		Recorded  bool `json:"recorded"`
		Duplicate bool `json:"duplicate"`
	}{o.Recorded > 0, o.Duplicates > 0})
}

// readReport reads the body of a report.
func (a *api) readReport(body []byte) (overlay.Event, error) {
	var email, reason, at, id *string
	fields := map[string]any{"email": &email, "reason": &reason, "occurred_at": &at, "event_id": &id}
	if err := decodeObject(body, fields); err != nil {
		return overlay.Event{}, err
	}
	parsed, err := emailOf(email)
	if err != nil {
		return overlay.Event{}, err
	}
	if reason == nil || !overlay.Reason(*reason).Valid() {
		return overlay.Event{}, badField("reason", "must be hard_bounce, soft_bounce, spam_complaint or unsubscribe")
	}
	e := overlay.Event{Email: parsed.String(), Reason: overlay.Reason(*reason), Source: apiSource}
	if at != nil {
		if e.OccurredAt, err = time.Parse(time.RFC3339, *at); err != nil {
			return overlay.Event{}, badField("occurred_at", "must be a time such as 2027-01-31T12:00:00Z (RFC 3339)")
		}
	}
	e.ID, err = a.eventID(id, e)
	return e, err
}

// emailOf reads the address that is required.
func emailOf(text *string) (address.Address, error) {
	if text == nil {
		return address.Address{}, badField("email", "is required")
	}
	parsed, err := address.Parse(*text)
	if err != nil {
		return address.Address{}, badField("email", "is no mail address: %s", err)
	}
	return parsed, nil
}

// eventID makes the id of a report: of what the caller calls it, else of what it
// says, so that a request sent again counts once. A report that says no time has
// none but its own.
func (a *api) eventID(given *string, e overlay.Event) (string, error) {
	switch {
	case given != nil && (*given == "" || len([]rune(*given)) > maxEventID):
		return "", badField("event_id", "must have 1 to %d characters", maxEventID)
	case given != nil:
		return apiSource + ":id-" + digest(*given), nil
	case !e.OccurredAt.IsZero():
		return apiSource + ":of-" + digest(strings.ToLower(e.Email), string(e.Reason), e.OccurredAt.UTC().Format(time.RFC3339Nano)), nil
	}
	var octets [16]byte
	if _, err := io.ReadFull(a.Rand, octets[:]); err != nil {
		return "", fmt.Errorf("draw id of a report: %w", err)
	}
	return apiSource + ":" + hex.EncodeToString(octets[:]), nil
}

// digest names texts by 160 bits; no two lists of them share one.
func digest(texts ...string) string {
	h := sha256.New()
	for _, text := range texts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil)[:20])
}

// record hands events to the overlay and counts what became of them:
//
//	reports_recorded, reports_duplicate  by source
func (a *api) record(ctx context.Context, c *call, source string, events []overlay.Event, terms overlay.Terms) (overlay.Outcome, error) {
	o, err := a.Overlay.Record(ctx, overlayKey(c.key), events, c.received, terms)
	for name, n := range map[string]int{"reports_recorded": o.Recorded, "reports_duplicate": o.Duplicates} {
		if n > 0 {
			a.Metric(name, float64(n), "source", source)
		}
	}
	return o, err
}

// overlayKey is the key as the overlay knows it.
func overlayKey(k keys.Key) overlay.Key {
	return overlay.Key{ID: k.ID, Account: k.Account, ReportsPerDay: k.Limits.ReportsPerDay, Test: k.Test}
}

// laterError is an error of ours, to be answered with what makes the caller send
// the request again. It Is errLater.
type laterError struct{ cause error }

func (e laterError) Error() string { return e.cause.Error() }
func (e laterError) Unwrap() error { return errLater }

// causeOf is what went wrong behind the way it is answered.
func causeOf(err error) error {
	var later laterError
	if errors.As(err, &later) {
		return later.cause
	}
	return err
}
