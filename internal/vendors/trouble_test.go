package vendors

import "testing"

// errorRow is a row of an error table of reference/verifier-vendors.md, or one
// of the words it names.
type errorRow struct {
	row  string
	code int
	body string
	want Class
}

// errorRows fails when an answer to a check means another class than its row says.
func errorRows(t *testing.T, name Name, cases ...errorRow) {
	t.Helper()
	p, _ := protocols(name)
	seen := map[string]bool{}
	for _, tt := range cases {
		if seen[tt.row] {
			t.Errorf("two rows are called %q", tt.row)
		}
		seen[tt.row] = true
		t.Run(tt.row, func(t *testing.T) {
			got, err := p.read(tt.code, []byte(tt.body))
			if err == nil || err.Class != tt.want || err.Code != tt.code || err.Text == "" || err.sign != 0 {
				t.Errorf("got %+v, error %+v, want one of class %s", got, err, tt.want)
			}
		})
	}
}

// httpRows are what statuses mean at all vendors, and bodies without an answer.
func httpRows() []errorRow {
	return []errorRow{
		{"HTTP 302", 302, "", Server}, {"HTTP 400", 400, "", Bad}, {"HTTP 401", 401, "", Auth}, {"HTTP 402", 402, "", Quota},
		{"HTTP 404", 404, "", Bad}, {"HTTP 405", 405, "", Bad}, {"HTTP 413", 413, "", Bad}, {"HTTP 422", 422, "", Bad},
		{"HTTP 500", 500, "", Server}, {"HTTP 502", 502, "", Server}, {"HTTP 503 as HTML", 503, "<html>", Server}, {"HTTP 204", 204, "", Server},
		{"HTTP 201 with a verdict", 201, `{"status":"valid","result":"ok","data":{"status":"valid"}}`, Server},
		{"HTTP 206 with a verdict", 206, `{"status":"safe","result":"ok","data":{"status":"valid"}}`, Server},
		{"HTTP 403 as HTML, of a front end", 403, " \n<!DOCTYPE html>", Rate}, {"HTTP 404 as HTML", 404, "\xef\xbb\xbf<html>", Server},
		{"HTTP 400 as HTML", 400, "<html>", Server}, {"HTTP 401 as HTML", 401, "<html>", Auth},
		{"empty body", 200, "", Server}, {"HTML", 200, "<html>", Server}, {"truncated JSON", 200, `{"status":"valid","result":"ok"`, Server},
		{"null", 200, "null", Server}, {"an array", 200, "[]", Server}, {"a string", 200, `"valid"`, Server}, {"a number", 200, "17", Server},
		{"two objects", 200, `{"status":"safe","result":"ok","data":{"status":"valid"}}{}`, Server}, {"an empty object", 200, "{}", Server},
	}
}

func TestMillionVerifierErrors(t *testing.T) {
	said := func(text string) string { return `{"result":"error","resultcode":4,"error":"` + text + `"}` }
	errorRows(t, MillionVerifier, append(httpRows(),
		errorRow{"apikey, as recorded", 200, said("apikey_not_found"), Auth},
		errorRow{"api key", 200, said("Invalid API key"), Auth},
		errorRow{"api_key", 200, said("invalid_api_key"), Auth},
		errorRow{"api-key", 200, said("no api-key"), Auth},
		errorRow{"the key before the credits", 200, said("apikey has no credits"), Auth},
		errorRow{"credit", 200, said("insufficient_credits"), Quota},
		errorRow{"the credits before the address", 200, said("no credits for this email"), Quota},
		errorRow{"ip and block", 200, said("ip_address_blocked"), Rate},
		errorRow{"email", 200, said("no_email"), Bad},
		errorRow{"internal", 200, said("internal_error"), Server},
		errorRow{"any other text", 200, `{"result":"ok","error":"something else"}`, Server},
		errorRow{"no result", 200, `{"email":"a@b.example"}`, Server},
		errorRow{"a result that is null", 200, `{"result":null}`, Server},
		errorRow{"HTTP 403", 403, "", Auth},
		errorRow{"HTTP 429", 429, "", Rate},
		errorRow{"HTTP 429 of the seed", 429, `{"error":"Rate limit exceeded"}`, Rate},
	)...)
}

