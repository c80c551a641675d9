package httpapi

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/hooks"
	"rcpt/internal/keys"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/notify"
	"rcpt/internal/overlay"
	"rcpt/internal/usage"
	"rcpt/internal/verify"
)

// desk is a handler of all functions over real tables, and secrets of keys of
// two accounts.
type desk struct {
	*service
	book  *keys.Book
	lists *tenant.Book
	over  *overlay.Book
	hooks *hooks.Book
	clock time.Time
	*office
	doubles
	token map[string]string // hook tokens, by the secret of their key

	admin      string // of the account operator
	acme       string // every scope but admin
	acmeReader string // the scope verify alone
	acmeReport string // the scope report alone
	acmeTest   string
	other      string // of the account other, every scope but admin
	revoked    string // of the account acme, as is the next
	expired    string

	bounce string // id of what acme reported of alice@acme.example
	gated         // what acme suppresses and enrolled
}

func newDesk(t *testing.T, change func(*Deps)) *desk {
	t.Helper()
	d := &desk{clock: noon, token: make(map[string]string)}
	now := func() time.Time { return d.clock }
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: now, BlobURL: func() string { return "https://files.example/" }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	d.book = keys.NewBook(db.Control(), db.Vault(), now, rand.Reader)
	d.lists = tenant.NewBook(db.Control(), now)
	d.hooks = hooks.New(db.Control(), db.Vault(), now)
	d.over = overlay.New(overlay.Config{
		Table: db.Control(), Vault: db.Vault(), Secret: []byte("desk"), Now: now, Forget: verify.NewForgetter(db.Cache(), []byte("desk")).Forget,
		Free: func(domain string) bool { return domain == "free.example" },
	})
	d.service = serve(t, func(deps *Deps) {
		deps.Keys, deps.Book, deps.Tenant, deps.Now = d.book, d.book, d.lists, now
		deps.Tokens, deps.Overlay, deps.Hooks = d.book, d.over, d.hooks
		deps.Meter = usage.NewMeter(db.Control(), now, nil)
		d.doubles = withVendors(deps, db)
		withGate(deps, db)
		deps.Deliveries = notify.New(notify.Config{
			Table: db.Control(), Blob: db.Blob(), Queue: db.Queue("deliveries", embedded.DeadLetters{}), Now: now, Log: deps.Log,
		})
		deps.CheckWebhook = deps.Deliveries.CheckURL
		deps.Recheck = &diary{found: map[string]*Rechecked{"acme rv_known": {RetryAt: noon}}}
		d.office = withJobs(deps, db)
		if change != nil {
			change(deps)
		}
		d.deps = *deps
	})
	_, made, err := d.book.Create(t.Context(), keys.Draft{Account: "operator", Scopes: []keys.Scope{keys.Admin}})
	if err != nil {
		t.Fatal(err)
	}
	d.admin = made.API
	d.acme = d.create(t, `{"account":"acme"}`)
	d.acmeReader = d.create(t, `{"account":"acme","scopes":["verify"]}`)
	d.acmeReport = d.create(t, `{"account":"acme","scopes":["report"]}`)
	d.acmeTest = d.create(t, `{"account":"acme","test":true}`)
	d.other = d.create(t, `{"account":"other"}`)
	d.revoked = d.create(t, `{"account":"acme"}`)
	if err := d.book.Revoke(t.Context(), idOf(d.revoked)); err != nil {
		t.Fatal(err)
	}
	d.expired = d.create(t, `{"account":"acme","expires_at":"2026-11-13T12:00:01Z"}`)
	d.clock = noon.Add(time.Second)
	// Something was reported: of an address by acme, of a domain by three accounts.
	for i, account := range []string{"acme", "one", "two", "three"} {
		key := overlay.Key{ID: idOf(d.acme), Account: account}
		email := "alice@acme.example"
		if i > 0 {
			key.ID, email = "nosuchid", fmt.Sprintf("user%d@trap.example", i)
		}
		if _, err := d.over.Record(t.Context(), key, []overlay.Event{{Email: email, Reason: overlay.HardBounce, ID: fmt.Sprint("api:", i), Source: "api"}}, d.clock, overlay.Terms{}); err != nil {
			t.Fatal(err)
		}
	}
	entries, _, err := d.over.List(t.Context(), overlay.Key{ID: idOf(d.acme), Account: "acme"}, overlay.Filter{}, "", 1)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	d.bounce = entries[0].ID
	d.gated = d.gate(t)
	return d
}

