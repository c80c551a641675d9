package httpapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"rcpt/internal/esp"
	"rcpt/internal/keys"
	"rcpt/internal/overlay"
	"rcpt/internal/store"
)

// limited makes a key that may report so much a day, and returns its secret.
func (d *desk) limited(t *testing.T, account string, reports int) string {
	t.Helper()
	return d.create(t, fmt.Sprintf(`{"account":%q,"limits":{"reports_per_day":%d}}`, account, reports))
}

// deliver posts to the hook of an ESP.
func (d *desk) deliver(slug, secret, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/v1/hooks/"+slug+"/"+d.token[secret], strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if slug == "mailchimp" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return d.do(r)
}

// bouncesOf is a POST of SendGrid's with so many events from a number on.
func bouncesOf(from, count int) string {
	events := make([]string, count)
	for i := range events {
		events[i] = fmt.Sprintf(`{"email":"user%d@a.example","event":"bounce","type":"bounce","status":"5.1.1","timestamp":1768382467,"sg_event_id":"e%d"}`, from+i, from+i)
	}
	return "[" + strings.Join(events, ",") + "]"
}

func (d *desk) reported(t *testing.T, secret string) (all []bounceShape) {
	t.Helper()
	for next := "/v1/bounces?limit=200"; next != ""; {
		var page struct {
			Bounces []bounceShape
			Next    string
		}
		w := d.ask("GET", next, secret, "")
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		all = append(all, page.Bounces...)
		if next = page.Next; next != "" {
			next = "/v1/bounces?limit=200&next=" + next
		}
	}
	return all
}

func TestOverBudgetNothingIsLost(t *testing.T) {
	d := newDesk(t, nil)
	secret := d.limited(t, "small", 2)
	report := func(id string) *httptest.ResponseRecorder {
		return d.ask("POST", "/v1/report-bounce", secret, `{"email":"a@b.example","reason":"soft_bounce","event_id":"`+id+`"}`)
	}
	for _, step := range []struct {
		id     string
		status int
	}{{"1", 202}, {"1", 202}, {"2", 202}, {"3", 429}, {"2", 202}, {"3", 429}} {
		w := report(step.id)
		if w.Code != step.status {
			t.Errorf("event %s: %d, want %d", step.id, w.Code, step.status)
		}
		if w.Code == 429 && w.Header().Get("Retry-After") != "43200" {
			t.Errorf("Retry-After %q, want half a day", w.Header().Get("Retry-After"))
		}
	}
	d.clock = d.clock.Add(12 * time.Hour)
	if w := report("3"); w.Code != 202 {
		t.Errorf("after the wait: %d", w.Code)
	}
}

func TestOverBudgetEachESPIsMadeToSendAgain(t *testing.T) {
	d := newDesk(t, nil)
	secret := d.limited(t, "small", 3)
	// A batch that the budget ends in comes again as a whole.
	if w := d.deliver("sendgrid", secret, bouncesOf(0, 5)); w.Code != 429 || w.Header().Get("Retry-After") == "" || len(d.reported(t, secret)) != 3 {
		t.Errorf("the first delivery: %d, %d recorded", w.Code, len(d.reported(t, secret)))
	}
	if w := d.deliver("sendgrid", secret, bouncesOf(0, 3)); w.Code != 200 || w.Body.String() != `{"recorded":0,"duplicates":3,"ignored":0}`+"\n" {
		t.Errorf("what is known costs nothing: %d %s", w.Code, w.Body)
	}
	d.clock = d.clock.Add(24 * time.Hour)
	if w := d.deliver("sendgrid", secret, bouncesOf(0, 5)); w.Code != 200 || w.Body.String() != `{"recorded":2,"duplicates":3,"ignored":0}`+"\n" {
		t.Errorf("a day later: %d %s", w.Code, w.Body)
	}
	if w := d.deliver("resend", secret, `{"type":"email.delivered","data":{"to":["a@b.example"]}}`); w.Code != 200 {
		t.Errorf("an ignored event costs budget: %d", w.Code)
	}

	mapping := `{"mapping":{"email":"$.to","event":"$.what","id":"$.id","values":{"bounced":"hard_bounce"},"over_budget":503}}`
	if w := d.ask("PUT", "/v1/hooks/generic", secret, mapping); w.Code != 200 {
		t.Fatal(w.Body)
	}
	d.deliver("sendgrid", secret, bouncesOf(10, 5))
	for slug, c := range map[string]struct {
		body   string
		status int
	}{
		"generic":   {`{"to":"g@a.example","what":"bounced","id":"1"}`, 503},
		"postmark":  {`{"RecordType":"Bounce","ID":7,"Type":"HardBounce","Email":"p@a.example"}`, 429},
		"brevo":     {`{"event":"hard_bounce","email":"b@a.example","id":1,"ts_event":1768382467}`, 200},
		"ses":       {`{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{"emailAddress":"s@a.example"}],"feedbackId":"f"}}`, 200},
		"mailchimp": {`type=cleaned&fired_at=2026-01-14+09%3A21%3A07&data%5Breason%5D=hard&data%5Bemail%5D=m%40a.example`, 200},
	} {
		w := d.deliver(slug, secret, c.body)
		if w.Code != c.status || (w.Code != 200) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s over budget: %d %s, want %d", slug, w.Code, w.Body, c.status)
		}
		if traits, _ := esp.Find(slug); slug != "generic" && int(traits.OverBudget) != c.status {
			t.Errorf("%s wants %d", slug, traits.OverBudget)
		}
	}
}

