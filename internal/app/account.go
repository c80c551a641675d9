package app

import (
	"net/http"

	"rcpt/internal/config"
	"rcpt/internal/httpapi"
)

// Account builds the handler of functions/account: keys and what they have used.
func Account(_ config.Config, p Ports) (http.Handler, error) {
	book := Keys(p)
	return httpapi.New(httpapi.Deps{Keys: book, Book: book, Meter: Meter(p), Log: p.Log, Now: p.Now}), nil
}
