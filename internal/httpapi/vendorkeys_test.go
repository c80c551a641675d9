package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"rcpt/internal/keys"
	"rcpt/internal/sim/vendordouble"
	"rcpt/internal/store"
	"rcpt/internal/vendors"
)

func TestTestKeysSpendNothing(t *testing.T) {
	d := newDesk(t, nil)
	d.addKey(t, d.acme, "hunter", "good-key-0123456789")
	for target, body := range map[string]string{
		"POST /v1/email-verifiers/verify":         `{"email":"ok@a.example"}`,
		"POST /v1/email-verifiers/verify-bulk":    `{"emails":["ok@a.example"]}`,
		"POST /v1/email-verifiers/providers":      `{"provider":"reoon","api_key":"good-key-0123456789"}`,
		"PUT /v1/email-verifiers/providers/1":     `{"is_active":false}`,
		"DELETE /v1/email-verifiers/providers/1":  "",
		"DELETE /v1/email-verifiers/providers/99": "",
	} {
		method, path, _ := strings.Cut(target, " ")
		if w := d.ask(method, path, d.acmeTest, body); w.Code != 403 || problemOf(t, w).Type != "/problems/forbidden" {
			t.Errorf("%s answers %d", target, w.Code)
		}
	}
	d.clock = d.clock.Add(2 * creditsAge)
	if w := d.ask("GET", "/v1/email-verifiers/providers", d.acmeTest, ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"credits_remaining":10000`) {
		t.Errorf("the keys: %d %s", w.Code, w.Body)
	}
	if c := d.double.Counts("hunter"); c.Checks != 0 || c.Balances != 1 { // a test key causes no call at all
		t.Errorf("the vendor saw %+v", c)
	}
}

func TestVendorKeysAreOfTheirAccount(t *testing.T) {
	d := newDesk(t, nil)
	d.addKey(t, d.acme, "hunter", "good-key-0123456789")
	if w := d.ask("POST", "/v1/email-verifiers/verify", d.acme, `{"email":"ok@a.example"}`); w.Code != 200 {
		t.Fatal(w.Body)
	}
	for target, body := range map[string]string{
		"GET /v1/email-verifiers/providers/1": "", "PUT /v1/email-verifiers/providers/1": `{"label":"mine"}`, "DELETE /v1/email-verifiers/providers/1": "",
		"GET /v1/email-verifiers/providers/01": "", "GET /v1/email-verifiers/providers/x": "", "GET /v1/email-verifiers/providers/99999999999999999999": "",
	} {
		method, path, _ := strings.Cut(target, " ")
		if w := d.ask(method, path, d.other, body); w.Code != 404 {
			t.Errorf("%s of another account answers %d: %s", target, w.Code, w.Body)
		}
	}
	for path, want := range map[string]string{
		"providers": `{"keys":[]}`, "log": `{"entries":[],"next":null}`,
	} {
		if w := d.ask("GET", "/v1/email-verifiers/"+path, d.other, ""); w.Body.String() != want+"\n" {
			t.Errorf("%s of another account: %s", path, w.Body)
		}
	}
	if w := d.ask("POST", "/v1/email-verifiers/verify", d.other, `{"email":"ok@a.example"}`); w.Code != 400 {
		t.Errorf("verdict of another account's key: %d %s", w.Code, w.Body)
	}
}

func TestChangesOfVendorKeysAreAudited(t *testing.T) {
	d := newDesk(t, nil)
	d.addKey(t, d.acme, "hunter", "good-key-0123456789")
	for _, body := range []string{`{"label":"a"}`, `{"is_active":false,"label":"b"}`, `{"api_key":"good-key-9876543210"}`, `{"revalidate":true}`, `{"api_key":"bad-key-0123456789"}`} {
		d.ask("PUT", "/v1/email-verifiers/providers/1", d.acme, body)
	}
	d.ask("DELETE", "/v1/email-verifiers/providers/1", d.acme, "")
	d.ask("PUT", "/v1/email-verifiers/catalog", d.admin, `{"catalog":[]}`)
	fields := func(account, by string) (all []string) {
		entries, _, err := d.book.Audit(t.Context(), account, "", 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Act == keys.Changed && e.By == by {
				all = append(all, strings.Join(e.Fields, " "))
			}
		}
		slices.Sort(all) // all happened in one moment
		return all
	}
	want := []string{"providers.1.api_key", "providers.1.deleted", "providers.1.label", "providers.1.label providers.1.is_active", "providers.1.revalidate", "providers.hunter.created"}
	if got := fields("acme", idOf(d.acme)); !reflect.DeepEqual(got, want) {
		t.Errorf("the audit says\n%v\nwant\n%v", got, want)
	}
	if got := fields("operator", idOf(d.admin)); !slices.Contains(got, "catalog") {
		t.Errorf("of the operator: %v", got)
	}
}

func TestOperatorChangesTheCatalogWithoutCode(t *testing.T) {
	d := newDesk(t, nil)
	d.addKey(t, d.acme, "millionverifier", "good-key-0123456789")
	d.addKey(t, d.acme, "hunter", "good-key-0123456789")
	w := d.ask("PUT", "/v1/email-verifiers/catalog", d.admin, `{"catalog":[{"provider":"hunter","list_price_usd":0.0034,"at_once":7,"per_second":9,"timeout_ms":5000,"base_url":"https://hunter.example"}]}`)
	golden(t, filepath.Join("testdata", "providers", "catalog.json"), w.Body.Bytes())
	var got vendorVerdict
	if err := json.Unmarshal(d.ask("POST", "/v1/email-verifiers/verify", d.acme, `{"email":"ok@a.example"}`).Body.Bytes(), &got); err != nil || *got.Provider != vendors.Hunter || got.Cost != 0.0034 {
		t.Errorf("verified: %+v, %v", got, err)
	}
	if known := d.ask("GET", "/v1/email-verifiers/known-providers", "", "").Body.String(); !strings.HasPrefix(known, `{"providers":[{"provider":"hunter","name":"Hunter","list_price_usd":0.0034},`) {
		t.Errorf("known: %s", known)
	}
	if w := d.ask("PUT", "/v1/email-verifiers/catalog", d.admin, `{"catalog":[]}`); !strings.HasPrefix(w.Body.String(), `{"catalog":[{"provider":"millionverifier",`) {
		t.Errorf("reset: %s", w.Body)
	}
}

// Neither log nor answers tell a vendor's key or, the log, an address; also where
// a vendor quotes both.
func TestVendorKeysAreNowhereToBeSeen(t *testing.T) {
	d := newDesk(t, nil)
	d.addKey(t, d.acme, "hunter", "down-key-0123456789abcdef")
	var answers strings.Builder
	for _, c := range []struct{ method, path, body string }{
		{"POST", "providers", `{"provider":"hunter","api_key":"echo-key-0123456789abcdef"}`},
		{"POST", "providers", `{"provider":"zerobounce","api_key":"echo-key-0123456789abcdef"}`},
		{"PUT", "providers/1", `{"api_key":"echo-key-0123456789abcdef"}`},
		{"POST", "verify", `{"email":"ok@a.example"}`},
		{"POST", "verify-bulk", `{"emails":["ok@a.example","down@a.example"]}`},
		{"GET", "providers", ""}, {"GET", "log", ""},
	} {
		answers.Write(d.ask(c.method, "/v1/email-verifiers/"+c.path, d.acme, c.body).Body.Bytes())
	}
	for _, hidden := range []string{"key-0123456789", "0123456789abcdef"} {
		if strings.Contains(answers.String(), hidden) || strings.Contains(d.log.String(), hidden) {
			t.Errorf("%s is in\n%s\nor\n%s", hidden, answers.String(), d.log)
		}
	}
	if strings.Contains(d.log.String(), "@a.example") || !strings.Contains(d.log.String(), "hunter: ") {
		t.Errorf("the log is\n%s", d.log)
	}
}

// ruined is a table that cannot be read.
type ruined struct{ store.Table }

func (ruined) Get(context.Context, store.Key) (store.Item, error) {
	return store.Item{}, errors.New("disk on fire")
}

// A failure of ours is none of the key's: 500, and nothing of it is told.
func TestUnexpectedFailuresAreOurs(t *testing.T) {
	d := newDesk(t, func(of *Deps) {
		client := vendors.NewClient(&http.Client{Transport: within{new(http.Handler(vendordouble.New(vendordouble.Options{})))}}, of.Now)
		of.VendorKeys = vendors.NewBook(ruined{}, nopVault{}, client, of.Catalogs, of.Now)
	})
	w := d.ask("POST", "/v1/email-verifiers/providers", d.acme, `{"provider":"hunter","api_key":"good-key-0123456789"}`)
	if p := problemOf(t, w); w.Code != 500 || strings.Contains(p.Detail, "fire") {
		t.Errorf("status %d, %+v", w.Code, p)
	}
	if !strings.Contains(d.log.String(), "disk on fire") {
		t.Errorf("the log is\n%s", d.log)
	}
}
