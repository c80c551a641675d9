package flow

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"rcpt/infra/host"
)

// hook sends what an ESP sends.
func hook(t *testing.T, f *host.Function, path, body string, headers map[string]string, status int) response {
	t.Helper()
	all := map[string]string{"host": "rcpt.example.com", "x-forwarded-proto": "https"}
	for name, value := range headers {
		all[name] = value
	}
	event := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RawPath: path, Body: body, Headers: all,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			Stage: "$default", DomainName: "rcpt.example.com", RequestID: "hook",
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: "POST", Path: path, SourceIP: "198.51.100.24"},
		},
	}
	r, err := invoke(t.Context(), f, event)
	if err != nil {
		t.Fatal(err)
	}
	if r.status != status {
		t.Fatalf("%s: got %d %s, want %d", path, r.status, r.body, status)
	}
	return r
}

// TestReportsChangeTheNextCheck: what functions/webhooks takes in is what
// functions/verify says next, of this key alone.
func TestReportsChangeTheNextCheck(t *testing.T) {
	s := open(t)
	account, webhooks, verify := s.function("account"), s.function("webhooks"), s.function("verify")
	admin := s.admin()
	made := must(t, account, "POST", "/v1/keys", admin, `{"account":"acme"}`, 201)
	key, token := made.field("secret"), made.field("hook_token")
	other := must(t, account, "POST", "/v1/keys", admin, `{"account":"acme"}`, 201).field("secret")
	check := func(key, email, status, reason string) {
		t.Helper()
		r := must(t, verify, "POST", "/v1/check", key, `{"email":"`+email+`"}`, 200)
		if r.field("status") != status || r.field("reason") != reason {
			t.Errorf("%s: got %s %s, want %s %s", email, r.field("status"), r.field("reason"), status, reason)
		}
	}

	check(key, "alice@ok.test", "VALID", "smtp_verified") // and is cached
	report := `{"email":"alice@ok.test","reason":"hard_bounce","event_id":"e1"}`
	must(t, webhooks, "POST", "/v1/report-bounce", key, report, 202)
	if r := must(t, webhooks, "POST", "/v1/report-bounce", key, report, 202); r.field("duplicate") != "true" {
		t.Errorf("the same again: %s", r.body)
	}
	check(key, "alice@ok.test", "INVALID", "previously_bounced")
	check(other, "alice@ok.test", "VALID", "smtp_verified")

	// An ESP that signs, from another environment than that which took the secret.
	const secret = "6c1f0e5d4b3a29181706f5e4d3c2b1a0"
	must(t, account, "PUT", "/v1/hooks/customerio", key, `{"secret":"`+secret+`"}`, 200)
	body := `{"event_id":"01KDW7R9M3X5T8B2C4D6E7F8G9","metric":"bounced","object_type":"email","timestamp":1767225600,"data":{"recipient":"bob@ok.test","failure_message":"550 5.1.1 no such user"}}`
	at := fmt.Sprint(time.Now().Unix())
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + at + ":" + body))
	signed := map[string]string{"content-type": "application/json", "x-cio-timestamp": at, "x-cio-signature": hex.EncodeToString(mac.Sum(nil))}
	path := "/v1/hooks/customerio/" + token
	hook(t, webhooks, path, strings.Replace(body, "bob", "user1", 1), signed, 401)
	hook(t, webhooks, path, body, signed, 200)
	check(key, "bob@ok.test", "INVALID", "previously_bounced")
	check(key, "user1@ok.test", "VALID", "smtp_verified")
	hook(t, webhooks, "/v1/hooks/customerio/"+token[:len(token)-4]+"aaaa", body, signed, 404)

	// Three accounts.
	for _, name := range []string{"one", "two", "three"} {
		of := must(t, account, "POST", "/v1/keys", admin, `{"account":"`+name+`"}`, 201).field("secret")
		must(t, webhooks, "POST", "/v1/report-bounce", of, `{"email":"`+name+`@ok-trap.test","reason":"spam_complaint"}`, 202)
	}
	check(other, "user9@ok-trap.test", "RISKY", "spam_trap")
	if r := must(t, account, "GET", "/v1/traps/ok-trap.test", admin, "", 200); r.field("accounts") != "3" || strings.Contains(string(r.body), "two") {
		t.Errorf("the flag: %s", r.body)
	}
	must(t, account, "DELETE", "/v1/traps/ok-trap.test", admin, "", 204)
	check(other, "user8@ok-trap.test", "VALID", "smtp_verified")

	if r := must(t, account, "GET", "/v1/bounces", key, "", 200); strings.Count(string(r.body), `"id"`) != 2 || !strings.Contains(string(r.body), "bob@ok.test") {
		t.Errorf("bounces: %s", r.body)
	}
	if r := must(t, account, "DELETE", "/v1/addresses", key, `{"email":"alice@ok.test"}`, 200); r.field("reports") != "1" {
		t.Errorf("erased: %s", r.body)
	}
	check(key, "alice@ok.test", "VALID", "smtp_verified")

	log := s.log.String()
	for _, text := range []string{key, token, secret, "alice@ok.test", "bob@ok.test"} {
		if strings.Contains(log, text) {
			t.Errorf("the log holds %q", text)
		}
	}
}
