package vendordouble

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// checks are the five verify requests and balances, for a key and an address.
func requests(key, email string) map[string][2]*http.Request {
	get := func(target string) *http.Request { return httptest.NewRequest(http.MethodGet, target, nil) }
	post := func(target, body string) *http.Request {
		return httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	}
	hunter := [2]*http.Request{get("/v2/email-verifier?email=" + email), get("/v2/account")}
	for _, r := range hunter {
		r.Header.Set("X-API-KEY", key)
	}
	return map[string][2]*http.Request{
		"millionverifier": {get("/api/v3/?api=" + key + "&email=" + email), get("/api/v3/credits?api=" + key)},
		"reoon":           {get("/api/v1/verify?mode=power&key=" + key + "&email=" + email), get("/api/v1/check-account-balance/?key=" + key)},
		"neverbounce": {
			post("/v4.2/single/check", `{"key":"`+key+`","email":"`+strings.ReplaceAll(email, "%2B", "+")+`"}`),
			post("/v4.2/account/info", `{"key":"`+key+`"}`),
		},
		"zerobounce": {get("/v2/validate?api_key=" + key + "&ip_address=&email=" + email), get("/v2/getcredits?api_key=" + key)},
		"hunter":     hunter,
	}
}

func send(d *Double, r *http.Request) (int, string) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body)
	return w.Code, string(body)
}

// A double that says 401 where the vendor says 200 hides the bug that production
// finds.
func TestWrongKeysAreRefusedAsTheVendorsDo(t *testing.T) {
	for name, want := range map[string]struct {
		code       int
		body, left string
	}{
		"millionverifier": {200, `"error":"apikey_not_found"`, `"error":"apikey_not_found"`},
		"reoon":           {200, `"status":"error"`, `"status":"error"`},
		"neverbounce":     {200, `"status":"auth_failure"`, `"status":"auth_failure"`},
		"zerobounce":      {200, `"error":"Invalid API Key or your account ran out of credits"`, `"Credits":"-1"`},
		"hunter":          {401, `"id":"authentication_failed"`, `"id":"authentication_failed"`},
	} {
		asked := requests("bad-key", "ok@buyer.example")[name]
		d := New(Options{})
		if code, body := send(d, asked[0]); code != want.code || !strings.Contains(body, want.body) {
			t.Errorf("%s: got %d %s", name, code, body)
		}
		if code, body := send(d, asked[1]); code != want.code || !strings.Contains(body, want.left) {
			t.Errorf("%s balance: got %d %s", name, code, body)
		}
		if d.Counts(name).Refused != 2 {
			t.Errorf("%s: got %+v", name, d.Counts(name))
		}
	}
}

func TestCreditsGoDownByTheVendorsRules(t *testing.T) {
	for name, free := range map[string]string{"millionverifier": "unknown", "reoon": "unknown", "hunter": "disposable"} {
		d := New(Options{})
		for _, local := range []string{"ok", free, "invalid"} {
			send(d, requests("good-key", local+"@buyer.example")[name][0])
		}
		if c := d.Counts(name); c.Checks != 3 || c.Charged != 2 {
			t.Errorf("%s: got %+v", name, c)
		}
	}
	d := New(Options{})
	var last string
	for range 3 {
		_, last = send(d, requests("few2-key", "ok@buyer.example")["neverbounce"][0])
	}
	if !strings.Contains(last, "Insufficient credit balance") || d.Counts("neverbounce").Charged != 2 {
		t.Errorf("got %s", last)
	}
}

