package httpapi

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The log is read page by page, and by each filter.
func TestLogIsReadBack(t *testing.T) {
	d := newDesk(t, nil)
	d.addKey(t, d.acme, "zerobounce", "good-key-0123456789")
	for _, email := range []string{"ok@a.example", "invalid@a.example", "catchall@a.example", "ok@a.example"} {
		d.clock = d.clock.Add(time.Minute)
		if w := d.ask("POST", "/v1/email-verifiers/verify", d.acme, `{"email":"`+email+`"}`); w.Code != 200 {
			t.Fatal(w.Body)
		}
	}
	type page struct {
		Entries []vendorEntry
		Next    *string
	}
	read := func(query string) (p page) {
		t.Helper()
		w := d.ask("GET", "/v1/email-verifiers/log"+query, d.acme, "")
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 200 {
			t.Fatalf("%s: status %d, %s", query, w.Code, w.Body)
		}
		return p
	}
	texts := func(p page) (all []string) {
		for _, e := range p.Entries {
			all = append(all, e.Email+" "+string(e.State))
		}
		return all
	}
	first := read("?limit=3")
	second := read("?limit=3&next=" + *first.Next)
	all := append(texts(first), texts(second)...)
	if want := []string{"ok@a.example cached", "catchall@a.example answered", "invalid@a.example answered", "ok@a.example answered"}; !reflect.DeepEqual(all, want) || second.Next != nil {
		t.Errorf("the log is %v", all)
	}
	for query, want := range map[string]int{
		"?state=cached": 1, "?state=answered": 3, "?state=failed": 0, "?provider=zerobounce": 4, "?provider=hunter": 0, "?action_type=manual": 4, "?action_type=bulk": 0,
		"?status=invalid": 1, "?deliverability=deliverable": 2, "?email=ok@a.example": 2, "?subject=s1": 0, "?since=2026-11-14": 0, "?until=2026-11-13": 0,
		"?since=2026-11-13T12:02:00Z&until=2026-11-13T12:04:00Z": 2,
	} {
		if got := texts(read(query)); len(got) != want {
			t.Errorf("%s: %v, want %d", query, got, want)
		}
	}
}

// A test key lies about in the open, and the log is full of customers: it sees
// what test keys had verified, which is nothing.
func TestLogIsNotForTestKeys(t *testing.T) {
	d := newDesk(t, nil)
	d.addKey(t, d.acme, "zerobounce", "good-key-0123456789")
	if w := d.ask("POST", "/v1/email-verifiers/verify", d.acme, `{"email":"ok@a.example"}`); w.Code != 200 {
		t.Fatal(w.Body)
	}
	for secret, want := range map[string]string{d.acmeTest: `{"entries":[],"next":null}`, d.acme: "ok@a.example"} {
		if w := d.ask("GET", "/v1/email-verifiers/log", secret, ""); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d %s, want %s", w.Code, w.Body, want)
		}
	}
	if w := d.ask("GET", "/v1/email-verifiers/log?state=x", d.acmeTest, ""); w.Code != 400 {
		t.Errorf("a filter that there is not: %d %s", w.Code, w.Body)
	}
}

func TestVendorCostsStandBesideOwnChecks(t *testing.T) {
	d := newDesk(t, nil)
	d.addKey(t, d.acme, "zerobounce", "good-key-0123456789")
	bulkOfTest(t, d.ask("POST", "/v1/email-verifiers/verify-bulk", d.acme, `{"emails":["ok@a.example","invalid@a.example","catchall@a.example"]}`))
	for secret, want := range map[string]string{d.acme: `"vendors":{"calls":3,"cost_usd":0.024}`, d.acmeReader: `"vendors":{"calls":3,`, d.other: `"vendors":{"calls":0,"cost_usd":0}`} {
		if w := d.ask("GET", "/v1/usage", secret, ""); !strings.Contains(w.Body.String(), want) {
			t.Errorf("usage: %s, want %s", w.Body, want)
		}
	}
}

func TestAsManyVendorRequestsAtOnceAsTheKeyMayHave(t *testing.T) {
	d := newDesk(t, nil)
	key, err := d.book.Authenticate(t.Context(), d.acme)
	if err != nil {
		t.Fatal(err)
	}
	d.addKey(t, d.acme, "hunter", "good-key-0123456789")
	meter := d.deps.Meter
	for range key.Limits.Concurrency {
		if _, err := meter.Admit(t.Context(), key.ID, limitsOf(key)); err != nil {
			t.Fatal(err)
		}
	}
	for path, body := range map[string]string{"verify": `{"email":"ok@a.example"}`, "verify-bulk": `{"emails":["ok@a.example"]}`} {
		if w := d.ask("POST", "/v1/email-verifiers/"+path, d.acme, body); w.Code != 429 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
