package esp_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"rcpt/internal/esp"
)

const (
	topic     = "arn:aws:sns:eu-west-1:123456789012:ses-feedback"
	signingAt = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0f3a9c.pem"
	confirmAt = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" + topic + "&Token=2336412f37"
	bounced   = `{"eventType":"Bounce","bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{"emailAddress":"ana.ruiz@example.org"}],"timestamp":"2026-01-14T11:58:00.000Z","feedbackId":"fb-1"}}`
)

// amazon signs as SNS does, with a certificate of its own.
type amazon struct {
	key         *rsa.PrivateKey
	certificate *x509.Certificate
	fetched     []string
}

func newAmazon(tb testing.TB) *amazon {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(selfSigned(tb, key, &key.PublicKey))
	if err != nil {
		tb.Fatal(err)
	}
	return &amazon{key: key, certificate: certificate}
}

// selfSigned is a certificate that is valid on the day of noon.
func selfSigned(tb testing.TB, key crypto.Signer, public crypto.PublicKey) []byte {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.example"},
		NotBefore: noon.Add(-12 * time.Hour), NotAfter: noon.Add(12 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func (a *amazon) hook() esp.Hook {
	return esp.Hook{TopicARN: topic, Certificate: func(url string) (*x509.Certificate, error) {
		a.fetched = append(a.fetched, url)
		return a.certificate, nil
	}}
}

func notification(changes map[string]any) map[string]any {
	e := map[string]any{
		"Type": "Notification", "MessageId": "7d0f1a52-3b1c-5f0e-9a77-4c2d6e8f1b30", "TopicArn": topic, "Message": bounced,
		"Timestamp": "2026-01-14T11:59:00.000Z", "SignatureVersion": "1", "Signature": "AAAA", "SigningCertURL": signingAt,
	}
	for name, v := range changes {
		e[name] = v
	}
	return e
}

func confirmation(changes map[string]any) map[string]any {
	e := notification(map[string]any{
		"Type": "SubscriptionConfirmation", "Token": "2336412f37", "SubscribeURL": confirmAt,
		"Message": "You have chosen to subscribe to the topic.\nTo confirm, visit the SubscribeURL.",
	})
	for name, v := range changes {
		e[name] = v
	}
	return e
}

// signedText is written down apart from the code under test.
func signedText(e map[string]any) string {
	names := "Message MessageId Subject Timestamp TopicArn Type"
	if e["Type"] != "Notification" {
		names = "Message MessageId SubscribeURL Timestamp Token TopicArn Type"
	}
	text := ""
	for name := range strings.FieldsSeq(names) {
		if v, ok := e[name].(string); ok {
			text += name + "\n" + v + "\n"
		}
	}
	return text
}

func (a *amazon) sign(tb testing.TB, e map[string]any) {
	tb.Helper()
	hash, digest := crypto.SHA1, sha1.Sum([]byte(signedText(e)))
	sum := digest[:]
	if e["SignatureVersion"] == "2" {
		wide := sha256.Sum256([]byte(signedText(e)))
		hash, sum = crypto.SHA256, wide[:]
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, a.key, hash, sum)
	if err != nil {
		tb.Fatal(err)
	}
	e["Signature"] = base64.StdEncoding.EncodeToString(signature)
}

func envelopeRequest(e map[string]any) esp.Request {
	body, _ := json.Marshal(e)
	return esp.Request{Method: "POST", Header: http.Header{"Content-Type": {"text/plain; charset=UTF-8"}}, Body: body, Received: noon}
}

func TestSNSKnownAnswer(t *testing.T) {
	e := notification(map[string]any{"Message": `{"notificationType":"Bounce","note":"line\nbreak"}`, "Timestamp": "2026-01-01T00:00:00.000Z"})
	digest := sha256.Sum256([]byte(signedText(e)))
	if got, want := hex.EncodeToString(digest[:]), "e0951c959bd1037eed3c0cb9cf522858e0f0b5e4ab4cc987e7de31426e48919c"; got != want {
		t.Fatalf("SHA-256 of the string to sign: %s, want %s", got, want)
	}
	a := newAmazon(t)
	a.certificate.NotBefore = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, version := range []string{"1", "2"} {
		e["SignatureVersion"] = version
		a.sign(t, e)
		r := envelopeRequest(e)
		r.Received = time.Date(2026, 1, 1, 0, 0, 5, 0, time.UTC)
		if d, err := esp.Read("ses", a.hook(), r); err != nil || !d.Signed {
			t.Errorf("version %s: %+v, %v; want it signed", version, d, err)
		}
	}
}

func TestTheDeclaredTopicIsReadWhenSigned(t *testing.T) {
	for claim, e := range map[string]map[string]any{
		"version 1":                  notification(nil),
		"version 2":                  notification(map[string]any{"SignatureVersion": "2"}),
		"with a subject":             notification(map[string]any{"Subject": "Amazon SES Email Event Notification"}),
		"with a null subject":        notification(map[string]any{"Subject": nil}),
		"published an hour ago":      notification(map[string]any{"Timestamp": "2026-01-14T11:00:00.000Z"}),
		"published in 5 minutes":     notification(map[string]any{"Timestamp": "2026-01-14T12:05:00.000Z"}),
		"with members we do not use": notification(map[string]any{"MessageAttributes": map[string]any{"a": 1}}),
	} {
		a := newAmazon(t)
		a.sign(t, e)
		d, err := esp.Read("ses", a.hook(), envelopeRequest(e))
		if err != nil || !d.Signed || len(d.Events) != 1 || len(a.fetched) != 1 || a.fetched[0] != signingAt {
			t.Errorf("%s: %+v, %v, fetched %q", claim, d, err, a.fetched)
		}
	}
}

func TestWhatTheTopicDidNotSignIsRefused(t *testing.T) {
	a := newAmazon(t)
	for claim, c := range map[string]struct {
		change func(map[string]any)
		want   error
	}{
		"another message":       {func(e map[string]any) { e["Message"] = strings.Replace(bounced, "ana", "eva", 1) }, esp.ErrSignature},
		"another id":            {func(e map[string]any) { e["MessageId"] = "x" }, esp.ErrSignature},
		"a subject added":       {func(e map[string]any) { e["Subject"] = "x" }, esp.ErrSignature},
		"an empty subject":      {func(e map[string]any) { e["Subject"] = "" }, esp.ErrSignature},
		"another time":          {func(e map[string]any) { e["Timestamp"] = "2026-01-14T11:59:01.000Z" }, esp.ErrSignature},
		"the other version":     {func(e map[string]any) { e["SignatureVersion"] = "2" }, esp.ErrSignature},
		"version 0":             {func(e map[string]any) { e["SignatureVersion"] = "0" }, esp.ErrSignature},
		"a signature cut short": {func(e map[string]any) { e["Signature"] = "AAAA" }, esp.ErrSignature},
		"another topic, signed": {func(e map[string]any) { e["TopicArn"] = topic + "x"; a.sign(t, e) }, esp.ErrSignature},
		"published too long ago": {func(e map[string]any) { e["Timestamp"] = "2026-01-14T10:44:59.000Z"; a.sign(t, e) },
			esp.ErrStale},
		"published in the future": {func(e map[string]any) { e["Timestamp"] = "2026-01-14T12:05:01.000Z"; a.sign(t, e) },
			esp.ErrStale},
		"a confirmation made of it": {func(e map[string]any) {
			e["Type"], e["SubscribeURL"], e["Token"] = "SubscriptionConfirmation", confirmAt, "2336412f37"
		}, esp.ErrSignature},
	} {
		e := notification(nil)
		a.sign(t, e)
		c.change(e)
		if d, err := esp.Read("ses", a.hook(), envelopeRequest(e)); !errors.Is(err, c.want) || len(d.Events) > 0 {
			t.Errorf("%s: %+v, %v; want %v", claim, d, err, c.want)
		}
	}
}

func TestACertificateThatCannotBeHadIsOurTrouble(t *testing.T) {
	a := newAmazon(t)
	e := notification(nil)
	a.sign(t, e)
	secret := errors.New("dial tcp 192.0.2.1:443: refused")
	expired := *a.certificate
	expired.NotAfter = noon.Add(-time.Hour)
	for claim, fetch := range map[string]func(string) (*x509.Certificate, error){
		"nothing fetches": nil,
		"fetching fails":  func(string) (*x509.Certificate, error) { return nil, secret },
		"none comes":      func(string) (*x509.Certificate, error) { return nil, nil },
		"expired":         func(string) (*x509.Certificate, error) { return &expired, nil },
	} {
		_, err := esp.Read("ses", esp.Hook{TopicARN: topic, Certificate: fetch}, envelopeRequest(e))
		if !errors.Is(err, esp.ErrCertificate) || errors.Is(err, esp.ErrSignature) || strings.Contains(err.Error(), "192.0.2.1") {
			t.Errorf("%s: %v, want ErrCertificate without our addresses", claim, err)
		}
	}
}

func TestASubscriptionIsConfirmedForTheDeclaredTopicOnly(t *testing.T) {
	a := newAmazon(t)
	e := confirmation(nil)
	a.sign(t, e)
	if d, err := esp.Read("ses", a.hook(), envelopeRequest(e)); err != nil || d.Confirm != confirmAt || !d.Handshake || !d.Signed {
		t.Errorf("the declared topic: %+v, %v", d, err)
	}
	if d, err := esp.Read("ses", esp.Hook{}, envelopeRequest(e)); err != nil || d.Confirm != "" || !d.Handshake {
		t.Errorf("no topic declared: %+v, %v; want nothing to confirm", d, err)
	}
	for claim, changes := range map[string]map[string]any{
		"another topic":               {"TopicArn": topic + "2"},
		"the URL of another topic":    {"SubscribeURL": strings.Replace(confirmAt, "feedback", "other", 1)},
		"the URL of another token":    {"Token": "other"},
		"the URL of another action":   {"SubscribeURL": strings.Replace(confirmAt, "Confirm", "Un", 1)},
		"an action twice":             {"SubscribeURL": confirmAt + "&Action=ConfirmSubscription"},
		"a parameter more":            {"SubscribeURL": confirmAt + "&AuthenticateOnUnsubscribe=true"},
		"another host":                {"SubscribeURL": strings.Replace(confirmAt, "sns.eu-west-1.amazonaws.com", "metadata.example", 1)},
		"the host as a user":          {"SubscribeURL": strings.Replace(confirmAt, "com/", "com@192.0.2.1/", 1)},
		"a port":                      {"SubscribeURL": strings.Replace(confirmAt, "com/", "com:8443/", 1)},
		"http":                        {"SubscribeURL": strings.Replace(confirmAt, "https", "http", 1)},
		"another path":                {"SubscribeURL": strings.Replace(confirmAt, "com/?", "com/x?", 1)},
		"an escaped path":             {"SubscribeURL": strings.Replace(confirmAt, "com/?", "com/%2e%2e/?", 1)},
		"a URL that is no text":       {"SubscribeURL": 17},
		"an empty token":              {"Token": "", "SubscribeURL": strings.Replace(confirmAt, "2336412f37", "", 1)},
		"published three hours ago":   {"Timestamp": "2026-01-14T09:00:00.000Z"},
		"a Timestamp that is no time": {"Timestamp": "now"},
	} {
		e := confirmation(changes)
		a.sign(t, e)
		d, err := esp.Read("ses", a.hook(), envelopeRequest(e))
		if !errors.Is(err, esp.ErrSignature) && !errors.Is(err, esp.ErrStale) || d.Confirm != "" {
			t.Errorf("%s: %+v, %v; want it refused", claim, d, err)
		}
	}
	e = confirmation(nil)
	e["Signature"] = "AAAA"
	if d, err := esp.Read("ses", a.hook(), envelopeRequest(e)); !errors.Is(err, esp.ErrSignature) {
		t.Errorf("not signed: %+v, %v", d, err)
	}
}
