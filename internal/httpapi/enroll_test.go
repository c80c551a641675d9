package httpapi

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"rcpt/internal/address"
	"rcpt/internal/embedded"
	"rcpt/internal/enroll"
	"rcpt/internal/keys"
	"rcpt/internal/lists"
	"rcpt/internal/suppress"
	"rcpt/internal/vendors"
)

// withGate gives the handler what suppresses and enrolls, over the vendors it has.
func withGate(deps *Deps, db *embedded.DB) {
	secret := []byte("desk")
	deps.Suppression = suppress.New(suppress.Config{Table: db.Control(), Vault: db.Vault(), Secret: secret, Now: deps.Now})
	deps.Gate = enroll.New(enroll.Config{
		Table: db.Control(), Vault: db.Vault(), Secret: secret, Now: deps.Now, Random: rand.Reader, Lists: lists.NewLive(lists.New()),
		Tenant: deps.Tenant, Overlay: deps.Overlay, Suppression: deps.Suppression, Vendors: deps.Chain, Log: deps.Log,
	})
}

// gated are the ids of a suppression and of a member of the sequence seq-1.
type gated struct{ suppression, member string }

// gate suppresses an address and enrolls another one for the key acme.
func (d *desk) gate(t *testing.T) gated {
	t.Helper()
	gone, err := address.Parse("gone@acme.example")
	if err != nil {
		t.Fatal(err)
	}
	key := suppress.Key{ID: idOf(d.acme), Account: "acme"}
	if _, err := d.deps.Suppression.Add(t.Context(), key, suppress.Manual, "", gone); err != nil {
		t.Fatal(err)
	}
	entries, _, err := d.deps.Suppression.List(t.Context(), key, suppress.Filter{}, "", 1)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	result, err := d.deps.Gate.Enroll(t.Context(), enroll.Request{
		Key: enroll.Key{ID: idOf(d.acme), Account: "acme"}, Sequence: "seq-1", Emails: []string{"member@acme.example"},
	})
	if err != nil || len(result.Enrolled) != 1 {
		t.Fatal(result, err)
	}
	return gated{entries[0].ID, result.Enrolled[0].ID}
}

func (d *desk) enrolled(t *testing.T, body string) (result enroll.Result) {
	t.Helper()
	w := d.ask("POST", "/v1/sequences/seq-2/enroll", d.acme, body)
	if err := json.Unmarshal(w.Body.Bytes(), &result); err != nil || w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	return result
}

// gateSamples are those of the routes of suppressions and sequences.
func (d *desk) gateSamples() []sample {
	pages := []string{"limit=0", "limit=201", "next=", "next=five", "email=alice", "nxt=a"}
	named := []string{
		"", "[]", "{}", `{"email":"a@@b"}`, `{"email":5}`, `{"emails":[]}`, `{"emails":"a@b.example"}`, `{"emails":["a@b.example","a@@b"]}`, `{"emails":[5]}`, `{"emails":[null]}`,
		`{"email":"a@b.example","emails":["a@b.example"]}`, `{"emails":` + many(501) + `}`, `{"mail":"a@b.example"}`,
	}
	draft := append([]string{
		`{"email":"a@b.example","reason":"bored"}`, `{"email":"a@b.example","reason":5}`, `{"email":"a@b.example","note":"` + strings.Repeat("ä", 201) + `"}`,
	}, named...)
	sequence := func(more ...string) []string { return append([]string{"{sequence}", "seq-1"}, more...) }
	return []sample{
		{route: "GET /v1/suppressions", caller: d.acmeReport, lacks: d.acmeReader, status: 200, query: append([]string{
			"reason=bounce", "reason=", "since=yesterday", "until=", "since=2026-11-13&until=2026-11-13", "format=csv",
		}, pages...)},
		{route: "POST /v1/suppressions", caller: d.acmeReport, lacks: d.acmeReader, body: `{"email":"a@b.example"}`, status: 200, bodies: draft},
		{route: "DELETE /v1/suppressions", caller: d.acmeReport, lacks: d.acmeReader, body: `{"emails":["a@b.example"]}`, status: 200, bodies: append([]string{`{"email":"a@b.example","reason":"manual"}`}, named...)},
		{route: "POST /v1/suppressions/import", caller: d.acmeReport, lacks: d.acmeReader, body: `["a@b.example"]`, status: 200, bodies: []string{
			"", `["a@b.example"`, "\x89PNG\r\n\x1a\n\x00\x00\x00", "name,age\nAnn,7\nBob,8\n",
		}, query: []string{"reason=bored", "note=" + strings.Repeat("a", 201), "list=x"}},
		{route: "GET /v1/suppressions/{suppression}", caller: d.acme, lacks: d.acmeReader, status: 200, fill: []string{"{suppression}", d.suppression}},
		{route: "DELETE /v1/suppressions/{suppression}", caller: d.acme, lacks: d.acmeReader, status: 204, fill: []string{"{suppression}", d.suppression}},
		{route: "POST /v1/sequences/{sequence}/enroll", caller: d.acme, lacks: d.acmeReport, body: `{"emails":["a@b.example"]}`, status: 200, fill: sequence(), bodies: []string{
			"", "[]", "{}", `{"emails":[]}`, `{"emails":null}`, `{"emails":"a@b.example"}`, `{"emails":[5]}`, `{"emails":[null]}`, `{"emails":` + many(501) + `}`,
			`{"emails":["a@b.example"],"fresh":true}`, `{"emails":["` + strings.Repeat("a", 321) + `"]}`,
		}, query: []string{"dry=true"}},
		{route: "GET /v1/sequences/{sequence}", caller: d.acme, lacks: d.acmeReport, status: 200, fill: sequence(), query: append([]string{
			"state=done", "state=", "verification=good", "review=false", "review=", "review=true&state=review",
		}, pages...)},
		{route: "DELETE /v1/sequences/{sequence}/members", caller: d.acme, lacks: d.acmeReport, body: `{"email":"a@b.example"}`, status: 200, fill: sequence(), bodies: named},
		{route: "DELETE /v1/sequences/{sequence}/members/{member}", caller: d.acme, lacks: d.acmeReport, status: 204, fill: sequence("{member}", d.member)},
		{route: "DELETE /v1/sequences/{sequence}", caller: d.acme, lacks: d.acmeReport, status: 204, fill: sequence()},
	}
}

