package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"rcpt/internal/keys"
	"rcpt/internal/verify"
)

const (
	// maxDraft bounds the bodies about keys, in octets. A policy may have 8 KB.
	maxDraft = 64 << 10

	// maxAccount is the longest name of an account, in characters.
	maxAccount = 128

	// defaultOverlap is for how long a replaced secret works on unless told
	// otherwise: a day to bring the new one everywhere.
	defaultOverlap = 24 * time.Hour
)

// properties are what a body may say of a key. Null is the value that a key has
// when nothing is said.
type properties struct {
	label, plan, expiresAt, webhook                  maybe[string]
	scopes                                           maybe[[]string]
	policy, limits                                   maybe[json.RawMessage]
	monthly, concurrency, reports, requestsPerSecond maybe[int64]
}

func (p *properties) fields() map[string]any {
	return map[string]any{
		"label": &p.label, "plan": &p.plan, "expires_at": &p.expiresAt, "scopes": &p.scopes,
		"policy": &p.policy, "limits": &p.limits, "webhook_url": &p.webhook,
	}
}

// readDraft reads the body of POST /v1/keys.
func (a *api) readDraft(w http.ResponseWriter, r *http.Request) (keys.Draft, error) {
	body, err := readBody(w, r, maxDraft)
	if err != nil {
		return keys.Draft{}, err
	}
	var p properties
	var account *string
	var test bool
	fields := p.fields()
	fields["account"], fields["test"] = &account, &test
	if err := decodeObject(body, fields); err != nil {
		return keys.Draft{}, err
	}
	if account == nil {
		return keys.Draft{}, badField("account", "is required")
	}
	patch, err := a.patch(p)
	if err != nil {
		return keys.Draft{}, err
	}
	return draftOf(*account, test, patch), nil
}

// draftOf is the key that nothing is said of, patched.
func draftOf(account string, test bool, p keys.Patch) keys.Draft {
	limits := keys.DefaultLimits()
	for _, one := range []struct{ limit, with *int64 }{
		{&limits.Monthly, p.Limits.Monthly}, {&limits.Concurrency, p.Limits.Concurrency},
		{&limits.ReportsPerDay, p.Limits.ReportsPerDay}, {&limits.RequestsPerSecond, p.Limits.RequestsPerSecond},
	} {
		if one.with != nil {
			*one.limit = *one.with
		}
	}
	d := keys.Draft{Account: account, Test: test, Scopes: p.Scopes, Policy: p.Policy, Limits: &limits}
	if p.Label != nil {
		d.Label = *p.Label
	}
	if p.Plan != nil {
		d.Plan = *p.Plan
	}
	if p.ExpiresAt != nil {
		d.ExpiresAt = *p.ExpiresAt
	}
	if p.WebhookURL != nil {
		d.WebhookURL = *p.WebhookURL
	}
	return d
}

// readPatch reads the body of PATCH /v1/keys/{id}.
func (a *api) readPatch(w http.ResponseWriter, r *http.Request) (keys.Patch, error) {
	body, err := readBody(w, r, maxDraft)
	if err != nil {
		return keys.Patch{}, err
	}
	var p properties
	if err := decodeObject(body, p.fields()); err != nil {
		return keys.Patch{}, err
	}
	// Null would give a key that may little more than it may.
	if p.scopes.cleared() {
		return keys.Patch{}, badField("scopes", "must be an array of strings; leave it out if it is to stay")
	}
	return a.patch(p)
}

// patch checks what needs more than a look at its type, and puts for null what a
// key has when nothing is said.
func (a *api) patch(p properties) (patch keys.Patch, err error) {
	patch.Label, patch.Plan = orDefault(p.label, ""), orDefault(p.plan, "")
	if patch.Scopes, err = scopesOf(p.scopes); err != nil {
		return patch, err
	}
	if patch.Policy, err = policyOf(p.policy); err != nil {
		return patch, err
	}
	if patch.WebhookURL, err = a.webhookOf(p.webhook); err != nil {
		return patch, err
	}
	if patch.ExpiresAt, err = timeOf("expires_at", p.expiresAt); err != nil {
		return patch, err
	}
	patch.Limits, err = p.limitsPatch()
	return patch, err
}

// orDefault is nil for an absent field.
func orDefault[T any](m maybe[T], null T) *T {
	if m.cleared() {
		return &null
	}
	return m.value
}

func scopesOf(m maybe[[]string]) ([]keys.Scope, error) {
	if m.value == nil {
		return nil, nil
	}
	if len(*m.value) == 0 {
		return nil, badField("scopes", "must name at least one")
	}
	scopes := make([]keys.Scope, len(*m.value))
	for i, word := range *m.value {
		scopes[i] = keys.Scope(word)
	}
	return scopes, nil
}