func TestPlusArrivesAsPlus(t *testing.T) {
	for name, asked := range requests("good-key", "a%2Bb@buyer.example") {
		d := New(Options{})
		send(d, asked[0])
		if got := d.Emails(name); len(got) != 1 || got[0] != "a+b@buyer.example" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestMalformedRequests(t *testing.T) {
	d := New(Options{})
	for name, asked := range requests("good-key", "") {
		if code, body := send(d, asked[0]); !strings.Contains(body, "mail") || name == "hunter" && code != 400 || name == "zerobounce" && code != 400 {
			t.Errorf("%s without address: got %d %s", name, code, body)
		}
	}
	if code, _ := send(d, httptest.NewRequest(http.MethodPost, "/v2/validate", nil)); code != 405 {
		t.Errorf("wrong method: got %d", code)
	}
	if code, _ := send(d, httptest.NewRequest(http.MethodGet, "/v2/other", nil)); code != 404 {
		t.Errorf("wrong path: got %d", code)
	}
	if code, body := send(d, httptest.NewRequest(http.MethodGet, "/v2/validate?email=ok@x.example", nil)); code != 400 || !strings.Contains(body, "api_key") {
		t.Errorf("no key: got %d %s", code, body)
	}
}

func TestHunterIsPendingTwice(t *testing.T) {
	d := New(Options{})
	var codes []int
	for range 3 {
		code, _ := send(d, requests("good-key", "pending@buyer.example")["hunter"][0])
		codes = append(codes, code)
	}
	if codes[0] != 202 || codes[1] != 202 || codes[2] != 200 || d.Counts("hunter").Charged != 1 {
		t.Errorf("got %v, %+v", codes, d.Counts("hunter"))
	}
}

func TestLimits(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	d := New(Options{Now: func() time.Time { return now }})
	for i := range 12 {
		code, _ := send(d, requests("good-key", "ok@buyer.example")["hunter"][0])
		if want := map[bool]int{true: 200, false: 403}[i < 10]; code != want {
			t.Errorf("hunter, call %d of a second: got %d, want %d", i, code, want)
		}
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	codes := map[int]int{}
	for range 8 {
		all.Go(func() {
			code, _ := send(d, requests("delay200-key", "ok@buyer.example")["reoon"][0])
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
		})
	}
	all.Wait()
	if codes[200] != 5 || codes[429] != 3 {
		t.Errorf("reoon, eight at once: got %v", codes)
	}
}

// Whoever goes on with a wrong key is not answered at all, with a good one
// neither.
func TestZeroBounceBlocksWrongKeys(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	d := New(Options{BadKeys: 3, Now: func() time.Time { return now }})
	for i, want := range []int{200, 200, 200, 200, 403} {
		if code, _ := send(d, requests("bad-key", "ok@buyer.example")["zerobounce"][0]); code != want {
			t.Errorf("wrong key, request %d: got %d, want %d", i+1, code, want)
		}
	}
	for _, tt := range []struct {
		after          time.Duration
		check, balance int
	}{{0, 403, 403}, {time.Hour, 200, 403}, {24 * time.Hour, 200, 200}} {
		now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Add(tt.after)
		asked := requests("good-key", "ok@buyer.example")["zerobounce"]
		check, _ := send(d, asked[0])
		balance, _ := send(d, asked[1])
		if check != tt.check || balance != tt.balance {
			t.Errorf("good key after %s: got %d and %d, want %d and %d", tt.after, check, balance, tt.check, tt.balance)
		}
	}
}

// The quick mode is what Reoon does unless told, and asks no mailbox.
func TestReoonHasTwoModes(t *testing.T) {
	d := New(Options{})
	_, power := send(d, requests("good-key", "ok@buyer.example")["reoon"][0])
	_, quick := send(d, httptest.NewRequest(http.MethodGet, "/api/v1/verify?key=good-key&email=ok@buyer.example", nil))
	if !strings.Contains(power, `"status":"safe"`) || !strings.Contains(power, `"is_deliverable":true`) {
		t.Errorf("power: got %s", power)
	}
	if !strings.Contains(quick, `"status":"valid"`) || !strings.Contains(quick, `"verification_mode":"quick"`) || strings.Contains(quick, "is_deliverable") {
		t.Errorf("quick: got %s", quick)
	}
}

func TestNeverBounceTellsCreditsWhenAsked(t *testing.T) {
	d := New(Options{})
	ask := func(body string) string {
		_, got := send(d, httptest.NewRequest(http.MethodPost, "/v4.2/single/check", strings.NewReader(body)))
		return got
	}
	if got := ask(`{"key":"good-key","email":"ok@buyer.example"}`); strings.Contains(got, "credits_info") {
		t.Errorf("not asked: got %s", got)
	}
	if got := ask(`{"key":"good-key","email":"ok@buyer.example","credits_info":true}`); !strings.Contains(got, `"paid_credits_remaining":9998`) {
		t.Errorf("asked: got %s", got)
	}
}

// Limits are those of a key: what one customer does is none of another's.
func TestLimitsAreByKey(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	d := New(Options{Now: func() time.Time { return now }})
	for range hunterPerSecond {
		send(d, requests("good-key", "ok@buyer.example")["hunter"][0])
	}
	if code, _ := send(d, requests("good-other", "ok@buyer.example")["hunter"][0]); code != 200 {
		t.Errorf("another key: got %d", code)
	}
}