// many is an array of n addresses.
func many(n int) string {
	emails := make([]string, n)
	for i := range emails {
		emails[i] = fmt.Sprintf(`"user%d@a.example"`, i)
	}
	return "[" + strings.Join(emails, ",") + "]"
}

// TestEnrolmentsLookLikeThis keeps one whole answer of every route.
func TestEnrolmentsLookLikeThis(t *testing.T) {
	d := newDesk(t, nil)
	if w := d.ask("POST", "/v1/email-verifiers/providers", d.acme, `{"provider":"hunter","api_key":"`+bulkKey+`"}`); w.Code != 201 {
		t.Fatal(w.Body)
	}
	ids := regexp.MustCompile(`"id":"[a-z2-7]{32}"`)
	for i, c := range []struct{ name, method, target, secret, body string }{
		{"suppressions-added", "POST", "/v1/suppressions", d.acme, `{"emails":["gone@a.example","GONE@a.example","left@a.example"],"reason":"unsubscribe","note":"by phone"}`},
		{"suppressions-imported", "POST", "/v1/suppressions/import?reason=spam_complaint", d.acme, "email;name\nangry@a.example;Ann\ngone@a.example;Bob\nnobody;Carl\n"},
		{"suppressions", "GET", "/v1/suppressions?email=gone@a.example", d.acme, ""},
		{"suppressions-of-another", "GET", "/v1/suppressions", d.other, ""},
		{"suppressions-removed", "DELETE", "/v1/suppressions", d.acme, `{"email":"LEFT@a.example"}`},
		{"enrolled", "POST", "/v1/sequences/spring-2026/enroll", d.acme, `{"emails":["ok@a.example","catchall@a.example","unknown@a.example","invalid@a.example",
			"gone@a.example","alice@acme.example","x@disposable.test","a@@b","OK@a.example"]}`},
		{"enrolled-again", "POST", "/v1/sequences/spring-2026/enroll", d.acme, `{"emails":["ok@a.example"]}`},
		{"enrolled-with-an-open-gate", "POST", "/v1/sequences/spring-2026/enroll", d.other, `{"emails":["invalid@a.example"]}`},
		{"sequence", "GET", "/v1/sequences/spring-2026?email=catchall@a.example", d.acme, ""},
		{"sequence-of-another", "GET", "/v1/sequences/spring-2026", d.other, ""},
		{"members-removed", "DELETE", "/v1/sequences/spring-2026/members", d.acme, `{"emails":["ok@a.example","nobody@a.example"]}`},
		{"400-sequence", "GET", "/v1/sequences/a%23b", d.acme, ""},
		{"400-list", "POST", "/v1/suppressions/import", d.acme, `["a@b.example"`},
		{"404-sequence", "GET", "/v1/sequences/autumn", d.acme, ""},
	} {
		r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
		r.Header.Set("Authorization", "Bearer "+c.secret)
		r.Header.Set("X-Request-Id", fmt.Sprint("req-", i))
		if strings.Contains(c.target, "import") {
			r.Header.Set("Content-Type", "text/csv")
		}
		text := ids.ReplaceAll(response(d.do(r)), []byte(`"id":"(id)"`))
		golden(t, filepath.Join("testdata", "enrol", c.name+".http"), text)
	}
}

