package esp_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"rcpt/internal/esp"
)

// vector is a signed request that was made elsewhere: by the vendor's own
// library, or by the rule of its documentation.
type vector struct {
	slug   string
	secret string
	signed time.Time
	age    time.Duration // how old the signed time may be
	header map[string]string
	body   string
	email  string // of the first event
}

func (v vector) request() (esp.Hook, esp.Request) {
	r := esp.Request{
		Method: "POST", URL: "https://hooks.example/v1/hooks", Header: make(http.Header),
		Body: []byte(v.body), Received: v.signed.Add(10 * time.Second),
	}
	for name, text := range v.header {
		r.Header.Set(name, text)
	}
	return esp.Hook{Secrets: []string{v.secret}}, r
}

const standardBody = `{"type":"email.bounced","created_at":"2026-01-01T00:00:00.000Z","data":{"email_id":"0d9f3c1e-52aa-4c5e-9a3e-6f1f2b7c8d90","to":["ana.ruiz@example.org"],"bounce":{"type":"Permanent","subType":"General","message":"No such user"}}}`

func vectors() map[string]vector {
	return map[string]vector{
		"standard webhooks, svix names": {
			slug: "resend", secret: "whsec_CYBtyLrlSTCaPM2z4n2XmEvcbFKC6JjE", signed: time.Unix(1767225600, 0), age: 5 * time.Minute,
			header: map[string]string{"svix-id": "msg_7Rk2dPqXw0VbA9sLm4TzEyUc", "svix-timestamp": "1767225600", "svix-signature": "v1,+zLCNg3bcLYSae6e1Jj5SGZtpQ9mOeUtmTiD2R3UC3g="},
			body:   standardBody, email: "ana.ruiz@example.org",
		},
		"standard webhooks, webhook names": {
			slug: "resend", secret: "CYBtyLrlSTCaPM2z4n2XmEvcbFKC6JjE", signed: time.Unix(1767225600, 0), age: 5 * time.Minute,
			header: map[string]string{"webhook-id": "msg_7Rk2dPqXw0VbA9sLm4TzEyUc", "webhook-timestamp": "1767225600", "webhook-signature": "v1,+zLCNg3bcLYSae6e1Jj5SGZtpQ9mOeUtmTiD2R3UC3g= v1,AAAA v1a,AAAA v2"},
			body:   standardBody, email: "ana.ruiz@example.org",
		},
		"sendgrid": {
			slug: "sendgrid", secret: "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtFeUXDf9z0al8GCfOq7fIUkD8rniPREL9bxwksfGUPp+ZSYBvimUd5HpzPVLSb/UUUT2yaqxjvKb7WSafIHDeQ==",
			signed: time.Unix(1767225605, 0), age: 25 * time.Hour,
			header: map[string]string{"X-Twilio-Email-Event-Webhook-Timestamp": "1767225605", "X-Twilio-Email-Event-Webhook-Signature": "MEYCIQD41kUDqTc10z5CHQq8HC6y/3OIOFpbu0FAUFrWiqGbWgIhAO4O83eUpq6fuVGxLeIyPHRyTKxuziCdyuxdsI9DpnI9"},
			body:   "[{\"email\":\"ana.ruiz@example.org\",\"timestamp\":1767225600,\"event\":\"bounce\",\"sg_event_id\":\"Ym91bmNlLTAtMTIzNDU2\",\"type\":\"bounce\",\"status\":\"5.1.1\"},\r\n{\"email\":\"li.wei@example.net\",\"timestamp\":1767225601,\"event\":\"spamreport\",\"sg_event_id\":\"c3BhbS0wLTEyMzQ1Njc\"}]\r\n",
			email:  "ana.ruiz@example.org",
		},
		"mailgun": {
			slug: "mailgun", secret: "mgsign-2b7e151628aed2a6", signed: time.Unix(1767225600, 0), age: 9 * time.Hour,
			body:  `{"signature":{"timestamp":"1767225600","token":"a3f1c5e7092b4d6f8a0c1e3f507294b6d8fa1c3e5f70921b4c","signature":"4237a52a3b765cc142982a325309233c993419947ba71fb00322ab4c6bcc9eba"},"event-data":{"event":"complained","id":"x","timestamp":1767225600.5,"recipient":"ana.ruiz@example.org"}}`,
			email: "ana.ruiz@example.org",
		},
		"mailgun, the parent account's signature": {
			slug: "mailgun", secret: "mgsign-2b7e151628aed2a6", signed: time.Unix(1767225600, 0), age: 9 * time.Hour,
			body:  `{"signature":{"timestamp":"1767225600","token":"a3f1c5e7092b4d6f8a0c1e3f507294b6d8fa1c3e5f70921b4c","signature":"00"},"parent-signature":{"timestamp":"1767225600","token":"a3f1c5e7092b4d6f8a0c1e3f507294b6d8fa1c3e5f70921b4c","signature":"4237A52A3B765CC142982A325309233C993419947BA71FB00322AB4C6BCC9EBA"},"event-data":{"event":"complained","id":"x","timestamp":1767225600.5,"recipient":"ana.ruiz@example.org"}}`,
			email: "ana.ruiz@example.org",
		},
		"mailgun, old form": {
			slug: "mailgun", secret: "mgsign-2b7e151628aed2a6", signed: time.Unix(1767225600, 0), age: 9 * time.Hour,
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
			body:   "event=complained&token=of-the-sender&recipient=ana.ruiz%40example.org&timestamp=1767225600&token=a3f1c5e7092b4d6f8a0c1e3f507294b6d8fa1c3e5f70921b4c&signature=4237a52a3b765cc142982a325309233c993419947ba71fb00322ab4c6bcc9eba",
			email:  "ana.ruiz@example.org",
		},
		"customer.io": {
			slug: "customerio", secret: "6c1f0e5d4b3a29181706f5e4d3c2b1a0", signed: time.Unix(1767225602, 0), age: 7 * 24 * time.Hour,
			header: map[string]string{"X-CIO-Timestamp": "1767225602", "X-CIO-Signature": "60851ab0b1a84ab7fd993002f0c25c9f55c11ec0e9928e19ce61977669ca18f7"},
			body:   `{"data":{"delivery_id":"ZG8KAQ","failure_message":"550 5.1.1 no such user","recipient":"ana.ruiz@example.org"},"event_id":"01KDW7R9M3X5T8B2C4D6E7F8G9","metric":"bounced","object_type":"email","timestamp":1767225600}`,
			email:  "ana.ruiz@example.org",
		},
	}
}

