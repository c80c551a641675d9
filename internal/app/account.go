package app

import (
	"net/http"

	"rcpt/internal/config"
	"rcpt/internal/httpapi"
)

// Account builds the handler of functions/account: keys, the lists they keep,
// what they reported and what they have used.
func Account(_ config.Config, p Ports) (http.Handler, error) {
	p = p.observed()
	book := Keys(p)
	return httpapi.New(httpapi.Deps{
		Keys: book, Book: book, Tenant: Tenant(p), Overlay: Overlay(p), Hooks: Hooks(p), Meter: Meter(p), Log: p.Log, Metric: p.Metric, Mark: p.Mark, Now: p.Now,
	}), nil
}