func TestReoonErrors(t *testing.T) {
	said := func(text string) string { return `{"status":"error","reason":"` + text + `"}` }
	errorRows(t, Reoon, append(httpRows(),
		errorRow{"key", 200, said("The key is not valid."), Auth},
		errorRow{"API", 200, said("No access to the API"), Auth},
		errorRow{"auth", 200, said("Authentication is missing"), Auth},
		errorRow{"key in message", 200, `{"status":"error","message":"The API key is not valid."}`, Auth},
		errorRow{"auth under a 4xx", 400, said("Unauthorized"), Auth},
		errorRow{"credit", 200, said("Not enough credits"), Quota},
		errorRow{"balance", 200, said("Your balance is too low"), Quota},
		errorRow{"quota under a 4xx", 422, said("Quota used up"), Quota},
		errorRow{"limit", 200, said("Daily limit"), Quota},
		errorRow{"exceed", 200, said("Plan exceeded"), Quota},
		errorRow{"insufficient", 200, said("Insufficient funds"), Quota},
		errorRow{"credits before the API", 200, said("Your API credits are used up"), Quota},
		errorRow{"too many", 200, said("Too many requests"), Rate},
		errorRow{"rate before limit", 200, said("Rate limit exceeded"), Rate},
		errorRow{"thread before key", 200, said("Thread limit of this API key"), Rate},
		errorRow{"concurrent", 200, said("Concurrent request limit"), Rate},
		errorRow{"email", 200, said("Email is not given"), Bad},
		errorRow{"parameter", 200, said("Missing parameter"), Bad},
		errorRow{"mode", 200, said("Unknown mode"), Bad},
		errorRow{"any other text, with a rate inside a word", 200, said("Could not generate"), Server},
		errorRow{"no text", 200, `{"status":"error"}`, Server},
		errorRow{"any other text under a 4xx", 400, said("No"), Bad},
		errorRow{"no status", 200, `{"email":"a@b.example"}`, Server},
		errorRow{"HTTP 403", 403, "", Auth},
		errorRow{"HTTP 429", 429, said("Limit exceeded"), Rate},
	)...)
}

func TestNeverBounceErrors(t *testing.T) {
	said := func(status, message string) string {
		return `{"status":"` + status + `","message":"` + message + `","execution_time":11}`
	}
	errorRows(t, NeverBounce, append(httpRows(),
		errorRow{"auth_failure", 200, said("auth_failure", "Invalid API key 'secret_0000'"), Auth},
		errorRow{"general_failure, as recorded without credits", 200, said("general_failure", "Insufficient credit balance. This transaction requires 1 credits. The current available credit balance is 0."), Quota},
		errorRow{"general_failure, credit", 200, said("general_failure", "No credits"), Quota},
		errorRow{"general_failure, balance", 200, said("general_failure", "Balance used up"), Quota},
		errorRow{"general_failure, payment method", 200, said("general_failure", "Please add a payment method"), Quota},
		errorRow{"general_failure, missing parameter", 200, said("general_failure", "Missing required parameter 'email'"), Bad},
		errorRow{"general_failure, invalid parameter", 200, said("general_failure", "Invalid parameter 'timeout'"), Bad},
		errorRow{"general_failure, as recorded without key", 200, said("general_failure", "Missing required parameter 'key'"), Auth},
		errorRow{"general_failure, other text", 200, said("general_failure", "Something"), Server},
		errorRow{"general_failure, no text", 200, `{"status":"general_failure"}`, Server},
		errorRow{"throttle_triggered", 200, said("throttle_triggered", "Slow down"), Rate},
		errorRow{"temp_unavail", 200, `{"status":"temp_unavail"}`, Server},
		errorRow{"bad_referrer", 200, `{"status":"bad_referrer"}`, Auth},
		errorRow{"any other word, beside a result", 200, `{"status":"brand_new","result":"valid"}`, Server},
		errorRow{"a result without status", 200, `{"result":"valid"}`, Server},
		errorRow{"success without result", 200, `{"status":"success"}`, Server},
		errorRow{"HTTP 403", 403, "", Auth},
		errorRow{"HTTP 429", 429, "", Rate},
		errorRow{"HTTP 503 that speaks of the key", 503, said("auth_failure", "x"), Server},
	)...)
}

