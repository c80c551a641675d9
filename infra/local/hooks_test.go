package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// sender is an ESP that tells of a hard bounce.
type sender struct {
	kind   string                          // Content-Type
	body   func(email, id string) string   // of one event
	secret string                          // to be declared; "" where there is none
	also   string                          // more of the declaration
	sign   func(r *http.Request, b string) // as the ESP does with the secret; nil: it cannot here
}

const (
	plainSecret    = "correct horse battery"
	standardSecret = "whsec_CYBtyLrlSTCaPM2z4n2XmEvcbFKC6JjE"
	jsonKind       = "application/json"
	formKind       = "application/x-www-form-urlencoded"
)

func mac(h func() hash.Hash, secret string, parts ...string) []byte {
	m := hmac.New(h, []byte(secret))
	for _, part := range parts {
		m.Write([]byte(part))
	}
	return m.Sum(nil)
}

func nowText() string { return fmt.Sprint(time.Now().Unix()) }

func credentials(r *http.Request, _ string) { r.SetBasicAuth("hook", plainSecret) }

// standard signs as Svix and Standard Webhooks do, by their own library.
func standard(family string) func(*http.Request, string) {
	return func(r *http.Request, body string) {
		at := time.Now()
		w, err := standardwebhooks.NewWebhook(standardSecret)
		if err != nil {
			panic(err)
		}
		signature, err := w.Sign(r.Header.Get(family+"id"), at, []byte(body))
		if err != nil {
			panic(err)
		}
		r.Header.Set(family+"timestamp", fmt.Sprint(at.Unix()))
		r.Header.Set(family+"signature", signature)
	}
}

