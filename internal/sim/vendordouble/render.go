package vendordouble

import (
	"strconv"
	"strings"
)

// balance is the account in the vendor's form, its types included.
func balance(q question, left int64) object {
	switch q.vendor {
	case "millionverifier":
		return object{"credits": left, "bulk_credits": left, "renewing_credits": 0, "plan": 0}
	case "reoon":
		daily := min(left, 20)
		return object{
			"api_status": "active", "remaining_daily_credits": daily, "remaining_instant_credits": strconv.FormatInt(left-daily, 10), "status": "success",
		}
	case "neverbounce":
		return object{
			"status": "success", "billing_type": "default", "credits_info": neverBounceCredits(q, left),
			"job_counts": object{"completed": 3, "under_review": 0, "queued": 0, "processing": 1}, "execution_time": 27,
		}
	case "zerobounce":
		return object{"Credits": strconv.FormatInt(left, 10)}
	}
	return object{"data": object{
		"plan_name": "Starter", "plan_level": 1, "reset_date": "2026-12-12", "team_id": 10421,
		"calls": object{"_deprecation_notice": "use requests", "used": 812, "available": 2500},
		"requests": object{
			"searches":      object{"used": 310, "available": 2000},
			"verifications": object{"used": 500.5, "available": float64(left) + 501},
		},
	}}
}

func neverBounceCredits(q question, left int64) object {
	if q.mood == "metered" {
		return object{"monthly_api_usage": "2579"}
	}
	return object{"paid_credits_used": 1, "free_credits_used": 0, "paid_credits_remaining": left, "free_credits_remaining": 0}
}

// render is a verdict in the vendor's form.
func render(q question, status, sub string, left int64) object {
	local, domain, _ := strings.Cut(q.email, "@")
	is := func(word string) bool { return strings.HasPrefix(local, word) }
	switch q.vendor {
	case "millionverifier":
		return renderMillionVerifier(q, status, is("role"), left)
	case "reoon":
		return renderReoon(q, status, local, domain)
	case "neverbounce":
		answer := object{
			"status": "success", "result": status, "flags": neverBounceFlags(status, is), "suggested_correction": "", "execution_time": 687,
		}
		if q.credits {
			answer["credits_info"] = neverBounceCredits(q, left)
		}
		return answer
	case "zerobounce":
		return object{
			"address": q.email, "status": status, "sub_status": sub, "free_email": false, "did_you_mean": nil,
			"account": local, "domain": domain, "domain_age_days": "8120", "smtp_provider": "example", "mx_found": "true",
			"mx_record": "mx1." + domain, "firstname": nil, "lastname": nil, "gender": nil, "country": nil, "region": nil,
			"city": nil, "zipcode": nil, "processed_at": "2026-08-20 09:14:55.301",
		}
	}
	return renderHunter(q, status)
}

// renderReoon leaves out in the quick mode what only a mailbox check tells, and
// says valid where that would have decided.
func renderReoon(q question, status, local, domain string) object {
	answer := object{
		"email": q.email, "status": status, "username": local, "domain": domain, "is_valid_syntax": true,
		"is_disposable": status == "disposable", "is_role_account": status == "role_account", "is_spamtrap": status == "spamtrap",
		"is_free_email": false, "mx_accepts_mail": true, "mx_records": []string{"mx1." + domain}, "verification_mode": "power",
	}
	if q.quick {
		switch status {
		case "safe", "disabled", "inbox_full", "catch_all", "role_account", "unknown":
			answer["status"] = "valid"
		}
		answer["verification_mode"], answer["overall_score"] = "quick", nil
		return answer
	}
	answer["overall_score"], answer["is_safe_to_send"], answer["can_connect_smtp"] = 98, status == "safe", true
	answer["has_inbox_full"], answer["is_catch_all"], answer["is_disabled"] = status == "inbox_full", status == "catch_all", status == "disabled"
	answer["is_deliverable"] = status == "safe" || status == "role_account"
	return answer
}

func renderMillionVerifier(q question, status string, role bool, left int64) object {
	codes := map[string]int{"ok": 1, "catch_all": 2, "unknown": 3, "error": 4, "disposable": 5, "invalid": 6}
	quality := map[string]string{"ok": "good", "catch_all": "risky", "unknown": "risky", "disposable": "bad"}[status]
	if status == "invalid" {
		quality = "good" // as in the vendor's own sample
	}
	return object{
		"email": q.email, "quality": quality, "result": status, "resultcode": codes[status], "subresult": status, "free": false,
		"role": role, "didyoumean": "", "credits": left, "executiontime": 1, "error": "", "livemode": true,
	}
}

func neverBounceFlags(status string, is func(string) bool) []string {
	flags := []string{"has_dns", "has_dns_mx", "smtp_connectable"}
	for flag, has := range map[string]bool{
		"role_account": is("role"), "disposable_email": status == "disposable", "accepts_all": status == "catchall", "spamtrap_network": is("spamtrap"),
	} {
		if has {
			flags = append(flags, flag)
		}
	}
	return flags
}

func renderHunter(q question, status string) object {
	var score any = 96
	var block any = false
	result := "risky" // deprecated, and still there
	switch status {
	case "valid":
		result = "deliverable"
	case "unknown":
		score, block = nil, nil
	case "invalid":
		score, result = 4, "undeliverable"
	case "accept_all":
		score = 60
	}
	return object{
		"data": object{
			"status": status, "result": result, "score": score, "email": q.email, "regexp": true, "gibberish": false,
			"disposable": status == "disposable", "webmail": status == "webmail", "mx_records": true, "smtp_server": true,
			"smtp_check": status == "valid", "accept_all": status == "accept_all", "block": block,
			"sources": []object{{"domain": "example.com", "uri": "https://example.com/team", "still_on_page": true}},
		},
		"meta": object{"params": object{"email": q.email}},
	}
}
