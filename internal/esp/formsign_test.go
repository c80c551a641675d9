package esp_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/esp"
)

const (
	mailchimpSecret = "mc-secret-93b1d7"
	mailchimpBody   = "type=cleaned&fired_at=2026-01-01+00%3A00%3A00&data%5Bcampaign_id%5D=4d3c2b1a09&data%5Breason%5D=hard&data%5Bemail%5D=ana.ruiz%2Bnews%40example.org&data%5Blist_id%5D=a1b2c3d4e5"
	mailchimpMAC    = "f7db08b329645348b84756cdd556b46046cb7ae384e95e036a202a1af584cb2d"
)

func mailchimp(signature string, after time.Duration) esp.Request {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Mailchimp-Signature": {signature}}
	return esp.Request{Method: "POST", Header: header, Body: []byte(mailchimpBody), Received: time.Unix(1767225603, 0).Add(after)}
}

func TestMailchimpKnownAnswer(t *testing.T) {
	other := strings.Repeat("0", 64)
	for claim, c := range map[string]struct {
		signature string
		after     time.Duration
		want      error
	}{
		"genuine":                       {"t=1767225603,v1=" + mailchimpMAC, 0, nil},
		"with blanks":                   {"t=1767225603, v1=" + mailchimpMAC, 0, nil},
		"capital hex":                   {"t=1767225603,v1=" + strings.ToUpper(mailchimpMAC), 0, nil},
		"the second of two":             {"t=1767225603,v1=" + other + ",v1=" + mailchimpMAC, 0, nil},
		"other versions are skipped":    {"t=1767225603,v0=" + other + ",v1=" + mailchimpMAC, 0, nil},
		"300 seconds late":              {"t=1767225603,v1=" + mailchimpMAC, 300 * time.Second, nil},
		"300 seconds early":             {"t=1767225603,v1=" + mailchimpMAC, -300 * time.Second, nil},
		"301 seconds late":              {"t=1767225603,v1=" + mailchimpMAC, 301 * time.Second, esp.ErrStale},
		"301 seconds early":             {"t=1767225603,v1=" + mailchimpMAC, -301 * time.Second, esp.ErrStale},
		"another time":                  {"t=1767225604,v1=" + mailchimpMAC, 0, esp.ErrSignature},
		"another version":               {"t=1767225603,v2=" + mailchimpMAC, 0, esp.ErrSignature},
		"a zero before the time":        {"t=01767225603,v1=" + mailchimpMAC, 0, esp.ErrSignature},
		"another signature":             {"t=1767225603,v1=" + other, 0, esp.ErrSignature},
		"a signature cut short":         {"t=1767225603,v1=" + mailchimpMAC[:32], 0, esp.ErrSignature},
		"none, though a secret is set":  {"", 0, esp.ErrSignature},
		"an empty v1":                   {"t=1767225603,v1=", 0, esp.ErrSignature},
		"an old one is wrong, not late": {"t=1,v1=" + mailchimpMAC, 0, esp.ErrSignature},
	} {
		for _, secrets := range [][]string{{mailchimpSecret}, {"the-newer-one", mailchimpSecret}} {
			d, err := esp.Read("mailchimp", esp.Hook{Secrets: secrets}, mailchimp(c.signature, c.after))
			if !errors.Is(err, c.want) || err == nil && (!d.Signed || len(d.Events) != 1 || d.Events[0].Email != "ana.ruiz+news@example.org") {
				t.Errorf("%s: %+v, %v; want %v", claim, d, err, c.want)
			}
		}
	}
	for _, secret := range []string{"", "mc-secret-93b1d8"} {
		if _, err := esp.Read("mailchimp", esp.Hook{Secrets: []string{secret}}, mailchimp("t=1767225603,v1="+mailchimpMAC, 0)); !errors.Is(err, esp.ErrSignature) {
			t.Errorf("secret %q: %v, want ErrSignature", secret, err)
		}
	}
	// Nobody's secret is the empty text.
	mac := hmac.New(sha256.New, nil)
	mac.Write([]byte("1767225603." + mailchimpBody))
	if _, err := esp.Read("mailchimp", esp.Hook{Secrets: []string{""}}, mailchimp("t=1767225603,v1="+hex.EncodeToString(mac.Sum(nil)), 0)); !errors.Is(err, esp.ErrSignature) {
		t.Errorf("signed with nothing: %v, want ErrSignature", err)
	}
}

