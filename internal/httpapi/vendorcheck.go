package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"
	"unicode/utf8"

	"rcpt/internal/address"
	"rcpt/internal/vendors"
)

const (
	// maxBulk bounds the addresses of one request, maxBulkBody its body in octets
	// (contract, "Rate headers").
	maxBulk     = 500
	maxBulkBody = 256 << 10

	// vendorMargin is the part of vendorsWithin kept back for what comes after the
	// last verdict: sealing and queueing what was not reached, two calls to
	// services of some tens of milliseconds, and a hundred KB of answer.
	vendorMargin = time.Second
)

// vendorVerdict is what vendors say about one address.
type vendorVerdict struct {
	Email          string                 `json:"email"`    // as given
	Provider       *vendors.Name          `json:"provider"` // null: none has answered
	Status         vendors.Status         `json:"status"`
	Deliverability vendors.Deliverability `json:"deliverability"`
	Disposable     *bool                  `json:"is_disposable"` // null: the vendor does not say, as the next three
	Role           *bool                  `json:"is_role"`
	CatchAll       *bool                  `json:"is_catch_all"`
	Confidence     *float64               `json:"confidence"`
	Raw            *string                `json:"raw_status"`
	LatencyMS      int64                  `json:"latency_ms"`
	Cost           float64                `json:"cost_estimate_usd"`
	CacheHit       bool                   `json:"_cache_hit"`
	Trace          []stepShape            `json:"trace"`
	Error          string                 `json:"error,omitempty"` // why there is no verdict, then unknown
}

// stepShape is what happened at one vendor key.
type stepShape struct {
	Provider  vendors.Name `json:"provider"`
	KeyID     int64        `json:"key_id"`
	Outcome   string       `json:"outcome"`
	Error     string       `json:"error,omitempty"`
	LatencyMS int64        `json:"latency_ms"`
}

func stepsOf(trace []vendors.Step) []stepShape {
	shapes := make([]stepShape, len(trace))
	for i, s := range trace {
		shapes[i] = stepShape{s.Vendor, s.KeyID, s.Outcome, s.Error, s.Latency.Milliseconds()}
	}
	return shapes
}

// dollars writes micro-dollars as a number of dollars.
func dollars(micro int64) float64 { return float64(micro) / 1e6 }

func vendorVerdictOf(email string, answer vendors.Answer) vendorVerdict {
	return vendorVerdict{
		Email: email, Provider: &answer.Vendor, Status: answer.Status, Deliverability: answer.Deliverability,
		Disposable: answer.Disposable, Role: answer.Role, CatchAll: answer.CatchAll, Confidence: answer.Confidence,
		Raw: &answer.Raw, LatencyMS: answer.Latency.Milliseconds(), Cost: dollars(answer.Cost), CacheHit: answer.Cached,
		Trace: stepsOf(answer.Trace),
	}
}

// undecidedFor is the verdict that nobody gave.
func undecidedFor(email, why string, trace []vendors.Step) vendorVerdict {
	return vendorVerdict{
		Email: email, Status: vendors.Unknown, Deliverability: vendors.Undecided, Trace: stepsOf(trace), Error: why,
	}
}

// askVendors answers POST /v1/email-verifiers/verify.
func (a *api) askVendors(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := notTest(c); err != nil {
		return err
	}
	body, err := readBody(w, r, maxQuestion)
	if err != nil {
		return err
	}
	var email *string
	request := vendorRequest(c, vendors.Manual)
	if err := decodeObject(body, map[string]any{"email": &email, "fresh": &request.Fresh}); err != nil {
		return err
	}
	if request.Address, err = emailOf(email); err != nil {
		return err
	}
	deadline, leave, err := a.enterVendors(w, r, c)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(r.Context(), deadline.Sub(a.Now()))
	defer cancel()
	answer, err := a.Chain.Verify(ctx, request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, vendorVerdictOf(*email, answer))
}

func vendorRequest(c *call, action vendors.Action) vendors.Request {
	return vendors.Request{Account: c.key.Account, Key: c.key.ID, Action: action}
}

