package vendors

import (
	"encoding/json"
	"net/http"
	"slices"
)

// NeverBounce, "API reference v4.2" (developers.neverbounce.com), mid 2026.
// status is the envelope and result the verdict; every error of the application
// is HTTP 200 with another word than success in status, and being out of credits
// has no word of its own. Everything travels in the body, so no key is in a URL.
// Each call costs a credit.
var neverBounce = protocol{
	ask: func(c call) query {
		return postNeverBounce("/v4.2/single/check", map[string]any{
			"key": c.secret.reveal(), "email": c.email, "timeout": c.whole(1, 30), "credits_info": true,
		})
	},
	read: readNeverBounce,
	balance: func(c call) query {
		return postNeverBounce("/v4.2/account/info", map[string]any{"key": c.secret.reveal()})
	},
	left: func(code int, body []byte) (*int64, *Error) {
		a, err := parseNeverBounce(code, body)
		if err != nil {
			return nil, err
		}
		return a.Credits.left(), nil
	},
}

func postNeverBounce(path string, fields map[string]any) query {
	body, err := json.Marshal(fields)
	if err != nil { // text that is not UTF-8 is replaced, so there is no such case
		body = nil
	}
	return query{method: http.MethodPost, path: path, body: body}
}

type neverBounceAnswer struct {
	Status  word               `json:"status"`
	Message word               `json:"message"`
	Result  word               `json:"result"`
	Flags   list               `json:"flags"`
	Credits neverBounceCredits `json:"credits_info"`
}

type neverBounceCredits struct {
	Paid number `json:"paid_credits_remaining"`
	Free number `json:"free_credits_remaining"`
}

// left is nil for metered accounts, which have no number of credits.
func (c neverBounceCredits) left() *int64 {
	paid, free := c.Paid.count(), c.Free.count()
	switch {
	case paid == nil:
		return free
	case free == nil:
		return paid
	}
	return new(*paid + *free)
}

func readNeverBounce(code int, body []byte) (Result, *Error) {
	a, err := parseNeverBounce(code, body)
	switch {
	case err != nil:
		return Result{}, err
	case a.Result == "":
		return Result{}, fault(Server, code, "answer without result")
	}
	has := func(flag string) bool { return slices.Contains(a.Flags.words, flag) }
	r := undecided(string(a.Result))
	r.Charged, r.Credits = true, a.Credits.left()
	r.Disposable, r.CatchAll = a.flag("disposable_email"), orTrue(has("accepts_all"))
	switch a.Result {
	case "valid":
		r.Status, r.Deliverability, r.CatchAll = Valid, Deliverable, new(has("accepts_all"))
	case "invalid":
		r.Status, r.Deliverability, r.Doubt = Invalid, Undeliverable, a.doubt(has)
	case "disposable":
		r.Status, r.Deliverability, r.Disposable = Risky, Uncertain, new(true)
	case "catchall":
		r.Status, r.Deliverability, r.CatchAll = Risky, Uncertain, new(true)
	case "unknown":
		r.Disposable, r.Role = orTrue(has("disposable_email")), orTrue(has("role_account"))
		return r, nil
	default:
		r.Disposable, r.CatchAll = nil, nil
	}
	r.Role = a.flag("role_account")
	if (a.Result == "valid" || a.Result == "catchall") && has("spamtrap_network") {
		r.Status, r.Deliverability = Risky, Uncertain
	}
	return r, nil
}

// doubt tells whether "invalid" proves anything. It does not where the vendor did
// not get as far as the mailbox, for a reason that may pass.
func (a neverBounceAnswer) doubt(has func(flag string) bool) Doubt {
	switch {
	case has("bad_syntax"):
		return Form
	case has("bad_dns"):
		return None
	case has("temporary_dns_error"), has("connect_fails"):
		return Unreached
	}
	return None
}

// flag reads a flag of a definitive result: false when the flags are there
// without it.
func (a neverBounceAnswer) flag(name string) *bool {
	if !a.Flags.said {
		return nil
	}
	return new(slices.Contains(a.Flags.words, name))
}

func parseNeverBounce(code int, body []byte) (a neverBounceAnswer, err *Error) {
	if err := ordinary(code, body); err != nil {
		return a, err
	}
	if err := parse(code, body, &a); err != nil {
		return a, err
	}
	switch a.Status {
	case "success":
		return a, nil
	case "":
		return a, fault(Server, code, "answer without status")
	}
	text := string(a.Status)
	if a.Message != "" {
		text += ": " + string(a.Message)
	}
	return a, fault(classOfNeverBounce(string(a.Status), string(a.Message)), code, text)
}

func classOfNeverBounce(status, message string) Class {
	switch status {
	case "auth_failure", "bad_referrer":
		return Auth
	case "throttle_triggered":
		return Rate
	case "general_failure":
	default:
		return Server
	}
	switch {
	case says(message, "credit", "balance", "payment"):
		return Quota
	case says(message, "missing", "invalid", "required") && says(message, "parameter"):
		if says(message, "key") {
			return Auth
		}
		return Bad
	}
	return Server
}
