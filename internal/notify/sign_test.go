package notify

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	svix "github.com/svix/svix-webhooks/go"
)

// The values were made with Python's hmac; the first is in the tests of the
// Standard Webhooks libraries, too.
func TestSignaturesAreThoseOfOthers(t *testing.T) {
	const body = `{"job_id":"job_1","note":"<&> é","n":1e21}`
	for _, c := range []struct {
		claim, body         string
		secrets             []string
		number              int
		standard, ofTheBody string
	}{
		{
			"the vector of the libraries", `{"test": 2432232314}`, []string{oldSecret}, 1,
			"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "",
		},
		{
			"one secret", body, []string{newSecret}, 1,
			"v1,g37eJ7qydV01cFhaz5zl7Z8Bd6S3zh2IneY+RLicVDg=", "52d950e840f6df9a2ba1e488dbd408b9666fc224565ecccef39fc70dff025f67",
		},
		{
			"overlap, first attempt", body, []string{newSecret, oldSecret}, 1,
			"v1,g37eJ7qydV01cFhaz5zl7Z8Bd6S3zh2IneY+RLicVDg= v1,MNNR9AHKUBRbINL9xwCPMRO1xppkVc+VTZb6Pg6nxII=",
			"52d950e840f6df9a2ba1e488dbd408b9666fc224565ecccef39fc70dff025f67",
		},
		{
			"overlap, second attempt", body, []string{newSecret, oldSecret}, 2,
			"v1,g37eJ7qydV01cFhaz5zl7Z8Bd6S3zh2IneY+RLicVDg= v1,MNNR9AHKUBRbINL9xwCPMRO1xppkVc+VTZb6Pg6nxII=",
			"582a580ae34df287917bc3344c46716d98a82250dc69a8c3cadd3e53fdf8ea34",
		},
		{
			"overlap, third attempt", body, []string{newSecret, oldSecret}, 3,
			"v1,g37eJ7qydV01cFhaz5zl7Z8Bd6S3zh2IneY+RLicVDg= v1,MNNR9AHKUBRbINL9xwCPMRO1xppkVc+VTZb6Pg6nxII=",
			"52d950e840f6df9a2ba1e488dbd408b9666fc224565ecccef39fc70dff025f67",
		},
	} {
		h := make(http.Header)
		if err := sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 999), []byte(c.body), c.secrets, c.number); err != nil {
			t.Errorf("%s: %v", c.claim, err)
		}
		if h.Get("webhook-id") != "msg_p5jXN8AQM9LWM0D4loKWxJek" || h.Get("webhook-timestamp") != "1614265330" || h.Get("webhook-signature") != c.standard ||
			c.ofTheBody != "" && h.Get("x-rcpt-signature") != c.ofTheBody {
			t.Errorf("%s: got %v", c.claim, h)
		}
	}
}

func TestUnusableSecretsAreNotQuoted(t *testing.T) {
	for _, secret := range []string{"whsec_", "whsec_not base64", ""} {
		err := sign(make(http.Header), "msg_1", noon(), nil, []string{secret}, 1)
		if !errors.Is(err, errSecret) || strings.Contains(err.Error(), "not base64") {
			t.Errorf("%q: %v", secret, err)
		}
	}
}

// Receivers verify what arrives with the libraries of others, with the old
// secret and with the new one, while both are valid and afterwards.
func TestReceiversVerifyDuringAndAfterARotation(t *testing.T) {
	verified := func(got received) (by []string) {
		for name, secret := range map[string]string{"old": oldSecret, "new": newSecret} {
			a, errA := standardwebhooks.NewWebhook(secret)
			b, errB := svix.NewWebhook(secret)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			okA := a.VerifyIgnoringTimestamp([]byte(got.body), got.header) == nil
			okB := b.VerifyIgnoringTimestamp([]byte(got.body), got.header) == nil
			if okA != okB {
				t.Errorf("the libraries do not agree on %v", got.header)
			}
			if okA {
				by = append(by, name)
			}
		}
		return by
	}
	w := open(t)
	w.web.answer = always(500)
	w.post(t, draft())
	w.run(t, 3*time.Second, time.Second)
	w.secrets = []string{newSecret, oldSecret}
	w.run(t, time.Minute, time.Second)
	w.secrets = []string{newSecret}
	w.run(t, 5*time.Minute, time.Second)
	if len(w.web.got) != 4 {
		t.Fatalf("%d requests, want 4", len(w.web.got))
	}
	for i, want := range []int{1, 2, 2, 1} {
		if by := verified(w.web.got[i]); len(by) != want {
			t.Errorf("attempt %d verifies with the secrets %v, want %d of them", i+1, by, want)
		}
	}
	if by := verified(w.web.got[3]); len(by) != 1 || by[0] != "new" {
		t.Errorf("after the overlap it verifies with %v", by)
	}
}
