package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/httpapi/apitest"
	"rcpt/internal/keys"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

var noon = time.Date(2026, 11, 13, 12, 0, 0, 0, time.UTC)

// Secrets that keyring knows.
const (
	liveSecret   = "rk_live_livekey2_abcdefghijklmnopqrstuvwxyz234567"
	reportSecret = "rk_live_reporter_abcdefghijklmnopqrstuvwxyz234567"
	testSecret   = "rk_test_testkey2_abcdefghijklmnopqrstuvwxyz234567"
	softSecret   = "rk_live_softplan_abcdefghijklmnopqrstuvwxyz234567"
	ownSecret    = "rk_live_ownrules_abcdefghijklmnopqrstuvwxyz234567"
	badSecret    = "rk_live_badrules_abcdefghijklmnopqrstuvwxyz234567"
	wrongSecret  = "rk_live_livekey2_76543276543276543276543276543276"
)

// keyring is the Authenticator of the tests.
type keyring struct{ err error }

func (k keyring) Authenticate(_ context.Context, secret string) (keys.Key, error) {
	if k.err != nil {
		return keys.Key{}, k.err
	}
	key, ok := map[string]keys.Key{
		liveSecret:   {ID: "livekey2", Scopes: []keys.Scope{keys.Verify}},
		reportSecret: {ID: "reporter", Scopes: []keys.Scope{keys.Report, keys.Admin}},
		testSecret:   {ID: "testkey2", Scopes: keys.AllButAdmin(), Test: true},
		softSecret:   {ID: "softplan", Scopes: keys.AllButAdmin(), Plan: keys.PlanSoft},
		ownSecret:    {ID: "ownrules", Scopes: keys.AllButAdmin(), Policy: []byte(`{"extends":"b2b","free":"block"}`)},
		badSecret:    {ID: "badrules", Scopes: keys.AllButAdmin(), Policy: []byte(`{"free":"explode"}`)},
	}[secret]
	if !ok {
		return keys.Key{}, keys.ErrUnknown
	}
	return key, nil
}

// oracle is the Verifier of the tests: it notes what it was asked and answers
// with what it was given.
type oracle struct {
	mu     sync.Mutex
	asked  []verify.Request
	answer func(ctx context.Context, r verify.Request) verdict.Verdict
}

func (o *oracle) Verify(ctx context.Context, r verify.Request) verdict.Verdict {
	o.mu.Lock()
	o.asked = append(o.asked, r)
	o.mu.Unlock()
	if o.answer != nil {
		return o.answer(ctx, r)
	}
	return verdict.Verdict{
		Email: r.Email, Status: verdict.Valid, Score: 96, Reason: verdict.SMTPVerified, Action: verdict.Accept,
		Policy: r.Policy.Name, MXFound: true, CheckedAt: noon, LatencyMS: 248,
	}
}

// concluded is a verdict on what was asked, complete.
func concluded(r verify.Request, status verdict.Status, reason verdict.Reason) verdict.Verdict {
	return verdict.Verdict{Email: r.Email, Status: status, Reason: reason, Action: verdict.Accept, Policy: r.Policy.Name, CheckedAt: noon}
}

// service is a handler with everything around it that a test looks at.
type service struct {
	http.Handler
	bare   http.Handler // the same, not held against the description
	oracle *oracle
	log    *bytes.Buffer // one JSON object a line
}

// described is the description as all tests hold their requests and answers
// against it.
var described = sync.OnceValues(func() (*apitest.Validator, error) { return apitest.New(description) })

// serve builds the handler; change may replace parts. What it is asked and
// answers must be as described.
func serve(t testing.TB, change func(*Deps)) *service {
	t.Helper()
	s := &service{oracle: &oracle{}, log: &bytes.Buffer{}}
	d := Deps{
		Keys: keyring{}, Verifier: s.oracle,
		Meter: usage.NewMeter(&ledger{}, func() time.Time { return noon }, nil),
		Health: func(context.Context) Health {
			return Health{Version: "1.2.3", Lists: Lists{Version: "7", Built: noon.Add(-36 * time.Hour), AgeHours: 36, Hosts: 202000}, Egress: "open"}
		},
		ListsInfo: func(context.Context) ListsInfo {
			return ListsInfo{
				Lists: Lists{Version: "7", Built: noon.Add(-36 * time.Hour), AgeHours: 36, Hosts: 10}, Source: "refreshed", Rules: 8, Registrable: 7,
				Tiers: Tiers{4, 3, 2, 1}, Tables: Tables{Free: 6, Relays: 5, Roles: 4, Typos: 3, Guarded: 2, Exchangers: 1},
			}
		},
		Log: slog.New(slog.NewJSONHandler(s.log, nil)),
		Now: func() time.Time { return noon },
	}
	if change != nil {
		change(&d)
	}
	validator, err := described()
	if err != nil {
		t.Fatal(err)
	}
	s.bare = New(d, partsOf(d)...)
	s.Handler = validator.Handler(s.bare, t.Errorf)
	return s
}

