package vendors

import (
	"fmt"
	"testing"
)

type troubleCase struct {
	name Name
	code int
	body string
	want Class
}

// The error tables, row by row.
func TestEveryErrorHasItsClass(t *testing.T) {
	cases := []troubleCase{
		{MillionVerifier, 200, `{"result":"error","resultcode":4,"error":"apikey_not_found"}`, Auth},
		{MillionVerifier, 200, `{"result":"error","error":"Invalid API key"}`, Auth},
		{MillionVerifier, 200, `{"result":"error","error":"invalid_api_key"}`, Auth},
		{MillionVerifier, 200, `{"result":"error","error":"no api-key"}`, Auth},
		{MillionVerifier, 200, `{"result":"error","error":"insufficient_credits"}`, Quota},
		{MillionVerifier, 200, `{"result":"error","error":"ip_address_blocked"}`, Rate},
		{MillionVerifier, 200, `{"result":"error","error":"no_email"}`, Bad},
		{MillionVerifier, 200, `{"result":"error","error":"internal_error"}`, Server},
		{MillionVerifier, 200, `{"result":"ok","error":"something else"}`, Server},
		{MillionVerifier, 200, `{"email":"a@b.example"}`, Server},
		{MillionVerifier, 200, `{"result":null}`, Server},
		{MillionVerifier, 429, `{"error":"Rate limit exceeded"}`, Rate},

		{Reoon, 200, `{"status":"error","reason":"The API key is not valid."}`, Auth},
		{Reoon, 200, `{"status":"error","message":"Authentication failed"}`, Auth},
		{Reoon, 400, `{"status":"error","reason":"Unauthorized"}`, Auth},
		{Reoon, 200, `{"status":"error","reason":"Not enough credits"}`, Quota},
		{Reoon, 200, `{"status":"error","reason":"Insufficient balance"}`, Quota},
		{Reoon, 422, `{"status":"error","reason":"Quota used up"}`, Quota},
		{Reoon, 200, `{"status":"error","reason":"Daily limit exceeded"}`, Quota},
		{Reoon, 200, `{"status":"error","reason":"Your API credits are used up"}`, Quota},
		{Reoon, 200, `{"status":"error","reason":"Too many requests"}`, Rate},
		{Reoon, 200, `{"status":"error","reason":"Rate limit exceeded"}`, Rate},
		{Reoon, 200, `{"status":"error","reason":"Thread limit of this API key"}`, Rate},
		{Reoon, 200, `{"status":"error","reason":"Concurrent request limit"}`, Rate},
		{Reoon, 200, `{"status":"error","reason":"Email is not given"}`, Bad},
		{Reoon, 200, `{"status":"error","reason":"Missing parameter"}`, Bad},
		{Reoon, 200, `{"status":"error","reason":"Unknown mode"}`, Bad},
		{Reoon, 200, `{"status":"error","reason":"Could not generate"}`, Server},
		{Reoon, 200, `{"status":"error"}`, Server},
		{Reoon, 400, `{"status":"error","reason":"No"}`, Bad},
		{Reoon, 200, `{"email":"a@b.example"}`, Server},
		{Reoon, 429, `{"status":"error","reason":"Limit exceeded"}`, Rate},

		{NeverBounce, 200, `{"status":"auth_failure","message":"Invalid API key 'secret_0000'"}`, Auth},
		{NeverBounce, 200, `{"status":"general_failure","message":"Insufficient credit balance. This transaction requires 1 credits. The current available credit balance is 0."}`, Quota},
		{NeverBounce, 200, `{"status":"general_failure","message":"Please add a payment method"}`, Quota},
		{NeverBounce, 200, `{"status":"general_failure","message":"Missing required parameter 'email'"}`, Bad},
		{NeverBounce, 200, `{"status":"general_failure","message":"Invalid parameter 'timeout'"}`, Bad},
		{NeverBounce, 200, `{"status":"general_failure","message":"Missing required parameter 'key'"}`, Auth},
		{NeverBounce, 200, `{"status":"general_failure","message":"Something"}`, Server},
		{NeverBounce, 200, `{"status":"throttle_triggered","message":"Slow down"}`, Rate},
		{NeverBounce, 200, `{"status":"temp_unavail"}`, Server},
		{NeverBounce, 200, `{"status":"bad_referrer"}`, Auth},
		{NeverBounce, 200, `{"status":"brand_new","result":"valid"}`, Server},
		{NeverBounce, 200, `{"result":"valid"}`, Server},
		{NeverBounce, 200, `{"status":"success"}`, Server},
		{NeverBounce, 405, `{}`, Bad},
		{NeverBounce, 413, `{}`, Bad},

		{ZeroBounce, 200, `{"error":"Invalid API Key"}`, Auth},
		{ZeroBounce, 200, `{"Error":"No credits left"}`, Quota},
		{ZeroBounce, 200, `{"message":"Something"}`, Server},
		{ZeroBounce, 200, `{"Message":"api_key is wrong"}`, Auth},
		{ZeroBounce, 200, `{"address":"a@b.example"}`, Server},
		{ZeroBounce, 400, `{"error":"Missing parameter: api_key."}`, Auth},
		{ZeroBounce, 400, `{"error":"Missing parameter: email."}`, Bad},
		{ZeroBounce, 405, ``, Bad},
		{ZeroBounce, 520, ``, Server},
		{ZeroBounce, 524, ``, Server},
		{ZeroBounce, 500, `Missing parameter`, Server},

		{Hunter, 400, `{"errors":[{"id":"wrong_params","code":400,"details":"You are missing the email parameter"}]}`, Bad},
		{Hunter, 401, `{"errors":[{"id":"authentication_failed","code":401,"details":"No user found for the API key supplied"}]}`, Auth},
		{Hunter, 402, `{"errors":[{"details":"Upgrade"}]}`, Quota},
		{Hunter, 403, `{"errors":[{"id":"too_many_requests"}]}`, Rate},
		{Hunter, 403, `{"errors":[{"id":"forbidden","details":"Rate limit reached"}]}`, Rate},
		{Hunter, 403, `{"errors":[{"id":"forbidden","details":"Too many requests"}]}`, Rate},
		{Hunter, 403, `{"errors":[{"id":"forbidden","details":"This key may not use it"}]}`, Auth},
		{Hunter, 403, ``, Auth},
		{Hunter, 429, `{"errors":[{"id":"too_many_requests","details":"The limit for the billing period in your plan has been reached"}]}`, Quota},
		{Hunter, 429, `{"errors":[{"id":"too_many_requests","details":"Try again later"}]}`, Rate},
		{Hunter, 429, ``, Rate},
		{Hunter, 200, `{"data":{}}`, Server},
		{Hunter, 200, `{"data":"x"}`, Server},
		{Hunter, 204, ``, Server},
		{Hunter, 206, `{"data":{"status":"valid"}}`, Server},
	}
	for _, name := range []Name{MillionVerifier, Reoon, NeverBounce, ZeroBounce, Hunter} {
		for code, want := range map[int]Class{
			401: Auth, 402: Quota, 400: Bad, 404: Bad, 422: Bad, 500: Server, 502: Server, 503: Server, 302: Server, 204: Server,
		} {
			cases = append(cases, troubleCase{name, code, "", want})
		}
		for _, body := range []string{"", "<html>", `{"status":"valid","result":"ok"`, "null", "[]", `"valid"`, "17"} {
			cases = append(cases, troubleCase{name, 200, body, Server})
		}
	}
	for _, name := range []Name{MillionVerifier, Reoon, NeverBounce} {
		cases = append(cases, troubleCase{name, 403, "", Auth}, troubleCase{name, 429, "", Rate})
	}
	cases = append(cases, troubleCase{ZeroBounce, 403, "", Rate}, troubleCase{ZeroBounce, 429, "", Rate})
	for _, tt := range cases {
		t.Run(fmt.Sprint(tt.name, tt.code, tt.body), func(t *testing.T) {
			p, _ := protocols(tt.name)
			got, err := p.read(tt.code, []byte(tt.body))
			if err == nil || err.Class != tt.want || err.Code != tt.code || err.Text == "" || err.sign != 0 {
				t.Errorf("got %+v, error %+v, want one of class %s", got, err, tt.want)
			}
		})
	}
}