// stuck is a table that is too busy.
type stuck struct {
	store.Table
	err error
}

func (s stuck) BatchGet(context.Context, []store.Key) ([]store.Item, error) { return nil, s.err }

// What goes wrong with us must make every ESP send again: Brevo throws an event
// away at any 5xx, SNS at any 4xx.
func TestTroubleOfOursLosesNothing(t *testing.T) {
	for _, trouble := range []struct {
		err    error
		status int
	}{{store.ErrThrottled, 503}, {errors.New("disk on fire"), 500}} {
		d := newDesk(t, func(deps *Deps) {
			deps.Overlay = overlay.New(overlay.Config{Table: stuck{err: trouble.err}, Now: func() time.Time { return noon }})
		})
		bodies := map[string]string{
			"brevo":    `{"event":"hard_bounce","email":"b@a.example","id":1}`,
			"postmark": `{"RecordType":"Bounce","ID":7,"Type":"HardBounce","Email":"p@a.example"}`,
			"ses":      `{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{"emailAddress":"s@a.example"}],"feedbackId":"f"}}`,
		}
		for slug, body := range bodies {
			want := trouble.status
			if slug == "brevo" {
				want = 429
			}
			w := d.deliver(slug, d.acme, body)
			if w.Code != want || strings.Contains(w.Body.String(), "fire") {
				t.Errorf("%v, %s: %d %s, want %d", trouble.err, slug, w.Code, w.Body, want)
			}
		}
		if want := trouble.err.Error(); strings.Count(d.log.String(), want) != len(bodies) {
			t.Errorf("the cause is not in the log:\n%s", d.log)
		}
	}
}

// noTokens is a door whose store cannot be read.
type noTokens struct{ err error }

func (n noTokens) AuthenticateHook(context.Context, string) (keys.Key, error) {
	return keys.Key{}, n.err
}

func TestATokenThatCannotBeLookedUpLosesNothing(t *testing.T) {
	d := newDesk(t, func(deps *Deps) { deps.Tokens = noTokens{store.ErrThrottled} })
	for slug, want := range map[string]int{"brevo": 429, "ses": 503, "postmark": 503} {
		if w := d.deliver(slug, d.acme, "{}"); w.Code != want {
			t.Errorf("%s: %d %s, want %d", slug, w.Code, w.Body, want)
		}
	}
	r := httptest.NewRequest("POST", "/v1/report-bounce/from-brevo?key="+d.token[d.acme], strings.NewReader("{}"))
	if w := d.do(r); w.Code != 429 {
		t.Errorf("from-brevo: %d, want 429", w.Code)
	}
}

// Mailgun does not sign the event: whoever has seen one request of it, of a
// delivery say, must not be able to write a bounce under the same token.
func TestATokenOfAnIgnoredEventIsUsedUp(t *testing.T) {
	d := newDesk(t, nil)
	secret := d.limited(t, "mailgun", 0)
	if w := d.ask("PUT", "/v1/hooks/mailgun", secret, `{"secret":"mailgun-secret"}`); w.Code != 200 {
		t.Fatal(w.Body)
	}
	timestamp := strconv.FormatInt(d.clock.Unix(), 10)
	mac := hmac.New(sha256.New, []byte("mailgun-secret"))
	mac.Write([]byte(timestamp + "token-1"))
	event := func(kind string) string {
		return fmt.Sprintf(`{"signature":{"timestamp":%q,"token":"token-1","signature":"%x"},`, timestamp, mac.Sum(nil)) +
			`"event-data":{"event":"` + kind + `","id":"` + kind + `","recipient":"a@b.example","severity":"permanent","reason":"bounce"}}`
	}
	for _, step := range []struct {
		kind   string
		status int
	}{{"delivered", 200}, {"delivered", 200}, {"failed", 401}, {"delivered", 200}} {
		if w := d.deliver("mailgun", secret, event(step.kind)); w.Code != step.status {
			t.Errorf("%s: %d %s, want %d", step.kind, w.Code, w.Body, step.status)
		}
	}
	if all := d.reported(t, secret); len(all) != 0 {
		t.Errorf("recorded %+v", all)
	}
}

