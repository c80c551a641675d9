package vendors

import (
	"net/http"
	"net/url"
)

// Reoon, "API Documentation of Reoon Email Verifier" (reoon.com), mid 2026. It
// has two modes with two vocabularies: quick asks no mailbox, and its "valid"
// means only that the domain takes mail; power does, and its good word is
// "safe". We ask in power mode, and read quick answers as what they are. There
// is no catalogue of errors: texts are matched by what they mention.
var reoon = protocol{
	ask: func(c call) query {
		return query{path: "/api/v1/verify", params: url.Values{
			"key": {c.secret.reveal()}, "email": {c.email}, "mode": {"power"},
		}}
	},
	read: readReoon,
	balance: func(c call) query {
		return query{path: "/api/v1/check-account-balance/", params: url.Values{"key": {c.secret.reveal()}}}
	},
	left: leftReoon,
}

type reoonAnswer struct {
	Status      word   `json:"status"`
	Reason      word   `json:"reason"`
	Message     word   `json:"message"`
	Mode        word   `json:"verification_mode"`
	Score       number `json:"overall_score"`
	Disposable  flag   `json:"is_disposable"`
	Role        flag   `json:"is_role_account"`
	CatchAll    flag   `json:"is_catch_all"`
	Deliverable flag   `json:"is_deliverable"`
	Full        flag   `json:"has_inbox_full"`
	Syntax      flag   `json:"is_valid_syntax"`

	APIStatus word   `json:"api_status"`
	Daily     number `json:"remaining_daily_credits"`
	Instant   number `json:"remaining_instant_credits"`
}

func readReoon(code int, body []byte) (Result, *Error) {
	a, err := parseReoon(code, body)
	switch {
	case err != nil:
		return Result{}, err
	case a.Status == "":
		return Result{}, fault(Server, code, "answer without status")
	}
	r := undecided(string(a.Status))
	r.Charged = a.Status != "unknown" // which gives the credit back
	r.Disposable, r.Role, r.CatchAll = a.Disposable.is, a.Role.is, a.CatchAll.is
	if a.Mode == "quick" {
		r.CatchAll = nil
	} else {
		r.Confidence = a.Score.share()
	}
	switch a.Status {
	case "safe":
		r.Status, r.Deliverability = Valid, Deliverable
	case "valid":
		r.CatchAll, r.Confidence = nil, nil // the mailbox was not asked
	case "invalid":
		r.Status, r.Deliverability, r.CatchAll, r.Doubt = Invalid, Undeliverable, nil, a.doubt()
	case "disabled":
		r.Status, r.Deliverability = Invalid, Undeliverable
	case "inbox_full":
		r.Status, r.Deliverability = Risky, Undeliverable
	case "catch_all":
		r.Status, r.Deliverability, r.CatchAll = Risky, Uncertain, new(true)
	case "disposable":
		r.Status, r.Deliverability, r.Disposable = Risky, Uncertain, new(true)
	case "role_account":
		r.Status, r.Deliverability, r.Role = Risky, Uncertain, new(true)
		if a.Deliverable.yes() {
			r.Deliverability = Deliverable
		}
	case "spamtrap":
		r.Status, r.Deliverability = Invalid, Uncertain
	case "unknown":
		r.CatchAll, r.Confidence = nil, nil
	default:
		r.Disposable, r.Role, r.CatchAll, r.Confidence = nil, nil, nil, nil
	}
	return r, nil
}

// doubt tells whether "invalid" proves anything.
func (a reoonAnswer) doubt() Doubt {
	switch {
	case a.Full.yes():
		return Room
	case a.Syntax.no():
		return Form
	}
	return None
}

func leftReoon(code int, body []byte) (*int64, *Error) {
	a, err := parseReoon(code, body)
	if err != nil {
		return nil, err
	}
	if a.Status != "success" {
		return nil, fault(Server, code, "answer without success")
	}
	if a.APIStatus != "" && a.APIStatus != "active" {
		return nil, fault(Auth, code, "the key is "+string(a.APIStatus))
	}
	daily, instant := a.Daily.count(), a.Instant.count()
	switch {
	case daily == nil:
		return instant, nil
	case instant == nil:
		return daily, nil
	}
	return new(*daily + *instant), nil
}

func parseReoon(code int, body []byte) (a reoonAnswer, err *Error) {
	plain := ordinary(code, body)
	if plain != nil && plain.Class != Bad {
		return a, plain
	}
	if err := parse(code, body, &a); err != nil {
		if plain != nil {
			return a, plain
		}
		return a, err
	}
	if a.Status != "error" {
		return a, plain
	}
	text := string(a.Reason)
	if text == "" {
		text = string(a.Message)
	}
	class := classOfReoon(text)
	if class == Server && code != http.StatusOK {
		class = Bad
	}
	if text == "" {
		text = "error without a reason"
	}
	return a, fault(class, code, text)
}

// classOfReoon looks for words about speed first, because such a text may speak
// of a limit and of the API, too, and for credits before it looks for the key
// that has none left.
func classOfReoon(text string) Class {
	switch {
	case says(text, "too many", "rate", "thread", "concurren", "simultan"):
		return Rate
	case says(text, "credit", "balance", "quota", "insufficient"):
		return Quota
	case says(text, "key", "api", "auth", "unauth"):
		return Auth
	case says(text, "limit", "exceed"):
		return Quota
	case says(text, "email", "parameter", "mode"):
		return Bad
	}
	return Server
}
