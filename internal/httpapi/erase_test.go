package httpapi

import (
	"strings"
	"testing"
)

func TestErasedAddressIsAskedAfreshAtVendors(t *testing.T) {
	d := newDesk(t, nil)
	const email = `{"email":"ok-7@ok.example"}`
	expect := func(claim, method, target, secret, body, want string) {
		t.Helper()
		if w := d.ask(method, target, secret, body); w.Code/100 != 2 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, want %s", claim, w.Code, w.Body, want)
		}
	}
	const erase, verify = "/v1/addresses", "/v1/email-verifiers/verify"
	expect("a key", "POST", "/v1/email-verifiers/providers", d.acme, `{"provider":"hunter","api_key":"good-key-0123456789"}`, "hunter")
	expect("first", "POST", verify, d.acme, email, `"_cache_hit":false`)

	expect("another account erases", "DELETE", erase, d.other, email, `{"reports":0,"evidence":0}`)
	expect("a test key erases", "DELETE", erase, d.acmeTest, email, `{"reports":0,"evidence":0}`)
	expect("still known", "POST", verify, d.acme, email, `"_cache_hit":true`)

	expect("its account erases", "DELETE", erase, d.acme, email, `{"reports":0,"evidence":1}`)
	expect("asked afresh", "POST", verify, d.acme, email, `"_cache_hit":false`)
}
