package app

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/keys"
	"rcpt/internal/safedial"
)

// amazon stands for Amazon SNS: it serves a certificate, signs with its key, and
// notes what is fetched.
type amazon struct {
	key     *rsa.PrivateKey
	file    []byte
	fetched []string
	fail    error
}

func newAmazon(t *testing.T, now time.Time) *amazon {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, NotBefore: now.Add(-100 * time.Hour), NotAfter: now.Add(100 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &amazon{key: key, file: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// RoundTrip serves the certificate, or takes a confirmation.
func (a *amazon) RoundTrip(r *http.Request) (*http.Response, error) {
	a.fetched = append(a.fetched, r.URL.String())
	if a.fail != nil {
		return nil, a.fail
	}
	return &http.Response{StatusCode: 200, Status: "200 OK", Body: io.NopCloser(bytes.NewReader(a.file)), Header: http.Header{}, Request: r}, nil
}

const (
	topic     = "arn:aws:sns:eu-west-1:123456789012:bounces"
	snsServer = "https://sns.eu-west-1.amazonaws.com/"
)

// envelope is what SNS sends, signed.
func (a *amazon) envelope(t *testing.T, kind, topic, message string, at time.Time) string {
	t.Helper()
	e := map[string]string{
		"Type": kind, "MessageId": "m-1", "TopicArn": topic, "Message": message, "Timestamp": at.UTC().Format("2006-01-02T15:04:05.000Z"),
		"SignatureVersion": "2", "SigningCertURL": snsServer + "SimpleNotificationService-0f3a9c.pem",
	}
	names := []string{"Message", "MessageId", "Timestamp", "TopicArn", "Type"}
	if kind == "SubscriptionConfirmation" {
		e["Token"] = "token-of-sns"
		e["SubscribeURL"] = snsServer + "?Action=ConfirmSubscription&TopicArn=" + topic + "&Token=token-of-sns"
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	var text strings.Builder
	for _, name := range names {
		fmt.Fprintf(&text, "%s\n%s\n", name, e[name])
	}
	digest := sha256.Sum256([]byte(text.String()))
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	e["Signature"] = base64.StdEncoding.EncodeToString(signature)
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestSNSIsConfirmedForTheDeclaredTopicAlone goes through the life of a topic
// that SES writes to.
func TestSNSIsConfirmedForTheDeclaredTopicAlone(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	sns := newAmazon(t, now)
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var counted, logged bytes.Buffer
	ports := Ports{
		Control: db.Control(), Cache: db.Cache(), Vault: db.Vault(), Secret: []byte("0123456789abcdef"), Fetch: sns,
		Log: slog.New(slog.NewTextHandler(&logged, nil)), Now: func() time.Time { return now },
		Metric: func(name string, value float64, labels ...string) {
			_, _ = fmt.Fprintln(&counted, name, value, strings.Join(labels, " "))
		},
	}
	ports.Book = Keys(ports)
	_, made, err := ports.Book.Create(t.Context(), keys.Draft{Account: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	webhooks, err := Webhooks(config.Config{}, ports)
	if err != nil {
		t.Fatal(err)
	}
	account, err := Account(config.Config{}, ports)
	if err != nil {
		t.Fatal(err)
	}
	bounce := func(email string) string {
		return `{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{"emailAddress":"` + email +
			`","action":"failed","status":"5.1.1"}],"timestamp":"2026-11-22T11:59:00.000Z","feedbackId":"f-` + email + `"}}`
	}
	deliver := func(claim, body string, status, fetched int, want string) {
		t.Helper()
		sns.fetched = nil
		r := httptest.NewRequest("POST", "/v1/hooks/ses/"+made.Hook, strings.NewReader(body))
		r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
		w := httptest.NewRecorder()
		webhooks.ServeHTTP(w, r)
		if w.Code != status || len(sns.fetched) != fetched || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, fetched %q, want %d %s and %d fetched", claim, w.Code, w.Body, sns.fetched, status, want, fetched)
		}
	}
	deliver("no topic is declared: not confirmed", sns.envelope(t, "SubscriptionConfirmation", topic, "hello", now), 200, 0, `"ignored":1`)
	if status, body := send(account, "PUT", "/v1/hooks/ses", made.API, `{"topic_arn":"`+topic+`"}`); status != 200 || !strings.Contains(body, `"signed":true`) {
		t.Fatal(status, body)
	}
	deliver("another topic", sns.envelope(t, "SubscriptionConfirmation", topic+"2", "hello", now), 401, 0, "not the declared one")
	sns.fail = errors.New("no route")
	deliver("the certificate cannot be had", sns.envelope(t, "SubscriptionConfirmation", topic, "hello", now), 503, 1, "certificate not available")
	deliver("nor a moment later", sns.envelope(t, "SubscriptionConfirmation", topic, "hello", now), 503, 0, "")
	sns.fail = nil
	now = now.Add(deadFor)
	deliver("the declared topic is confirmed", sns.envelope(t, "SubscriptionConfirmation", topic, "hello", now), 200, 2, `"recorded":0`)
	if want := snsServer + "?Action=ConfirmSubscription&TopicArn=" + topic + "&Token=token-of-sns"; sns.fetched == nil || sns.fetched[1] != want {
		t.Errorf("fetched %q, want %q", sns.fetched, want)
	}
	deliver("a bounce, with the certificate that is known", sns.envelope(t, "Notification", topic, bounce("a@b.example"), now), 200, 0, `"recorded":1`)
	deliver("the same again", sns.envelope(t, "Notification", topic, bounce("a@b.example"), now), 200, 0, `"duplicates":1`)
	deliver("of another topic", sns.envelope(t, "Notification", topic+"2", bounce("c@b.example"), now), 401, 0, "")
	deliver("tampered with", strings.Replace(sns.envelope(t, "Notification", topic, bounce("d@b.example"), now), "d@b", "e@b", 1), 401, 0, "does not fit")
	deliver("replayed two hours later", sns.envelope(t, "Notification", topic, bounce("f@b.example"), now.Add(-2*time.Hour)), 401, 0, "too far")
	sns.fail = errors.New("no route to " + snsServer + "?Token=token-of-sns")
	deliver("it cannot be confirmed now", sns.envelope(t, "SubscriptionConfirmation", topic, "hello", now), 503, 1, "unavailable")

	if n := strings.Count(counted.String(), "hooks_unverified 1 esp ses"); n != 4 {
		t.Errorf("%d counted as unverified:\n%s", n, &counted)
	}
	if status, body := send(account, "GET", "/v1/bounces", made.API, ""); status != 200 || strings.Count(body, `"id"`) != 1 {
		t.Errorf("recorded: %s", body)
	}
	if strings.Contains(logged.String(), made.Hook) || strings.Contains(logged.String(), "b.example") {
		t.Errorf("the log holds a token or an address:\n%s", &logged)
	}
}

// TestTopicsAreFetchedFromPublicAddressesAlone: whoever makes a name of Amazon's
// lead to us gains nothing.
func TestTopicsAreFetchedFromPublicAddressesAlone(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the private server was asked") }))
	t.Cleanup(server.Close)
	topics := newTopics(Ports{Now: time.Now})
	if err := topics.confirm(t.Context(), server.URL); !errors.Is(err, safedial.ErrForbidden) {
		t.Errorf("confirm: %v", err)
	}
	if _, err := topics.certificate(t.Context(), server.URL); !errors.Is(err, safedial.ErrForbidden) {
		t.Errorf("certificate: %v", err)
	}
}

// TestTestKeysSeeTheirOwnReportsAlone: what live keys agree on about a domain is
// no simulated verdict, and what test keys report makes none.
func TestTestKeysSeeTheirOwnReportsAlone(t *testing.T) {
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ports := Ports{
		Control: db.Control(), Cache: db.Cache(), Vault: db.Vault(), Secret: []byte("0123456789abcdef"), Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	ports.Book = Keys(ports)
	cfg, err := config.Read(func(string) string { return "" }, "host.example")
	if err != nil {
		t.Fatal(err)
	}
	verify, err := Verify(cfg, ports)
	if err != nil {
		t.Fatal(err)
	}
	webhooks, err := Webhooks(cfg, ports)
	if err != nil {
		t.Fatal(err)
	}
	secrets := func(test bool) (all []string) {
		for _, account := range []string{"one", "two", "three"} {
			_, made, err := ports.Book.Create(t.Context(), keys.Draft{Account: account, Test: test})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, made.API)
		}
		return all
	}
	live, test := secrets(false), secrets(true)
	for _, step := range []struct {
		by            []string
		domain        string
		asked         string
		trap, bounced bool
	}{
		{test, "ok-a.test", test[0], false, true},
		{test, "ok-b.test", live[0], false, false},
		{live, "ok-c.test", test[0], false, false},
	} {
		for _, secret := range step.by {
			if status, body := send(webhooks, "POST", "/v1/report-bounce", secret, `{"email":"user1@`+step.domain+`","reason":"hard_bounce"}`); status != 202 {
				t.Fatal(status, body)
			}
		}
		status, body := send(verify, "POST", "/v1/verify", step.asked, `{"email":"user1@`+step.domain+`","mode":"soft"}`)
		if status != 200 || strings.Contains(body, `"spam_trap":true`) != step.trap || strings.Contains(body, "previously_bounced") != step.bounced {
			t.Errorf("%s: %s", step.domain, body)
		}
	}
}
