package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// object reads an answer with a status.
func object(t *testing.T, w *httptest.ResponseRecorder, status int) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &fields); err != nil || w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	return fields
}

func TestCreatedKeyIsShownOnceWithItsSecrets(t *testing.T) {
	d := newDesk(t, nil)
	w := d.ask("POST", "/v1/keys", d.admin, `{"account":"shop","label":"Anmeldung","scopes":["verify","jobs"],"plan":"soft",
		"policy": {"extends": "b2b", "free": "block"}, "webhook_url":"https://hook.example/x", "limits":{"monthly":1000}, "expires_at":"2027-01-31T13:00:00.5+01:00"}`)
	made := object(t, w, 201)
	id, _ := made["id"].(string)
	for field, form := range map[string]string{
		"id": `[a-z2-7]{8}`, "secret": `rk_live_` + id + `_[a-z2-7]{32}`, "hook_token": `hk_` + id + `_[a-z2-7]{32}`,
		"webhook_secret": `whsec_[A-Za-z0-9+/]{43}=`,
	} {
		if text, _ := made[field].(string); !regexp.MustCompile("^" + form + "$").MatchString(text) {
			t.Errorf("%s is %q, want the form %s", field, text, form)
		}
	}
	if got := w.Header().Get("Location"); got != "/v1/keys/"+id {
		t.Errorf("Location is %q", got)
	}
	secret := made["secret"].(string)
	for _, field := range []string{"secret", "hook_token", "webhook_secret"} {
		delete(made, field)
	}
	w = d.ask("GET", "/v1/keys/"+id, secret, "")
	want := `{"id":"` + id + `","account":"shop","label":"Anmeldung","scopes":["verify","jobs"],"test":false,"plan":"soft",` +
		`"policy":{"extends":"b2b","free":"block"},"webhook_url":"https://hook.example/x","limits":{"monthly":1000,"concurrency":10,"reports_per_day":1000,"requests_per_second":0},` +
		`"created_at":"2026-11-13T12:00:01Z","expires_at":"2027-01-31T12:00:00.5Z","revoked_at":null}` + "\n"
	if w.Body.String() != want {
		t.Errorf("shown later is\n%s want\n%s", w.Body, want)
	}
	if shown := object(t, w, 200); !reflect.DeepEqual(shown, made) {
		t.Errorf("shown later is %v, created was %v", shown, made)
	}
}

func TestNothingSaidOfAKeyIsTheDefault(t *testing.T) {
	d := newDesk(t, nil)
	var shapes []map[string]any
	for _, body := range []string{
		`{"account":"shop"}`,
		`{"account":"shop","label":null,"scopes":null,"plan":null,"policy":null,"webhook_url":null,"limits":null,"test":null,"expires_at":null}`,
		`{"account":"shop","label":"","plan":"","webhook_url":"","limits":{"monthly":null,"concurrency":null,"reports_per_day":null,"requests_per_second":null}}`,
		`{"account":"shop","limits":{}}`,
	} {
		made := object(t, d.ask("POST", "/v1/keys", d.admin, body), 201)
		for _, field := range []string{"id", "secret", "hook_token", "webhook_secret", "created_at"} {
			delete(made, field)
		}
		shapes = append(shapes, made)
	}
	want := map[string]any{
		"account": "shop", "label": "", "scopes": []any{"verify", "report", "jobs", "providers"}, "test": false, "plan": "", "policy": nil, "webhook_url": nil,
		"limits":     map[string]any{"monthly": 0.0, "concurrency": 10.0, "reports_per_day": 1000.0, "requests_per_second": 0.0},
		"expires_at": nil, "revoked_at": nil,
	}
	for i, got := range shapes {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("key %d is %v, want %v", i, got, want)
		}
	}
}

func TestTestKeysAreMarked(t *testing.T) {
	d := newDesk(t, nil)
	made := object(t, d.ask("POST", "/v1/keys", d.admin, `{"account":"shop","test":true}`), 201)
	if secret, _ := made["secret"].(string); made["test"] != true || !strings.HasPrefix(secret, "rk_test_") {
		t.Errorf("test is %v, secret %.8s", made["test"], secret)
	}
}

