package httpapi

import (
	"strings"
	"testing"
)

// What a budget refuses is told as that: alone by 402, among many by an error,
// and the gate opens.
func TestBudgetOfAnAccount(t *testing.T) {
	d := newDesk(t, nil)
	d.addKey(t, d.acme, "millionverifier", "good-key-0001")
	ask := func(method, path, body string, status int, want ...string) {
		t.Helper()
		w := d.ask(method, path, d.acme, body)
		if w.Code != status {
			t.Errorf("%s %s %s answers %d, want %d: %s", method, path, body, w.Code, status, w.Body)
		}
		for _, part := range want {
			if !strings.Contains(w.Body.String(), part) {
				t.Errorf("%s is not in %s", part, w.Body)
			}
		}
	}
	const budget, verify = "/v1/email-verifiers/budget", "/v1/email-verifiers/verify"
	ask("GET", budget, "", 200, `"monthly_usd":null`, `"spent_usd":0`)
	ask("POST", verify, `{"email":"ok1@a.example"}`, 200)
	ask("PUT", budget, `{"monthly_usd":0.0098}`, 200, `"monthly_usd":0.0098`, `"spent_usd":0.0049`)
	ask("POST", verify, `{"email":"ok2@a.example"}`, 200)
	ask("POST", verify, `{"email":"ok3@a.example"}`, 402, `"title":"Budget used up"`)
	ask("POST", verify, `{"email":"ok1@a.example"}`, 200, `"_cache_hit":true`)
	ask("POST", verify+"-bulk", `{"emails":["ok1@a.example","ok3@a.example"]}`, 200, `"error":"budget for paid verification used up"`)
	ask("PUT", budget, `{"monthly_usd":null}`, 200, `"monthly_usd":null`, `"spent_usd":0.0098`)
	ask("POST", verify, `{"email":"ok3@a.example"}`, 200)
}
