package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// errSecret: a webhook secret is not whsec_ and base64. It does not quote it.
var errSecret = errors.New("webhook secret is not whsec_ and base64")

// sign sets the headers by which a receiver knows that a body is ours. The
// secrets are those valid now, the newest first, one at least.
//
//	webhook-id, webhook-timestamp  Standard Webhooks 1.0.0, "Webhook headers"
//	webhook-signature              "v1," and base64 of the HMAC-SHA256 of id "." timestamp "." body, keyed by what
//	                               the secret's base64 decodes to; one for each secret, divided by blanks
//	x-rcpt-signature               the lower-case hex HMAC-SHA256 of the body, keyed by the whole text of a secret
//
// The last one has room for one signature. While two secrets are valid, after a
// rotation, attempts take turns, the newest secret first: a receiver that knows
// one of them, whichever it is, refuses one attempt at most and takes the next
// one, five seconds later. Signing with one of them alone until the overlap ends
// would keep a receiver that knows the other waiting for hours. One that knows
// both, and one that looks at webhook-signature, takes every attempt.
//
// x-rcpt-signature covers neither id nor time: who must refuse replays looks at
// webhook-signature, or remembers webhook-id.
func sign(h http.Header, id string, at time.Time, body []byte, secrets []string, number int) error {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) == 0 {
			return errSecret
		}
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(sum(key, []byte(id+"."+timestamp+"."), body))
	}
	turn := secrets[(max(number, 1)-1)%len(secrets)]
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", timestamp)
	h.Set("webhook-signature", strings.Join(signatures, " "))
	h.Set("x-rcpt-signature", hex.EncodeToString(sum([]byte(turn), body)))
	return nil
}

// sum is the HMAC-SHA256 of the parts, one after the other.
func sum(key []byte, parts ...[]byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		_, _ = mac.Write(part) // a hash takes everything
	}
	return mac.Sum(nil)
}