func TestReviewIsAFilter(t *testing.T) {
	d := newDesk(t, nil)
	if w := d.ask("POST", "/v1/email-verifiers/providers", d.acme, `{"provider":"hunter","api_key":"`+bulkKey+`"}`); w.Code != 201 {
		t.Fatal(w.Body)
	}
	d.enrolled(t, `{"emails":["ok@a.example","catchall@a.example","unknown@a.example"]}`)
	for query, want := range map[string]int{"": 3, "?review=true": 2, "?state=enrolled": 1, "?verification=risky": 1, "?state=pending": 0, "?review=true&verification=valid": 0} {
		var s sequenceShape
		w := d.ask("GET", "/v1/sequences/seq-2"+query, d.acme, "")
		if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || len(s.Members) != want || s.Total != 3 {
			t.Errorf("%s: %s", query, w.Body)
		}
	}
}

func TestEnrolmentTakesUpTo500Addresses(t *testing.T) {
	d := newDesk(t, nil)
	if got := d.enrolled(t, `{"emails":`+many(500)+`}`); len(got.Enrolled) != 500 || got.Gate.Status != enroll.Open {
		t.Errorf("%d enrolled, %+v", len(got.Enrolled), got.Gate)
	}
	padding := strings.Repeat(" ", maxEnrolment)
	if w := d.ask("POST", "/v1/sequences/seq-1/enroll", d.acme, `{"emails":["a@b.example"]}`+padding); w.Code != 413 {
		t.Errorf("a long body: %d", w.Code)
	}
	if w := d.ask("POST", "/v1/suppressions/import", d.acme, "a@b.example"+strings.Repeat("\n", maxImport)); w.Code != 413 {
		t.Errorf("a long list: %d", w.Code)
	}
}

func TestIdempotencyKey(t *testing.T) {
	d := newDesk(t, nil)
	ask := func(body string, names ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/v1/sequences/seq-1/enroll", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+d.acme)
		for _, name := range names {
			r.Header.Add("Idempotency-Key", name)
		}
		return d.do(r)
	}
	const body = `{"emails":["a@b.example"]}`
	first, again := ask(body, "order 7"), ask(body, "order 7")
	if first.Code != 200 || first.Body.String() != again.Body.String() || !strings.Contains(again.Body.String(), `"enrolled":[{`) {
		t.Errorf("first\n%s again\n%s", first.Body, again.Body)
	}
	if w := ask(`{"emails":["b@b.example"]}`, "order 7"); w.Code != 422 || !strings.Contains(w.Body.String(), `"/problems/idempotency-key-reused"`) {
		t.Errorf("with another body: %d %s", w.Code, w.Body)
	}
	if w := ask(body); !strings.Contains(w.Body.String(), `"reason":"already_enrolled"`) {
		t.Errorf("without name: %s", w.Body)
	}
	d.bareOnly()
	for name, names := range map[string][]string{"empty": {""}, "long": {strings.Repeat("a", 256)}, "not ASCII": {"ä"}, "two": {"a", "b"}} {
		if w := ask(body, names...); w.Code != 400 || !strings.Contains(w.Body.String(), `"field":"Idempotency-Key"`) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// bareOnly takes the description out of the way, for requests that are not as it
// says.
func (d *desk) bareOnly() { d.Handler = d.bare }

// Test keys spend no credits.
func TestTestKeysAskNoVendor(t *testing.T) {
	d := newDesk(t, nil)
	if w := d.ask("POST", "/v1/email-verifiers/providers", d.acme, `{"provider":"hunter","api_key":"`+bulkKey+`"}`); w.Code != 201 {
		t.Fatal(w.Body)
	}
	before := d.double.Counts(string(vendors.Hunter)).Checks
	w := d.ask("POST", "/v1/sequences/seq-1/enroll", d.acmeTest, `{"emails":["invalid@a.example"]}`)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"status":"open","reason":"vendors are not asked for test keys"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := d.double.Counts(string(vendors.Hunter)).Checks; n != before {
		t.Errorf("%d checks were made", n-before)
	}
}

func TestPolicyOfTheKeyRulesTheGate(t *testing.T) {
	for policy, want := range map[string]enroll.Rules{
		``:             {SoftBounced: "warn", SoftBouncedRepeated: "review", SpamTrap: "review", DisposableSuspected: "warn"},
		`"b2c_strict"`: {SoftBounced: "review", SoftBouncedRepeated: "block", SpamTrap: "block", DisposableSuspected: "block"},
		`{"soft_bounced":"block","spam_trap":"accept"}`: {SoftBounced: "block", SoftBouncedRepeated: "review", SpamTrap: "accept", DisposableSuspected: "warn"},
	} {
		if got, err := rulesOf(keys.Key{Policy: []byte(policy)}); err != nil || got != want {
			t.Errorf("%s: %+v, %v", policy, got, err)
		}
	}
}