func TestPatchLeavesWhatItDoesNotNameAndClearsNulls(t *testing.T) {
	d := newDesk(t, nil)
	made := object(t, d.ask("POST", "/v1/keys", d.admin, `{"account":"acme","label":"l","scopes":["jobs"],"plan":"soft","policy":"b2b",
		"limits":{"monthly":1,"concurrency":2,"reports_per_day":3,"requests_per_second":4},"expires_at":"2027-01-31T12:00:00Z"}`), 201)
	for _, field := range []string{"secret", "hook_token", "webhook_secret"} {
		delete(made, field)
	}
	limits := func(monthly, concurrency, reports, perSecond float64) map[string]any {
		return map[string]any{"monthly": monthly, "concurrency": concurrency, "reports_per_day": reports, "requests_per_second": perSecond}
	}
	for _, step := range []struct {
		body  string
		field string // that becomes another
		want  any
	}{
		{`{}`, "label", "l"},
		{`{"label":"new"}`, "label", "new"},
		{`{"label":null}`, "label", ""},
		{`{"scopes":["verify","admin"]}`, "scopes", []any{"verify", "admin"}},
		{`{"plan":null}`, "plan", ""},
		{`{"policy": { "free" : "block" }}`, "policy", map[string]any{"free": "block"}},
		{`{"policy":null}`, "policy", nil},
		{`{"limits":{"monthly":50}}`, "limits", limits(50, 2, 3, 4)},
		{`{"limits":{"concurrency":0,"requests_per_second":null}}`, "limits", limits(50, 0, 3, 0)},
		{`{"limits":{"concurrency":null}}`, "limits", limits(50, 10, 3, 0)},
		{`{"limits":{}}`, "limits", limits(50, 10, 3, 0)},
		{`{"limits":null}`, "limits", limits(0, 10, 1000, 0)},
		{`{"expires_at":"2028-01-31T12:00:00Z"}`, "expires_at", "2028-01-31T12:00:00Z"},
		{`{"expires_at":null}`, "expires_at", nil},
	} {
		made[step.field] = step.want
		target := "/v1/keys/" + made["id"].(string)
		if got := object(t, d.ask("PATCH", target, d.admin, step.body), 200); !reflect.DeepEqual(got, made) {
			t.Errorf("%s answers\n%v want\n%v", step.body, got, made)
		}
		if got := object(t, d.ask("GET", target, d.admin, ""), 200); !reflect.DeepEqual(got, made) {
			t.Errorf("after %s it is\n%v want\n%v", step.body, got, made)
		}
	}
}

func TestChangedLimitsGovernTheNextRequest(t *testing.T) {
	d := newDesk(t, nil)
	for _, step := range []struct {
		limits string
		status int
	}{{`{"monthly":1}`, 200}, {`{"monthly":1}`, 402}, {`{"monthly":2}`, 200}, {`{"monthly":2}`, 402}, {`null`, 200}} {
		object(t, d.ask("PATCH", "/v1/keys/"+idOf(d.acme), d.admin, `{"limits":`+step.limits+`}`), 200)
		if w := d.ask("POST", "/v1/verify", d.acme, goodQuestion); w.Code != step.status {
			t.Errorf("with the limits %s: %d, want %d", step.limits, w.Code, step.status)
		}
	}
}

func TestRotationHandsOverFromOldToNew(t *testing.T) {
	d := newDesk(t, nil)
	for _, c := range []struct {
		body    string
		overlap time.Duration
	}{{"", 24 * time.Hour}, {"{}", 24 * time.Hour}, {`{"overlap":null}`, 24 * time.Hour}, {`{"overlap":"90m"}`, 90 * time.Minute}, {`{"overlap":"0s"}`, 0}, {`{"overlap":"720h"}`, 720 * time.Hour}} {
		old := d.create(t, `{"account":"acme"}`)
		begin := d.clock
		got := object(t, d.ask("POST", "/v1/keys/"+idOf(old)+"/rotate", d.admin, c.body), 200)
		fresh, _ := got["secret"].(string)
		hook, _ := got["hook_token"].(string)
		want := begin.Add(c.overlap)
		if len(got) != 4 || got["id"] != idOf(old) || idOf(fresh) != idOf(old) || !strings.HasPrefix(hook, "hk_"+idOf(old)) ||
			got["old_secret_valid_until"] != want.Format(time.RFC3339) {
			t.Errorf("%s answers %v", c.body, got)
		}
		for _, step := range []struct {
			at     time.Time
			status int
		}{{want.Add(-time.Second), 200}, {want, 401}} {
			if step.at.Before(begin) {
				continue
			}
			d.clock = step.at
			if w := d.ask("GET", "/v1/keys", old, ""); w.Code != step.status {
				t.Errorf("%s: the old secret answers %d at %v, want %d", c.body, w.Code, step.at, step.status)
			}
			if w := d.ask("GET", "/v1/keys", fresh, ""); w.Code != 200 {
				t.Errorf("%s: the new secret answers %d", c.body, w.Code)
			}
		}
	}
}