// policyOf checks a policy and takes the blanks out of it.
func policyOf(m maybe[json.RawMessage]) ([]byte, error) {
	if m.cleared() {
		return []byte{}, nil
	}
	if m.value == nil {
		return nil, nil
	}
	text := *m.value
	switch {
	case text[0] == '{':
		// ParsePolicy takes names without case and twice; what is stored is read
		// by others, too.
		fields := rules()
		if err := decodeFields(text, "policy.", fields); err != nil {
			return nil, err
		}
		if base := *fields["extends"].(**string); base != nil && *base == "" {
			return nil, badField("policy.extends", "must be the name of a policy")
		}
	case text[0] != '"' || string(text) == `""`:
		return nil, badField("policy", "must be the name of a policy, an object or null")
	}
	if _, err := verify.ParsePolicy(text); err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	err := json.Compact(&compact, text)
	return compact.Bytes(), err
}

// webhookOf checks where the results of a key's jobs are to be sent. An empty
// text is none, like null.
func (a *api) webhookOf(m maybe[string]) (*string, error) {
	if m.value == nil || *m.value == "" {
		return orDefault(m, ""), nil
	}
	if a.CheckWebhook == nil {
		return nil, badField("webhook_url", "is not available in this deployment")
	}
	if err := a.CheckWebhook(*m.value); err != nil {
		return nil, badField("webhook_url", "%v", err)
	}
	return m.value, nil
}

// rules has a destination for every field of a policy.
func rules() map[string]any {
	fields := make(map[string]any)
	for _, name := range []string{
		"extends", "valid", "invalid", "disposable", "disposable_suspected", "catch_all", "unconfirmed", "mailbox_full", "spam_trap",
		"possible_typo", "soft_bounced", "soft_bounced_repeated", "temporary", "undecidable", "soft_ok", "role", "free", "relay", "tag",
	} {
		fields[name] = new(*string)
	}
	return fields
}

func timeOf(name string, m maybe[string]) (*time.Time, error) {
	if m.value == nil {
		return orDefault(maybe[time.Time]{given: m.given}, time.Time{}), nil
	}
	t, err := time.Parse(time.RFC3339, *m.value)
	if err != nil {
		return nil, badField(name, "must be a time such as 2027-01-31T12:00:00Z (RFC 3339) or null")
	}
	return &t, nil
}

// limitsPatch reads the object of limits. Null for all of them is null for each.
func (p *properties) limitsPatch() (keys.LimitsPatch, error) {
	each := map[string]any{
		"monthly": &p.monthly, "concurrency": &p.concurrency, "reports_per_day": &p.reports, "requests_per_second": &p.requestsPerSecond,
	}
	if p.limits.cleared() {
		for _, one := range each {
			one.(*maybe[int64]).given = true
		}
	}
	if p.limits.value != nil {
		if (*p.limits.value)[0] != '{' {
			return keys.LimitsPatch{}, badField("limits", "must be an object or null")
		}
		if err := decodeFields(*p.limits.value, "limits.", each); err != nil {
			return keys.LimitsPatch{}, err
		}
	}
	none := keys.DefaultLimits()
	return keys.LimitsPatch{
		Monthly: orDefault(p.monthly, none.Monthly), Concurrency: orDefault(p.concurrency, none.Concurrency),
		ReportsPerDay:     orDefault(p.reports, none.ReportsPerDay),
		RequestsPerSecond: orDefault(p.requestsPerSecond, none.RequestsPerSecond),
	}, nil
}

// readOverlap reads the body of POST /v1/keys/{id}/rotate, which may be empty.
func readOverlap(w http.ResponseWriter, r *http.Request) (time.Duration, error) {
	body, err := readBody(w, r, maxDraft)
	if err != nil || len(bytes.TrimLeft(body, jsonSpace)) == 0 {
		return defaultOverlap, err
	}
	var text *string
	if err := decodeObject(body, map[string]any{"overlap": &text}); err != nil {
		return defaultOverlap, err
	}
	return overlapOf(text)
}

// overlapOf is for how long a secret that is replaced goes on working.
func overlapOf(text *string) (time.Duration, error) {
	if text == nil {
		return defaultOverlap, nil
	}
	overlap, err := time.ParseDuration(*text)
	if err != nil {
		return 0, badField("overlap", "must be a duration such as 24h, 90m or 0s")
	}
	return overlap, nil
}
