package esp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// standardWebhook verifies a request after Standard Webhooks 1.0.0 and returns
// its id, which all retries of one message share. Both families of header names
// are read, svix-* before webhook-*, all three of one family.
//
// The signed bytes are id "." timestamp "." body; the key is what the base64
// after "whsec_" decodes to; of several "v1,<base64>" any may fit, which is how
// keys rotate. Other versions are skipped. The time is that of the attempt and
// may be 5 minutes old (the tolerance of the libraries).
func standardWebhook(h Hook, r Request, b *batch) (id string, err error) {
	family := "webhook-"
	if r.Header.Get("svix-id") != "" {
		family = "svix-"
	}
	id = r.Header.Get(family + "id")
	if len(h.Secrets) == 0 {
		return id, nil
	}
	timestamp, signatures := r.Header.Get(family+"timestamp"), r.Header.Get(family+"signature")
	if id == "" || timestamp == "" || signatures == "" {
		return "", unsigned("one of the headers id, timestamp and signature is missing")
	}
	at, ok := signedTime(timestamp)
	if !ok {
		return "", unsigned("the timestamp is no number of seconds")
	}
	if !standardSignature(h.Secrets, signatures, id+"."+timestamp+".", string(r.Body)) {
		return "", unsigned("no signature fits")
	}
	b.Signed = true
	return id, fresh(at, r.Received, 5*time.Minute)
}

func standardSignature(secrets []string, signatures string, signed ...string) bool {
	for _, secret := range secrets {
		key, err := standardKey(secret)
		if err != nil {
			continue
		}
		want := sum(sha256.New, key, signed...)
		for entry := range strings.FieldsSeq(signatures) {
			version, text, _ := strings.Cut(entry, ",")
			given, err := base64.StdEncoding.DecodeString(text)
			if version == "v1" && err == nil && hmac.Equal(given, want) {
				return true
			}
		}
	}
	return false
}

// standardKey decodes a secret. The prefix may be missing, as in the libraries.
func standardKey(secret string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return nil, fmt.Errorf("%w: base64 is expected after whsec_", ErrSecret)
	}
	// The text asks for 24 octets; fewer than 16 are no secret.
	if len(key) < 16 {
		return nil, fmt.Errorf("%w: it decodes to fewer than 16 octets", ErrSecret)
	}
	return key, nil
}

func checkStandardSecret(secret string) error {
	_, err := standardKey(secret)
	return err
}