// askVendorsAll answers POST /v1/email-verifiers/verify-bulk, in the order of the
// addresses. An address without a verdict does not fail the others.
func (a *api) askVendorsAll(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := notTest(c); err != nil {
		return err
	}
	body, err := readBody(w, r, maxBulkBody)
	if err != nil {
		return err
	}
	var emails maybe[[]string]
	request := vendorRequest(c, vendors.Bulk)
	if err := decodeObject(body, map[string]any{"emails": &emails, "fresh": &request.Fresh}); err != nil {
		return err
	}
	list, err := bulkOf(emails)
	if err != nil {
		return err
	}
	deadline, leave, err := a.enterVendors(w, r, c)
	if err != nil {
		return err
	}
	defer leave()
	results, err := a.vendorResults(r.Context(), request, list, deadline)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Count   int             `json:"count"`
		Results []vendorVerdict `json:"results"`
	}{len(results), results})
}

// enterVendors lets in a request that vendors answer until the deadline. leave must be
// called when it is over.
func (a *api) enterVendors(w http.ResponseWriter, r *http.Request, c *call) (deadline time.Time, leave func(), err error) {
	deadline = c.received.Add(vendorsWithin - vendorMargin)
	leave, _, err = a.enter(w, r, c, deadline)
	return deadline, leave, err
}

// bulkOf is the addresses of a request for many, each of a length that there can
// be.
func bulkOf(emails maybe[[]string]) ([]string, error) {
	if emails.value == nil {
		return nil, badField("emails", "is required: an array of addresses")
	}
	if n := len(*emails.value); n < 1 || n > maxBulk {
		return nil, badField("emails", "must have 1 to %d addresses", maxBulk)
	}
	for i, email := range *emails.value {
		if utf8.RuneCountInString(email) > maxEmail {
			return nil, badField("emails", "may have %d characters each; number %d has more", maxEmail, i+1)
		}
	}
	return *emails.value, nil
}

// vendorResults asks vendors about those of the texts that are addresses, and
// leaves to the queue what they are not reached with.
func (a *api) vendorResults(ctx context.Context, request vendors.Request, list []string, deadline time.Time) ([]vendorVerdict, error) {
	results := make([]vendorVerdict, len(list))
	var addresses []address.Address
	var places []int // of the addresses in the results
	for i, email := range list {
		parsed, err := address.Parse(email)
		if err != nil {
			results[i] = undecidedFor(email, fmt.Sprintf("email is no mail address: %s", err), nil)
			continue
		}
		addresses, places = append(addresses, parsed), append(places, i)
	}
	limited, cancel := context.WithTimeout(ctx, deadline.Sub(a.Now()))
	defer cancel()
	outcomes, err := a.Chain.VerifyAll(limited, request, addresses)
	if err != nil {
		return nil, err
	}
	var late []address.Address
	for i, o := range outcomes {
		email := list[places[i]]
		if o.Err == nil {
			results[places[i]] = vendorVerdictOf(email, o.Answer)
			continue
		}
		results[places[i]] = undecidedFor(email, a.vendorProblem(ctx, o.Err), traceOf(o.Err))
		if errors.Is(o.Err, vendors.ErrLate) {
			late = append(late, addresses[i])
		}
	}
	a.leaveRest(ctx, request, late)
	return results, nil
}

// leaveRest queues what was not reached. The answer is worth as much when that
// fails: whoever repeats the request has it done then.
func (a *api) leaveRest(ctx context.Context, request vendors.Request, late []address.Address) {
	if len(late) == 0 || a.Rests == nil {
		return
	}
	if err := a.Rests.Leave(ctx, request, late); err != nil {
		a.Log.LogAttrs(ctx, slog.LevelError, "rest of request not queued", slog.Int("addresses", len(late)), slog.String("error", err.Error()))
	}
}

// vendorProblem is why one of many has no verdict, in words for the caller.
func (a *api) vendorProblem(ctx context.Context, err error) string {
	for _, told := range []error{vendors.ErrFailed, vendors.ErrLate, vendors.ErrNone, vendors.ErrCap} {
		if errors.Is(err, told) {
			return err.Error()
		}
	}
	a.Log.LogAttrs(ctx, slog.LevelError, "address not verified", slog.String("error", err.Error()))
	return "internal: something went wrong on our side"
}

func traceOf(err error) []vendors.Step {
	var failed *vendors.FailedError
	if errors.As(err, &failed) {
		return failed.Trace
	}
	return nil
}
