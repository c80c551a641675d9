package vendors

import (
	"net/http"
	"net/url"
	"strings"
)

// ZeroBounce, "API v2" (zerobounce.net/docs), mid 2026. A wrong key and an empty
// account give the same text under HTTP 200; the balance tells them apart. 403
// comes from a front end that finds us too fast. Disposable, role and catch-all
// are words of status and sub_status. That unknown is free is said widely, but
// not in the reference, so it counts as charged.
var zeroBounce = protocol{
	ask: func(c call) query {
		return query{path: "/v2/validate", params: url.Values{
			"api_key": {c.secret.reveal()}, "email": {c.email}, "ip_address": {""}, "timeout": {c.seconds(3, 60)},
		}}
	},
	read: readZeroBounce,
	balance: func(c call) query {
		return query{path: "/v2/getcredits", params: url.Values{"api_key": {c.secret.reveal()}}}
	},
	left: leftZeroBounce,
}

type zeroBounceAnswer struct {
	Status   word   `json:"status"`
	Sub      word   `json:"sub_status"`
	CatchAll flag   `json:"catchall_domain"`
	Credits  number `json:"Credits"`
	Error    word   `json:"error"`
	Message  word   `json:"message"`
}

func readZeroBounce(code int, body []byte) (Result, *Error) {
	a, err := parseZeroBounce(code, body)
	if err != nil {
		return Result{}, err
	}
	if a.Status == "" || a.Error != "" {
		return Result{}, a.refusal(code, "answer without status")
	}
	r := undecided(string(a.Status))
	if a.Sub != "" {
		r.Raw += ":" + string(a.Sub)
	}
	r.Charged = true
	switch a.Status {
	case "valid":
		r.Status, r.Deliverability, r.Disposable = Valid, Deliverable, new(false)
		r.Role = new(a.Sub == "role_based_accept_all")
		r.CatchAll = new(a.Sub == "accept_all" || a.Sub == "role_based_accept_all")
	case "invalid":
		r.Status, r.Deliverability, r.Disposable, r.Doubt = Invalid, Undeliverable, new(false), doubtOf(string(a.Sub))
	case "catch-all":
		r.Status, r.Deliverability, r.Disposable, r.CatchAll = Risky, Uncertain, new(false), new(true)
		if a.Sub == "ai_agent_mailbox" {
			r.Role = new(false)
		}
	case "unknown":
		return r, nil
	case "spamtrap":
		r.Status, r.Deliverability = Invalid, Uncertain
	case "abuse":
		r.Status, r.Deliverability = Risky, Uncertain
	case "do_not_mail":
		r.doNotMail(string(a.Sub))
	default:
		return r, nil
	}
	if a.CatchAll.is != nil {
		r.CatchAll = a.CatchAll.is
	}
	return r, nil
}

// doubtOf tells whether "invalid" proves anything beside this second word: the
// address may be on the customer's own block list there, or of a domain that only
// looks like a slip of another one. Words that go with "unknown" say that the vendor
// got no answer.
func doubtOf(sub string) Doubt {
	switch sub {
	case "failed_syntax_check":
		return Form
	case "mailbox_quota_exceeded", "possible_typo", "blocked":
		return Room
	case "antispam_system", "exception_occurred", "failed_smtp_connection", "forcible_disconnect", "greylisted",
		"mail_server_did_not_respond", "mail_server_temporary_error", "timeout_exceeded":
		return Unreached
	}
	return None
}

func (r *Result) doNotMail(sub string) {
	r.Status, r.Deliverability = Risky, Uncertain
	switch sub {
	case "role_based":
		r.Disposable, r.Role = new(false), new(true)
	case "role_based_catch_all":
		r.Disposable, r.Role, r.CatchAll = new(false), new(true), new(true)
	case "disposable":
		r.Disposable = new(true)
	case "toxic", "global_suppression":
		r.Status = Invalid
	}
}

func leftZeroBounce(code int, body []byte) (*int64, *Error) {
	a, err := parseZeroBounce(code, body)
	switch {
	case err != nil:
		return nil, err
	case !a.Credits.said:
		err := a.refusal(code, "answer without credits")
		if err.sign == ambiguous { // the balance does not depend on credits
			err.Class, err.sign = Auth, 0
		}
		return nil, err
	case a.Credits.value < 0:
		return nil, fault(Auth, code, "Invalid API key")
	}
	return a.Credits.count(), nil
}

// refusal is the error of an answer without what was asked for.
func (a zeroBounceAnswer) refusal(code int, otherwise string) *Error {
	text := string(a.Error)
	if text == "" {
		text = string(a.Message)
	}
	lower := strings.ToLower(strings.ReplaceAll(text, "_", " "))
	key, credits := strings.Contains(lower, "api key"), strings.Contains(lower, "credit")
	switch {
	case text == "":
		return fault(Server, code, otherwise)
	case key && credits:
		err := fault(Server, code, text)
		err.sign = ambiguous
		return err
	case key:
		return fault(Auth, code, text)
	case credits:
		return fault(Quota, code, text)
	}
	return fault(Server, code, text)
}

func parseZeroBounce(code int, body []byte) (a zeroBounceAnswer, err *Error) {
	if err := ordinary(code, body); err != nil {
		switch {
		case code == http.StatusForbidden:
			err.Class = Rate
		case code == http.StatusBadRequest && says(err.Text, "api key"):
			err.Class = Auth
		}
		return a, err
	}
	return a, parse(code, body, &a)
}
