package httpapi

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/sim/vendordouble"
	"rcpt/internal/store"
	"rcpt/internal/vendors"
)

// doubles are the doubles of vendors that a desk's handler asks, and the queue
// that takes what it does not reach.
type doubles struct {
	double *vendordouble.Double
	queue  store.Queue
	vault  store.Vault
	deps   Deps          // of the handler
	asked  *http.Handler // who is asked: the doubles, unless a test puts somebody else here
}

// withVendors gives the handler the parts of functions/providers. The doubles are
// asked without a network.
func withVendors(deps *Deps, db *embedded.DB) doubles {
	v := doubles{double: vendordouble.New(vendordouble.Options{Now: deps.Now}), queue: db.Queue("vendor", embedded.DeadLetters{}), vault: db.Vault()}
	v.asked = new(http.Handler(v.double))
	catalog := vendors.Defaults()
	for i := range catalog {
		catalog[i].Base = "https://vendors.example"
	}
	client := vendors.NewClient(&http.Client{Transport: within{v.asked}}, deps.Now)
	deps.Notes = deps.Book
	deps.Catalogs = vendors.NewCatalogs(db.Control(), catalog, deps.Now)
	deps.Ledger = vendors.NewLedger(db.Control(), db.Vault(), []byte("desk"), deps.Now, rand.Reader)
	deps.VendorKeys = vendors.NewBook(db.Control(), db.Vault(), client, deps.Catalogs, deps.Now)
	deps.Chain = vendors.New(vendors.Config{
		Cache: db.Cache(), Book: deps.VendorKeys, Ledger: deps.Ledger, Client: client, Catalog: deps.Catalogs,
		Secret: []byte("desk"), Now: deps.Now, Log: deps.Log,
	})
	deps.ForgetVendors = vendors.NewForgetter(db.Cache(), []byte("desk")).Forget
	deps.Rests = vendors.NewRests(deps.Chain, v.queue, db.Vault())
	return v
}

// within is a transport that asks a handler of this process. It answers with the
// error of the request's context when that ends first.
type within struct{ asked *http.Handler }

