package esp

import (
	"crypto/hmac"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ahead is how far a signed time may lie in the future, for every ESP: the
// tolerance of the Standard Webhooks libraries, enough for wrong clocks.
const ahead = 5 * time.Minute

// unsigned is an ErrSignature that says what was wrong.
func unsigned(why string) error { return fmt.Errorf("%w: %s", ErrSignature, why) }

// fresh makes sure that a signed time is at most age before the arrival.
func fresh(signed, received time.Time, age time.Duration) error {
	d := received.Sub(signed)
	if d > age || d < -ahead {
		return fmt.Errorf("%w: it differs by %s", ErrStale, d.Truncate(time.Second))
	}
	return nil
}

// signedTime reads unix seconds, plain digits and nothing else: a signature is
// over the text, and another text of the same number must not pass.
func signedTime(text string) (time.Time, bool) {
	n, err := strconv.ParseUint(text, 10, 40)
	if err != nil || text[0] == '+' {
		return time.Time{}, false
	}
	return time.Unix(int64(n), 0), true
}

// sum is the HMAC over the parts in a row.
func sum(algorithm func() hash.Hash, key []byte, parts ...string) []byte {
	mac := hmac.New(algorithm, key)
	for _, part := range parts {
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

// credentials verifies the ESPs that do not sign but can send an Authorization
// header: Basic, where the secret is "user:password" (or the password alone),
// or Bearer, where it is the token; or a header of the customer's own, whose
// value is the secret.
func credentials(h Hook, r Request, b *batch) error {
	if len(h.Secrets) == 0 {
		return nil
	}
	if ownHeader(h.Secrets, r.Header) {
		b.Signed = true
		return nil
	}
	scheme, given, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	given = strings.TrimSpace(given)
	password := given
	switch strings.ToLower(scheme) {
	case "bearer":
	case "basic":
		plain, err := base64.StdEncoding.DecodeString(given)
		if err != nil {
			return unsigned("the Basic credentials are no base64")
		}
		given = string(plain)
		_, password, _ = strings.Cut(given, ":")
	default:
		return unsigned("no Authorization header of type Basic or Bearer")
	}
	for _, secret := range h.Secrets {
		if secret != "" && (same(given, secret) || same(password, secret)) {
			b.Signed = true
			return nil
		}
	}
	return unsigned("the credentials are not the declared ones")
}

// ownHeader reports whether some header holds a secret and nothing else. Which
// one need not be declared: it proves as much under any name.
func ownHeader(secrets []string, header http.Header) bool {
	for _, values := range header {
		for _, given := range values {
			if slices.ContainsFunc(secrets, func(secret string) bool { return secret != "" && same(given, secret) }) {
				return true
			}
		}
	}
	return false
}

// same compares in constant time, lengths aside.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
