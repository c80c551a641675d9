package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"rcpt/internal/keys"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

const (
	// maxQuestion bounds the body of /v1/verify and /v1/check, in octets
	// (contract, "Rate headers").
	maxQuestion = 64 << 10

	// maxEmail is the longest address there can be, in characters, as JSON Schema
	// counts: 64 of local part, the at sign, 255 of domain (RFC 5321 §4.5.3.1,
	// where they are octets). A longer text is a mistake of the caller, not an
	// address to judge.
	maxEmail = 320

	// answerMargin is the part of timeout_ms kept back for what comes after the
	// verdict: one write that settles the check (some milliseconds), encoding the
	// answer (under 1 ms), waiting for a processor when thousands of
	// requests end together, and Lambda handing the answer to the gateway (tens
	// of milliseconds). It is small against the shortest timeout, 500 ms.
	answerMargin = 75 * time.Millisecond
)

// Bounds of timeout_ms. The upper one leaves the gateway, which gives up at
// 30 s, time to start us.
const (
	minTimeoutMS     = 500
	maxTimeoutMS     = 25_000
	defaultTimeoutMS = 4_500
)

// verify answers POST /v1/verify with a verdict.Verdict.
func (a *api) verify(w http.ResponseWriter, r *http.Request, c *call) error {
	v, next, err := a.ask(w, r, c)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, verified{v, next})
}

// verified is the answer of /v1/verify.
type verified struct {
	verdict.Verdict
	Reverify *followUp `json:"reverify,omitempty"` // what is to follow, if anything
}

// ask reads the question that /v1/verify and /v1/check share and, if the limits
// of the key allow, has it answered. next is what is to follow, if anything.
func (a *api) ask(w http.ResponseWriter, r *http.Request, c *call) (v verdict.Verdict, next *followUp, err error) {
	verifier := a.Verifier
	if c.key.Test {
		verifier = a.TestVerifier
	}
	if verifier == nil {
		return v, nil, errTestKey
	}
	body, err := readBody(w, r, maxQuestion)
	if err != nil {
		return v, nil, err
	}
	q, err := readQuestion(body)
	if err != nil {
		return v, nil, err
	}
	if err := a.checkFollowUp(q); err != nil {
		return v, nil, err
	}
	request, err := q.request(c)
	if err != nil {
		return v, nil, err
	}
	if request.Vendors { // that spends the account's money
		if err := authorize(keys.Providers, w, c); err != nil {
			return v, nil, err
		}
	}
	ticket, err := a.admit(w, r, c, request.Deadline)
	if err != nil {
		return v, nil, err
	}
	v = onTheWire(a.admitted(r.Context(), c, ticket, verifier, request))
	return v, a.followUp(r.Context(), c, q, request, v), nil
}

// question is the body of /v1/verify and /v1/check, with its defaults. What is
// nil is absent or null.
type question struct {
	email     *string
	mode      *string
	policy    *string
	timeoutMS int64
	fresh     bool
	explain   bool
	vendors   *string
	onUnknown *string
	webhook   *string
}

func readQuestion(body []byte) (question, error) {
	q := question{timeoutMS: defaultTimeoutMS}
	err := decodeObject(body, map[string]any{
		"email": &q.email, "mode": &q.mode, "policy": &q.policy, "timeout_ms": &q.timeoutMS, "fresh": &q.fresh,
		"explain": &q.explain, "vendors": &q.vendors, "on_unknown": &q.onUnknown, "webhook_url": &q.webhook,
	})
	if err != nil {
		return question{}, err
	}
	return q, q.check()
}

// check refuses values outside of their lists and ranges. What this deployment
// cannot do is refused elsewhere: an option that was ignored would promise
// something.
func (q question) check() error {
	switch {
	case q.email == nil:
		return badField("email", "is required")
	case utf8.RuneCountInString(*q.email) > maxEmail:
		return badField("email", "may have %d characters", maxEmail)
	case !oneOf(q.mode, string(verify.Soft), string(verify.Full)):
		return badField("mode", "must be soft or full")
	case q.policy != nil && *q.policy == "":
		return badField("policy", "must be the name of a policy")
	case q.timeoutMS < minTimeoutMS || q.timeoutMS > maxTimeoutMS:
		return badField("timeout_ms", "must be from %d to %d", minTimeoutMS, maxTimeoutMS)
	case !oneOf(q.vendors, "off", "on_unknown"):
		return badField("vendors", "must be off or on_unknown")
	}
	return nil
}

// oneOf reports whether a field has one of the words, or no value at all.
func oneOf(field *string, words ...string) bool {
	return field == nil || slices.Contains(words, *field)
}

// request turns the question into what the verifier takes, in the light of the
// key that asks.
func (q question) request(c *call) (verify.Request, error) {
	mode, err := q.modeFor(c.key)
	if err != nil {
		return verify.Request{}, err
	}
	policy, err := policyFor(q.policy, c.key)
	if err != nil {
		return verify.Request{}, err
	}
	margin := answerMargin
	if q.onUnknown != nil {
		margin += recheckMargin
	}
	return verify.Request{
		Scope: c.key.ID, Account: c.key.Account, Email: *q.email, Mode: mode, Policy: policy,
		Received: c.received,
		Deadline: c.received.Add(time.Duration(q.timeoutMS)*time.Millisecond - margin),
		Fresh:    q.fresh, Explain: q.explain, Vendors: q.vendors != nil && *q.vendors == "on_unknown",
	}, nil
}

// modeFor is the mode asked for, else the fullest one that the key's plan
// allows.
func (q question) modeFor(key keys.Key) (verify.Mode, error) {
	if key.Plan != keys.PlanSoft {
		if q.mode == nil {
			return verify.Full, nil
		}
		return verify.Mode(*q.mode), nil
	}
	if q.mode != nil && *q.mode == string(verify.Full) {
		return "", errPlan
	}
	return verify.Soft, nil
}

// policyFor is the policy named, where own is the key's, or the key's if none
// is named.
func policyFor(name *string, key keys.Key) (verify.Policy, error) {
	if !oneOf(name, "own") {
		return verify.PolicyNamed(*name)
	}
	if name != nil && len(key.Policy) == 0 {
		return verify.Policy{}, badField("policy", "own is not set for this key")
	}
	policy, err := verify.ParsePolicy(key.Policy)
	if errors.Is(err, verify.ErrPolicy) {
		// What is stored on the key was checked when it was stored: not the
		// caller's mistake.
		return verify.Policy{}, fmt.Errorf("read policy of key %s: %v", key.ID, err)
	}
	return policy, err
}

// onTheWire writes the times of a verdict as the contract wants them: UTC, to
// the millisecond.
func onTheWire(v verdict.Verdict) verdict.Verdict {
	v.CheckedAt = wireTime(v.CheckedAt)
	for _, t := range []**time.Time{&v.RetryAt, &v.AccountHistory.OccurredAt} {
		if *t != nil {
			at := wireTime(**t)
			*t = &at
		}
	}
	return v
}

func wireTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// writeJSON answers with a status of success. The body is complete before the
// first octet leaves, so that what cannot be encoded is still a proper error.
func writeJSON(w http.ResponseWriter, status int, answer any) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(answer); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // the caller has hung up; there is nobody to tell
	return nil
}
