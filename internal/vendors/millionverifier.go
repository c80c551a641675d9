package vendors

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// MillionVerifier, "API reference 3.1" (developer.millionverifier.com), mid
// 2026. Every error of the application is HTTP 200 with a text in error; only
// apikey_not_found was ever recorded, so texts are matched by what they mention.
// There is no boolean for catch-all or disposable, both are values of result.
// quality is never looked at: the vendor's own sample has a good invalid.
var millionVerifier = protocol{
	ask: func(c call) query {
		return query{path: "/api/v3/", params: url.Values{
			"api": {c.secret.reveal()}, "email": {c.email}, "timeout": {c.seconds(2, 60)},
		}}
	},
	read: readMillionVerifier,
	balance: func(c call) query {
		return query{path: "/api/v3/credits", params: url.Values{"api": {c.secret.reveal()}}}
	},
	left: leftMillionVerifier,
}

type millionVerifierAnswer struct {
	Result  word   `json:"result"`
	Role    flag   `json:"role"`
	Credits number `json:"credits"`
	Error   word   `json:"error"`
}

func readMillionVerifier(code int, body []byte) (Result, *Error) {
	a, err := parseMillionVerifier(code, body)
	switch {
	case err != nil:
		return Result{}, err
	case a.Result == "":
		return Result{}, fault(Server, code, "answer without result")
	}
	r := undecided(string(a.Result))
	switch a.Result {
	case "ok":
		r.Status, r.Deliverability, r.Charged = Valid, Deliverable, true
		r.Disposable, r.CatchAll, r.Confidence = new(false), new(false), new(0.9)
	case "catch_all": // refunded, as unknown is
		r.Status, r.Deliverability = Risky, Uncertain
		r.Disposable, r.CatchAll, r.Confidence = new(false), new(true), new(0.5)
	case "disposable":
		r.Status, r.Deliverability, r.Charged = Risky, Uncertain, true
		r.Disposable, r.Confidence = new(true), new(0.1)
	case "invalid":
		r.Status, r.Deliverability, r.Charged = Invalid, Undeliverable, true
		r.Disposable, r.Confidence = new(false), new(0.1)
	case "unknown", "error":
	default:
		r.Charged = true // a word we do not know: nobody says that it is free
	}
	if r.Status != Unknown {
		r.Role = a.Role.is
	}
	r.Credits = a.Credits.count()
	return r, nil
}

func leftMillionVerifier(code int, body []byte) (*int64, *Error) {
	a, err := parseMillionVerifier(code, body)
	if err != nil {
		return nil, err
	}
	left := a.Credits.count()
	if left == nil {
		return nil, fault(Server, code, "answer without credits")
	}
	return left, nil
}

func parseMillionVerifier(code int, body []byte) (a millionVerifierAnswer, err *Error) {
	if err := ordinary(code, body); err != nil {
		return a, err
	}
	if err := parse(code, body, &a); err != nil {
		return a, err
	}
	if a.Error != "" {
		class, text := classOfMillionVerifier(string(a.Error)), string(a.Error)
		if class == Rate {
			text += " (the address we call from, not the key)"
		}
		return a, fault(class, code, text)
	}
	return a, nil
}

func classOfMillionVerifier(text string) Class {
	text = strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(text))
	has := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case has("apikey"):
		return Auth
	case has("credit"):
		return Quota
	case has("ip") && has("block"):
		return Rate // our address, not the key
	case has("email"):
		return Bad
	}
	return Server
}

// ordinary classifies the statuses that mean at most vendors what HTTP says they
// mean. 200 is no error.
func ordinary(code int, body []byte) *Error {
	var class Class
	switch code {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		class = Auth
	case http.StatusPaymentRequired:
		class = Quota
	case http.StatusTooManyRequests:
		class = Rate
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		class = Bad
	default:
		class = Server
	}
	text := textOf(code, body)
	if isPage(body) && (class == Bad || code == http.StatusForbidden) {
		if class = Server; code == http.StatusForbidden {
			class = Rate
		}
		text += " (a page, not the API)"
	}
	return fault(class, code, text)
}

// isPage reports HTML: whoever sent it stands in front of the API, or where it was,
// and has seen neither key nor address.
func isPage(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(body, "\ufeff \t\r\n"), []byte("<"))
}

// textOf is what the vendor says about an error, under any of the names in use,
// else the name of the status.
func textOf(code int, body []byte) string {
	var a struct {
		Error   word `json:"error"` // JSON names match in any case: Error and Message are read, too
		Message word `json:"message"`
		Reason  word `json:"reason"`
	}
	if parse(code, body, &a) == nil {
		for _, text := range []word{a.Error, a.Message, a.Reason} {
			if text != "" {
				return string(text)
			}
		}
	}
	if text := http.StatusText(code); text != "" {
		return text
	}
	return "unexpected status"
}

// margin is what a vendor gets less than we wait, so that its own "timed out"
// reaches us.
const margin = time.Second
