package esp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"rcpt/internal/overlay"
)

// readSendGrid reads Twilio SendGrid ("Event Webhook reference"): a JSON array
// of events, one to thousands. The sender's own arguments are members of the
// event, too, so that type and reason are read only where SendGrid writes them.
//
//	bounce                          see sendGridBounce
//	spamreport                      spam_complaint
//	unsubscribe, group_unsubscribe  unsubscribe
//	dropped                         ignored: not tried
//	deferred                        ignored: deferral, after 72 h it becomes a bounce
//	everything else                 ignored
func readSendGrid(h Hook, r Request, b *batch) error {
	if err := verifySendGrid(h, r, b); err != nil {
		return err
	}
	return b.eachOrOne(r.Body, "event", func(v value) {
		e := report{
			name:  v.get("event").text(),
			email: v.get("email").text(),
			at:    when(v.get("timestamp").text()),
		}
		e.id = named(v.get("sg_event_id").text(), e.name, e.email)
		if len(e.id) == 0 { // very old events
			e.id = []string{e.name, v.get("sg_message_id").text(), v.get("timestamp").text(), e.email}
		}
		switch e.name {
		case "bounce":
			e.reason, e.detail = sendGridBounce(v), v.get("reason").text()
		case "spamreport":
			e.reason = overlay.Complaint
		case "unsubscribe", "group_unsubscribe":
			e.reason = overlay.Unsubscribe
		case "dropped":
			e.why = NotTried
		case "deferred":
			e.why = Deferral
		case "processed", "delivered", "open", "click", "group_resubscribe", "account_status_change":
			e.why = NoReport
		default:
			e.why = Unknown
		}
		b.add(e)
	})
}

// sendGridBounce judges a bounce. Blocked is not hard, whatever its status and
// text say: SendGrid's documentation shows one of "unknown recipient".
func sendGridBounce(v value) overlay.Reason {
	switch v.get("type").text() {
	case "", "bounce", "bounced":
	default: // blocked, expired
		return overlay.SoftBounce
	}
	switch class := strings.ToLower(v.get("bounce_classification").text()); class {
	case "content", "reputation", "mailbox unavailable":
		return overlay.SoftBounce
	default:
		if strings.Contains(class, "volume") { // its spelling is not certain
			return overlay.SoftBounce
		}
	}
	return weaken(overlay.HardBounce, v.get("status").text(), v.get("reason").text())
}

// verifySendGrid checks ECDSA on P-256 over SHA-256 of timestamp and body, in a
// row, line ends included. Whether a retry is signed anew is not known, and
// retries go on for 24 hours: a signed time may be 25 hours old.
func verifySendGrid(h Hook, r Request, b *batch) error {
	if len(h.Secrets) == 0 {
		return nil
	}
	const prefix = "X-Twilio-Email-Event-Webhook-"
	timestamp := r.Header.Get(prefix + "Timestamp")
	at, ok := signedTime(timestamp)
	if !ok {
		return unsigned("the timestamp header is missing or no number of seconds")
	}
	signature, err := base64.StdEncoding.DecodeString(r.Header.Get(prefix + "Signature"))
	if err != nil || len(signature) == 0 {
		return unsigned("the signature header is missing or no base64")
	}
	digest := sha256.New()
	digest.Write([]byte(timestamp))
	digest.Write(r.Body)
	for _, secret := range h.Secrets {
		if key, err := sendGridKey(secret); err == nil && ecdsa.VerifyASN1(key, digest.Sum(nil), signature) {
			b.Signed = true
			return fresh(at, r.Received, 25*time.Hour)
		}
	}
	return unsigned("no key fits")
}

// sendGridKey reads the public key as the dashboard shows it: base64 of a
// SubjectPublicKeyInfo, in one line.
func sendGridKey(text string) (*ecdsa.PublicKey, error) {
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("%w: the public key in one line of base64 is expected", ErrSecret)
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	key, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%w: a public key of ECDSA on P-256 is expected", ErrSecret)
	}
	return key, nil
}

func checkSendGridKey(secret string) error {
	_, err := sendGridKey(secret)
	return err
}