func TestLargeDeliveries(t *testing.T) {
	d := newDesk(t, nil)
	secret := d.limited(t, "large", 0)
	// A machine that is not done in time says so, keeps what it has recorded, and
	// goes on when the POST comes again.
	for delivery := 1; ; delivery++ {
		w := d.deliver("sendgrid", secret, bouncesOf(0, 10_000))
		if w.Code == 200 {
			t.Logf("ten thousand events: taken in by delivery %d, %s", delivery, w.Body)
			break
		}
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || delivery == 20 {
			t.Fatalf("ten thousand events, delivery %d: %d %s", delivery, w.Code, w.Body)
		}
	}
	if all := d.reported(t, secret); len(all) != 10_000 {
		t.Errorf("%d addresses are reported", len(all))
	}
	if w := d.deliver("sendgrid", secret, bouncesOf(0, 10_000)); w.Code != 200 || !strings.HasPrefix(w.Body.String(), `{"recorded":0,"duplicates":10000,`) {
		t.Errorf("the same again: %d %s", w.Code, w.Body)
	}
	body := bouncesOf(20_000, 1)
	body = body[:len(body)-1] + strings.Repeat(" ", maxDelivery-len(body)) + "]"
	if w := d.deliver("sendgrid", secret, body); w.Code != 200 {
		t.Errorf("5 MB: %d %s", w.Code, w.Body)
	}
	if w := d.deliver("sendgrid", secret, body+" "); w.Code != 413 {
		t.Errorf("an octet more: %d %s", w.Code, w.Body)
	}
}

func TestMalformedDeliveriesRecordNothing(t *testing.T) {
	d := newDesk(t, nil)
	secret := d.limited(t, "bad", 0)
	for slug, bodies := range map[string][]string{
		"sendgrid":  {"", "{", "{}", `[{"email":"a@b.example","event":"bounce","type":"bounce"}`, bouncesOf(0, 3) + "x", "null", "\xff"},
		"mailchimp": {"", "%zz", "\xff\xfe"},
		"mandrill":  {"mandrill_events=[", "x=y"},
		"mailgun":   {"[]", "{", `"text"`},
		"ses":       {"{", "[]", "{}"},
	} {
		for _, body := range bodies {
			r := httptest.NewRequest("POST", "/v1/hooks/"+slug+"/"+d.token[secret], strings.NewReader(body))
			if slug == "mailchimp" || slug == "mandrill" {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			if w := d.do(r); w.Code != 400 {
				t.Errorf("%s %q: %d %s", slug, body, w.Code, w.Body)
			}
		}
	}
	r := httptest.NewRequest("POST", "/v1/hooks/sendgrid/"+d.token[secret], strings.NewReader(bouncesOf(0, 1)))
	r.Header.Set("Content-Encoding", "gzip")
	if w := d.do(r); w.Code != 400 {
		t.Errorf("compressed: %d", w.Code)
	}
	if all := d.reported(t, secret); len(all) != 0 {
		t.Errorf("recorded %+v", all)
	}
}

func TestTimesOfReports(t *testing.T) {
	d := newDesk(t, nil)
	secret := d.limited(t, "times", 0)
	for i, c := range []struct {
		given string
		want  time.Time
	}{
		{"2026-11-01T10:00:00Z", time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)}, {"2026-11-01T10:00:00+02:00", time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)},
		{"2999-01-01T00:00:00Z", d.clock}, {"0001-01-01T00:00:01Z", time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}, {"", d.clock},
	} {
		given, want, email := c.given, c.want, fmt.Sprintf("a%d@b.example", i)
		body := `{"email":"` + email + `","reason":"hard_bounce","occurred_at":"` + given + `"}`
		if given == "" {
			body = `{"email":"` + email + `","reason":"hard_bounce"}`
		}
		if w := d.ask("POST", "/v1/report-bounce", secret, body); w.Code != 202 {
			t.Fatal(w.Body)
		}
		w := d.ask("GET", "/v1/bounces?email="+email, secret, "")
		var page struct{ Bounces []bounceShape }
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Bounces) != 1 || !page.Bounces[0].OccurredAt.Equal(want) {
			t.Errorf("%q: %s, want %s", given, w.Body, want)
		}
	}
}

