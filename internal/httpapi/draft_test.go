package httpapi

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// badProperties are wrong for a new key and for a patch alike.
func badProperties() []struct{ body, field, detail string } {
	return []struct{ body, field, detail string }{
		{`"label":5`, "label", "must be a string or null"},
		{`"label":"\u0000"`, "label", "printable text"},
		{`"label":"` + strings.Repeat("l", 201) + `"`, "label", "up to 200 characters"},
		{`"label":"a","label":"b"`, "label", "given twice"},
		{`"plan":["soft"]`, "plan", "must be a string or null"},
		{`"plan":"` + strings.Repeat("p", 65) + `"`, "plan", "up to 64 characters"},
		{`"scopes":"verify"`, "scopes", "must be an array of strings"},
		{`"scopes":[1]`, "scopes", "must be an array of strings"},
		{`"scopes":[]`, "scopes", "at least one"},
		{`"scopes":["root"]`, "scopes", `has no "root"`},
		{`"scopes":["verify",null]`, "scopes", "must be an array of strings"},
		{`"scopes":["verify","verify"]`, "scopes", "twice"},
		{`"policy":5`, "policy", "the name of a policy, an object or null"},
		{`"policy":[]`, "policy", "the name of a policy, an object or null"},
		{`"policy":"lax"`, "policy", "no policy is called"},
		{`"policy":{"free":"explode"}`, "policy", "is no action"},
		{`"policy":""`, "policy", "the name of a policy, an object or null"},
		{`"policy":{"fre":"block"}`, "policy.fre", "there is no such field"},
		{`"policy":{"Free":"block"}`, "policy.Free", "there is no such field"},
		{`"policy":{"name":"b2b"}`, "policy.name", "there is no such field"},
		{`"policy":{"free":"block","free":"accept"}`, "policy.free", "given twice"},
		{`"policy":{"free":""}`, "policy", "is no action"},
		{`"policy":{"extends":""}`, "policy.extends", "must be the name of a policy"},
		{`"policy":{"free":true}`, "policy.free", "must be a string"},
		{`"policy":{"extends":"` + strings.Repeat("x", 9000) + `"}`, "policy", ""},
		{`"webhook_url":5`, "webhook_url", "must be a string or null"},
		{`"webhook_url":"hook.example"`, "webhook_url", "must be a URL"},
		{`"webhook_url":"http://hook.example/"`, "webhook_url", "must begin with https://"},
		{`"webhook_url":"https://169.254.169.254/"`, "webhook_url", "must name a public host"},
		{`"webhook_url":"https://hook.example/` + strings.Repeat("x", 2048) + `"`, "webhook_url", "2048 octets"},
		{`"limits":5`, "limits", "an object or null"},
		{`"limits":[]`, "limits", "an object or null"},
		{`"limits":{"daily":5}`, "limits.daily", "the fields are concurrency, monthly,"},
		{`"limits":{"monthly":"5"}`, "limits.monthly", "a whole number or null"},
		{`"limits":{"monthly":0.5}`, "limits.monthly", "a whole number or null"},
		{`"limits":{"monthly":-1}`, "limits.monthly", "from 0, for none,"},
		{`"limits":{"monthly":1e30}`, "limits.monthly", "a whole number or null"},
		{`"limits":{"monthly":1000000000001}`, "limits.monthly", "to 1000000000000"},
		{`"limits":{"concurrency":201}`, "limits.concurrency", "to 200"},
		{`"limits":{"monthly":1,"monthly":2}`, "limits.monthly", "given twice"},
		{`"expires_at":5`, "expires_at", "must be a string or null"},
		{`"expires_at":"tomorrow"`, "expires_at", "RFC 3339"},
		{`"expires_at":"2027-02-30T00:00:00Z"`, "expires_at", "RFC 3339"},
		{`"expires_at":"2026-11-13T12:00:01Z"`, "expires_at", "has passed"},
		{`"secret":"rk_live_x"`, "secret", "there is no such field"},
		{`"id":"nosuchid"`, "id", "there is no such field"},
	}
}

func TestBadDraftsNameTheField(t *testing.T) {
	d := newDesk(t, nil)
	check := func(method, target, body, field, detail string) {
		t.Helper()
		w := d.ask(method, target, d.admin, body)
		if p := problemOf(t, w); w.Code != 400 || p.Field != field || !strings.Contains(p.Detail, detail) {
			t.Errorf("%s %.60s: %d, field %q, %q; want field %q, %q", method, body, w.Code, p.Field, p.Detail, field, detail)
		}
	}
	for _, c := range badProperties() {
		check("POST", "/v1/keys", `{"account":"acme",`+c.body+`}`, c.field, c.detail)
		check("PATCH", "/v1/keys/"+idOf(d.acme), `{`+c.body+`}`, c.field, c.detail)
	}
	for _, account := range []string{`null`, `5`, `""`, `"a#b"`, `"` + strings.Repeat("a", 129) + `"`, `"a\u000ab"`} {
		check("POST", "/v1/keys", `{"account":`+account+`}`, "account", "")
	}
	check("POST", "/v1/keys", `{"account":"acme","test":"yes"}`, "test", "true or false")
	check("PATCH", "/v1/keys/"+idOf(d.acme), `{"account":"other"}`, "account", "there is no such field")
	check("PATCH", "/v1/keys/"+idOf(d.acme), `{"test":true}`, "test", "there is no such field")
	for _, overlap := range []string{`5`, `"5"`, `"tomorrow"`, `"-1s"`, `"721h"`, `""`, `"1e400h"`} {
		check("POST", "/v1/keys/"+idOf(d.acme)+"/rotate", `{"overlap":`+overlap+`}`, "overlap", "")
	}
	check("POST", "/v1/keys/"+idOf(d.acme)+"/rotate", `{"overlp":"1h"}`, "overlp", "")
	if w := d.ask("POST", "/v1/keys", d.admin, strings.Repeat(" ", maxDraft+1)); w.Code != 413 {
		t.Errorf("a huge body answers %d", w.Code)
	}
}

// Whatever is sent, a patch is either refused as the caller's mistake or what
// encoding/json reads in the body.
func FuzzPatchIsWhatEncodingJSONReads(f *testing.F) {
	for _, c := range badProperties() {
		f.Add("{" + c.body + "}")
	}
	f.Add(`{"label":"x","plan":null,"limits":{"monthly":5.0,"concurrency":null},"expires_at":"2027-01-31T12:00:00Z","policy":"b2b"}`)
	f.Fuzz(func(t *testing.T, body string) {
		patch, err := new(api).readPatch(httptest.NewRecorder(), httptest.NewRequest("PATCH", "/", strings.NewReader(body)))
		if err != nil {
			if row := answerFor(err); row.status != 400 && row.status != 413 {
				t.Errorf("%q answers %d: %v", body, row.status, err)
			}
			return
		}
		var want struct {
			Label  *string
			Limits struct{ Monthly *float64 } // integers in any spelling
		}
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatalf("%q was accepted, encoding/json says %v", body, err)
		}
		if want.Label != nil && *patch.Label != *want.Label || want.Limits.Monthly != nil && float64(*patch.Limits.Monthly) != *want.Limits.Monthly {
			t.Errorf("%q is read as %+v", body, patch)
		}
	})
}
