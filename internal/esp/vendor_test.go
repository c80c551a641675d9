package esp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/mailgun/mailgun-go/v4"
	"github.com/sendgrid/sendgrid-go/helpers/eventwebhook"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	svix "github.com/svix/svix-webhooks/go"

	"rcpt/internal/esp"
)

// The vendors' own libraries sign or verify, and Read agrees with them: on the
// genuine request, and on the same with one octet changed.

type signer interface {
	Sign(id string, at time.Time, payload []byte) (string, error)
	VerifyIgnoringTimestamp(payload []byte, headers http.Header) error
}

func TestReadAgreesWithSvixAndStandardWebhooks(t *testing.T) {
	for _, secret := range []string{"whsec_CYBtyLrlSTCaPM2z4n2XmEvcbFKC6JjE", "whsec_" + base64.StdEncoding.EncodeToString(random(t, 64))} {
		a, errA := svix.NewWebhook(secret)
		b, errB := standardwebhooks.NewWebhook(secret)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		for family, library := range map[string]signer{"svix-": a, "webhook-": b} {
			for _, slug := range []string{"resend", "loops"} {
				checkStandard(t, slug, secret, family, library)
			}
		}
	}
}

func checkStandard(t *testing.T, slug, secret, family string, library signer) {
	t.Helper()
	body := []byte(`{"type":"email.complained","created_at":"2026-01-14T09:21:07Z","data":{"to":["ana.ruiz@example.org"]},` +
		`"eventName":"email.spamReported","eventTime":1768382467,"contactIdentity":{"email":"ana.ruiz@example.org"}}`)
	signature, err := library.Sign("msg_1", noon, body)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	header.Set(family+"id", "msg_1")
	header.Set(family+"timestamp", strconv.FormatInt(noon.Unix(), 10))
	header.Set(family+"signature", signature)
	agree(t, slug, secret, esp.Request{Method: "POST", Header: header, Body: body, Received: noon}, func(r esp.Request) bool {
		return library.VerifyIgnoringTimestamp(r.Body, r.Header) == nil
	})
}

func TestReadAgreesWithSendGrid(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	secret := base64.StdEncoding.EncodeToString(der)
	public, err := eventwebhook.ConvertPublicKeyBase64ToECDSA(secret)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte("[{\"email\":\"ana.ruiz@example.org\",\"event\":\"spamreport\",\"sg_event_id\":\"a\"}]\r\n")
	timestamp := strconv.FormatInt(noon.Unix(), 10)
	digest := sha256.Sum256(append([]byte(timestamp), body...))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	header.Set(eventwebhook.VerificationHTTPHeader, base64.StdEncoding.EncodeToString(signature))
	header.Set(eventwebhook.TimestampHTTPHeader, timestamp)
	agree(t, "sendgrid", secret, esp.Request{Method: "POST", Header: header, Body: body, Received: noon}, func(r esp.Request) bool {
		ok, err := eventwebhook.VerifySignature(public, r.Body, r.Header.Get(eventwebhook.VerificationHTTPHeader), r.Header.Get(eventwebhook.TimestampHTTPHeader))
		return ok && err == nil
	})
}

// agree reads r and every copy of it with one octet of the body changed.
func agree(t *testing.T, slug, secret string, r esp.Request, library func(esp.Request) bool) {
	t.Helper()
	hook := esp.Hook{Secrets: []string{secret}}
	if d, err := esp.Read(slug, hook, r); err != nil || !d.Signed || len(d.Events) != 1 || !library(r) {
		t.Errorf("%s genuine: %+v, %v; the library says %v", slug, d, err, library(r))
	}
	for i := range r.Body {
		r.Body[i]++
		if _, err := esp.Read(slug, hook, r); !errors.Is(err, esp.ErrSignature) || library(r) {
			t.Errorf("%s octet %d changed: %v, want ErrSignature; the library says %v", slug, i, err, library(r))
		}
		r.Body[i]--
	}
}

func TestReadAgreesWithMailgun(t *testing.T) {
	client := mailgun.NewMailgun("mg.acme-shop.example", "key-of-no-account")
	client.SetWebhookSigningKey("mgsign-2b7e151628aed2a6")
	hook := esp.Hook{Secrets: []string{"mgsign-2b7e151628aed2a6"}}
	for range 50 {
		s := mailgun.Signature{
			TimeStamp: strconv.FormatInt(noon.Unix(), 10),
			Token:     hex.EncodeToString(random(t, 25)),
		}
		mac := hmac.New(sha256.New, []byte(hook.Secrets[0]))
		mac.Write([]byte(s.TimeStamp + s.Token))
		s.Signature = hex.EncodeToString(mac.Sum(nil))
		for _, token := range []string{s.Token, s.Token[1:] + "0", s.Token + "0", ""} {
			s.Token = token
			ok, err := client.VerifyWebhookSignature(s)
			if err != nil {
				t.Fatal(err)
			}
			_, err = esp.Read("mailgun", hook, esp.Request{Method: "POST", Received: noon, Body: []byte(fmt.Sprintf(
				`{"signature":{"timestamp":%q,"token":%q,"signature":%q},"event-data":{"event":"complained","id":"a","recipient":"ana.ruiz@example.org"}}`,
				s.TimeStamp, s.Token, s.Signature))})
			if ok != (err == nil) || err != nil && !errors.Is(err, esp.ErrSignature) {
				t.Errorf("token %q: %v, the library says %v", token, err, ok)
			}
		}
	}
}

func random(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}