// The door must not tell which half of a URL was right.
func TestWrongTokensAndUnknownESPsLookTheSame(t *testing.T) {
	d := newDesk(t, nil)
	text := func(method, target string) string {
		r := httptest.NewRequest(method, target, strings.NewReader("{"))
		r.Header.Set("X-Request-Id", "req-1")
		return string(response(d.do(r)))
	}
	token := d.token[d.acme]
	readOnly, revoked := d.token[d.acmeReader], d.token[d.revoked]
	want := text("POST", "/v1/hooks/postmark/hk_nosuchid_"+token[12:])
	if !strings.HasPrefix(want, "HTTP/1.1 404") {
		t.Fatal(want)
	}
	for _, target := range []string{
		"/v1/hooks/pigeon/" + token, "/v1/hooks/POSTMARK/" + token, "/v1/hooks/postmark/" + token + "a", "/v1/hooks/postmark/" + d.acme, "/v1/hooks/postmark/x",
		"/v1/hooks/postmark/" + readOnly, "/v1/hooks/postmark/" + revoked, "/v1/report-bounce/from-postmark", "/v1/report-bounce/from-postmark?key=x",
		"/v1/report-bounce/postmark?key=" + token, "/v1/report-bounce/from-pigeon?key=" + token, "/v1/report-bounce/from-?key=" + token,
	} {
		for _, method := range []string{"POST", "GET"} {
			if got := text(method, target); got != want {
				t.Errorf("%s %s answers\n%s\nwant\n%s", method, target, got, want)
			}
		}
	}
}

func TestMandrillSignsTheURL(t *testing.T) {
	// The signature is checked in package esp; here what it is held against.
	a := &api{}
	r := httptest.NewRequest("POST", "https://hooks.example/v1/hooks/mandrill/hk_x?a=b%20c", nil)
	r.TLS = nil
	if got := a.urlOf(r); got != "http://hooks.example/v1/hooks/mandrill/hk_x?a=b%20c" {
		t.Errorf("as addressed: %s", got)
	}
	r.Header.Set("X-Forwarded-Proto", "https")
	if got := a.urlOf(r); got != "https://hooks.example/v1/hooks/mandrill/hk_x?a=b%20c" {
		t.Errorf("behind a gateway: %s", got)
	}
	a.PublicURL = "https://verify.example.com/api"
	if got := a.urlOf(r); got != "https://verify.example.com/api/v1/hooks/mandrill/hk_x?a=b%20c" {
		t.Errorf("with a public URL: %s", got)
	}
}

func TestExportHasNoFormulas(t *testing.T) {
	d := newDesk(t, nil)
	secret := d.limited(t, "export", 0)
	for _, email := range []string{"=cmd|calc@b.example", "+1@b.example", "-1@b.example", "plain@b.example", `\"=a,b\"@b.example`, "＝cmd@b.example"} {
		if w := d.ask("POST", "/v1/report-bounce", secret, `{"email":"`+email+`","reason":"hard_bounce","event_id":"`+email+`"}`); w.Code != 202 {
			t.Fatal(w.Body)
		}
	}
	var text strings.Builder
	target, pages := "/v1/bounces?format=csv&limit=2", 0
	for target != "" {
		w := d.ask("GET", target, secret, "")
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/csv; charset=utf-8" {
			t.Fatal(w.Code, w.Header())
		}
		_, rows, _ := strings.Cut(w.Body.String(), "\n")
		text.WriteString(rows)
		pages++
		target, _, _ = strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), ">")
	}
	if pages != 3 || strings.Count(text.String(), "\n") != 6 {
		t.Errorf("%d pages:\n%s", pages, &text)
	}
	for _, cell := range []string{",'=cmd|calc@b.example,", ",'+1@b.example,", ",'-1@b.example,", ",plain@b.example,", `,"""=a,b""@b.example",`, ",'＝cmd@b.example,"} {
		if !strings.Contains(text.String(), cell) {
			t.Errorf("%s is not in\n%s", cell, &text)
		}
	}
}