// partsOf are the routes of those functions whose parts are given.
func partsOf(d Deps) (parts []Part) {
	for _, function := range []struct {
		given  bool
		routes Part
	}{
		{d.Verifier != nil, VerifyRoutes}, {d.Book != nil, AccountRoutes}, {d.Tokens != nil, WebhooksRoutes},
		{d.Chain != nil, ProvidersRoutes}, {d.Jobs != nil, JobsRoutes},
	} {
		if function.given {
			parts = append(parts, function.routes)
		}
	}
	return parts
}

// routes are those of all functions.
func routes() []route {
	return slices.Concat(VerifyRoutes(), AccountRoutes(), WebhooksRoutes(), ProvidersRoutes(), JobsRoutes())
}

// post asks /v1/verify with a key that may.
func post(body string) *http.Request {
	r := httptest.NewRequest("POST", "/v1/verify", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+liveSecret)
	r.Header.Set("X-Request-Id", "req-1")
	return r
}

func (s *service) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// problemOf reads a problem document and checks what all of them share.
func problemOf(t *testing.T, w *httptest.ResponseRecorder) problem {
	t.Helper()
	var p problem
	dec := json.NewDecoder(w.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		t.Fatalf("status %d, no problem document: %v", w.Code, err)
	}
	if w.Header().Get("Content-Type") != "application/problem+json" || p.Status != w.Code ||
		p.RequestID != w.Header().Get("X-Request-Id") || p.Type == "" || p.Title == "" || p.Detail == "" {
		t.Errorf("problem %+v under status %d, headers %v", p, w.Code, w.Header())
	}
	return p
}

func TestUnknownPathsAre404(t *testing.T) {
	s := serve(t, nil)
	for _, path := range []string{
		"/", "/v1", "/v1/verify/", "/v1//verify", "//v1/verify", "/v1/../v1/verify", "/V1/verify", "/v1/verify/x/y",
		"/v1%2Fverify", "/v1/verify%00", "/favicon.ico",
	} {
		r := post(`{"email":"a@b.test"}`)
		r.URL.Path, r.RequestURI = path, path
		if w := s.do(r); w.Code != 404 || problemOf(t, w).Type != "/problems/not-found" {
			t.Errorf("%s answers %d", path, w.Code)
		}
	}
	for _, target := range []string{"*", ""} {
		r := post("")
		r.URL.Path, r.RequestURI = target, target
		if w := s.do(r); w.Code != 404 {
			t.Errorf("path %q answers %d", target, w.Code)
		}
	}
	if len(s.oracle.asked) != 0 {
		t.Errorf("the verifier was asked %d times", len(s.oracle.asked))
	}
}