// create makes a key over HTTP and returns its secret.
func (d *desk) create(t *testing.T, body string) string {
	t.Helper()
	w := d.ask("POST", "/v1/keys", d.admin, body)
	var made struct {
		Secret    string
		HookToken string `json:"hook_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != 201 {
		t.Fatalf("create %s: status %d, %s", body, w.Code, w.Body)
	}
	d.token[made.Secret] = made.HookToken
	return made.Secret
}

// ask sends a request with a secret; an empty one is left out.
func (d *desk) ask(method, target, secret, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	return d.do(r)
}

// total is how many checks of a key are counted.
func (d *desk) total(t *testing.T, secret string) int64 {
	t.Helper()
	var report struct{ Total int64 }
	w := d.ask("GET", "/v1/usage", secret, "")
	if err := json.Unmarshal(w.Body.Bytes(), &report); err != nil || w.Code != 200 {
		t.Fatalf("usage: status %d, %s", w.Code, w.Body)
	}
	return report.Total
}

// idOf is the id inside of a secret.
func idOf(secret string) string { return secret[8:16] }

// sample is a good request to a route and what is wrong with others.
type sample struct {
	route  string
	caller string   // secret of a good request
	lacks  string   // secret of a key of the account acme without the scope; empty: any will do
	body   string   // of a good request
	status int      // its answer
	bodies []string // malformed ones
	query  []string // malformed ones
	fill   []string // what stands in the path beside {id}, pairs
}

func (d *desk) samples(t *testing.T) []sample {
	t.Helper()
	listQueries := []string{
		"limit=0", "limit=201", "limit=x", "limit=1e2", "limit=+5", "limit=", "limit=5&limit=5", "next=", "next=!", "next=%00", "nxt=aaaaaaaa",
		"account=", "account=" + strings.Repeat("a", 129), "account=%ff", "%zz", "a;b",
	}
	postmark := []string{"{esp}", "postmark"}
	samples := []sample{
		{route: "GET /v1/verify/{recheck}", caller: d.acme, lacks: d.acmeReport, status: 200, fill: []string{"{recheck}", "rv_known"}},
		{route: "POST /v1/verify", caller: d.acme, lacks: d.acmeReport, body: goodQuestion, status: 200, bodies: []string{"", `{"email":5}`}},
		{route: "POST /v1/check", caller: d.acme, lacks: d.acmeReport, body: goodQuestion, status: 200, bodies: []string{"", `{"email":5}`}},
		{route: "GET /v1/health", status: 200},
		{route: "POST /v1/keys", caller: d.admin, lacks: d.acme, body: `{"account":"acme"}`, status: 201, bodies: []string{"", "[]", "{}", `{"account":5}`}},
		{route: "GET /v1/keys", caller: d.acme, status: 200, query: listQueries},
		{route: "GET /v1/keys/{id}", caller: d.acmeReport, status: 200},
		{route: "PATCH /v1/keys/{id}", caller: d.admin, lacks: d.acme, body: `{"label":"x"}`, status: 200, bodies: []string{"", "null", `{"account":"b"}`}},
		{route: "POST /v1/keys/{id}/rotate", caller: d.admin, lacks: d.acme, body: `{"overlap":"1h"}`, status: 200, bodies: []string{"{", `{"overlap":5}`}},
		{route: "POST /v1/webhook-secret/rotate", caller: d.acmeReport, body: `{"overlap":"1h"}`, status: 200, bodies: []string{
			"{", "[]", `{"overlap":5}`, `{"overlap":"169h"}`, `{"overlap":"-1s"}`, `{"overlap":""}`, `{"overlap":"day"}`, `{"secret":"whsec_x"}`,
		}},
		{route: "POST /v1/webhooks/test", caller: d.acme, lacks: d.acmeReader, body: `{"webhook_url":"https://hook.example/x"}`, status: 202, bodies: []string{
			"", "{}", "{", "[]", `{"webhook_url":5}`, `{"webhook_url":""}`, `{"webhook_url":"http://hook.example/"}`, `{"webhook_url":"https://127.0.0.1/"}`, `{"url":"https://hook.example/x"}`,
		}},
		{route: "GET /v1/webhooks/test", caller: d.acme, lacks: d.acmeReader, status: 200, query: []string{"limit=0", "limit=201", "next=", "next=a%23b", "state=failed"}},
		{route: "GET /v1/lists", caller: d.acme, lacks: d.acmeReport, status: 200, query: []string{
			"limit=0", "next=", "next=!", "next=com", "list=", "list=both", "list=allow&list=deny", "nxt=a.example", "%zz",
		}},
		{route: "POST /v1/lists", caller: d.acme, lacks: d.acmeReport, body: goodEntries, status: 200, bodies: badEntries(), query: []string{"list=deny"}},
		{route: "DELETE /v1/lists", caller: d.acme, lacks: d.acmeReport, body: goodEntries, status: 200, bodies: badEntries(), query: []string{"list=deny"}},
		{route: "GET /v1/lists/info", caller: d.acmeReport, status: 200},
		{route: "GET /v1/bounces", caller: d.acme, lacks: d.acmeReader, status: 200, query: []string{
			"limit=0", "limit=201", "format=csv&limit=10001", "format=xml", "format=", "next=", "next=five", "reason=bounce", "reason=", "since=yesterday",
			"since=2026-11-13&until=2026-11-13", "email=alice", "email=", "mail=a@b.example",
		}},
		{route: "GET /v1/bounces/{bounce}", caller: d.acme, lacks: d.acmeReader, status: 200, fill: []string{"{bounce}", d.bounce}},
		{route: "DELETE /v1/bounces/{bounce}", caller: d.acme, lacks: d.acmeReader, status: 200, fill: []string{"{bounce}", d.bounce}},
		{route: "DELETE /v1/addresses", caller: d.acme, lacks: d.acmeReader, body: `{"email":"a@b.example"}`, status: 200, bodies: []string{"", "{}", `{"email":"a@@b"}`, `{"email":null}`}},
		{route: "GET /v1/hooks", caller: d.acmeReport, lacks: d.acmeReader, status: 200, query: []string{"esp=resend"}},
		{route: "PUT /v1/hooks/{esp}", caller: d.acmeReport, lacks: d.acmeReader, body: `{"secret":"long enough"}`, status: 200, fill: postmark, bodies: []string{
			"", `{"secret":""}`, `{"secret":"short"}`, `{"secret":5}`, `{"secret":"long enough","overlap":"never"}`, `{"overlap":"721h"}`,
			`{"topic_arn":"arn:aws:sns:eu-central-1:123456789012:x"}`, `{"mapping":{}}`, `{"token":"x"}`,
		}},
		{route: "GET /v1/hooks/{esp}", caller: d.acmeReport, lacks: d.acmeReader, status: 200, fill: postmark},
		{route: "DELETE /v1/hooks/{esp}", caller: d.acmeReport, lacks: d.acmeReader, status: 204, fill: postmark},
		{route: "GET /v1/traps", caller: d.admin, lacks: d.acme, status: 200, query: []string{"limit=0", "next=", "next=a..b", "domain=a.example"}},
		{route: "GET /v1/traps/{domain}", caller: d.admin, lacks: d.acme, status: 200, fill: []string{"{domain}", "trap.example"}},
		{route: "DELETE /v1/traps/{domain}", caller: d.admin, lacks: d.acme, status: 204, fill: []string{"{domain}", "trap.example"}},
		{route: "POST /v1/report-bounce", caller: d.acmeReport, lacks: d.acmeReader, body: `{"email":"a@b.example","reason":"hard_bounce"}`, status: 202, bodies: []string{
			"", "[]", `{"email":"a@b.example"}`, `{"reason":"hard_bounce"}`, `{"email":"a@@b","reason":"hard_bounce"}`, `{"email":"a@b.example","reason":"bounce"}`,
			`{"email":"a@b.example","reason":"hard_bounce","occurred_at":"today"}`, `{"email":"a@b.example","reason":"hard_bounce","event_id":""}`,
			`{"email":"a@b.example","reason":"hard_bounce","event_id":"` + strings.Repeat("a", 201) + `"}`,
		}},
		{route: "POST /v1/report-bounce/{source}", status: 200, body: "{}", fill: []string{"{source}", "from-brevo?key=" + d.token[d.acme]}, bodies: []string{"", "[1]", "{"}},
		{route: "GET /v1/report-bounce/{source}", status: 200, fill: []string{"{source}", "from-brevo?key=" + d.token[d.acme]}},
		{route: "POST /v1/hooks/{esp}/{token}", status: 200, body: "{}", fill: append(postmark, "{token}", d.token[d.acme]), bodies: []string{"", "[1]", "{"}},
		{route: "GET /v1/hooks/{esp}/{token}", status: 200, fill: append(postmark, "{token}", d.token[d.acme])},
		{route: "GET /v1/audit", caller: d.admin, lacks: d.acme, status: 200, query: listQueries},
		{route: "GET /v1/usage", caller: d.acmeReport, status: 200, query: []string{
			"days=0", "days=366", "days=x", "days=", "from=2026-11-13&days=3", "from=13.11.2026", "from=2026-11-31", "to=0000-01-01", "from=2026-11-14", "to=",
			"from=2026-11-12&to=2026-11-11", "from=2025-01-01&to=2026-01-01", "day=3", "%zz",
		}},
		{route: "GET /v1/email-verifiers/known-providers", status: 200},
		{route: "GET /v1/email-verifiers/catalog", caller: d.admin, lacks: d.acme, status: 200, query: []string{"a=b"}},
		{route: "PUT /v1/email-verifiers/catalog", caller: d.admin, lacks: d.acme, body: `{"catalog":[{"provider":"hunter"}]}`, status: 200, bodies: badCatalogs()},
		{route: "POST /v1/email-verifiers/providers", caller: d.acme, lacks: d.acmeReader, body: `{"provider":"hunter","api_key":"good-key-0001"}`, status: 201, bodies: badVendorKeys()},
		{route: "GET /v1/email-verifiers/providers", caller: d.acme, lacks: d.acmeReader, status: 200, query: []string{"limit=5"}},
		{route: "GET /v1/email-verifiers/providers/{provider}", caller: d.acme, lacks: d.acmeReader, status: 200, fill: []string{"{provider}", "1"}},
		{route: "PUT /v1/email-verifiers/providers/{provider}", caller: d.acme, lacks: d.acmeReader, body: `{"label":"x"}`, status: 200, fill: []string{"{provider}", "1"}, bodies: []string{
			"", "{}", `{"label":5}`, `{"is_active":"yes"}`, `{"api_key":"seven77"}`, `{"api_key":null}`, `{"revalidate":false}`, `{"provider":"reoon"}`,
		}},
		{route: "POST /v1/email-verifiers/verify", caller: d.acme, lacks: d.acmeReader, body: `{"email":"ok@a.example"}`, status: 200, bodies: []string{
			"", "{}", `{"email":"a@@b"}`, `{"email":null}`, `{"email":5}`, `{"emails":["ok@a.example"]}`, `{"email":"ok@a.example","fresh":"yes"}`,
		}},
		{route: "POST /v1/email-verifiers/verify-bulk", caller: d.acme, lacks: d.acmeReader, body: `{"emails":["ok@a.example"]}`, status: 200, bodies: badBulks()},
		{route: "GET /v1/email-verifiers/usage", caller: d.acme, lacks: d.acmeReader, status: 200, query: []string{"days=0", "days=366", "days=x", "days=", "from=2026-11-13"}},
		{route: "GET /v1/email-verifiers/log", caller: d.acme, lacks: d.acmeReader, status: 200, query: []string{
			"limit=0", "limit=201", "next=", "next=five", "provider=pigeon", "provider=", "action_type=fun", "state=done", "status=VALID", "deliverability=yes",
			"email=alice", "since=yesterday", "since=2026-11-13&until=2026-11-13", "key=livekey2",
		}},
		{route: "GET /v1/email-verifiers/budget", caller: d.acme, lacks: d.acmeReader, status: 200, query: []string{"month=2026-11"}},
		{route: "PUT /v1/email-verifiers/budget", caller: d.acme, lacks: d.acmeReader, body: `{"monthly_usd":12.5}`, status: 200, bodies: []string{
			"", "{}", `{"monthly_usd":"5"}`, `{"monthly_usd":-1}`, `{"monthly_usd":1000001}`, `{"monthly_usd":[]}`, `{"max":5}`,
		}},
		{route: "DELETE /v1/email-verifiers/providers/{provider}", caller: d.acme, lacks: d.acmeReader, status: 204, fill: []string{"{provider}", "1"}},
		{route: "GET /v1/openapi.json", status: 200},
		{route: "GET /docs", status: 200},
	}
	samples = append(samples, d.gateSamples()...)
	samples = append(samples, d.jobSamples(t)...)
	return append(samples,
		// Last, for it ends the key acmeReader.
		sample{route: "DELETE /v1/keys/{id}", caller: d.admin, lacks: d.acme, status: 204},
	)
}

func TestEveryRouteHasASample(t *testing.T) {
	var served, sampled []string
	for _, r := range routes() {
		served = append(served, r.method+" "+r.path)
	}
	for _, s := range newDesk(t, nil).samples(t) {
		sampled = append(sampled, s.route)
	}
	for _, r := range served {
		if !strings.Contains(strings.Join(sampled, "\n")+"\n", r+"\n") {
			t.Errorf("%s has no sample", r)
		}
	}
	if len(sampled) != len(served) {
		t.Errorf("%d samples for %d routes", len(sampled), len(served))
	}
}

func TestEveryRouteIsGuarded(t *testing.T) {
	d := newDesk(t, nil)
	forged := d.acme[:len(d.acme)-1] + string('a'+('b'-d.acme[len(d.acme)-1])&1)
	for _, s := range d.samples(t) {
		t.Run(s.route, func(t *testing.T) {
			method, path, _ := strings.Cut(s.route, " ")
			one := strings.Contains(path, "{id}")
			path = strings.NewReplacer(s.fill...).Replace(path)
			of := func(secret string) string { return strings.Replace(path, "{id}", idOf(secret), 1) }
			expect := func(claim, target, secret, body string, status int) {
				t.Helper()
				w := d.ask(method, target, secret, body)
				if w.Code != status {
					t.Errorf("%s: %s %s answers %d, want %d: %s", claim, method, target, w.Code, status, w.Body)
				}
				if status >= 400 {
					problemOf(t, w)
				}
			}
			if s.caller != "" {
				for claim, secret := range map[string]string{
					"no key": "", "a revoked key": d.revoked, "an expired key": d.expired, "a malformed key": "rk_live_x", "a hook token": "hk_" + d.acme[8:],
					"a forged key": forged, "another kind": strings.Replace(d.acme, "live", "test", 1),
				} {
					expect(claim, of(d.acme), secret, s.body, 401)
				}
			}
			if s.lacks != "" {
				expect("without the scope", of(d.acme), s.lacks, s.body, 403)
				expect("without the scope, malformed", of(d.acme), s.lacks, "{", 403)
			}
			if one {
				for claim, secret := range map[string]string{"of a foreign account": d.other, "of nobody, asked by a customer": d.acme, "of nobody": d.admin} {
					target := strings.Replace(path, "{id}", "nosuchid", 1)
					if secret == d.other {
						target = of(d.acme)
					}
					expect(claim, target, secret, s.body, 404)
					expect(claim+", malformed", target, secret, "{", 404)
				}
			}
			for _, body := range s.bodies {
				expect("malformed: "+body, of(d.acme), s.caller, body, 400)
			}
			for _, query := range s.query {
				expect("malformed", of(d.acme)+"?"+query, s.caller, "", 400)
			}
			expect("good", of(d.acmeReader), s.caller, s.body, s.status)
		})
	}
}

// A key must not be able to tell a foreign object from none.
func TestForeignAndMissingLookTheSame(t *testing.T) {
	d := newDesk(t, nil)
	text := func(target, secret string) string {
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("Authorization", "Bearer "+secret)
		r.Header.Set("X-Request-Id", "req-1")
		return string(response(d.do(r)))
	}
	for _, c := range []struct{ foreign, missing string }{
		{"/v1/keys/" + idOf(d.acme), "/v1/keys/nosuchid"},
		{"/v1/usage?key=" + idOf(d.acme), "/v1/usage?key=nosuchid"},
		{"/v1/usage?key=" + idOf(d.acme), "/v1/usage?key=%00"},
		{"/v1/lists?key=" + idOf(d.acme), "/v1/lists?key=nosuchid"},
		{"/v1/keys?account=acme", "/v1/keys?account=nobody"},
	} {
		foreign, missing := text(c.foreign, d.other), text(c.missing, d.other)
		if foreign != missing || !strings.HasPrefix(foreign, "HTTP/1.1 404") {
			t.Errorf("%s answers\n%s%s answers\n%s", c.foreign, foreign, c.missing, missing)
		}
	}
}

func TestFunctionsServeTheirOwnRoutesAlone(t *testing.T) {
	desk := newDesk(t, nil)
	for claim, c := range map[string]struct {
		change func(*Deps)
		part   part
	}{
		"functions/verify":  {func(*Deps) {}, verifyPart},
		"functions/account": {func(d *Deps) { d.Verifier, d.Health, d.ListsInfo, d.Book = nil, nil, nil, desk.book }, accountPart},
		"functions/webhooks": {func(d *Deps) {
			d.Verifier, d.Health, d.ListsInfo, d.Tokens, d.Overlay, d.Hooks = nil, nil, nil, desk.book, desk.over, desk.hooks
		}, webhooksPart},
		"functions/providers": {func(d *Deps) {
			d.Verifier, d.Health, d.ListsInfo, d.Chain, d.Ledger = nil, nil, nil, desk.deps.Chain, desk.deps.Ledger
		}, providersPart},
		"functions/jobs": {func(d *Deps) {
			d.Verifier, d.Health, d.ListsInfo, d.Jobs, d.Plans, d.Results, d.Deliveries = nil, nil, nil, desk.deps.Jobs, desk.deps.Plans, desk.deps.Results, desk.deps.Deliveries
		}, jobsPart},
	} {
		s := serve(t, c.change)
		s.Handler = s.bare // the description is of all functions together
		for _, r := range routes() {
			w := s.do(httptest.NewRequest(r.method, strings.Replace(r.path, "{id}", "nosuchid", 1), nil))
			if served := !strings.Contains(w.Body.String(), "No such path"); served != (r.part == c.part) {
				t.Errorf("%s: %s %s answers %d %s", claim, r.method, r.path, w.Code, w.Body)
			}
		}
	}
}
