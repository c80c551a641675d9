package app

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/keys"
)

// send asks a function and returns status and body.
func send(h http.Handler, method, path, secret, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+secret)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestFunctionsInOneProcessShareTheirKeys makes a key with one function and uses
// it with the other. Test keys need nothing outside of the process.
func TestFunctionsInOneProcessShareTheirKeys(t *testing.T) {
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ports := Ports{
		Control: db.Control(), Cache: db.Cache(), Vault: db.Vault(), Secret: []byte("0123456789abcdef"),
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	ports.Book, ports.Meter, ports.Tenant = Keys(ports), Meter(ports), Tenant(ports)
	cfg, err := config.Read(func(string) string { return "" }, "host.example")
	if err != nil {
		t.Fatal(err)
	}
	verify, err := Verify(cfg, ports)
	if err != nil {
		t.Fatal(err)
	}
	account, err := Account(cfg, ports)
	if err != nil {
		t.Fatal(err)
	}
	_, admin, err := ports.Book.Create(t.Context(), keys.Draft{Account: "operator", Scopes: []keys.Scope{keys.Admin}})
	if err != nil {
		t.Fatal(err)
	}

	status, body := send(account, "POST", "/v1/keys", admin.API, `{"account":"acme","test":true}`)
	var made struct{ ID, Secret string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || status != 201 {
		t.Fatalf("create: %d %s", status, body)
	}
	for _, step := range []struct {
		h                    http.Handler
		method, path, secret string
		body                 string
		status               int
		want                 string
	}{
		{verify, "POST", "/v1/verify", made.Secret, `{"email":"alice@ok.test"}`, 200, `"status":"VALID"`},
		{verify, "POST", "/v1/verify", made.Secret, `{"email":"nobody@ok.test"}`, 200, `"status":"INVALID"`},
		{account, "GET", "/v1/usage", made.Secret, "", 200, `"by_kind":{"test":2},"by_outcome":{"INVALID":1,"VALID":1}`},
		{account, "POST", "/v1/lists", made.Secret, `{"list":"deny","domains":["ok.test"]}`, 200, `"added":1`},
		{verify, "POST", "/v1/verify", made.Secret, `{"email":"alice@ok.test"}`, 200, `"status":"DISPOSABLE"`},
		{account, "DELETE", "/v1/lists", made.Secret, `{"list":"deny","domains":["ok.test"]}`, 200, `"removed":1`},
		{verify, "POST", "/v1/verify", made.Secret, `{"email":"alice@ok.test"}`, 200, `"status":"VALID"`},
		{account, "DELETE", "/v1/keys/" + made.ID, admin.API, "", 204, ""},
		{verify, "POST", "/v1/verify", made.Secret, `{"email":"alice@ok.test"}`, 401, "unauthorized"},
		{verify, "GET", "/v1/keys", admin.API, "", 404, "No such path"},
		{account, "GET", "/v1/health", "", "", 404, "No such path"},
	} {
		if status, body := send(step.h, step.method, step.path, step.secret, step.body); status != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s %s answers %d %s; want %d with %s", step.method, step.path, status, body, step.status, step.want)
		}
	}
}
