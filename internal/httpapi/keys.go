package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"rcpt/internal/keys"
)

// seenBy reports whether what belongs to an account exists for a key.
func seenBy(key keys.Key, account string) bool {
	return key.Account == account || key.May(keys.Admin)
}

// findKey finds the key that the path names.
func (a *api) findKey(r *http.Request, c *call) (err error) {
	c.target, err = a.visibleKey(r.Context(), c.key, r.PathValue("id"))
	return err
}

// visibleKey returns the key with this id, or keys.ErrNotFound when the asking
// key may not know of it.
func (a *api) visibleKey(ctx context.Context, asking keys.Key, id string) (keys.Key, error) {
	key, err := a.Book.Find(ctx, id)
	if err != nil {
		return keys.Key{}, err
	}
	if !seenBy(asking, key.Account) {
		return keys.Key{}, keys.ErrNotFound
	}
	return key, nil
}

// keyShape is a key in answers.
type keyShape struct {
	ID        string          `json:"id"`
	Account   string          `json:"account"`
	Label     string          `json:"label"`
	Scopes    []keys.Scope    `json:"scopes"`
	Test      bool            `json:"test"`
	Plan      string          `json:"plan"`
	Policy    json.RawMessage `json:"policy"`      // null: the default
	Webhook   *string         `json:"webhook_url"` // null: none
	Limits    limitsShape     `json:"limits"`
	CreatedAt time.Time       `json:"created_at"`
	ExpiresAt *time.Time      `json:"expires_at"` // null: never
	RevokedAt *time.Time      `json:"revoked_at"` // null: not revoked
}

// limitsShape is the limits of a key; 0 is none.
type limitsShape struct {
	Monthly           int64 `json:"monthly"`
	Concurrency       int64 `json:"concurrency"`
	ReportsPerDay     int64 `json:"reports_per_day"`
	RequestsPerSecond int64 `json:"requests_per_second"`
}

func shapeOf(k keys.Key) keyShape {
	s := keyShape{
		ID: k.ID, Account: k.Account, Label: k.Label, Scopes: k.Scopes, Test: k.Test, Plan: k.Plan,
		Limits: limitsShape(k.Limits), CreatedAt: wireTime(k.CreatedAt),
		ExpiresAt: timeOrNull(k.ExpiresAt), RevokedAt: timeOrNull(k.RevokedAt),
	}
	if len(k.Policy) > 0 {
		s.Policy = k.Policy
	}
	if k.WebhookURL != "" {
		s.Webhook = &k.WebhookURL
	}
	return s
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = wireTime(t)
	return &t
}

// createKey answers POST /v1/keys with the new key and, this once, its secrets.
func (a *api) createKey(w http.ResponseWriter, r *http.Request, c *call) error {
	draft, err := a.readDraft(w, r)
	if err != nil {
		return err
	}
	key, secrets, err := a.Book.Create(keys.ActingAs(r.Context(), c.key.ID), draft)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/keys/"+key.ID)
	return writeJSON(w, http.StatusCreated, struct {
		keyShape
		Secret        string `json:"secret"`
		HookToken     string `json:"hook_token"`
		WebhookSecret string `json:"webhook_secret"`
	}{shapeOf(key), secrets.API, secrets.Hook, secrets.Webhook})
}

// listKeys answers GET /v1/keys with the keys of the account, the operator with
// those of all accounts or of one.
func (a *api) listKeys(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "account", "limit", "next")
	if err != nil {
		return err
	}
	next, limit, err := q.page()
	if err != nil {
		return err
	}
	own := c.key.Account
	if c.key.May(keys.Admin) {
		own = "" // all
	}
	account, err := q.accountFor(c, own)
	if err != nil {
		return err
	}
	found, next, err := a.Book.List(r.Context(), account, next, limit)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Keys []keyShape `json:"keys"`
		Next *string    `json:"next"`
	}{shaped(found, shapeOf), cursor(next)})
}

// showKey answers GET /v1/keys/{id}.
func (a *api) showKey(w http.ResponseWriter, _ *http.Request, c *call) error {
	return writeJSON(w, http.StatusOK, shapeOf(c.target))
}

// changeKey answers PATCH /v1/keys/{id} with the key as it is then.
func (a *api) changeKey(w http.ResponseWriter, r *http.Request, c *call) error {
	patch, err := a.readPatch(w, r)
	if err != nil {
		return err
	}
	key, err := a.Book.Change(keys.ActingAs(r.Context(), c.key.ID), c.target.ID, patch)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, shapeOf(key))
}

// rotateKey answers POST /v1/keys/{id}/rotate with the new secrets.
func (a *api) rotateKey(w http.ResponseWriter, r *http.Request, c *call) error {
	overlap, err := readOverlap(w, r)
	if err != nil {
		return err
	}
	secrets, until, err := a.Book.Rotate(keys.ActingAs(r.Context(), c.key.ID), c.target.ID, overlap)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		ID        string    `json:"id"`
		Secret    string    `json:"secret"`
		HookToken string    `json:"hook_token"`
		Until     time.Time `json:"old_secret_valid_until"`
	}{c.target.ID, secrets.API, secrets.Hook, wireTime(until)})
}

// revokeKey answers DELETE /v1/keys/{id}. The key stays in the lists.
func (a *api) revokeKey(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := a.Book.Revoke(keys.ActingAs(r.Context(), c.key.ID), c.target.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
