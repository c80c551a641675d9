package esp_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"rcpt/internal/esp"
)

func FuzzSES(f *testing.F)       { fuzz(f, "ses") }
func FuzzMailchimp(f *testing.F) { fuzz(f, "mailchimp") }
func FuzzMandrill(f *testing.F)  { fuzz(f, "mandrill") }
func FuzzSparkPost(f *testing.F) { fuzz(f, "sparkpost") }
func FuzzBrevo(f *testing.F)     { fuzz(f, "brevo") }
func FuzzMailjet(f *testing.F)   { fuzz(f, "mailjet") }

// FuzzSESMessage puts texts into a proper envelope: what SES writes is one
// level deeper than what a changed octet of the body reaches.
func FuzzSESMessage(f *testing.F) {
	for _, archive := range fixtures(f, "ses") {
		for _, file := range archive.Files {
			_, body, _ := strings.Cut(string(file.Data), "\n\n")
			var e struct{ Message string }
			if json.Unmarshal([]byte(body), &e) == nil {
				f.Add("m-1", e.Message)
			}
		}
	}
	f.Fuzz(func(t *testing.T, id, message string) {
		body, _ := json.Marshal(map[string]string{"Type": "Notification", "MessageId": id, "Message": message})
		_ = sound(t, "ses", esp.Hook{}, esp.Request{Method: "POST", Header: http.Header{}, Body: body, Received: noon})
	})
}

var certificateURL = regexp.MustCompile(`^https://sns\.[a-z]{2,}(-[a-z]{2,})+-[0-9]{1,2}\.amazonaws\.com(\.cn)?/[A-Za-z0-9_-]+\.pem$`)

// FuzzCertificateURL asserts that no text makes us fetch from elsewhere.
func FuzzCertificateURL(f *testing.F) {
	for _, c := range certificateURLs {
		f.Add(c.url)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var asked []string
		hook := esp.Hook{TopicARN: topic, Certificate: func(url string) (*x509.Certificate, error) {
			asked = append(asked, url)
			return nil, errors.New("none")
		}}
		_, err := esp.Read("ses", hook, envelopeRequest(notification(map[string]any{"SigningCertURL": text})))
		for _, url := range asked {
			if !certificateURL.MatchString(url) || url != text {
				t.Errorf("%q made us fetch %q", text, url)
			}
		}
		if want := len(asked) > 0; errors.Is(err, esp.ErrCertificate) != want || !want && !errors.Is(err, esp.ErrSignature) {
			t.Errorf("%q: fetched %q, %v", text, asked, err)
		}
	})
}

// FuzzSNSSignature asserts that what the topic signed is read, and that the
// signature fits nothing else.
func FuzzSNSSignature(f *testing.F) {
	f.Add("note", "m-1", "", "x")
	f.Add(`{"eventType":"Send"}`, "m-2", "subject", "\n")
	f.Add("a\nMessageId\nb", "m-3", "s", "MessageId")
	a := newAmazon(f)
	f.Fuzz(func(t *testing.T, message, id, subject, more string) {
		for _, text := range []string{message, id, subject, more} {
			if !utf8.ValidString(text) {
				return // JSON cannot carry it
			}
		}
		e := notification(map[string]any{"Message": message, "MessageId": id})
		if subject != "" {
			e["Subject"] = subject
		}
		a.sign(t, e)
		d, err := esp.Read("ses", a.hook(), envelopeRequest(e))
		if oneLine := !strings.ContainsAny(id+subject, "\r\n"); oneLine && (errors.Is(err, esp.ErrSignature) || err == nil && !d.Signed) ||
			!oneLine && !errors.Is(err, esp.ErrSignature) {
			t.Errorf("genuine: %+v, %v", d, err)
		}
		if more == "" {
			return
		}
		for _, name := range []string{"Message", "MessageId", "Subject", "TopicArn"} {
			was, there := e[name]
			e[name] = more
			if there {
				e[name] = was.(string) + more
			}
			if _, err := esp.Read("ses", a.hook(), envelopeRequest(e)); !errors.Is(err, esp.ErrSignature) {
				t.Errorf("%q after %s: %v, want ErrSignature", more, name, err)
			}
			if e[name] = was; !there {
				delete(e, name)
			}
		}
	})
}