func TestEveryByteOfASignedFormCounts(t *testing.T) {
	for slug, c := range map[string]struct {
		hook esp.Hook
		r    esp.Request
	}{
		"mailchimp": {esp.Hook{Secrets: []string{mailchimpSecret}}, mailchimp("t=1767225603,v1="+mailchimpMAC, 0)},
		"mandrill":  {esp.Hook{Secrets: []string{mandrillKey}}, mandrill(mandrillURL)},
	} {
		if d, err := esp.Read(slug, c.hook, c.r); err != nil || !d.Signed {
			t.Fatalf("%s, genuine: %+v, %v", slug, d, err)
		}
		for i := range c.r.Body {
			changed := c.r
			changed.Body = slices.Clone(c.r.Body)
			changed.Body[i] ^= 0x01
			before, errBefore := url.ParseQuery(string(c.r.Body))
			after, errAfter := url.ParseQuery(string(changed.Body))
			if slug == "mandrill" && errBefore == nil && errAfter == nil && before.Encode() == after.Encode() {
				continue // the decoded values are signed: %5b and %5B are one
			}
			if d, err := esp.Read(slug, c.hook, changed); err == nil || d.Signed {
				t.Errorf("%s, octet %d changed to %q: %+v, %v", slug, i, changed.Body[i], d, err)
			}
		}
	}
}

const (
	mandrillKey  = "k9Vt3xQpZb7RnWm2sLhD4A"
	mandrillURL  = "https://hooks.example.com/v1/hooks/mandrill/tok_4f1c?region=eu"
	mandrillBody = "mandrill_events=%5B%7B%22event%22%3A%22hard_bounce%22%2C%22ts%22%3A1767225600%2C%22_id%22%3A%225f2c9d0b7a3e4c1f8b6d2a90e1f4c7b3%22%2C%22msg%22%3A%7B%22email%22%3A%22ana.ruiz%40example.org%22%2C%22diag%22%3A%22smtp%3B550+5.1.1+see+https%3A%5C%2F%5C%2Fexample.org%5C%2Fhelp%22%7D%7D%5D"
)

func mandrill(at string) esp.Request {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Mandrill-Signature": {"DCzjlpwVl4ING3eZiTQUmc6Lh0A="}}
	return esp.Request{Method: "POST", URL: at, Header: header, Body: []byte(mandrillBody), Received: time.Unix(1767225660, 0)}
}

func TestMandrillKnownAnswer(t *testing.T) {
	for claim, c := range map[string]struct {
		url     string
		secrets []string
		want    error
	}{
		"the URL as entered":     {mandrillURL, []string{mandrillKey}, nil},
		"a key in its grace":     {mandrillURL, []string{"newer-key-of-22-letters", mandrillKey}, nil},
		"the port written out":   {"https://hooks.example.com:443/v1/hooks/mandrill/tok_4f1c?region=eu", []string{mandrillKey}, nil},
		"a slash at the end":     {"https://hooks.example.com/v1/hooks/mandrill/tok_4f1c/?region=eu", []string{mandrillKey}, nil},
		"another query":          {"https://hooks.example.com/v1/hooks/mandrill/tok_4f1c?region=us", []string{mandrillKey}, esp.ErrSignature},
		"no query":               {"https://hooks.example.com/v1/hooks/mandrill/tok_4f1c", []string{mandrillKey}, esp.ErrSignature},
		"another port":           {"https://hooks.example.com:8443/v1/hooks/mandrill/tok_4f1c?region=eu", []string{mandrillKey}, esp.ErrSignature},
		"http":                   {"http://hooks.example.com/v1/hooks/mandrill/tok_4f1c?region=eu", []string{mandrillKey}, esp.ErrSignature},
		"another token":          {"https://hooks.example.com/v1/hooks/mandrill/tok_4f1d?region=eu", []string{mandrillKey}, esp.ErrSignature},
		"no URL at all":          {"", []string{mandrillKey}, esp.ErrSignature},
		"another key":            {mandrillURL, []string{"k9Vt3xQpZb7RnWm2sLhD4B"}, esp.ErrSignature},
		"an empty key":           {mandrillURL, []string{""}, esp.ErrSignature},
		"the key of probes only": {mandrillURL, []string{"some-other-webhook-key"}, esp.ErrSignature},
	} {
		d, err := esp.Read("mandrill", esp.Hook{Secrets: c.secrets}, mandrill(c.url))
		if !errors.Is(err, c.want) || err == nil && (!d.Signed || d.Handshake || len(d.Events) != 1 || d.Events[0].Detail != "smtp;550 5.1.1 see https://example.org/help") {
			t.Errorf("%s: %+v, %v; want %v", claim, d, err, c.want)
		}
	}
}

