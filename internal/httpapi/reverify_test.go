package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// diary is the Rechecker of the tests.
type diary struct {
	noted []Recheck
	err   error
	found map[string]*Rechecked // by account and id
}

func (d *diary) Later(_ context.Context, r Recheck) (string, error) {
	d.noted = append(d.noted, r)
	return "rv_abc123", d.err
}

func (d *diary) Find(_ context.Context, account, id string) (*Rechecked, error) {
	return d.found[account+" "+id], d.err
}

// undecided serves verdicts of UNKNOWN, with rechecks and webhooks.
func undecided(t *testing.T, d *diary, reason verdict.Reason, retry *time.Time) *service {
	s := serve(t, func(deps *Deps) {
		deps.Recheck = d
		deps.TestVerifier = deps.Verifier
		deps.CheckWebhook = func(url string) error {
			if !strings.HasPrefix(url, "https://") {
				return errors.New("must begin with https://")
			}
			return nil
		}
	})
	s.oracle.answer = func(_ context.Context, r verify.Request) verdict.Verdict {
		v := concluded(r, verdict.Unknown, reason)
		v.RetryAt = retry
		return v
	}
	return s
}

func TestUnknownIsAskedAgain(t *testing.T) {
	stated := noon.Add(22*time.Second + 125*time.Microsecond)
	for _, c := range []struct {
		reason verdict.Reason
		retry  *time.Time
		want   time.Time
	}{
		{verdict.Greylisted, &stated, noon.Add(22 * time.Second)},
		{verdict.ConnectionFailed, nil, noon.Add(6 * time.Minute)},
		{verdict.Timeout, nil, noon},
		{verdict.Deadline, nil, noon},
	} {
		for _, path := range []string{"/v1/verify", "/v1/check"} {
			d := &diary{}
			s := undecided(t, d, c.reason, c.retry)
			r := post(`{"email":"a@b.test","mode":"full","policy":"own","on_unknown":"reverify","webhook_url":"https://hooks.example.com/x","vendors":"on_unknown"}`)
			r.URL.Path = path
			r.Header.Set("Authorization", "Bearer "+ownSecret)
			w := s.do(r)
			var got struct {
				Status   string
				Reverify followUp
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if want := (followUp{ID: "rv_abc123", URL: "/v1/verify/rv_abc123", RetryAt: c.want}); got.Status != "UNKNOWN" || got.Reverify != want {
				t.Errorf("%s: %+v, want %+v", c.reason, got, want)
			}
			want := []Recheck{{Key: "ownrules", Email: "a@b.test", Mode: verify.Full, Policy: "own", Vendors: true,
				WebhookURL: "https://hooks.example.com/x", RetryAt: c.want}}
			if !reflect.DeepEqual(d.noted, want) {
				t.Errorf("%s: noted %+v, want %+v", c.reason, d.noted, want)
			}
			if got, want := s.oracle.asked[0].Deadline, noon.Add(4500*time.Millisecond-answerMargin-recheckMargin); !got.Equal(want) {
				t.Errorf("the verdict is wanted at %s, want %s", got, want)
			}
		}
	}
}

func TestWhatIsNotAskedAgain(t *testing.T) {
	again := `{"email":"a@b.test","on_unknown":"reverify"}`
	for _, c := range []struct {
		claim, body string
		verdict     verdict.Verdict
		err         error
		noted       int
	}{
		{"nobody asked for it", `{"email":"a@b.test"}`, verdict.Verdict{Status: verdict.Unknown, Reason: verdict.Timeout}, nil, 0},
		{"it is decided", again, verdict.Verdict{Status: verdict.Valid, Reason: verdict.SMTPVerified}, nil, 0},
		{"it is soft by choice", again, verdict.Verdict{Status: verdict.Unknown, Reason: verdict.SoftOK}, nil, 0},
		{"it cannot be kept", again, verdict.Verdict{Status: verdict.Unknown, Reason: verdict.Timeout}, errors.New("table is gone"), 1},
	} {
		d := &diary{err: c.err}
		s := undecided(t, d, "", nil)
		s.oracle.answer = func(_ context.Context, r verify.Request) verdict.Verdict {
			return concluded(r, c.verdict.Status, c.verdict.Reason)
		}
		w := s.do(post(c.body))
		if w.Code != 200 || strings.Contains(w.Body.String(), "reverify") || len(d.noted) != c.noted {
			t.Errorf("%s: %d %s, noted %v", c.claim, w.Code, w.Body, d.noted)
		}
		if logged := strings.Contains(s.log.String(), "table is gone"); logged != (c.err != nil) || strings.Contains(s.log.String(), "a@b.test") {
			t.Errorf("%s: log %s", c.claim, s.log)
		}
	}
}

func TestAWebhookGoesWithARecheck(t *testing.T) {
	for _, c := range []struct{ claim, body, field, detail string }{
		{"alone", `{"email":"a@b.test","webhook_url":"https://hooks.example.com"}`, "webhook_url", "goes with"},
		{"not one", `{"email":"a@b.test","on_unknown":"reverify","webhook_url":"ftp://hooks.example.com"}`, "webhook_url", "must begin with https://"},
		{"another word", `{"email":"a@b.test","on_unknown":"retry"}`, "on_unknown", "must be reverify"},
	} {
		d := &diary{}
		s := undecided(t, d, verdict.Timeout, nil)
		w := s.do(post(c.body))
		if p := problemOf(t, w); w.Code != 400 || p.Field != c.field || !strings.Contains(p.Detail, c.detail) || len(s.oracle.asked) != 0 {
			t.Errorf("%s: %d %s", c.claim, w.Code, w.Body)
		}
	}
}

func TestARecheckIsFound(t *testing.T) {
	v := concluded(verify.Request{Email: "a@b.test", Policy: verify.DefaultPolicy()}, verdict.Valid, verdict.SMTPVerified)
	v.CheckedAt = noon.Add(1500 * time.Microsecond)
	d := &diary{found: map[string]*Rechecked{
		" rv_pending": {RetryAt: noon.Add(time.Minute)}, " rv_done": {Verdict: &v}, "another rv_theirs": {Verdict: &v}, " rv_simulated": {Test: true, Verdict: &v},
	}}
	s := undecided(t, d, "", nil)
	for id, want := range map[string]struct {
		code int
		text string
	}{
		"rv_pending":                    {200, `{"id":"rv_pending","status":"pending","retry_at":"2026-11-13T12:01:00Z"}`},
		"rv_done":                       {200, `"status":"done","verdict":{"email":"a@b.test","status":"VALID"`},
		"rv_simulated":                  {404, "no such recheck"},
		"rv_theirs":                     {404, "no such recheck"},
		"rv_none":                       {404, "no such recheck"},
		"rv_" + strings.Repeat("a", 62): {404, "no such recheck"},
	} {
		r := httptest.NewRequest("GET", "/v1/verify/"+id, nil)
		r.Header.Set("Authorization", "Bearer "+liveSecret)
		if w := s.do(r); w.Code != want.code || !strings.Contains(w.Body.String(), want.text) {
			t.Errorf("%s: %d %s, want %d %s", id, w.Code, w.Body, want.code, want.text)
		}
	}
	if strings.Contains(s.log.String(), "rv_") {
		t.Errorf("the log shows ids: %s", s.log)
	}
	r := httptest.NewRequest("GET", "/v1/verify/rv_none", nil)
	r.Header.Set("Authorization", "Bearer "+liveSecret)
	if w := serve(t, nil).do(r); w.Code != 404 {
		t.Errorf("without rechecks: %d", w.Code)
	}
}

// TestVendorsTakeAScope: they spend the account's money.
func TestVendorsTakeAScope(t *testing.T) {
	body := `{"email":"a@b.test","vendors":"on_unknown"}`
	s := serve(t, nil)
	w := s.do(post(body))
	if w.Code != 403 || !strings.Contains(w.Header().Get("WWW-Authenticate"), `scope="providers"`) || len(s.oracle.asked) != 0 {
		t.Errorf("without the scope: %d %v", w.Code, w.Header())
	}
	if got := asked(t, ownSecret, body); !got.Vendors {
		t.Errorf("with it the verifier is asked %+v", got)
	}
	if got := asked(t, ownSecret, `{"email":"a@b.test","vendors":"off"}`); got.Vendors {
		t.Error("off asks vendors")
	}
}
