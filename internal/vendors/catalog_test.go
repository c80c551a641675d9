package vendors

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"rcpt/internal/store"
)

// Order and prices are the mission's, hosts and limits those of section 6.1 of
// the reference.
func TestOrderAndPricesAreTheMissions(t *testing.T) {
	want := []Vendor{
		{Name: MillionVerifier, Base: "https://api.millionverifier.com", Price: 4900, AtOnce: 10},
		{Name: Reoon, Base: "https://emailverifier.reoon.com", Price: 5000, AtOnce: 5},
		{Name: NeverBounce, Base: "https://api.neverbounce.com", Price: 8000, AtOnce: 5},
		{Name: ZeroBounce, Base: "https://api.zerobounce.net", Price: 8000, AtOnce: 10},
		{Name: Hunter, Base: "https://api.hunter.io", Price: 9800, AtOnce: 5, PerSecond: 5},
	}
	for i, v := range Defaults() {
		w := want[i]
		if w.Title, w.Timeout = v.Title, v.Timeout; v != w || v.Title == "" || v.check() != nil {
			t.Errorf("%d: got %+v, want %+v", i, v, w)
		}
	}
}

func TestOperatorChangesTheCatalog(t *testing.T) {
	w := open(t)
	catalogs := NewCatalogs(w.control, w.catalog, w.clock.Now)
	err := catalogs.Save(t.Context(), []byte(`[{"provider":"hunter","list_price_usd":0.0029,"at_once":2,"per_second":0,"timeout_ms":9000},{"provider":"reoon"}]`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := catalogs.Load(t.Context())
	if err != nil || len(got) != 5 || got[0].Name != Hunter || got[0].Price != 2900 || got[0].AtOnce != 2 || got[0].PerSecond != 0 || got[0].Timeout != 9*time.Second || got[1].Name != MillionVerifier || got[2].Name != Reoon {
		t.Errorf("got %+v, %v", got, err)
	}
	w.key(t, MillionVerifier, "good")
	w.key(t, Hunter, "good")
	w.clock.Advance(catalogLife)
	if got := w.verify(t, "ok@buyer.example"); got.Vendor != Hunter || got.Cost != 2900 {
		t.Errorf("got %+v", got)
	}
	if err := catalogs.Save(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := catalogs.Load(t.Context()); got[0].Name != MillionVerifier {
		t.Errorf("got %+v", got)
	}
}

// Who changes a number of one vendor does not put it before cheaper ones; who names
// all vendors says in which order they are asked.
func TestOrderOfAChangedCatalog(t *testing.T) {
	for _, test := range []struct {
		change string
		want   []Name
	}{
		{`[{"provider":"hunter","at_once":3}]`, []Name{MillionVerifier, Reoon, NeverBounce, ZeroBounce, Hunter}},
		{`[{"provider":"zerobounce"}]`, []Name{MillionVerifier, Reoon, NeverBounce, ZeroBounce, Hunter}},
		{`[{"provider":"millionverifier","list_price_usd":0.02}]`, []Name{Reoon, NeverBounce, ZeroBounce, Hunter, MillionVerifier}},
		{`[{"provider":"hunter","list_price_usd":0.0049}]`, []Name{MillionVerifier, Hunter, Reoon, NeverBounce, ZeroBounce}},
		{
			`[{"provider":"hunter"},{"provider":"zerobounce"},{"provider":"millionverifier"},{"provider":"reoon"},{"provider":"neverbounce"}]`,
			[]Name{Hunter, ZeroBounce, MillionVerifier, Reoon, NeverBounce},
		},
	} {
		got, err := Defaults().With([]byte(test.change))
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range test.want {
			if got[i].Name != name {
				t.Errorf("%s: number %d is %s, want %s", test.change, i+1, got[i].Name, name)
			}
		}
	}
}

// A catalog that is read and sent back with one number changed keeps that number
// and its order, and of the rest follows what is built in: after a restart the
// doubles of vendors are elsewhere.
func TestCatalogSentBackHoldsOnToNothingElse(t *testing.T) {
	w := open(t)
	before := NewCatalogs(w.control, Defaults(), w.clock.Now)
	err := before.Save(t.Context(), []byte(`[
		{"provider":"reoon","list_price_usd":0.005,"at_once":5,"per_second":0,"timeout_ms":15000,"base_url":"https://emailverifier.reoon.com"},
		{"provider":"millionverifier","list_price_usd":0.0049,"at_once":7,"per_second":0,"timeout_ms":12000,"base_url":"https://api.millionverifier.com"},
		{"provider":"neverbounce"},{"provider":"zerobounce"},{"provider":"hunter","base_url":"https://hunter.example"}]`))
	if err != nil {
		t.Fatal(err)
	}
	moved := Defaults()
	for i := range moved {
		moved[i].Base, moved[i].Price = "http://127.0.0.1:4999", moved[i].Price+1
	}
	got, err := NewCatalogs(w.control, moved, w.clock.Now).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Name != Reoon || got[0].Price != 5001 || got[0].Base != "http://127.0.0.1:4999" {
		t.Errorf("first: got %+v", got[0])
	}
	if got[1].Name != MillionVerifier || got[1].AtOnce != 7 || got[1].Base != "http://127.0.0.1:4999" {
		t.Errorf("second: got %+v", got[1])
	}
	if hunter, _ := got.Find(Hunter); hunter.Base != "https://hunter.example" {
		t.Errorf("what was changed: got %+v", hunter)
	}
}

// What is stored and cannot be read keeps nobody from verifying: the last good
// catalog stays, in a new process the built-in one, and the log says so once.
func TestCatalogThatCannotBeRead(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	w.key(t, Hunter, "good")
	if err := w.cfg.Catalog.Save(t.Context(), []byte(`[{"provider":"hunter","list_price_usd":0.001}]`)); err != nil {
		t.Fatal(err)
	}
	if got := w.verify(t, "ok1@buyer.example"); got.Vendor != Hunter || got.Cost != 1000 {
		t.Errorf("good: got %+v", got)
	}
	for i, text := range []string{`[{"provider":"acme"}]`, `not JSON`, ``} {
		if err := w.db.Control().Put(t.Context(), store.Item{Key: catalogKey(), Attrs: store.Attrs{"text": text}}); err != nil {
			t.Fatal(err)
		}
		for n := range 2 {
			w.clock.Advance(catalogLife)
			if got := w.verify(t, fmt.Sprintf("ok%d@buyer.example", 10*i+n+10)); got.Vendor != Hunter || got.Cost != 1000 {
				t.Errorf("%s: got %+v", text, got)
			}
		}
		if n := strings.Count(w.log.String(), "the one before stays in force"); n != i+1 {
			t.Errorf("%s: logged %d times, want %d", text, n, i+1)
		}
	}
	fresh := w.another()
	if got, err := fresh.Verify(within(t, 5*time.Second), w.request(t, "ok3@buyer.example")); err != nil || got.Vendor != MillionVerifier || got.Cost != 4900 {
		t.Errorf("a new process: got %+v, %v", got, err)
	}
	if err := w.cfg.Catalog.Save(t.Context(), []byte(`[{"provider":"acme"}]`)); !errors.Is(err, ErrCatalog) {
		t.Errorf("saving one: %v", err)
	}
	if err := w.cfg.Catalog.Save(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := w.verify(t, "ok4@buyer.example"); got.Vendor != MillionVerifier {
		t.Errorf("taken away: got %+v", got)
	}
}

func TestCatalogsThatAreNotAccepted(t *testing.T) {
	for _, text := range []string{
		`{}`, `[{"provider":"acme"}]`, `[{"provider":"hunter"},{"provider":"hunter"}]`, `[{"provider":"hunter","price":1}]`,
		`[{"provider":"hunter","list_price_usd":-1}]`, `[{"provider":"hunter","list_price_usd":1e300}]`, `[{"provider":"hunter","at_once":0}]`,
		`[{"provider":"hunter","at_once":101}]`, `[{"provider":"hunter","per_second":-1}]`, `[{"provider":"hunter","timeout_ms":999}]`,
		`[{"provider":"hunter","timeout_ms":25001}]`, `[{"provider":"hunter","base_url":"file:///x"}]`, `[{"provider":"hunter","base_url":"https://u:p@x.example"}]`,
		`[{"provider":"hunter","base_url":"https://x.example/?a=b"}]`,
	} {
		if _, err := Defaults().With([]byte(text)); !errors.Is(err, ErrCatalog) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

// What is sent, to the octet where vendors are particular.
func TestRequests(t *testing.T) {
	ask := call{secret: newSecret("k&y=1"), email: "a+b@example.com", wait: 12500 * time.Millisecond}
	for _, tt := range []struct {
		name          Name
		verify, check string
		body          string
	}{
		{MillionVerifier, "GET /api/v3/?api=k%26y%3D1&email=a%2Bb%40example.com&timeout=11", "GET /api/v3/credits?api=k%26y%3D1", ""},
		{Reoon, "GET /api/v1/verify?email=a%2Bb%40example.com&key=k%26y%3D1&mode=power", "GET /api/v1/check-account-balance/?key=k%26y%3D1", ""},
		{NeverBounce, "POST /v4.2/single/check", "POST /v4.2/account/info", `{"credits_info":true,"email":"a+b@example.com","key":"k\u0026y=1","timeout":11}`},
		{ZeroBounce, "GET /v2/validate?api_key=k%26y%3D1&email=a%2Bb%40example.com&ip_address=&timeout=11", "GET /v2/getcredits?api_key=k%26y%3D1", ""},
		{Hunter, "GET /v2/email-verifier?email=a%2Bb%40example.com", "GET /v2/account", ""},
	} {
		p, _ := protocols(tt.name)
		for want, q := range map[string]query{tt.verify: p.ask(ask), tt.check: p.balance(ask)} {
			r, err := q.request(t.Context(), "https://vendor.example/")
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Method + " " + r.URL.RequestURI(); got != want {
				t.Errorf("%s: got %s, want %s", tt.name, got, want)
			}
			if tt.name == Hunter && (r.Header.Get("X-API-KEY") != "k&y=1" || strings.Contains(r.URL.String(), "k%26y")) {
				t.Errorf("hunter: key in the wrong place: %v", r.Header)
			}
		}
		if got := string(p.ask(ask).body); got != tt.body {
			t.Errorf("%s: got body %s, want %s", tt.name, got, tt.body)
		}
	}
	if got := (call{wait: time.Second}).seconds(2, 60); got != "2" {
		t.Errorf("least time: got %s", got)
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "7": 7, "-7": 0, "x": 0, "99999999": 86400, "7.5": 0,
		noon().Add(90 * time.Second).Format(http.TimeFormat): 90, noon().Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(text, noon()); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}
