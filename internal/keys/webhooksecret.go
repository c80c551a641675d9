package keys

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"rcpt/internal/store"
)

const (
	// MaxWebhookOverlap is the longest time for which a replaced webhook secret
	// goes on signing: longer than any delivery is tried.
	MaxWebhookOverlap = 7 * 24 * time.Hour

	// webhookFormerMax bounds the signatures that one delivery carries.
	webhookFormerMax = 4
)

// formerSecret is a webhook secret that a rotation has replaced, as it is sealed.
type formerSecret struct {
	Text  string `json:"secret"`
	Until int64  `json:"until"` // Unix ms
}

// WebhookSecrets returns the secrets that sign what is sent on behalf of a key:
// the present one first, behind it those replaced whose overlap has not ended,
// the latest first. ErrNotFound when there is no such key.
func (b *Book) WebhookSecrets(ctx context.Context, id string) ([]string, error) {
	item, err := b.fetch(ctx, id)
	if err != nil {
		return nil, err
	}
	present, err := b.presentSecret(ctx, item)
	if err != nil {
		return nil, err
	}
	former, err := b.formerSecrets(ctx, item)
	if err != nil {
		return nil, err
	}
	secrets := []string{present}
	for _, f := range former {
		secrets = append(secrets, f.Text)
	}
	return secrets, nil
}

// RotateWebhookSecret gives a key a new webhook secret and returns it, this once,
// with the moment at which the one before ceases to sign. Earlier ones that still
// sign cease then, too, if not before. The overlap is 0 to MaxWebhookOverlap.
//
// ErrNotFound; ErrDraft for another overlap; ErrConflict for a revoked key, when
// another rotation comes between, or when four earlier secrets still sign.
func (b *Book) RotateWebhookSecret(ctx context.Context, id string, overlap time.Duration) (string, time.Time, error) {
	if overlap < 0 || overlap > MaxWebhookOverlap {
		return "", time.Time{}, wrong("overlap", "must be from 0s to %.0fh", MaxWebhookOverlap.Hours())
	}
	until := stamp(b.now().Add(overlap))
	fresh, err := newWebhookSecret(b.random)
	if err != nil {
		return "", time.Time{}, err
	}
	var first []byte
	_, err = b.amend(ctx, id, Changed, func(item store.Item) (store.Update, error) {
		if first == nil {
			first = item.Bytes("webhook_secret")
		}
		// Going on would replace a secret that has just been handed out.
		if !bytes.Equal(first, item.Bytes("webhook_secret")) {
			return store.Update{}, fmt.Errorf("%w: its webhook secret was rotated at the same time", ErrConflict)
		}
		return b.renewWebhookSecret(ctx, item, fresh, until)
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return fresh, until, nil
}

func newWebhookSecret(random io.Reader) (string, error) {
	raw := make([]byte, signingOctets)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("draw webhook secret: %w", err)
	}
	return webhookText(raw), nil
}

// webhookText writes a webhook secret (Standard Webhooks, "Signature scheme").
func webhookText(octets []byte) string { return "whsec_" + base64.StdEncoding.EncodeToString(octets) }

// renewWebhookSecret puts a secret before those of an item, which end by then.
func (b *Book) renewWebhookSecret(ctx context.Context, item store.Item, fresh string, until time.Time) (u store.Update, err error) {
	key, end := keyOf(item), until.UnixMilli()
	if !key.RevokedAt.IsZero() {
		return u, errRevoked()
	}
	present, err := b.presentSecret(ctx, item)
	if err != nil {
		return u, err
	}
	former, err := b.formerSecrets(ctx, item)
	if err != nil {
		return u, err
	}
	former = append([]formerSecret{{present, end}}, former...)
	for i := range former {
		former[i].Until = min(former[i].Until, end)
	}
	former = b.valid(former)
	if len(former) > webhookFormerMax {
		return u, fmt.Errorf("%w: %d earlier webhook secrets still sign; an overlap of 0s ends them", ErrConflict, webhookFormerMax)
	}
	sealed, err := b.vault.Seal(ctx, []byte(fresh), sealContext(key))
	if err != nil {
		return u, fmt.Errorf("seal webhook secret: %w", err)
	}
	u.Set = store.Attrs{"webhook_secret": sealed}
	if len(former) == 0 {
		u.Remove = []string{"webhook_former", "webhook_former_until"}
		return u, nil
	}
	text, err := json.Marshal(former)
	if err != nil {
		return u, fmt.Errorf("write former webhook secrets: %w", err)
	}
	if u.Set["webhook_former"], err = b.vault.Seal(ctx, text, sealContext(key)); err != nil {
		return u, fmt.Errorf("seal former webhook secrets: %w", err)
	}
	u.Set["webhook_former_until"] = end // the latest end of all
	return u, nil
}

func (b *Book) presentSecret(ctx context.Context, item store.Item) (string, error) {
	secret, err := b.vault.Open(ctx, item.Bytes("webhook_secret"), sealContext(keyOf(item)))
	if err != nil {
		return "", fmt.Errorf("open webhook secret of key %s: %w", keyOf(item).ID, err)
	}
	return string(secret), nil
}

// formerSecrets opens those replaced that still sign, the latest first. Without
// any there is nothing to open, which would cost a call.
func (b *Book) formerSecrets(ctx context.Context, item store.Item) ([]formerSecret, error) {
	if b.now().UnixMilli() >= item.Int("webhook_former_until") {
		return nil, nil
	}
	text, err := b.vault.Open(ctx, item.Bytes("webhook_former"), sealContext(keyOf(item)))
	if err != nil {
		return nil, fmt.Errorf("open former webhook secrets of key %s: %w", keyOf(item).ID, err)
	}
	var former []formerSecret
	if err := json.Unmarshal(text, &former); err != nil {
		return nil, fmt.Errorf("read former webhook secrets of key %s: %w", keyOf(item).ID, err)
	}
	return b.valid(former), nil
}

// valid leaves out those whose overlap has ended.
func (b *Book) valid(former []formerSecret) []formerSecret {
	now := b.now().UnixMilli()
	return slices.DeleteFunc(former, func(f formerSecret) bool { return f.Until <= now })
}

// sealContext binds a sealed secret to its key: copied to another one it does
// not open.
func sealContext(k Key) map[string]string {
	return map[string]string{"purpose": "webhook-secret", "account": k.Account, "key": k.ID}
}
