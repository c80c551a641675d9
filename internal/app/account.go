package app

import (
	"net/http"

	"rcpt/internal/config"
	"rcpt/internal/httpapi"
	"rcpt/internal/vendors"
)

// Account builds the handler of functions/account: keys, the lists they keep,
// what they reported and what they have used.
func Account(cfg config.Config, p Ports) (http.Handler, error) {
	p = p.observed()
	book := Keys(p)
	return httpapi.New(httpapi.Deps{
		Keys: book, Book: book, Tenant: Tenant(p), Overlay: Overlay(p), Hooks: Hooks(p), Meter: Meter(p), Ledger: Ledger(p), Suppression: Suppression(p),
		ForgetVendors: vendors.NewForgetter(p.Cache, p.Secret).Forget,
		CheckWebhook:  checkWebhook(cfg), Log: p.Log, Metric: p.Metric, Mark: p.Mark, Now: p.Now,
	}, httpapi.AccountRoutes), nil
}