func senders(t *testing.T) map[string]sender {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	const generic = `"mapping":{"email":"$.to","event":"$.what","id":"$.id","values":{"bounced":"hard_bounce"},"auth":{"type":"hmac","header":"X-Signature","prefix":"sha256="}}`
	return map[string]sender{
		"resend": {jsonKind, func(email, id string) string {
			return `{"type":"email.bounced","created_at":"2026-11-14T09:21:07Z","data":{"to":["` + email + `"],"bounce":{"type":"Permanent","subType":"General","message":"` + id + `"}}}`
		}, standardSecret, "", standard("svix-")},
		"loops": {jsonKind, func(email, _ string) string {
			return `{"eventName":"email.hardBounced","eventTime":1768382467,"contactIdentity":{"email":"` + email + `"}}`
		}, standardSecret, "", standard("webhook-")},
		"postmark": {jsonKind, func(email, id string) string {
			return `{"RecordType":"Bounce","ID":` + id + `,"Type":"HardBounce","TypeCode":1,"Email":"` + email + `","BouncedAt":"2026-11-14T09:21:07Z","Details":"smtp;550 5.1.1 user unknown"}`
		}, plainSecret, "", credentials},
		"sparkpost": {jsonKind, func(email, id string) string {
			return `[{"msys":{"message_event":{"type":"bounce","event_id":"` + id + `","timestamp":"1768382467","rcpt_to":"` + email + `","bounce_class":"10","error_code":"550","reason":"550 5.1.1 user unknown"}}}]`
		}, plainSecret, "", credentials},
		"brevo": {jsonKind, func(email, id string) string {
			return `{"event":"hard_bounce","email":"` + email + `","id":` + id + `,"ts_event":1768382467,"message-id":"<` + id + `@smtp-relay.brevo.example>","reason":"550 5.1.1 user unknown"}`
		}, plainSecret, "", credentials},
		"mailjet": {jsonKind, func(email, id string) string {
			return `[{"event":"bounce","time":1768382467,"MessageID":` + id + `,"email":"` + email + `","blocked":false,"hard_bounce":true,"error_related_to":"recipient","error":"user unknown"}]`
		}, plainSecret, "", credentials},
		"sendgrid": {jsonKind, func(email, id string) string {
			return `[{"email":"` + email + `","timestamp":1768382467,"event":"bounce","type":"bounce","sg_event_id":"` + id + `","status":"5.1.1","reason":"550 5.1.1 user unknown"}]` + "\r\n"
		}, base64.StdEncoding.EncodeToString(der), "", func(r *http.Request, body string) {
			at := nowText()
			digest := sha256.Sum256([]byte(at + body))
			signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
			if err != nil {
				panic(err)
			}
			r.Header.Set("X-Twilio-Email-Event-Webhook-Timestamp", at)
			r.Header.Set("X-Twilio-Email-Event-Webhook-Signature", base64.StdEncoding.EncodeToString(signature))
		}},
		"mailchimp": {formKind, func(email, id string) string {
			return url.Values{"type": {"cleaned"}, "fired_at": {"2026-11-14 09:21:07"}, "data[list_id]": {id}, "data[reason]": {"hard"}, "data[email]": {email}}.Encode()
		}, plainSecret, "", func(r *http.Request, body string) {
			at := nowText()
			r.Header.Set("X-Mailchimp-Signature", "t="+at+",v1="+hex.EncodeToString(mac(sha256.New, plainSecret, at, ".", body)))
		}},
		"mandrill": {formKind, func(email, id string) string {
			return url.Values{"mandrill_events": {`[{"event":"hard_bounce","ts":1768382467,"_id":"` + id + `","msg":{"email":"` + email + `","diag":"smtp;550 5.1.1 user unknown"}}]`}}.Encode()
		}, plainSecret, "", func(r *http.Request, body string) {
			form, _ := url.ParseQuery(body)
			r.Header.Set("X-Mandrill-Signature", base64.StdEncoding.EncodeToString(
				mac(sha1.New, plainSecret, r.URL.String(), "mandrill_events", form.Get("mandrill_events"))))
		}},
		"mailgun": {jsonKind, func(email, id string) string {
			at, token := nowText(), strings.Repeat("0", 38)+id
			return `{"signature":{"timestamp":"` + at + `","token":"` + token + `","signature":"` + hex.EncodeToString(mac(sha256.New, plainSecret, at, token)) +
				`"},"event-data":{"event":"failed","severity":"permanent","reason":"bounce","id":"` + id + `","timestamp":1768382467.5,"recipient":"` + email + `","delivery-status":{"code":550,"message":"5.1.1 user unknown"}}}`
		}, plainSecret, "", func(*http.Request, string) {}},
		"customerio": {jsonKind, func(email, id string) string {
			return `{"event_id":"` + id + `","metric":"bounced","object_type":"email","timestamp":1768382467,"data":{"recipient":"` + email + `","failure_message":"550 5.1.1 no such user"}}`
		}, plainSecret, "", func(r *http.Request, body string) {
			at := nowText()
			r.Header.Set("X-CIO-Timestamp", at)
			r.Header.Set("X-CIO-Signature", hex.EncodeToString(mac(sha256.New, plainSecret, "v0:", at, ":", body)))
		}},
		"generic": {jsonKind, func(email, id string) string { return `{"to":"` + email + `","what":"bounced","id":"` + id + `"}` }, plainSecret, generic,
			func(r *http.Request, body string) {
				r.Header.Set("X-Signature", "sha256="+hex.EncodeToString(mac(sha256.New, plainSecret, body)))
			}},
		// A signature needs a certificate of Amazon's: internal/app tests it.
		"ses": {"text/plain; charset=UTF-8", func(email, id string) string {
			message, _ := json.Marshal(`{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{"emailAddress":"` +
				email + `","action":"failed","status":"5.1.1"}],"timestamp":"2026-11-14T09:21:07.000Z","feedbackId":"` + id + `"},"mail":{"destination":["` + email + `"]}}`)
			return `{"Type":"Notification","MessageId":"` + id + `","TopicArn":"arn:aws:sns:eu-west-1:123456789012:bounces","Message":` + string(message) +
				`,"Timestamp":"2026-11-14T09:21:08.412Z","SignatureVersion":"1","Signature":"c2ln","SigningCertURL":"https://sns.example/x.pem"}`
		}, "", `"topic_arn":"arn:aws:sns:eu-west-1:123456789012:bounces"`, nil},
	}
}