// mandrillSigned is a request signed for a URL that may differ from the one it
// arrives at.
func mandrillSigned(key, entered, arrived, body string) esp.Request {
	form, _ := url.ParseQuery(body)
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(entered))
	for _, name := range names {
		mac.Write([]byte(name + form.Get(name)))
	}
	r := mandrill(arrived)
	r.Body = []byte(body)
	r.Header.Set("X-Mandrill-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return r
}

func TestMandrillSpellsTheURLAsItWasEntered(t *testing.T) {
	hook := esp.Hook{Secrets: []string{mandrillKey}}
	arrived := "https://hooks.example/v1/hooks/mandrill/tok"
	for _, entered := range []string{
		arrived, arrived + "/", "https://hooks.example:443/v1/hooks/mandrill/tok", "https://hooks.example:443/v1/hooks/mandrill/tok/",
		"https://ana:s3cret@hooks.example/v1/hooks/mandrill/tok", "https://ana:s3cret@hooks.example:443/v1/hooks/mandrill/tok/",
	} {
		r := mandrillSigned(mandrillKey, entered, arrived, mandrillBody)
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("ana:s3cret")))
		if d, err := esp.Read("mandrill", hook, r); err != nil || !d.Signed {
			t.Errorf("entered as %s: %+v, %v", entered, d, err)
		}
	}
	heard := mandrillSigned(mandrillKey, "https://tunnel.example/v1/hooks/mandrill/tok", arrived, mandrillBody)
	if _, err := esp.Read("mandrill", hook, heard); !errors.Is(err, esp.ErrSignature) {
		t.Errorf("entered with a host that nobody names: %v, want ErrSignature", err)
	}
	heard.Heard = "https://tunnel.example/v1/hooks/mandrill/tok"
	if d, err := esp.Read("mandrill", hook, heard); err != nil || !d.Signed {
		t.Errorf("entered with the host that the request names: %+v, %v", d, err)
	}
	for _, entered := range []string{"https://eva:s3cret@hooks.example/v1/hooks/mandrill/tok", "https://hooks.example/v1/hooks/mandrill/other", "https://hooks.example"} {
		if _, err := esp.Read("mandrill", hook, mandrillSigned(mandrillKey, entered, arrived, mandrillBody)); !errors.Is(err, esp.ErrSignature) {
			t.Errorf("entered as %s: %v, want ErrSignature", entered, err)
		}
	}
	if d, err := esp.Read("mandrill", hook, mandrillSigned(mandrillKey, arrived, arrived, "zeta=1&"+mandrillBody+"&alpha=%C3%A9+e")); err != nil || !d.Signed {
		t.Errorf("more fields, signed by name: %+v, %v", d, err)
	}
}

