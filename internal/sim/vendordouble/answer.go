package vendordouble

import (
	"net/http"
	"strings"
)

type object = map[string]any

// plenty is what a key has that is not named otherwise.
const plenty = 10_000

// answer is the vendor's, when the way to it is open.
func (d *Double) answer(q question, busy bool) (int, any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	trouble := q.mood
	switch q.mood {
	case "good", "few", "slow", "delay", "metered":
		trouble = ""
	case "hang", "down", "html", "cut", "huge", "redirect", "retry", "throttled", "outage", "blocked", "forbidden", "plan", "doubt":
		if q.balance {
			trouble = ""
		}
	case "empty", "echo":
	default:
		trouble = "bad"
	}
	if trouble == "doubt" && q.vendor != "zerobounce" {
		trouble = "outage"
	}
	left := d.left(q)
	switch {
	case busy:
		trouble = "throttled"
	case trouble == "" && left <= 0 && !q.balance:
		trouble = "empty"
	case trouble == "empty" && q.balance:
		trouble = ""
	}
	v := d.vendor(q.vendor)
	if trouble == "bad" || trouble == "echo" {
		d.refuse(v, q)
	}
	switch {
	case trouble != "":
		return refusal(q, trouble)
	case q.balance:
		return http.StatusOK, balance(q, left)
	case q.email == "":
		return malformed(q.vendor)
	}
	return d.check(v, q, left)
}

// check gives a verdict and takes a credit for it, if the vendor does.
func (d *Double) check(v *vendor, q question, left int64) (int, any) {
	status, sub := verdict(q.vendor, q.email)
	if q.vendor == "hunter" {
		switch status {
		case "pending":
			d.pending[q.email]++
			if d.pending[q.email] <= d.options.Pending {
				return http.StatusAccepted, nil
			}
			status = "valid"
		case "odd":
			return 222, object{}
		case "refused":
			return http.StatusUnavailableForLegalReasons, object{"errors": []object{{"id": "claimed_email", "code": 451, "details": "The owner of this address asked us not to process it"}}}
		}
	}
	v.Checks++
	if charges(q.vendor, status) {
		v.Charged++
		left--
		d.credits[q.vendor+" "+q.key] = left
	}
	return http.StatusOK, render(q, status, sub, left)
}

func (d *Double) left(q question) int64 {
	left, seen := d.credits[q.vendor+" "+q.key]
	if !seen {
		switch q.mood {
		case "few":
			left = int64(q.number)
		case "empty":
			left = 0
		default:
			left = plenty
		}
		d.credits[q.vendor+" "+q.key] = left
	}
	return left
}

// charges follows the vendors' own rules.
func charges(name, status string) bool {
	switch name {
	case "millionverifier":
		return status != "catch_all" && status != "unknown" && status != "error"
	case "reoon":
		return status != "unknown"
	case "hunter":
		return status == "valid" || status == "invalid" || status == "accept_all"
	}
	return true
}

// refusal is an error in the vendor's form.
func refusal(q question, trouble string) (int, any) {
	quoted := ""
	if trouble == "echo" {
		quoted, trouble = " '"+q.key+"' used for "+q.email, "bad"
	}
	switch q.vendor {
	case "millionverifier":
		return refuseMillionVerifier(trouble, quoted)
	case "reoon":
		return refuseReoon(trouble, quoted)
	case "neverbounce":
		return refuseNeverBounce(trouble, quoted)
	case "zerobounce":
		return refuseZeroBounce(q, trouble, quoted)
	}
	return refuseHunter(trouble, quoted)
}

func refuseMillionVerifier(trouble, quoted string) (int, any) {
	text := map[string]string{
		"bad": "apikey_not_found", "empty": "insufficient_credits", "plan": "Insufficient credits", "blocked": "ip_address_blocked", "outage": "internal_error",
	}[trouble]
	switch trouble {
	case "throttled":
		return http.StatusTooManyRequests, object{"error": "Rate limit exceeded"}
	case "forbidden":
		return http.StatusForbidden, object{"error": "forbidden"}
	}
	return http.StatusOK, object{"result": "error", "resultcode": 4, "error": text + quoted}
}

func refuseReoon(trouble, quoted string) (int, any) {
	text := map[string]string{
		"bad": "The API key is not valid.", "empty": "Not enough credits.", "plan": "Daily limit exceeded.", "outage": "Something went wrong.",
	}[trouble]
	switch trouble {
	case "throttled":
		return http.StatusTooManyRequests, object{"status": "error", "reason": "Too many concurrent requests."}
	case "blocked", "forbidden":
		return http.StatusForbidden, object{"status": "error", "reason": "forbidden"}
	}
	return http.StatusOK, object{"status": "error", "reason": text + quoted}
}

func refuseNeverBounce(trouble, quoted string) (int, any) {
	status, message := "auth_failure", "Invalid API key"
	switch trouble {
	case "empty":
		status, message = "general_failure", "Insufficient credit balance. This transaction requires 1 credits. The current available credit balance is 0."
	case "plan":
		status, message = "general_failure", "Please add a payment method to go on."
	case "throttled":
		status, message = "throttle_triggered", "Too many requests in a short amount of time."
	case "outage":
		status, message = "temp_unavail", "Temporarily unavailable."
	case "blocked":
		status, message = "bad_referrer", "Not an authorized domain."
	case "forbidden":
		return http.StatusForbidden, object{"status": "auth_failure", "message": message}
	}
	return http.StatusOK, object{"status": status, "message": message + quoted, "execution_time": 11}
}