func (h within) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }() // http.ErrAbortHandler: the connection ends
		(*h.asked).ServeHTTP(w, r)
	}()
	select {
	case <-done:
		return w.Result(), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

const bulkKey = "good-key-of-acme-0123456789"

func badVendorKeys() []string {
	return []string{
		"", "[]", "{}", `{"provider":"hunter"}`, `{"api_key":"` + bulkKey + `"}`, `{"provider":"pigeon","api_key":"` + bulkKey + `"}`,
		`{"provider":"hunter","api_key":"seven77"}`, `{"provider":"hunter","api_key":"` + strings.Repeat("k", 513) + `"}`,
		`{"provider":"hunter","api_key":"good key with spaces"}`, `{"provider":"hunter","api_key":"` + bulkKey + `","label":"` + strings.Repeat("l", 101) + `"}`,
		`{"provider":"hunter","api_key":"` + bulkKey + `","label":"a\nb"}`, `{"provider":"hunter","api_key":"bad-key-0000000001"}`, `{"provider":"hunter","api_key":"` + bulkKey + `","id":7}`,
	}
}

func badBulks() []string {
	return []string{
		"", "{}", `{"emails":[]}`, `{"emails":null}`, `{"emails":"ok@a.example"}`, `{"emails":[5]}`, `{"emails":[null]}`, `{"email":"ok@a.example"}`,
		`{"emails":["` + strings.Repeat("a", 321) + `"]}`, `{"emails":[` + strings.Repeat(`"ok@a.example",`, 500) + `"ok@a.example"]}`,
	}
}

func badCatalogs() []string {
	return []string{
		"", "{}", `{"catalog":null}`, `{"catalog":{}}`, `{"catalog":["hunter"]}`, `{"catalog":[{}]}`, `{"catalog":[{"provider":"pigeon"}]}`,
		`{"catalog":[{"provider":"hunter"},{"provider":"hunter"}]}`, `{"catalog":[{"provider":"hunter","list_price_usd":-1}]}`,
		`{"catalog":[{"provider":"hunter","list_price_usd":"1"}]}`, `{"catalog":[{"provider":"hunter","at_once":0}]}`, `{"catalog":[{"provider":"hunter","at_once":101}]}`,
		`{"catalog":[{"provider":"hunter","timeout_ms":999}]}`, `{"catalog":[{"provider":"hunter","per_second":-1}]}`, `{"catalog":[{"provider":"hunter","title":"x"}]}`,
		`{"catalog":[{"provider":"hunter","base_url":"http://vendors.example"}]}`, `{"catalog":[{"provider":"hunter","base_url":"https://a:b@vendors.example"}]}`,
		`{"catalog":[{"provider":"hunter","base_url":"ftp://vendors.example"}]}`, `{"catalog":[{"provider":"hunter","provider":"reoon"}]}`,
	}
}

// addKey adds a vendor key whose name says how the double behaves.
func (d *desk) addKey(t *testing.T, secret, provider, key string) int64 {
	t.Helper()
	var made struct{ Key struct{ ID int64 } }
	w := d.ask("POST", "/v1/email-verifiers/providers", secret, fmt.Sprintf(`{"provider":%q,"api_key":%q,"label":"of a test"}`, provider, key))
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != 201 {
		t.Fatalf("add key of %s: status %d, %s", provider, w.Code, w.Body)
	}
	return made.Key.ID
}

// steady takes out of a response what no two runs have in common.
func steady(w *httptest.ResponseRecorder) []byte {
	text := regexp.MustCompile(`"latency_ms":\d+`).ReplaceAll(response(w), []byte(`"latency_ms":0`))
	text = regexp.MustCompile(`"(key)":"[a-z2-7]{8}"`).ReplaceAll(text, []byte(`"$1":"KEY"`))
	return regexp.MustCompile(`(\d{8}T\d{6}\.\d{6}Z)-[a-z2-7]{16}`).ReplaceAll(text, []byte("$1-CHANCE"))
}

// TestProvidersAnswerLikeThis keeps one whole response of every request of the
// mission, field by field.
func TestProvidersAnswerLikeThis(t *testing.T) {
	d := newDesk(t, nil)
	const base = "/v1/email-verifiers/"
	for _, c := range []struct{ name, method, path, body string }{
		{"known-providers", "GET", "known-providers", ""},
		{"verify-no-provider", "POST", "verify", `{"email":"ok@a.example"}`},
		{"bulk-no-provider", "POST", "verify-bulk", `{"emails":["ok@a.example"]}`},
		{"create", "POST", "providers", `{"provider":"millionverifier","api_key":"good-key-0123456789","label":"main"}`},
		{"create-short", "POST", "providers", `{"provider":"hunter","api_key":"good-123"}`},
		{"create-wrong-key", "POST", "providers", `{"provider":"zerobounce","api_key":"bad-key-0123456789"}`},
		{"create-7", "POST", "providers", `{"provider":"hunter","api_key":"seven77"}`},
		{"create-513", "POST", "providers", `{"provider":"hunter","api_key":"` + strings.Repeat("k", 513) + `"}`},
		{"create-unknown", "POST", "providers", `{"provider":"pigeon","api_key":"good-key-0123456789"}`},
		{"list", "GET", "providers", ""},
		{"read", "GET", "providers/1", ""},
		{"read-missing", "GET", "providers/7", ""},
		{"verify", "POST", "verify", `{"email":"ok@a.example"}`},
		{"verify-again", "POST", "verify", `{"email":"ok@a.example"}`},
		{"log", "GET", "log?limit=1", ""},
		{"verify-bulk", "POST", "verify-bulk", `{"emails":["ok@a.example","invalid@a.example","catchall@a.example","not an address","invalid@a.example"]}`},
		{"usage", "GET", "usage?days=7", ""},
		{"revalidate", "PUT", "providers/1", `{"revalidate":true}`},
		{"rotate", "PUT", "providers/1", `{"api_key":"few3-key-987654321"}`},
		{"rotate-wrong-key", "PUT", "providers/1", `{"api_key":"bad-key-987654321"}`},
		{"change", "PUT", "providers/1", `{"label":"spare","is_active":false}`},
		{"delete", "DELETE", "providers/1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.clock = d.clock.Add(time.Second)
			r := httptest.NewRequest(c.method, base+c.path, strings.NewReader(c.body))
			r.Header.Set("Authorization", "Bearer "+d.acme)
			r.Header.Set("X-Request-Id", "req-1")
			golden(t, filepath.Join("testdata", "providers", c.name+".http"), steady(d.do(r)))
		})
	}
}

// TestVendorsInTroubleLookLikeThis keeps what a caller sees of each kind of it:
// when a key is added, nothing is kept of one that is not confirmed; when it is
// asked, its error is told.
func TestVendorsInTroubleLookLikeThis(t *testing.T) {
	for mood, want := range map[string]struct {
		add  int // status
		text string
	}{
		"bad":       {400, "hunter: HTTP 401"},
		"empty":     {201, "hunter: HTTP 4"},
		"throttled": {201, "hunter: HTTP 403: Rate limit"},
		"retry7":    {201, "hunter: HTTP 4"},
		"down":      {201, "hunter: HTTP 5"},
		"html":      {201, "hunter: HTTP 200: "},
		"cut":       {201, "hunter: HTTP 200: "},
		"huge":      {201, "hunter: HTTP 200: answer of more than"},
		"redirect":  {201, "hunter: HTTP 302: "},
	} {
		t.Run(mood, func(t *testing.T) {
			d := newDesk(t, nil)
			body := fmt.Sprintf(`{"provider":"hunter","api_key":"%s-key-0123456789"}`, mood)
			w := d.ask("POST", "/v1/email-verifiers/providers", d.acme, body)
			p := w.Body.String()
			if w.Code != want.add || want.add == 400 && !strings.Contains(p, want.text) {
				t.Fatalf("added with status %d: %s", w.Code, p)
			}
			if want.add == 400 {
				if list := d.ask("GET", "/v1/email-verifiers/providers", d.acme, ""); list.Body.String() != `{"keys":[]}`+"\n" {
					t.Errorf("kept: %s", list.Body)
				}
				return
			}
			w = d.ask("POST", "/v1/email-verifiers/verify", d.acme, `{"email":"ok@a.example"}`)
			if got := problemOf(t, w); w.Code != 502 || got.Type != "/problems/providers-failed" || !strings.HasPrefix(got.Detail, want.text) || len(got.Trace) != 1 {
				t.Errorf("asked: status %d, %+v", w.Code, got)
			}
			bulk := bulkOfTest(t, d.ask("POST", "/v1/email-verifiers/verify-bulk", d.acme, `{"emails":["ok@b.example"]}`))
			if got := bulk.Results[0]; bulk.Count != 1 || !strings.HasPrefix(got.Error, "hunter: ") || got.Status != vendors.Unknown || got.Provider != nil || got.Cost != 0 {
				t.Errorf("asked for many: %+v", got)
			}
			if usage := d.ask("GET", "/v1/email-verifiers/usage", d.acme, "").Body.String(); !strings.Contains(usage, `"total_calls":0,"total_cost_usd":0,`) {
				t.Errorf("counted: %s", usage)
			}
		})
	}
}

