package app_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/sim/vendordouble"
	"rcpt/internal/store"
	"rcpt/internal/vendors"
)

// withVendor is the product with one vendor, which is a double. The account has a
// key there if there is a secret.
func withVendor(t *testing.T, secret string) (*bench, *app.VendorParts) {
	t.Helper()
	double := vendordouble.New(vendordouble.Options{})
	base, err := double.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = double.Close() })
	settings := map[string]string{"RCPT_VENDOR_BASE_HUNTER": base}
	cfg, err := config.Read(func(name string) string { return settings[name] }, "probe.example")
	if err != nil {
		t.Fatal(err)
	}
	var parts *app.VendorParts
	b := newBench(t, settings, func(p *app.Ports) {
		parts = app.Vendors(cfg, *p)
		p.Vendors = parts
	})
	if secret != "" {
		if _, err := parts.Keys.Add(t.Context(), vendors.Draft{Account: "test", Vendor: vendors.Hunter, Secret: secret}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return b, parts
}

// TestAVendorDecidesWhatWeCannot goes all the way: our address is blocked, the
// account's vendor is asked, once, and that is in its log.
func TestAVendorDecidesWhatWeCannot(t *testing.T) {
	b, parts := withVendor(t, "good-key-1")
	for _, c := range []struct {
		body   string
		want   answer
		logged vendors.State
	}{
		{`{"email":"ok@blocked.test"}`, answer{Status: "UNKNOWN", Reason: "probe_blocked"}, ""},
		{`{"email":"ok@blocked.test","vendors":"on_unknown"}`, answer{Status: "VALID", Reason: "vendor_verified"}, vendors.Answered},
		{`{"email":"ok@blocked.test","vendors":"on_unknown"}`, answer{Status: "VALID", Reason: "vendor_verified", Cached: true}, vendors.Cached},
		{`{"email":"invalid@blocked.test","vendors":"on_unknown"}`, answer{Status: "INVALID", Reason: "vendor_invalid"}, vendors.Answered},
		{`{"email":"catchall@blocked.test","vendors":"on_unknown"}`, answer{Status: "CATCH_ALL", Reason: "catch_all"}, vendors.Answered},
		{`{"email":"invalid-2@ok.test","vendors":"on_unknown"}`, answer{Status: "INVALID", Reason: "mailbox_not_found"}, ""},
	} {
		before := logOf(t, parts)
		if got := b.ask(c.body); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.body, got, c.want)
		}
		logged := logOf(t, parts)
		logged = logged[:len(logged)-len(before)]
		switch {
		case c.logged == "" && len(logged) == 0:
		case len(logged) != 1 || logged[0].State != c.logged || logged[0].Action != vendors.Realtime:
			t.Errorf("%s: logged %+v, want %q", c.body, logged, c.logged)
		}
		b.pass(1e9) // the log is in the order of time
	}
}

func logOf(t *testing.T, parts *app.VendorParts) []vendors.Entry {
	t.Helper()
	entries, _, err := parts.Ledger.Log(t.Context(), "test", vendors.Filter{}, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestVendorsThatCannotHelpSayWhy(t *testing.T) {
	for secret, want := range map[string]string{
		"":           `"detail":"no paid verifier could help: no email verification provider is configured"`,
		"good-key-1": `"reason":"vendor_undecided"`,
	} {
		b, _ := withVendor(t, secret)
		r := httptest.NewRequest("POST", "/v1/verify", strings.NewReader(`{"email":"as.unknown@blocked.test","vendors":"on_unknown","explain":true}`))
		r.Header.Set("Authorization", "Bearer "+b.key)
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		if body := w.Body.String(); w.Code != 200 || !strings.Contains(body, want) || !strings.Contains(body, `"vendor":{`) || !strings.Contains(body, `"UNKNOWN"`) {
			t.Errorf("%q: %d %s, want %q", secret, w.Code, body, want)
		}
	}
}

// sent is a queue that only takes.
type sent struct {
	store.Queue
	n int
}

func (s *sent) Send(_ context.Context, m ...store.Message) error { s.n += len(m); return nil }

// TestUnknownIsRepeatedAndFound: what the webhooks and the prober do with a
// recheck is told where they are tested.
func TestUnknownIsRepeatedAndFound(t *testing.T) {
	queue := &sent{}
	b := newBench(t, nil, func(p *app.Ports) { p.ProbeQueue = queue })
	do := func(method, path, body string) string {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+b.key)
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		return w.Body.String()
	}
	got := do("POST", "/v1/verify", `{"email":"alice@greylist.test","on_unknown":"reverify","webhook_url":"https://example.com/hook"}`)
	_, rest, found := strings.Cut(got, `"reverify":{"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if !found || queue.n != 1 || !strings.Contains(got, `"url":"/v1/verify/`+id) {
		t.Fatalf("%s, %d messages", got, queue.n)
	}
	if got := do("GET", "/v1/verify/"+id, ""); !strings.Contains(got, `"status":"pending","retry_at":"2026-11-22T12:00:2`) {
		t.Errorf("found %s", got)
	}
	if got := do("POST", "/v1/verify", `{"email":"alice@greylist.test","on_unknown":"reverify","webhook_url":"https://10.0.0.1/hook"}`); !strings.Contains(got, `"field":"webhook_url"`) || queue.n != 1 {
		t.Errorf("a private webhook: %s", got)
	}
}