func TestHookTokensAreRotatedWithAGrace(t *testing.T) {
	d := newDesk(t, nil)
	old := d.token[d.acme]
	w := d.ask("POST", "/v1/keys/"+idOf(d.acme)+"/rotate", d.admin, `{"overlap":"1h"}`)
	var made struct {
		HookToken string `json:"hook_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != 200 {
		t.Fatal(w.Body)
	}
	probe := func(token string) int {
		return d.do(httptest.NewRequest("HEAD", "/v1/hooks/resend/"+token, nil)).Code
	}
	if probe(old) != 200 || probe(made.HookToken) != 200 {
		t.Error("in the grace both work")
	}
	d.clock = d.clock.Add(time.Hour)
	if probe(old) != 404 || probe(made.HookToken) != 200 {
		t.Error("after the grace the new one alone works")
	}
}

func TestEveryChangeIsInTheAuditLog(t *testing.T) {
	d := newDesk(t, nil)
	for _, c := range []struct{ method, target, secret, body, fields string }{
		{"PUT", "/v1/hooks/postmark", d.acme, `{"secret":"long enough"}`, `["hooks.postmark.secret"]`},
		{"DELETE", "/v1/hooks/postmark", d.acme, "", `["hooks.postmark"]`},
		{"DELETE", "/v1/bounces/" + d.bounce, d.acme, "", `["bounces"]`},
		{"DELETE", "/v1/addresses", d.acme, `{"email":"alice@acme.example"}`, `["addresses"]`},
		{"DELETE", "/v1/traps/trap.example", d.admin, "", `["traps.trap.example"]`},
	} {
		d.clock = d.clock.Add(time.Second)
		if w := d.ask(c.method, c.target, c.secret, c.body); w.Code >= 300 {
			t.Errorf("%s %s: %d %s", c.method, c.target, w.Code, w.Body)
		}
		account := map[bool]string{true: "operator", false: "acme"}[c.secret == d.admin]
		w := d.ask("GET", "/v1/audit?limit=1&account="+account, d.admin, "")
		if !strings.Contains(w.Body.String(), `"by":"`+idOf(c.secret)+`","act":"changed","fields":`+c.fields) {
			t.Errorf("%s %s is logged as %s", c.method, c.target, w.Body)
		}
	}
}

func TestUnverifiedWebhooksAreCounted(t *testing.T) {
	var counted []string
	d := newDesk(t, func(deps *Deps) {
		deps.Metric = func(name string, value float64, labels ...string) {
			if strings.HasPrefix(name, "hooks_") || strings.HasPrefix(name, "reports_") || strings.HasPrefix(name, "rate_") {
				counted = append(counted, strings.TrimSpace(fmt.Sprintln(name, value, strings.Join(labels, " "))))
			}
		}
	})
	secret := d.limited(t, "counted", 1)
	event := `{"RecordType":"Bounce","ID":%d,"Type":"HardBounce","Email":"p@a.example"}`
	d.deliver("postmark", secret, fmt.Sprintf(event, 1))
	d.deliver("postmark", secret, fmt.Sprintf(event, 1))
	d.deliver("postmark", secret, fmt.Sprintf(event, 2))
	d.deliver("postmark", secret, `{"RecordType":"Open","Recipient":"p@a.example"}`)
	if w := d.ask("PUT", "/v1/hooks/postmark", secret, `{"secret":"long enough"}`); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	w := d.deliver("postmark", secret, fmt.Sprintf(event, 1))
	if w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Basic realm="rcpt"` {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	want := "reports_recorded 1 source postmark|reports_duplicate 1 source postmark|rate_limited_reports 1 route /v1/hooks/{esp}/{token}|" +
		"reports_ignored 1 source postmark why no_report|hooks_unverified 1 esp postmark"
	if got := strings.Join(counted, "|"); got != want {
		t.Errorf("counted\n%s\nwant\n%s", got, want)
	}
}

// A tunnel, or localhost instead of 127.0.0.1: what was entered at Mandrill need
// not be what the operator calls the service.
func TestMandrillMaySignTheHostThatTheRequestNames(t *testing.T) {
	d := newDesk(t, func(deps *Deps) { deps.PublicURL = "https://verify.example.com" })
	const key, events = "k9Vt3xQpZb7RnWm2sLhD4A", `[{"event":"spam","ts":1767225600,"_id":"m1","msg":{"email":"ana@example.org"}}]`
	object(t, d.ask("PUT", "/v1/hooks/mandrill", d.acme, `{"secret":"`+key+`"}`), 200)
	path := "/v1/hooks/mandrill/" + d.token[d.acme]
	for entered, want := range map[string]int{
		"https://verify.example.com" + path: 200, "http://localhost:8080" + path: 200, "http://elsewhere.example" + path: 401,
	} {
		r := httptest.NewRequest("POST", "http://localhost:8080"+path, strings.NewReader(url.Values{"mandrill_events": {events}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		mac := hmac.New(sha1.New, []byte(key))
		mac.Write([]byte(entered + "mandrill_events" + events))
		r.Header.Set("X-Mandrill-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		if w := d.do(r); w.Code != want {
			t.Errorf("entered as %s: %d %s, want %d", entered, w.Code, w.Body, want)
		}
	}
}