func refuseZeroBounce(q question, trouble, quoted string) (int, any) {
	switch trouble {
	case "throttled":
		return http.StatusTooManyRequests, object{"error": "Too many requests"}
	case "blocked", "forbidden":
		return http.StatusForbidden, nil
	case "outage":
		return http.StatusInternalServerError, "Missing parameter"
	case "bad":
		if !q.known || q.key == "" {
			return http.StatusBadRequest, object{"error": "Missing parameter: api_key."}
		}
		if q.balance {
			return http.StatusOK, object{"Credits": "-1"}
		}
	}
	return http.StatusOK, object{"error": "Invalid API Key or your account ran out of credits" + quoted}
}

func refuseHunter(trouble, quoted string) (int, any) {
	code, id, details := http.StatusUnauthorized, "authentication_failed", "No user found for the API key supplied"
	switch trouble {
	case "empty":
		code, id, details = http.StatusTooManyRequests, "too_many_requests", "You have reached the limit for the billing period in your plan."
	case "plan":
		code, id, details = http.StatusPaymentRequired, "payment_required", "Upgrade to go on."
	case "throttled":
		code, id, details = http.StatusForbidden, "too_many_requests", "Rate limit reached."
	case "outage":
		code, id, details = http.StatusServiceUnavailable, "unavailable", "Try again later."
	case "blocked", "forbidden":
		code, id, details = http.StatusForbidden, "forbidden", "This kind of key may not use the feature."
	}
	return code, object{"errors": []object{{"id": id, "code": code, "details": details + quoted}}}
}

func malformed(name string) (int, any) {
	switch name {
	case "millionverifier":
		return http.StatusOK, object{"result": "error", "resultcode": 4, "error": "no_email"}
	case "reoon":
		return http.StatusOK, object{"status": "error", "reason": "The email parameter is missing."}
	case "neverbounce":
		return http.StatusOK, object{"status": "general_failure", "message": "Missing required parameter 'email'", "execution_time": 3}
	case "zerobounce":
		return http.StatusBadRequest, object{"error": "Missing parameter: email."}
	}
	return http.StatusBadRequest, object{"errors": []object{{"id": "wrong_params", "code": 400, "details": "You are missing the email parameter"}}}
}

// verdict is the vendor's word for an address, and ZeroBounce's second one.
func verdict(name, email string) (status, sub string) {
	local, _, _ := strings.Cut(email, "@")
	if said, ok := strings.CutPrefix(local, "as."); ok {
		status, sub, _ = strings.Cut(said, ".")
		return status, sub
	}
	local, _, _ = strings.Cut(local, "-")
	local, _, _ = strings.Cut(local, "+")
	local = strings.TrimRight(local, "0123456789")
	words := vocabulary(name)
	word, known := words[local]
	if !known {
		word = words["ok"]
	}
	status, sub, _ = strings.Cut(word, ":")
	return status, sub
}

func vocabulary(name string) map[string]string {
	switch name {
	case "millionverifier":
		return map[string]string{
			"ok": "ok", "invalid": "invalid", "catchall": "catch_all", "disposable": "disposable", "role": "ok", "unknown": "unknown",
			"spamtrap": "invalid", "full": "invalid", "disabled": "invalid", "greylisted": "unknown", "newword": "brand_new",
		}
	case "reoon":
		return map[string]string{
			"ok": "safe", "invalid": "invalid", "catchall": "catch_all", "disposable": "disposable", "role": "role_account", "unknown": "unknown",
			"spamtrap": "spamtrap", "full": "inbox_full", "disabled": "disabled", "greylisted": "unknown", "newword": "brand_new",
		}
	case "neverbounce":
		return map[string]string{
			"ok": "valid", "invalid": "invalid", "catchall": "catchall", "disposable": "disposable", "role": "valid", "unknown": "unknown",
			"spamtrap": "valid", "full": "invalid", "disabled": "invalid", "greylisted": "unknown", "newword": "brand_new",
		}
	case "zerobounce":
		return map[string]string{
			"ok": "valid", "invalid": "invalid:mailbox_not_found", "catchall": "catch-all", "disposable": "do_not_mail:disposable",
			"role": "do_not_mail:role_based", "unknown": "unknown:antispam_system", "spamtrap": "spamtrap", "full": "invalid:mailbox_quota_exceeded",
			"disabled": "invalid:mailbox_not_found", "greylisted": "unknown:greylisted", "newword": "brand_new:fresh",
		}
	}
	return map[string]string{
		"ok": "valid", "invalid": "invalid", "catchall": "accept_all", "disposable": "disposable", "role": "valid", "unknown": "unknown",
		"spamtrap": "invalid", "full": "invalid", "disabled": "invalid", "greylisted": "unknown", "newword": "brand_new",
		"pending": "pending", "odd": "odd", "refused": "refused",
	}
}