func TestRevokedKeyIsListedAndEndsAtOnce(t *testing.T) {
	d := newDesk(t, nil)
	if w := d.ask("POST", "/v1/verify", d.acme, goodQuestion); w.Code != 200 {
		t.Fatalf("status %d", w.Code)
	}
	for range 2 {
		if w := d.ask("DELETE", "/v1/keys/"+idOf(d.acme), d.admin, ""); w.Code != 204 || w.Body.Len() != 0 {
			t.Errorf("revocation answers %d %q", w.Code, w.Body)
		}
		if w := d.ask("POST", "/v1/verify", d.acme, goodQuestion); w.Code != 401 {
			t.Errorf("the revoked key is answered %d", w.Code)
		}
	}
	got := object(t, d.ask("GET", "/v1/keys/"+idOf(d.acme), d.acmeReader, ""), 200)
	if got["revoked_at"] != "2026-11-13T12:00:01Z" {
		t.Errorf("revoked_at is %v", got["revoked_at"])
	}
	if d.total(t, d.acmeReader) != 0 {
		t.Error("another key has its checks")
	}
	if used := object(t, d.ask("GET", "/v1/usage?key="+idOf(d.acme), d.acmeReader, ""), 200); used["total"] != 1.0 {
		t.Errorf("the revoked key has used %v", used["total"])
	}
	if w := d.ask("PATCH", "/v1/keys/"+idOf(d.acme), d.admin, `{"label":"x"}`); w.Code != 409 {
		t.Errorf("a change of it answers %d", w.Code)
	}
}

// list reads all pages and returns the values of a field.
func (d *desk) list(t *testing.T, secret, target, of, field string, limit int) (values []string) {
	t.Helper()
	next := ""
	for pages := 0; ; pages++ {
		var page struct {
			Keys, Entries []map[string]any
			Next          *string
		}
		w := d.ask("GET", fmt.Sprintf("%slimit=%d%s", target, limit, next), secret, "")
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 || pages > 20 || len(page.Keys)+len(page.Entries) > limit {
			t.Fatalf("page %d: status %d, error %v, %s", pages, w.Code, err, w.Body)
		}
		items := page.Keys
		if of == "entries" {
			items = page.Entries
		}
		for _, item := range items {
			values = append(values, fmt.Sprint(item[field]))
		}
		if page.Next == nil {
			return values
		}
		next = "&next=" + *page.Next // a cursor needs no escaping
	}
}

func TestListsShowWhatTheKeyMaySee(t *testing.T) {
	d := newDesk(t, nil)
	acme := []string{"acme", "acme", "acme", "acme", "acme", "acme"}
	all := map[string]int{"acme": 6, "operator": 1, "other": 1}
	for _, limit := range []int{1, 2, 6, 200} {
		for claim, c := range map[string]struct {
			secret, target string
			want           []string
		}{
			"a customer":                  {d.acme, "/v1/keys?", acme},
			"a customer of one scope":     {d.acmeReport, "/v1/keys?", acme},
			"a customer naming the own":   {d.acme, "/v1/keys?account=acme&", acme},
			"another customer":            {d.other, "/v1/keys?", []string{"other"}},
			"the operator, of an account": {d.admin, "/v1/keys?account=acme&", acme},
			"the operator, of nobody":     {d.admin, "/v1/keys?account=nobody&", nil},
		} {
			if got := d.list(t, c.secret, c.target, "keys", "account", limit); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s, %d a page: %v, want %v", claim, limit, got, c.want)
			}
		}
		got := map[string]int{}
		for _, account := range d.list(t, d.admin, "/v1/keys?", "keys", "account", limit) {
			got[account]++
		}
		if !reflect.DeepEqual(got, all) {
			t.Errorf("the operator sees %v, want %v", got, all)
		}
	}
	if w := d.ask("GET", "/v1/keys", d.admin, ""); strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "hash") {
		t.Errorf("the list shows %s", w.Body)
	}
}

