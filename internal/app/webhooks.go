package app

import (
	"net/http"

	"rcpt/internal/config"
	"rcpt/internal/hooks"
	"rcpt/internal/httpapi"
	"rcpt/internal/lists"
	"rcpt/internal/overlay"
	"rcpt/internal/verify"
)

// Webhooks builds the handler of functions/webhooks: what a customer's own mail
// brought back, reported by the customer or by its ESPs.
func Webhooks(cfg config.Config, p Ports) (http.Handler, error) {
	p = p.observed()
	book, topics := Keys(p), newTopics(p)
	return httpapi.New(httpapi.Deps{
		Keys: book, Tokens: book, Overlay: Overlay(p), Hooks: Hooks(p), Certificate: topics.certificate, Confirm: topics.confirm,
		PublicURL: cfg.PublicURL, Log: p.Log, Metric: p.Metric, Mark: p.Mark, Now: p.Now,
	}, httpapi.WebhooksRoutes), nil
}

// Overlay is the book of what keys reported.
func Overlay(p Ports) *overlay.Book {
	return overlay.New(overlay.Config{
		Table: p.Control, Vault: p.Vault, Secret: p.Secret, Now: p.Now, Log: p.Log,
		Forget: verify.NewForgetter(p.Cache, p.Secret).Forget,
		Free:   anybodys(p),
	})
}

// anybodys tells the domains where anyone gets an address. Relays are among them:
// everybody's mail comes through them. Without a table in use the built-in data
// of these alone suffices, and the binary stays small.
func anybodys(p Ports) func(domain string) bool {
	if p.Lists == nil {
		return lists.Anybodys()
	}
	return func(domain string) bool { return p.Lists.Table().Anybodys(domain) }
}

// Hooks is the book of what keys declared about their ESPs.
func Hooks(p Ports) *hooks.Book { return hooks.New(p.Control, p.Vault, p.Now) }