func TestZeroBounceErrors(t *testing.T) {
	errorRows(t, ZeroBounce, append(httpRows(),
		errorRow{"error, by text: key", 200, `{"error":"Invalid API Key"}`, Auth},
		errorRow{"Error, by text: credits", 200, `{"Error":"No credits left"}`, Quota},
		errorRow{"message, else server", 200, `{"message":"Something"}`, Server},
		errorRow{"Message, by text: key", 200, `{"Message":"api_key is wrong"}`, Auth},
		errorRow{"no status and no text", 200, `{"address":"a@b.example"}`, Server},
		errorRow{"an error beside a status", 200, `{"status":"invalid","sub_status":"","error":"Something"}`, Server},
		errorRow{"HTTP 400 for the key", 400, `{"error":"Missing parameter: api_key."}`, Auth},
		errorRow{"HTTP 400 for anything else", 400, `{"error":"Missing parameter: email."}`, Bad},
		errorRow{"HTTP 403 is a front end", 403, "", Rate},
		errorRow{"HTTP 403 whatever it says", 403, `{"error":"Invalid API Key"}`, Rate},
		errorRow{"HTTP 429", 429, "", Rate},
		errorRow{"HTTP 520", 520, "", Server},
		errorRow{"HTTP 524", 524, "", Server},
		errorRow{"HTTP 500 as plain text", 500, `Missing parameter`, Server},
	)...)
}

func TestZeroBounceOneTextForTwoCauses(t *testing.T) {
	for _, text := range []string{"Invalid API Key or your account ran out of credits", "Invalid API key or your account ran out of credits"} {
		if _, err := readZeroBounce(200, []byte(`{"error":"`+text+`"}`)); err == nil || err.sign != ambiguous {
			t.Errorf("%s: got %+v", text, err)
		}
	}
}

func TestHunterErrors(t *testing.T) {
	said := func(id, details string) string {
		return `{"errors":[{"id":"` + id + `","code":1,"details":"` + details + `"},{"id":"second","details":"plan"}]}`
	}
	errorRows(t, Hunter, append(httpRows(),
		errorRow{"HTTP 400 wrong_params", 400, said("wrong_params", "You are missing the email parameter"), Bad},
		errorRow{"HTTP 401 authentication_failed", 401, said("authentication_failed", "No user found for the API key supplied"), Auth},
		errorRow{"HTTP 402 with an upgrade text", 402, said("", "Upgrade"), Quota},
		errorRow{"HTTP 403, id too_many_requests", 403, said("too_many_requests", ""), Rate},
		errorRow{"HTTP 403, text of a rate", 403, said("forbidden", "Rate limit reached"), Rate},
		errorRow{"HTTP 403, text of requests", 403, said("forbidden", "The requests are too fast"), Rate},
		errorRow{"HTTP 403, anything else", 403, said("forbidden", "This key may not use it"), Auth},
		errorRow{"HTTP 403, nothing", 403, "", Auth},
		errorRow{"HTTP 429, as recorded", 429, said("too_many_requests", "You have reached the limit for the billing period in your plan"), Quota},
		errorRow{"HTTP 429, plan", 429, said("too_many_requests", "Your plan does not allow it"), Quota},
		errorRow{"HTTP 429, billing", 429, said("too_many_requests", "See your billing"), Quota},
		errorRow{"HTTP 429, period", 429, said("too_many_requests", "Not in this period"), Quota},
		errorRow{"HTTP 429, limit reached", 429, said("too_many_requests", "Limit reached"), Quota},
		errorRow{"HTTP 429, limit has been reached", 429, said("too_many_requests", "Your limit has been reached"), Quota},
		errorRow{"HTTP 429, credits", 429, said("too_many_requests", "No credits"), Quota},
		errorRow{"HTTP 429, upgrade", 429, said("too_many_requests", "Please upgrade"), Quota},
		errorRow{"HTTP 429, usage", 429, said("too_many_requests", "Usage used up"), Quota},
		errorRow{"HTTP 429, try again later", 429, said("too_many_requests", "Try again later"), Rate},
		errorRow{"HTTP 429, nothing", 429, "", Rate},
		errorRow{"data without status", 200, `{"data":{}}`, Server},
		errorRow{"data of another type", 200, `{"data":"x"}`, Server},
	)...)
}

