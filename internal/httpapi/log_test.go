package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// line reads the one line that a request logged.
func line(t *testing.T, s *service) map[string]any {
	t.Helper()
	if n := strings.Count(s.log.String(), "\n"); n != 1 {
		t.Fatalf("%d lines:\n%s", n, s.log)
	}
	var fields map[string]any
	if err := json.Unmarshal(s.log.Bytes(), &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "time")
	return fields
}

// working is a verifier for which something happens while it works.
type working struct {
	Verifier
	happens func()
}

func (v working) Verify(ctx context.Context, r verify.Request) verdict.Verdict {
	v.happens()
	return v.Verifier.Verify(ctx, r)
}

func TestEveryRequestLogsOneLine(t *testing.T) {
	clock := noon
	s := serve(t, func(d *Deps) {
		d.Now = func() time.Time { return clock }
		d.Verifier = working{d.Verifier, func() { clock = clock.Add(248 * time.Millisecond) }}
	})
	s.do(post(`{"email":"victim@example.com"}`))
	want := map[string]any{
		"level": "INFO", "msg": "request", "method": "POST", "route": "/v1/verify", "status": 200.0,
		"duration_ms": 248.0, "request_id": "req-1", "key": "livekey2",
	}
	if got := line(t, s); !reflect.DeepEqual(got, want) {
		t.Errorf("logged %v, want %v", got, want)
	}
}

func TestCallersMistakesAreLoggedByKind(t *testing.T) {
	s := serve(t, nil)
	s.do(post(`{"email":"victim@example.com","timeout_ms":1}`))
	got := line(t, s)
	if got["level"] != "INFO" || got["problem"] != "bad-request" || got["status"] != 400.0 || got["error"] != nil {
		t.Errorf("logged %v", got)
	}
}

func TestOurMistakesAreLoggedWithTheirCause(t *testing.T) {
	s := serve(t, func(d *Deps) { d.Keys = keyring{errors.New("read key k1: disk on fire")} })
	s.do(post(`{"email":"victim@example.com"}`))
	got := line(t, s)
	if got["level"] != "ERROR" || got["problem"] != "internal" || got["error"] != "read key k1: disk on fire" {
		t.Errorf("logged %v", got)
	}
}

func TestLogHoldsNeitherAddressNorKey(t *testing.T) {
	const secrets = "victim example.com rk_live rk_test abcdefghijklmnopqrstuvwxyz234567 7654327654 hk_ token Bearer"
	requests := map[string]*http.Request{
		"a good request":        post(`{"email":"victim@example.com"}`),
		"broken JSON":           post(`{"email":"victim@example.com"`),
		"a field that is one":   post(`{"victim@example.com":1}`),
		"a field of wrong type": post(`{"email":["victim@example.com"]}`),
		"an address too long":   post(`{"email":"` + strings.Repeat("victim@example.com", 20) + `"}`),
		"a policy named so":     post(`{"email":"a@b.test","policy":"victim@example.com"}`),
		"an empty body":         post(""),
	}
	for name, change := range map[string]func(*http.Request){
		"a wrong key":         func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+wrongSecret) },
		"a malformed key":     func(r *http.Request) { r.Header.Set("Authorization", "Bearer rk_live_victim@example.com") },
		"a basic password":    func(r *http.Request) { r.Header.Set("Authorization", "Basic dmljdGlt victim") },
		"a missing scope":     func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+reportSecret) },
		"a path with a token": func(r *http.Request) { r.URL.Path = "/v1/hooks/ses/hk_token_abcdefghijklmnopqrstuvwxyz234567" },
		"a query":             func(r *http.Request) { r.URL.RawQuery = "key=" + liveSecret + "&email=victim@example.com" },
		"a strange method":    func(r *http.Request) { r.Method = "VICTIM-victim" },
		"a strange id":        func(r *http.Request) { r.Header.Set("X-Request-Id", "victim@example.com") },
		"a referer":           func(r *http.Request) { r.Header.Set("Referer", "https://example.com/?e=victim@example.com") },
		"a user agent":        func(r *http.Request) { r.Header.Set("User-Agent", "victim@example.com") },
	} {
		r := post(`{"email":"victim@example.com"}`)
		change(r)
		requests[name] = r
	}
	for name, r := range requests {
		s := serve(t, nil)
		s.do(r)
		line(t, s)
		for _, secret := range strings.Fields(secrets) {
			if strings.Contains(strings.ToLower(s.log.String()), strings.ToLower(secret)) {
				t.Errorf("%s: the log holds %q: %s", name, secret, s.log)
			}
		}
	}
}