// deliver posts an event of an ESP and returns the status and what was recorded.
func (p *product) deliver(t *testing.T, slug string, s sender, email, id string, sign bool, tamper bool) (status int, recorded string) {
	t.Helper()
	body := s.body(email, id)
	r, err := http.NewRequest(http.MethodPost, p.env.URL+"/v1/hooks/"+slug+"/"+p.env.HookToken, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", s.kind)
	if slug == "resend" {
		r.Header.Set("svix-id", "msg_"+id)
	} else {
		r.Header.Set("webhook-id", "msg_"+id)
	}
	if sign {
		s.sign(r, body)
	}
	if tamper {
		body = strings.Replace(body, "user", "other", 1)
		r.Header.Del("Authorization")
	}
	sent, err := http.NewRequest(r.Method, r.URL.String(), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sent.Header = r.Header
	got, err := do(http.DefaultClient, sent)
	if err != nil {
		t.Fatal(err)
	}
	return got.status, got.text("recorded")
}

func (p *product) call(t *testing.T, method, path, body string, status int) answer {
	t.Helper()
	r, err := http.NewRequest(method, p.env.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.env.Key)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != status {
		t.Errorf("%s %s answers %d, want %d", method, path, response.StatusCode, status)
	}
	if status == http.StatusNoContent || method == http.MethodHead {
		_ = response.Body.Close()
		return answer{status: status}
	}
	got, err := read(response)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestEveryESPIsHeard has each ESP tell of bounces, without a secret and with
// one, and asks what the next check says.
func TestEveryESPIsHeard(t *testing.T) {
	p := start(t)
	other := p.as(p.newKey(t, "{}"))
	history := func(p *product, email string) string {
		t.Helper()
		got, err := p.ask("/v1/check", `{"email":"`+email+`"}`)
		if err != nil || got.status != http.StatusOK {
			t.Fatal(got, err)
		}
		return got.text("reason")
	}
	all := senders(t)
	listed := p.call(t, "GET", "/v1/hooks", "", 200).fields["hooks"].([]any)
	if len(listed) != len(all) {
		t.Errorf("%d ESPs are listed, %d tested", len(listed), len(all))
	}
	number := 1000
	for slug, s := range all {
		email := func(n int) string { return fmt.Sprintf("user-%s-%d@ok.test", slug, n) }
		next := func() string { number++; return fmt.Sprint(number) }
		expect := func(claim string, status int, recorded, email, id string, sign, tamper bool) {
			t.Helper()
			if got, n := p.deliver(t, slug, s, email, id, sign, tamper); got != status || n != recorded {
				t.Errorf("%s %s: %d, %s recorded, want %d, %s", slug, claim, got, n, status, recorded)
			}
		}
		if slug == "generic" {
			expect("without a mapping", 409, "-", email(1), next(), false, false)
			p.call(t, "PUT", "/v1/hooks/generic", `{`+s.also+`}`, 200)
		}
		p.call(t, "HEAD", "/v1/hooks/"+slug+"/"+p.env.HookToken, "", 200)
		p.call(t, "GET", "/v1/report-bounce/from-"+slug+"?key="+p.env.HookToken, "", 200)
		p.call(t, "GET", "/v1/hooks/"+slug+"/"+p.env.HookToken[:len(p.env.HookToken)-5]+"aaaaa", "", 404)

		if got := history(p, email(1)); got != "smtp_verified" {
			t.Errorf("%s before: %s", slug, got)
		}
		id := next()
		expect("unsigned", 200, "1", email(1), id, false, false)
		expect("unsigned, again", 200, "0", email(1), id, false, false)
		if got, others := history(p, email(1)), history(other, email(1)); got != "previously_bounced" || others != "smtp_verified" {
			t.Errorf("%s: the next check says %s, another key's %s", slug, got, others)
		}

		var declaration []string
		if s.secret != "" {
			declaration = append(declaration, `"secret":"`+s.secret+`"`)
		}
		if s.also != "" {
			declaration = append(declaration, s.also)
		}
		if got := p.call(t, "PUT", "/v1/hooks/"+slug, "{"+strings.Join(declaration, ",")+"}", 200); got.text("signed") != "true" {
			t.Errorf("%s: %v", slug, got.fields)
		}
		if slug != "mailgun" { // which carries its signature in the body
			expect("unsigned where a secret is declared", 401, "-", email(2), next(), false, false)
		}
		if s.sign != nil {
			expect("signed", 200, "1", email(3), next(), true, false)
			if slug == "mailgun" {
				// Its signature covers a token, not the event.
				replayed := s
				replayed.body = func(email, id string) string { return strings.Replace(s.body(email, id), `"id":"`, `"id":"another`, 1) }
				if got, _ := p.deliver(t, slug, replayed, email(4), fmt.Sprint(number), true, false); got != 401 {
					t.Errorf("mailgun: a token again, with another event: %d", got)
				}
			} else {
				expect("tampered with", 401, "-", email(4), next(), true, true)
			}
			if got := history(p, email(3)); got != "previously_bounced" {
				t.Errorf("%s signed: the next check says %s", slug, got)
			}
		}
		for _, n := range []int{2, 4} {
			if got := history(p, email(n)); got != "smtp_verified" {
				t.Errorf("%s: what was refused changes the check to %s", slug, got)
			}
		}
		p.call(t, "DELETE", "/v1/hooks/"+slug, "", 204)
	}
	for _, path := range []string{"/v1/hooks/pigeon/" + p.env.HookToken, "/v1/report-bounce/postmark?key=" + p.env.HookToken, "/v1/report-bounce/from-pigeon?key=x"} {
		p.call(t, "POST", path, "{}", 404)
	}
}