func TestWrongMethodsAre405(t *testing.T) {
	for _, c := range []struct{ method, path, allow string }{
		{"GET", "/v1/verify", "POST"}, {"HEAD", "/v1/verify", "POST"}, {"DELETE", "/v1/check", "POST"},
		{"OPTIONS", "/v1/verify", "POST"}, {"post", "/v1/verify", "POST"},
		{"POST", "/v1/health", "GET, HEAD"}, {"BREW", "/v1/health", "GET, HEAD"},
	} {
		w := serve(t, nil).do(httptest.NewRequest(c.method, c.path, nil))
		if w.Code != 405 || w.Header().Get("Allow") != c.allow || problemOf(t, w).Type != "/problems/method-not-allowed" {
			t.Errorf("%s %s answers %d, Allow %q", c.method, c.path, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestAuthorization(t *testing.T) {
	for _, c := range []struct {
		claim     string
		headers   []string
		status    int
		challenge string
	}{
		{"a good key is let in", []string{"Bearer " + liveSecret}, 200, ""},
		{"the scheme has no case", []string{"bEARER " + liveSecret}, 200, ""},
		{"spaces around the key do not count", []string{"Bearer   " + liveSecret + " "}, 200, ""},
		{"no header", nil, 401, `Bearer realm="rcpt"`},
		{"an empty header", []string{""}, 401, `Bearer realm="rcpt"`},
		{"a scheme without a key", []string{"Bearer"}, 401, `Bearer realm="rcpt"`},
		{"a scheme with spaces for a key", []string{"Bearer   "}, 401, `Bearer realm="rcpt"`},
		{"a key without a scheme", []string{liveSecret}, 401, `Bearer realm="rcpt"`},
		{"another scheme", []string{"Basic " + liveSecret}, 401, `Bearer realm="rcpt"`},
		{"two headers", []string{"Bearer " + liveSecret, "Bearer " + liveSecret}, 401, `Bearer realm="rcpt"`},
		{"a wrong key", []string{"Bearer " + wrongSecret}, 401, `Bearer realm="rcpt", error="invalid_token"`},
		{"nonsense for a key", []string{"Bearer \x00\xff"}, 401, `Bearer realm="rcpt", error="invalid_token"`},
		{"a key without the scope, Admin does not help", []string{"Bearer " + reportSecret}, 403,
			`Bearer realm="rcpt", error="insufficient_scope", scope="verify"`},
	} {
		t.Run(c.claim, func(t *testing.T) {
			for _, path := range []string{"/v1/verify", "/v1/check"} {
				r := httptest.NewRequest("POST", path, strings.NewReader(`{"email":"a@b.test"}`))
				for _, value := range c.headers {
					r.Header.Add("Authorization", value)
				}
				w := serve(t, nil).do(r)
				if got := w.Header().Get("WWW-Authenticate"); w.Code != c.status || got != c.challenge {
					t.Errorf("%s: %d, challenge %q; want %d, %q", path, w.Code, got, c.status, c.challenge)
				}
				if w.Code != 200 {
					problemOf(t, w)
				}
			}
		})
	}
}

// unread fails the test when a body is read that should not be.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read before the key was checked")
	return 0, io.EOF
}

func TestNobodyWithoutAKeyHasABodyRead(t *testing.T) {
	r := httptest.NewRequest("POST", "/v1/verify", unread{t})
	if w := serve(t, nil).do(r); w.Code != 401 {
		t.Errorf("status %d", w.Code)
	}
}

func TestTroubleWithTheStoreIsNotTheCallersFault(t *testing.T) {
	w := serve(t, func(d *Deps) { d.Keys = keyring{err: errors.New("disk on fire")} }).do(post("{}"))
	if w.Code != 500 || w.Header().Get("WWW-Authenticate") != "" || strings.Contains(w.Body.String(), "fire") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestRequestIDIsTakenOverOrMade(t *testing.T) {
	for given, taken := range map[string]bool{
		"U6q1fhoYFiAEPbQ=":                     true,
		"0b9f3f6e-7c0a-4d5e-9a35-0d5d6ac1b2f7": true,
		"A.b_c-9":                              true,
		strings.Repeat("a", 64):                true,
		strings.Repeat("a", 65):                false,
		"":                                     false,
		"a b":                                  false,
		"user@example.com":                     false,
		"a\nlevel=ERROR":                       false,
		`a"b`:                                  false,
		"jörg":                                 false,
	} {
		s := serve(t, nil)
		r := post(`{"email":"a@b.test"}`)
		r.Header.Set("X-Request-Id", given)
		id := s.do(r).Header().Get("X-Request-Id")
		if (id == given) != taken || id == "" {
			t.Errorf("given %q the id is %q", given, id)
		}
		if !taken && len(id) != 24 {
			t.Errorf("the id made is %q", id)
		}
	}
}

func TestRequestIDsMadeDiffer(t *testing.T) {
	s := serve(t, nil)
	seen := map[string]bool{}
	for range 100 {
		seen[s.do(httptest.NewRequest("GET", "/v1/health", nil)).Header().Get("X-Request-Id")] = true
	}
	if len(seen) != 100 {
		t.Errorf("100 requests have %d ids", len(seen))
	}
}

func TestPanicIsA500AndTheNextRequestWorks(t *testing.T) {
	s := serve(t, nil)
	for _, value := range []any{"bad address victim@example.com", errors.New("victim@example.com"), http.ErrAbortHandler} {
		s.oracle.answer = func(context.Context, verify.Request) verdict.Verdict { panic(value) }
		w := s.do(post(`{"email":"victim@example.com"}`))
		if p := problemOf(t, w); w.Code != 500 || strings.Contains(p.Detail, "victim") {
			t.Errorf("a panic with %v answers %d %+v", value, w.Code, p)
		}
	}
	s.oracle.answer = nil
	if w := s.do(post(`{"email":"a@b.test"}`)); w.Code != 200 {
		t.Errorf("the next request answers %d", w.Code)
	}
	if strings.Contains(s.log.String(), "victim") || !strings.Contains(s.log.String(), "stack") {
		t.Errorf("the log holds the address or no stack:\n%s", s.log)
	}
}

func TestRuntimePanicIsNamedInTheLog(t *testing.T) {
	s := serve(t, nil)
	s.oracle.answer = func(context.Context, verify.Request) verdict.Verdict {
		var none []verdict.Verdict
		return none[len(s.oracle.asked)]
	}
	if w := s.do(post(`{"email":"a@b.test"}`)); w.Code != 500 || !strings.Contains(s.log.String(), "index out of range") {
		t.Errorf("status %d, log %s", w.Code, s.log)
	}
}

func TestOneTooManyIsTurnedAway(t *testing.T) {
	const limit = 3
	s := serve(t, func(d *Deps) { d.MaxInFlight = limit })
	begun, end := make(chan struct{}, limit), make(chan struct{})
	s.oracle.answer = func(_ context.Context, r verify.Request) verdict.Verdict {
		begun <- struct{}{}
		<-end
		return concluded(r, verdict.Valid, verdict.SMTPVerified)
	}
	var all sync.WaitGroup
	for range limit {
		all.Go(func() {
			if w := s.do(post(`{"email":"a@b.test"}`)); w.Code != 200 {
				t.Errorf("one within the limit answers %d", w.Code)
			}
		})
		<-begun
	}
	w := s.do(post(`{"email":"a@b.test"}`))
	if p := problemOf(t, w); w.Code != 503 || w.Header().Get("Retry-After") != "1" || p.Type != "/problems/unavailable" {
		t.Errorf("one too many answers %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	close(end)
	all.Wait()
	s.oracle.answer = nil
	if w := s.do(post(`{"email":"a@b.test"}`)); w.Code != 200 {
		t.Errorf("after the others have ended: %d", w.Code)
	}
}

func TestFiveThousandAtOnceAreAllAnswered(t *testing.T) {
	const many = 5000
	s := serve(t, func(d *Deps) { d.Log = slog.New(slog.DiscardHandler) })
	var gate, all sync.WaitGroup
	gate.Add(many)
	s.oracle.answer = func(_ context.Context, r verify.Request) verdict.Verdict {
		gate.Done()
		gate.Wait() // nobody is answered before all have arrived
		return concluded(r, verdict.Valid, verdict.SMTPVerified)
	}
	for range many {
		all.Go(func() {
			if w := s.do(post(`{"email":"a@b.test"}`)); w.Code != 200 {
				t.Errorf("status %d", w.Code)
			}
		})
	}
	all.Wait()
}

func TestHealthNeedsNoKey(t *testing.T) {
	w := serve(t, nil).do(httptest.NewRequest("GET", "/v1/health", nil))
	want := `{"status":"ok","version":"1.2.3","lists":{"version":"7","built":"2026-11-12T00:00:00Z","age_hours":36,"hosts":202000},"egress":"open"}` + "\n"
	if w.Code != 200 || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v\n%s want\n%s", w.Code, w.Header(), w.Body, want)
	}
}

func TestEveryAnswerIsKeptOutOfCachesAndSniffing(t *testing.T) {
	for _, r := range []*http.Request{post(`{"email":"a@b.test"}`), post("{"), httptest.NewRequest("GET", "/", nil)} {
		h := serve(t, nil).do(r).Header()
		got := []string{h.Get("Cache-Control"), h.Get("X-Content-Type-Options")}
		if want := []string{"no-store", "nosniff"}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: headers %v, want %v", r.URL, got, want)
		}
	}
}