func TestKnownAnswers(t *testing.T) {
	for name, v := range vectors() {
		t.Run(name, func(t *testing.T) {
			h, r := v.request()
			d, err := esp.Read(v.slug, h, r)
			if err != nil || !d.Signed || len(d.Events) == 0 || d.Events[0].Email != v.email {
				t.Fatalf("genuine: %+v, %v", d, err)
			}
			h.Secrets = []string{"mgsign-of-another-account", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", v.secret}
			if _, err := esp.Read(v.slug, h, r); err != nil {
				t.Errorf("the secret in its grace: %v", err)
			}
			h.Secrets = h.Secrets[:2]
			if _, err := esp.Read(v.slug, h, r); !errors.Is(err, esp.ErrSignature) {
				t.Errorf("other secrets: %v, want ErrSignature", err)
			}
			h.Secrets = []string{""}
			if _, err := esp.Read(v.slug, h, r); !errors.Is(err, esp.ErrSignature) {
				t.Errorf("an empty secret: %v, want ErrSignature", err)
			}
			h.Secrets = nil
			if d, err := esp.Read(v.slug, h, r); err != nil || d.Signed || d.Token != "" {
				t.Errorf("no secret: %+v, %v; want events, unsigned", d, err)
			}
		})
	}
}

func TestSignedTimesHaveAnAge(t *testing.T) {
	for name, v := range vectors() {
		h, r := v.request()
		for _, at := range []struct {
			claim string
			after time.Duration
			stale bool
		}{
			{"at the limit", v.age, false},
			{"just beyond", v.age + time.Second, true},
			{"our clock is 5 minutes slow", -5 * time.Minute, false},
			{"signed in the future", -5*time.Minute - time.Second, true},
		} {
			r.Received = v.signed.Add(at.after)
			_, err := esp.Read(v.slug, h, r)
			if got := errors.Is(err, esp.ErrStale); got != at.stale || err != nil && !got {
				t.Errorf("%s, %s: %v, want stale %v", name, at.claim, err, at.stale)
			}
		}
	}
}

func TestEveryByteOfASignedBodyCounts(t *testing.T) {
	for name, v := range vectors() {
		if v.slug == "mailgun" {
			continue // its signature covers a token, not the event
		}
		h, r := v.request()
		for i := range r.Body {
			r.Body[i] ^= 0x20
			if _, err := esp.Read(v.slug, h, r); !errors.Is(err, esp.ErrSignature) {
				t.Errorf("%s, octet %d changed: %v, want ErrSignature", name, i, err)
			}
			r.Body[i] ^= 0x20
		}
		for _, body := range [][]byte{r.Body[:len(r.Body)-1], append(slices.Clone(r.Body), ' '), nil} {
			r.Body = body
			if _, err := esp.Read(v.slug, h, r); !errors.Is(err, esp.ErrSignature) {
				t.Errorf("%s, %d octets: %v, want ErrSignature", name, len(body), err)
			}
		}
	}
}

func TestEveryHeaderOfASignatureCounts(t *testing.T) {
	for name, v := range vectors() {
		for field := range v.header {
			if field == "Content-Type" {
				continue
			}
			for claim, text := range map[string]string{
				"missing": "", "changed": "1" + v.header[field], "of plus": "+" + v.header[field], "of zeros": "0" + v.header[field],
			} {
				h, r := v.request()
				r.Header.Set(field, text)
				if _, err := esp.Read(v.slug, h, r); !errors.Is(err, esp.ErrSignature) {
					t.Errorf("%s, %s %s: %v, want ErrSignature", name, field, claim, err)
				}
			}
		}
	}
}

// Whoever has one triple of Mailgun's can put any event beside it: both carry
// the same token, and only one of them can be remembered with it.
func TestMailgunTellsItsToken(t *testing.T) {
	v := vectors()["mailgun"]
	h, r := v.request()
	genuine, err := esp.Read(v.slug, h, r)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = []byte(`{"signature":{"timestamp":"1767225600","token":"a3f1c5e7092b4d6f8a0c1e3f507294b6d8fa1c3e5f70921b4c","signature":"4237a52a3b765cc142982a325309233c993419947ba71fb00322ab4c6bcc9eba"},"event-data":{"event":"complained","id":"y","timestamp":1767225600.5,"recipient":"li.wei@example.net"}}`)
	forged, err := esp.Read(v.slug, h, r)
	if err != nil {
		t.Fatal(err)
	}
	if genuine.Token == "" || genuine.Token != forged.Token || genuine.Events[0].ID == forged.Events[0].ID {
		t.Errorf("tokens %q and %q, ids %q and %q; want equal tokens and different ids",
			genuine.Token, forged.Token, genuine.Events[0].ID, forged.Events[0].ID)
	}
}

func TestSecretsAreJudgedWhenTheyAreSet(t *testing.T) {
	good := vectors()["sendgrid"].secret
	for _, c := range []struct {
		slug, secret string
		want         error
	}{
		{"resend", "whsec_CYBtyLrlSTCaPM2z4n2XmEvcbFKC6JjE", nil},
		{"resend", "CYBtyLrlSTCaPM2z4n2XmEvcbFKC6JjE", nil},
		{"resend", "whsec_no base64 at all", esp.ErrSecret},
		{"resend", "whsec_c2hvcnQ=", esp.ErrSecret},
		{"loops", "whsec_", esp.ErrSecret},
		{"sendgrid", good, nil},
		{"sendgrid", good[:100], esp.ErrSecret},
		{"sendgrid", "bm8ga2V5IGF0IGFsbA==", esp.ErrSecret},
		{"mailgun", "short", esp.ErrSecret},
		{"mailgun", "mgsign-2b7e151628aed2a6", nil},
		{"mailgun", "mgsign-2b7e151628aed2a6\n", esp.ErrSecret},
		{"postmark", " hook:correct horse", esp.ErrSecret},
		{"sendgrid", good + "\n", nil},
		{"pigeon", "mgsign-2b7e151628aed2a6", esp.ErrUnknown},
	} {
		if err := esp.CheckSecret(c.slug, c.secret); !errors.Is(err, c.want) {
			t.Errorf("%s secret %q: %v, want %v", c.slug, c.secret, err, c.want)
		}
	}
}

func TestAnUnknownESPIsUnknown(t *testing.T) {
	_, r := vectors()["customer.io"].request()
	if _, err := esp.Read("pigeon", esp.Hook{}, r); !errors.Is(err, esp.ErrUnknown) {
		t.Errorf("read: %v, want ErrUnknown", err)
	}
	if _, ok := esp.Find("pigeon"); ok {
		t.Error("a pigeon was found")
	}
}