func TestAuditTellsTheOperatorWhoDidWhat(t *testing.T) {
	d := newDesk(t, nil)
	target := "/v1/keys/" + idOf(d.other)
	d.clock = noon.Add(time.Minute)
	object(t, d.ask("PATCH", target, d.admin, `{"label":"x","limits":{"monthly":5}}`), 200)
	d.clock = noon.Add(2 * time.Minute)
	object(t, d.ask("POST", target+"/rotate", d.admin, ""), 200)
	d.clock = noon.Add(3 * time.Minute)
	d.ask("DELETE", target, d.admin, "")
	entry := func(at, act, fields string) string {
		return fmt.Sprintf(`{"at":"2026-11-13T12:%sZ","account":"other","key":"%s","by":"%s","act":"%s","fields":[%s]}`, at, idOf(d.other), idOf(d.admin), act, fields)
	}
	want := `{"entries":[` + strings.Join([]string{
		entry("03:00", "revoked", ""), entry("02:00", "rotated", ""), entry("01:00", "changed", `"label","limits.monthly"`), entry("00:00", "created", ""),
	}, ",") + `],"next":null}` + "\n"
	if got := d.ask("GET", "/v1/audit?account=other", d.admin, "").Body.String(); got != want {
		t.Errorf("the log is\n%s want\n%s", got, want)
	}
	if got := d.list(t, d.admin, "/v1/audit?account=other&", "entries", "act", 1); strings.Join(got, " ") != "revoked rotated changed created" {
		t.Errorf("page by page the log is %v", got)
	}
	if got := d.ask("GET", "/v1/audit", d.admin, "").Body.String(); !strings.Contains(got, `"by":null`) || strings.Contains(got, "other") {
		t.Errorf("of the own account the log is %s", got)
	}
}

func TestPatchesAtTheSameTimeAreAllKept(t *testing.T) {
	d := newDesk(t, nil)
	target := "/v1/keys/" + idOf(d.other)
	var all sync.WaitGroup
	for _, body := range []string{`{"label":"x"}`, `{"plan":"p"}`, `{"limits":{"monthly":1}}`, `{"limits":{"concurrency":2}}`, `{"limits":{"reports_per_day":3}}`} {
		for range 4 {
			all.Go(func() {
				if w := d.ask("PATCH", target, d.admin, body); w.Code != 200 {
					t.Errorf("%s: %d", body, w.Code)
				}
			})
		}
	}
	all.Wait()
	got := fmt.Sprint(object(t, d.ask("GET", target, d.admin, ""), 200))
	for _, want := range []string{"label:x", "plan:p", "monthly:1 ", "concurrency:2 ", "reports_per_day:3 "} {
		if !strings.Contains(got, want) {
			t.Errorf("the key is %s without %s", got, want)
		}
	}
}

func TestLogOfManagementHoldsNoSecret(t *testing.T) {
	d := newDesk(t, nil)
	d.log.Reset()
	made := object(t, d.ask("POST", "/v1/keys", d.admin, `{"account":"acme","label":"hidden"}`), 201)
	target := "/v1/keys/" + made["id"].(string)
	d.ask("PATCH", target, d.admin, `{"label":5}`)
	rotated := object(t, d.ask("POST", target+"/rotate", d.admin, ""), 200)
	d.ask("DELETE", target, d.admin, "")
	for _, no := range []any{made["secret"], made["hook_token"], made["webhook_secret"], rotated["secret"], rotated["hook_token"], d.admin, made["id"], "hidden"} {
		if strings.Contains(d.log.String(), no.(string)) {
			t.Errorf("the log holds %s:\n%s", no, d.log)
		}
	}
	if n := strings.Count(d.log.String(), `"route":"/v1/keys/{id}`); n != 3 {
		t.Errorf("%d lines name the route:\n%s", n, d.log)
	}
}