type bulkAnswer struct {
	Count   int
	Results []vendorVerdict
}

func bulkOfTest(t *testing.T, w *httptest.ResponseRecorder) (b bulkAnswer) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil || w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return b
}

// saying is a vendor that answers everything in one way.
func saying(status int, kind, body string) *http.Handler {
	return new(http.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})))
}

// A vendor that cannot confirm a key keeps it from being stored, whatever its
// trouble is.
func TestUnconfirmedKeysAreNotKept(t *testing.T) {
	for name, c := range map[string]struct {
		vendor *http.Handler
		text   string
	}{
		"too fast": {saying(429, "application/json", `{"errors":[{"details":"slow down"}]}`), "hunter: HTTP 429: slow down"},
		"down":     {saying(500, "text/plain", "oops"), "hunter: HTTP 500: "},
		"HTML":     {saying(200, "text/html", "<html>hello"), "hunter: HTTP 200: "},
		"10 MB":    {saying(200, "application/json", strings.Repeat(" ", 10<<20)), "hunter: HTTP 200: answer of more than 262144 octets"},
		"denied":   {saying(401, "application/json", `{"errors":[{"details":"No user found for the API key supplied"}]}`), "hunter: HTTP 401: No user found for the API key supplied"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, nil)
			*d.asked = *c.vendor
			w := d.ask("POST", "/v1/email-verifiers/providers", d.acme, `{"provider":"hunter","api_key":"good-key-0123456789"}`)
			if p := problemOf(t, w); w.Code != 400 || p.Type != "/problems/provider-key-refused" || !strings.HasPrefix(p.Detail, c.text) {
				t.Errorf("status %d, %+v", w.Code, p)
			}
			if list := d.ask("GET", "/v1/email-verifiers/providers", d.acme, ""); list.Body.String() != `{"keys":[]}`+"\n" {
				t.Errorf("kept: %s", list.Body)
			}
		})
	}
}

func TestNextVendorAnswersAndTheTraceTells(t *testing.T) {
	d := newDesk(t, nil)
	d.addKey(t, d.acme, "hunter", "good-key-0123456789")
	d.addKey(t, d.acme, "millionverifier", "throttled-key-0123456789")
	var got vendorVerdict
	w := d.ask("POST", "/v1/email-verifiers/verify", d.acme, `{"email":"ok@a.example"}`)
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var outcomes []string
	for _, step := range got.Trace {
		outcomes = append(outcomes, string(step.Provider)+":"+step.Outcome)
	}
	if want := []string{"millionverifier:rate", "hunter:answered"}; !reflect.DeepEqual(outcomes, want) || *got.Provider != vendors.Hunter || got.Cost != 0.0098 {
		t.Errorf("%v, %s", outcomes, w.Body)
	}
}

// An address that a vendor calls malformed is the caller's to mend; the next
// vendor is not asked.
func TestRefusedAddressIsNoOutage(t *testing.T) {
	d := newDesk(t, nil)
	d.addKey(t, d.acme, "millionverifier", "good-key-0123456789")
	d.addKey(t, d.acme, "hunter", "good-key-0123456789")
	*d.asked = *saying(400, "text/plain", "odd address")
	r := httptest.NewRequest("POST", "/v1/email-verifiers/verify", strings.NewReader(`{"email":"ok@a.example"}`))
	r.Header.Set("Authorization", "Bearer "+d.acme)
	r.Header.Set("X-Request-Id", "req-1")
	golden(t, filepath.Join("testdata", "providers", "verify-refused.http"), steady(d.do(r)))
	bulk := bulkOfTest(t, d.ask("POST", "/v1/email-verifiers/verify-bulk", d.acme, `{"emails":["ok@a.example"]}`))
	if got := bulk.Results[0]; len(got.Trace) != 1 || !strings.HasPrefix(got.Error, "millionverifier: HTTP 400: ") {
		t.Errorf("among many: %+v", got)
	}
}
