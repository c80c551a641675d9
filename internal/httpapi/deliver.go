package httpapi

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"rcpt/internal/esp"
	"rcpt/internal/hooks"
	"rcpt/internal/keys"
	"rcpt/internal/overlay"
)

// maxDelivery bounds the body of a webhook, in octets.
const maxDelivery = 5 << 20

// What an ESP's webhook is answered, by status. No other one: ESPs give up at
// 403, 406 and 410, and nobody follows a redirect.
//
//	200  taken in: reports, ignored events, duplicates, handshakes
//	400  no body of this ESP
//	401  not from the ESP, or too old
//	404  no such ESP, or no such token: which of them is not told
//	409  the generic ESP without a mapping
//	413  more than 5 MB
//	429  over budget; for Brevo also what went wrong with us
//	500  503  what went wrong with us; 503 also over budget, where the mapping says so

// deliver answers /v1/hooks/{esp}/{token}.
func (a *api) deliver(w http.ResponseWriter, r *http.Request, c *call) error {
	return a.deliverTo(w, r, c, r.PathValue("esp"), r.PathValue("token"))
}

// deliverFrom answers /v1/report-bounce/{source}?key={token}.
func (a *api) deliverFrom(w http.ResponseWriter, r *http.Request, c *call) error {
	slug, from := strings.CutPrefix(r.PathValue("source"), "from-")
	if !from {
		slug = ""
	}
	return a.deliverTo(w, r, c, slug, r.URL.Query().Get("key"))
}

func (a *api) deliverTo(w http.ResponseWriter, r *http.Request, c *call, slug, token string) error {
	// Brevo throws an event away at any 5xx ("Webhook retries", seen 2026), also
	// when it is the token that cannot be looked up.
	c.patient = slug == "brevo" && r.Method == http.MethodPost
	// The token is looked up whatever the ESP, so that neither words nor time tell
	// which of them was wrong.
	key, err := a.Tokens.AuthenticateHook(r.Context(), token)
	if _, known := esp.Find(slug); !known || errors.Is(err, keys.ErrUnknown) {
		return errHook
	}
	if err != nil {
		return err
	}
	c.key = key
	r = r.WithContext(a.Mark(r.Context(), "key", key.ID))
	var body []byte
	if r.Method == http.MethodPost {
		if body, err = readRaw(w, r, maxDelivery); err != nil {
			return err
		}
	}
	d, err := a.readDelivery(r, c, slug, body)
	if err != nil {
		return a.unverified(w, slug, err)
	}
	return a.takeIn(w, r, c, slug, d)
}

// unverified counts requests that are not from the ESP, and challenges them:
// some clients send what stands in their URL only then.
func (a *api) unverified(w http.ResponseWriter, slug string, err error) error {
	if errors.Is(err, esp.ErrSignature) || errors.Is(err, esp.ErrStale) || errors.Is(err, hooks.ErrReplay) {
		a.Metric("hooks_unverified", 1, "esp", slug)
		w.Header().Set("WWW-Authenticate", `Basic realm="rcpt"`)
	}
	return err
}

// readDelivery verifies a request and reads what it says.
func (a *api) readDelivery(r *http.Request, c *call, slug string, body []byte) (esp.Delivery, error) {
	owner := hookKey(c.key)
	hook, err := a.Hooks.Open(r.Context(), owner, slug)
	if err != nil {
		return esp.Delivery{}, err
	}
	if a.Certificate != nil {
		hook.Certificate = func(url string) (*x509.Certificate, error) { return a.Certificate(r.Context(), url) }
	}
	d, err := esp.Read(slug, hook, esp.Request{Method: r.Method, URL: a.urlOf(r), Heard: heardAs(r), Header: r.Header, Body: body, Received: c.received})
	if err != nil {
		return esp.Delivery{}, err
	}
	if d.Token != "" { // ignored events use it up, too: it signs none of what stands beside it
		err = a.Hooks.Claim(r.Context(), owner, slug, d.Token, d.Events)
	}
	return d, err
}

// takeIn records what a request says and answers it.
func (a *api) takeIn(w http.ResponseWriter, r *http.Request, c *call, slug string, d esp.Delivery) error {
	ignored := 0
	for _, i := range d.Ignored {
		ignored += i.Count
		a.Metric("reports_ignored", float64(i.Count), "source", slug, "why", string(i.Why))
	}
	if d.Confirm != "" {
		if err := a.confirm(r, d.Confirm); err != nil {
			return err
		}
	}
	var o overlay.Outcome
	if len(d.Events) > 0 {
		var err error
		if o, err = a.record(r.Context(), c, slug, d.Events, overlay.Terms{ChargeLater: d.OverBudget == esp.RecordNow}); err != nil {
			return err
		}
	}
	if o.Refused > 0 {
		return budgetError{after: o.RetryAfter, later: d.OverBudget == esp.Retry503}
	}
	return writeJSON(w, esp.Success, delivered{o.Recorded, o.Duplicates, ignored + o.Invalid})
}

// delivered is what became of the events of a webhook.
type delivered struct {
	Recorded   int `json:"recorded"`
	Duplicates int `json:"duplicates"`
	Ignored    int `json:"ignored"`
}

// confirm starts a subscription of SNS, which asks again if it fails.
func (a *api) confirm(r *http.Request, url string) error {
	if a.Confirm == nil {
		return errConfirm
	}
	if err := a.Confirm(r.Context(), url); err != nil {
		return fmt.Errorf("%w: %w", errConfirm, err)
	}
	return nil
}

// urlOf is the URL of a request as its sender wrote it: some sign it.
func (a *api) urlOf(r *http.Request) string {
	if a.PublicURL != "" {
		return a.PublicURL + r.URL.RequestURI()
	}
	return heardAs(r)
}

// heardAs is the URL of a request by the host that it names: a tunnel's, or
// localhost instead of 127.0.0.1. It proves nothing, but a signature over it does.
func heardAs(r *http.Request) string {
	scheme := r.Header.Get("X-Forwarded-Proto")
	if scheme == "" {
		scheme = "http"
	}
	return scheme + "://" + r.Host + r.URL.RequestURI()
}

// hookKey is the key as package hooks knows it.
func hookKey(k keys.Key) hooks.Key { return hooks.Key{ID: k.ID, Account: k.Account} }