func TestZeroBounceOneTextForTwoCauses(t *testing.T) {
	for _, text := range []string{"Invalid API Key or your account ran out of credits", "Invalid API key or your account ran out of credits"} {
		if _, err := readZeroBounce(200, []byte(`{"error":"`+text+`"}`)); err == nil || err.sign != ambiguous {
			t.Errorf("%s: got %+v", text, err)
		}
	}
}

// What proves no key is no credit.
func TestBalanceThatProvesNoKey(t *testing.T) {
	for _, tt := range []troubleCase{
		{MillionVerifier, 200, `{"result":"error","error":"apikey_not_found"}`, Auth},
		{MillionVerifier, 200, `{"plan":0}`, Server},
		{MillionVerifier, 200, `{"credits":null}`, Server},
		{Reoon, 200, `{"status":"error","reason":"The API key is not valid."}`, Auth},
		{Reoon, 200, `{"status":"success","api_status":"suspended","remaining_daily_credits":3}`, Auth},
		{Reoon, 200, `{"remaining_daily_credits":3}`, Server},
		{NeverBounce, 200, `{"status":"auth_failure"}`, Auth},
		{NeverBounce, 200, `{"credits_info":{"paid_credits_remaining":1}}`, Server},
		{ZeroBounce, 200, `{"Credits":"-1"}`, Auth},
		{ZeroBounce, 200, `{"Credits":-1}`, Auth},
		{ZeroBounce, 200, `{"error":"Invalid API Key or your account ran out of credits"}`, Auth},
		{ZeroBounce, 200, `{}`, Server},
		{ZeroBounce, 400, `{"error":"Missing parameter: api_key."}`, Auth},
		{Hunter, 401, ``, Auth},
		{Hunter, 200, `{"meta":{}}`, Server},
		{Hunter, 200, `{"data":null}`, Server},
		{Hunter, 202, ``, Server},
		{Reoon, 429, ``, Rate},
		{Hunter, 503, `<html>`, Server},
	} {
		p, _ := protocols(tt.name)
		left, err := p.left(tt.code, []byte(tt.body))
		if err == nil || err.Class != tt.want || left != nil {
			t.Errorf("%s %d %s: got %v, %+v, want %s", tt.name, tt.code, tt.body, left, err, tt.want)
		}
	}
}