func TestTheProbeKeyOfMandrillAdmitsNoEvents(t *testing.T) {
	hook := esp.Hook{Secrets: []string{mandrillKey}}
	for body, want := range map[string]error{
		"mandrill_events=[]":       nil,
		"mandrill_events=%5B%5D":   nil,
		"mandrill_events=+%5B%5D+": nil,
		mandrillBody:               esp.ErrSignature,
		// Signed over the first of two fields: the second would be read by others.
		"mandrill_events=%5B%5D&mandrill_events=%5B%7B%22event%22%3A%22spam%22%7D%5D": esp.ErrSignature,
		"mandrill_events=%5B%7B%7D%5D": esp.ErrSignature,
	} {
		d, err := esp.Read("mandrill", hook, mandrillSigned("test-webhook", mandrillURL, mandrillURL, body))
		if len(d.Events) > 0 || d.Signed || !errors.Is(err, want) {
			t.Errorf("%s: %+v, %v; want %v, no events, not signed", body, d, err, want)
		}
	}
}

// SES, Mailchimp Marketing and Brevo cannot be made to wait until a budget
// allows for them; the others send again after 429.
func TestOverBudgetEachESPGetsItsAnswer(t *testing.T) {
	for slug, want := range map[string]esp.OverBudget{
		"ses": esp.RecordNow, "mailchimp": esp.RecordNow, "brevo": esp.RecordNow,
		"mandrill": esp.Retry429, "sparkpost": esp.Retry429, "mailjet": esp.Retry429,
	} {
		traits, ok := esp.Find(slug)
		d, err := esp.Read(slug, esp.Hook{}, esp.Request{Method: "HEAD", Received: noon})
		if !ok || traits.OverBudget != want || err != nil || d.OverBudget != want || !d.Handshake {
			t.Errorf("%s: %+v, %+v, %v; want %d", slug, traits, d, err, want)
		}
	}
}

func TestSESHasNoSecret(t *testing.T) {
	if err := esp.CheckSecret("ses", "a-secret-of-good-length"); !errors.Is(err, esp.ErrSecret) || !strings.Contains(err.Error(), "topic_arn") {
		t.Errorf("%v, want ErrSecret that names topic_arn", err)
	}
	for _, slug := range []string{"mailchimp", "mandrill", "sparkpost", "brevo", "mailjet"} {
		if err := esp.CheckSecret(slug, "a-secret-of-good-length"); err != nil {
			t.Errorf("%s: %v", slug, err)
		}
	}
}

// Each of n events is read once, with work in proportion: see batch_test.go.
func TestManyEventsOfFormsAndArraysAreReadInLinearWork(t *testing.T) {
	bodies := map[string]func(n int) string{
		"ses": func(n int) string {
			return `{"eventType":"Bounce","bounce":{"bounceType":"Permanent","feedbackId":"f","bouncedRecipients":[` + repeat(n, `{"emailAddress":"user%d@example.org"}`) + `]}}`
		},
		"mandrill": func(n int) string {
			return "mandrill_events=" + url.QueryEscape("["+repeat(n, `{"event":"spam","_id":"%[1]d","ts":1768382467,"msg":{"email":"user%[1]d@example.org"}}`)+"]")
		},
		"sparkpost": func(n int) string {
			return "[" + repeat(n, `{"msys":{"message_event":{"type":"bounce","bounce_class":"10","reason":"550 5.1.1 user unknown","event_id":"%[1]d","rcpt_to":"user%[1]d@example.org"}}}`) + "]"
		},
		"brevo": func(n int) string {
			return `{"events":[` + repeat(n, `{"event":"spam","email":"user%d@example.org","ts":1768382467}`) + "]}"
		},
		"mailjet": func(n int) string {
			return "[" + repeat(n, `{"event":"spam","email":"user%[1]d@example.org","time":1768382467,"MessageID":104427216766056481}`) + "]"
		},
	}
	for slug, body := range bodies {
		work := func(n int) float64 {
			header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
			r := esp.Request{Method: "POST", Header: header, Body: []byte(body(n)), Received: noon}
			return testing.AllocsPerRun(1, func() {
				if d, err := esp.Read(slug, esp.Hook{}, r); err != nil || len(d.Events) != n {
					t.Fatalf("%s: %d events of %d, %v", slug, len(d.Events), n, err)
				}
			})
		}
		if few, many := work(1000), work(10000); many > 11*few {
			t.Errorf("%s: %.0f allocations for 1,000 events, %.0f for 10,000", slug, few, many)
		}
	}
}
