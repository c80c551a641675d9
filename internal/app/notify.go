package app

import (
	"context"
	"errors"

	"rcpt/internal/config"
	"rcpt/internal/keys"
	"rcpt/internal/notify"
)

// Notifier builds the handler of functions/notifier: one message, one attempt to
// deliver a webhook.
func Notifier(cfg config.Config, p Ports) (func(context.Context, notify.Message) error, error) {
	if p.Control == nil || p.Blob == nil || p.Vault == nil || p.DeliveryQueue == nil {
		return nil, errors.New("deliveries need a table, a vault, files and a queue")
	}
	return Deliveries(cfg, p).Handle, nil
}

// Deliveries is the book of webhooks, for those who post them, too.
func Deliveries(cfg config.Config, p Ports) *notify.Book {
	p = p.observed()
	book := Keys(p)
	return notify.New(notify.Config{
		Table: p.Control, Blob: p.Blob, Queue: p.DeliveryQueue, Secrets: webhookSecrets(book),
		Transport: notify.NewTransport(cfg.WebhookAllow), Allow: cfg.WebhookAllow,
		Now: p.Now, Log: p.Log, Metric: p.Metric,
	})
}

// checkWebhook says of a URL why no webhook is sent there.
func checkWebhook(cfg config.Config) func(url string) error {
	return func(url string) error { return notify.CheckURL(url, cfg.WebhookAllow) }
}

// webhookSecrets are those that sign for a key; a key that is not there has none.
func webhookSecrets(book *keys.Book) func(ctx context.Context, key string) ([]string, error) {
	return func(ctx context.Context, key string) ([]string, error) {
		secrets, err := book.WebhookSecrets(ctx, key)
		if errors.Is(err, keys.ErrNotFound) {
			return nil, nil
		}
		return secrets, err
	}
}
