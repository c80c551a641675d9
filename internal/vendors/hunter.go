package vendors

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
)

// Hunter, "API v2" (hunter.io/api-documentation), mid 2026. Only 200 carries a
// verdict: 202 asks to repeat the request, 222 says that the recipient's server
// was odd. 403 is the rate and 429 the plan, the reverse of what one expects, and
// both are used otherwise, too. The key travels in a header. There is no role.
var hunter = protocol{
	ask: func(c call) query {
		return query{path: "/v2/email-verifier", params: url.Values{"email": {c.email}}, header: hunterKey(c)}
	},
	read:    readHunter,
	balance: func(c call) query { return query{path: "/v2/account", header: hunterKey(c)} },
	left:    leftHunter,
}

func hunterKey(c call) http.Header { return http.Header{"X-Api-Key": {c.secret.reveal()}} }

const (
	hunterOdd     = 222 // the recipient's server answered in an unexpected way
	hunterPending = "pending"
)

type hunterAnswer struct {
	Data struct {
		Status     word   `json:"status"`
		Score      number `json:"score"`
		Disposable flag   `json:"disposable"`
		AcceptAll  flag   `json:"accept_all"`
		Checked    flag   `json:"smtp_check"`
		Block      flag   `json:"block"`
		Form       flag   `json:"regexp"`

		Requests struct {
			Verifications hunterBucket `json:"verifications"`
			Credits       hunterBucket `json:"credits"`
		} `json:"requests"`
	} `json:"data"`
}

// hunterBucket is an allowance. Available is what the plan gives, not what is
// left of it; values may be fractions.
type hunterBucket struct {
	Used      number `json:"used"`
	Available number `json:"available"`
	Remaining number `json:"remaining"`
}

func (b hunterBucket) left() *int64 {
	if left := b.Remaining.count(); left != nil {
		return left
	}
	if !b.Used.said || !b.Available.said {
		return nil
	}
	return number{value: math.Max(0, b.Available.value-b.Used.value), said: true}.count()
}

func readHunter(code int, body []byte) (Result, *Error) {
	switch code {
	case http.StatusOK:
	case http.StatusAccepted:
		err := fault(Server, code, "still verifying")
		err.sign, err.instead = pending, new(undecided(hunterPending))
		err.instead.Passing = true
		return Result{}, err
	case hunterOdd:
		err := fault(Server, code, "the recipient's server gave an unexpected answer")
		err.instead = new(undecided("222"))
		err.instead.Passing = true
		return Result{}, err
	case http.StatusUnavailableForLegalReasons:
		return undecided("451"), nil // for good: whoever owns the address asked not to be looked up
	default:
		return Result{}, hunterFault(code, body)
	}
	var a hunterAnswer
	if err := parse(code, body, &a); err != nil {
		return Result{}, err
	}
	if a.Data.Status == "" {
		return Result{}, fault(Server, code, "answer without status")
	}
	return a.result(), nil
}

func (a hunterAnswer) result() Result {
	d := a.Data
	r := undecided(string(d.Status))
	r.Disposable, r.Confidence = d.Disposable.is, d.Score.share()
	switch d.Status {
	case "valid":
		r.Status, r.Deliverability, r.Charged, r.CatchAll = Valid, Deliverable, true, d.AcceptAll.is
	case "invalid":
		r.Status, r.Deliverability, r.Charged, r.Doubt = Invalid, Undeliverable, true, a.doubt()
	case "accept_all":
		r.Status, r.Deliverability, r.Charged, r.CatchAll = Risky, Uncertain, true, new(true)
	case "disposable":
		r.Status, r.Deliverability, r.Disposable, r.CatchAll = Risky, Uncertain, new(true), d.AcceptAll.is
	case "webmail":
		if d.Checked.yes() && !d.Block.yes() {
			r.Status, r.Deliverability = Valid, Deliverable
		}
		if d.Checked.yes() && d.AcceptAll.no() {
			r.CatchAll = new(false)
		}
	case "unknown":
	default:
		r.Confidence, r.Charged = nil, true
	}
	return r
}

// doubt tells whether "invalid" proves anything. It does not where the server
// blocked the check.
func (a hunterAnswer) doubt() Doubt {
	switch {
	case a.Data.Block.yes():
		return Unreached
	case a.Data.Form.no():
		return Form
	}
	return None
}

func leftHunter(code int, body []byte) (*int64, *Error) {
	if code != http.StatusOK {
		return nil, hunterFault(code, body)
	}
	var present struct {
		Data json.RawMessage `json:"data"`
	}
	var a hunterAnswer
	if err := parse(code, body, &present); err != nil {
		return nil, err
	}
	if len(present.Data) == 0 || present.Data[0] != '{' {
		return nil, fault(Server, code, "answer without data")
	}
	if err := parse(code, body, &a); err != nil {
		return nil, err
	}
	if left := a.Data.Requests.Credits.left(); left != nil {
		return left, nil
	}
	return a.Data.Requests.Verifications.left(), nil
}

func hunterFault(code int, body []byte) *Error {
	var a struct {
		Errors []struct {
			ID      word `json:"id"`
			Details word `json:"details"`
		} `json:"errors"`
	}
	var id, details string
	if parse(code, body, &a) == nil && len(a.Errors) > 0 {
		id, details = string(a.Errors[0].ID), string(a.Errors[0].Details)
	}
	err := ordinary(code, body)
	if code/100 == 2 {
		err = fault(Server, code, "unexpected status")
	}
	switch code {
	case http.StatusForbidden:
		if id == "too_many_requests" || says(details, "rate", "request", "too many") {
			err.Class = Rate
		}
	case http.StatusTooManyRequests:
		if says(details, "plan", "billing", "period", "limit has been reached", "limit reached", "credit", "upgrade", "usage") {
			err.Class = Quota
		}
	}
	switch {
	case details != "":
		err.Text = details
	case id != "":
		err.Text = id
	}
	return err
}
