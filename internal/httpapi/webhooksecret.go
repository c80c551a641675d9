package httpapi

import (
	"net/http"
	"time"

	"rcpt/internal/keys"
)

// rotateWebhookSecret answers POST /v1/webhook-secret/rotate with the new secret
// of the asking key, this once. Any key may: the secret proves what is sent to it
// about its own checks, all of which its API secret can read.
func (a *api) rotateWebhookSecret(w http.ResponseWriter, r *http.Request, c *call) error {
	overlap, err := readOverlap(w, r)
	if err != nil {
		return err
	}
	secret, until, err := a.Book.RotateWebhookSecret(keys.ActingAs(r.Context(), c.key.ID), c.key.ID, overlap)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		WebhookSecret string    `json:"webhook_secret"`
		Until         time.Time `json:"old_secret_valid_until"`
	}{secret, wireTime(until)})
}