// What proves no key is no credit.
func TestBalanceThatProvesNoKey(t *testing.T) {
	for _, tt := range []struct {
		name Name
		errorRow
	}{
		{MillionVerifier, errorRow{"a wrong key", 200, `{"result":"error","error":"apikey_not_found"}`, Auth}},
		{MillionVerifier, errorRow{"no credits", 200, `{"plan":0}`, Server}},
		{MillionVerifier, errorRow{"credits that are null", 200, `{"credits":null}`, Server}},
		{MillionVerifier, errorRow{"credits below nothing", 200, `{"credits":-1}`, Server}},
		{Reoon, errorRow{"a wrong key", 200, `{"status":"error","reason":"The API key is not valid."}`, Auth}},
		{Reoon, errorRow{"a key not active", 200, `{"status":"success","api_status":"suspended","remaining_daily_credits":3}`, Auth}},
		{Reoon, errorRow{"no status", 200, `{"remaining_daily_credits":3}`, Server}},
		{Reoon, errorRow{"too fast", 429, ``, Rate}},
		{NeverBounce, errorRow{"a wrong key", 200, `{"status":"auth_failure"}`, Auth}},
		{NeverBounce, errorRow{"no status", 200, `{"credits_info":{"paid_credits_remaining":1}}`, Server}},
		{NeverBounce, errorRow{"too fast", 200, `{"status":"throttle_triggered"}`, Rate}},
		{ZeroBounce, errorRow{"a wrong key", 200, `{"Credits":"-1"}`, Auth}},
		{ZeroBounce, errorRow{"a wrong key as a number", 200, `{"Credits":-1}`, Auth}},
		{ZeroBounce, errorRow{"a wrong key as an error", 200, `{"error":"Invalid API Key or your account ran out of credits"}`, Auth}},
		{ZeroBounce, errorRow{"no credits", 200, `{}`, Server}},
		{ZeroBounce, errorRow{"no key", 400, `{"error":"Missing parameter: api_key."}`, Auth}},
		{ZeroBounce, errorRow{"a front end", 403, ``, Rate}},
		{Hunter, errorRow{"a wrong key", 401, ``, Auth}},
		{Hunter, errorRow{"no data", 200, `{"meta":{}}`, Server}},
		{Hunter, errorRow{"data that is null", 200, `{"data":null}`, Server}},
		{Hunter, errorRow{"not 200", 202, ``, Server}},
		{Hunter, errorRow{"HTML", 503, `<html>`, Server}},
	} {
		t.Run(string(tt.name)+" "+tt.row, func(t *testing.T) {
			p, _ := protocols(tt.name)
			left, err := p.left(tt.code, []byte(tt.body))
			if err == nil || err.Class != tt.want || left != nil {
				t.Errorf("got %v, %+v, want %s", left, err, tt.want)
			}
		})
	}
}
