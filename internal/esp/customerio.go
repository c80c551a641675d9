package esp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"rcpt/internal/overlay"
)

// readCustomerIO reads customer.io ("Reporting webhooks"): one JSON object, told
// by object_type, which their schema misspells once, and metric. It must be
// answered within 4 seconds.
//
//	email, bounced         hard_bounce unless failure_message has a soft code; there is no flag
//	email, spammed         spam_complaint
//	email, unsubscribed    unsubscribe, customer, unsubscribed as well
//	email, dropped, failed, undeliverable, attempted   ignored: not tried
//	email, deferred        ignored: deferral
//	everything else        ignored; sms and push bounce, too
func readCustomerIO(h Hook, r Request, b *batch) error {
	if err := verifyCustomerIO(h, r, b); err != nil {
		return err
	}
	body, err := parseObject(r.Body)
	if err != nil {
		return err
	}
	data := body.get("data")
	object, metric := first(body.get("object_type").text(), body.get("object_type_type").text()), body.get("metric").text()
	if object == "" && metric == "" {
		// Webhooks of before 2020: "email_bounced", with the address in email_address.
		object, metric, _ = strings.Cut(body.get("event_type").text(), "_")
	}
	e := report{
		name:   strings.Trim(object+"."+metric, "."),
		email:  customerIOAddress(data),
		at:     when(body.get("timestamp").text()),
		detail: data.get("failure_message").text(),
	}
	e.id = named(body.get("event_id").text(), e.name, e.email)
	e.reason, e.why = customerIOEvent(object, metric)
	e.reason = weaken(e.reason, e.detail)
	b.add(e)
	return nil
}

// customerIOAddress finds the address: events about a customer have it in
// email_address, and the recipient of other channels is a phone number.
func customerIOAddress(data value) string {
	for _, text := range []string{
		data.get("recipient").text(),
		data.get("email_address").text(),
		data.get("identifiers", "email").text(),
	} {
		if strings.Contains(text, "@") {
			return text
		}
	}
	return ""
}

func customerIOEvent(object, metric string) (overlay.Reason, Why) {
	switch object {
	case "email":
		return customerIOEmail(metric)
	case "customer":
		switch metric {
		case "unsubscribed":
			return overlay.Unsubscribe, ""
		case "subscribed", "cio_subscription_preferences_changed":
			return "", NoReport
		}
	case "sms", "push", "in_app", "slack", "webhook", "whatsapp":
		return "", NoReport
	}
	return "", Unknown
}

func customerIOEmail(metric string) (overlay.Reason, Why) {
	switch metric {
	case "bounced":
		return overlay.HardBounce, ""
	case "spammed":
		return overlay.Complaint, ""
	case "unsubscribed":
		return overlay.Unsubscribe, ""
	case "dropped", "failed", "undeliverable", "attempted":
		return "", NotTried
	case "deferred":
		return "", Deferral
	case "drafted", "sent", "delivered", "opened", "clicked", "converted":
		return "", NoReport
	}
	return "", Unknown
}

// verifyCustomerIO checks HMAC-SHA256 in hex over "v0:" timestamp ":" body,
// keyed by the text of the signing key. customer.io tries for 7 days, and
// whether a retry is signed anew is not known.
func verifyCustomerIO(h Hook, r Request, b *batch) error {
	if len(h.Secrets) == 0 {
		return nil
	}
	timestamp := r.Header.Get("X-CIO-Timestamp")
	at, ok := signedTime(timestamp)
	if !ok {
		return unsigned("X-CIO-Timestamp is missing or no number of seconds")
	}
	given, err := hex.DecodeString(r.Header.Get("X-CIO-Signature"))
	if err != nil || len(given) == 0 {
		return unsigned("X-CIO-Signature is missing or no hex")
	}
	for _, secret := range h.Secrets {
		if secret != "" && hmac.Equal(given, sum(sha256.New, []byte(secret), "v0:", timestamp, ":", string(r.Body))) {
			b.Signed = true
			return fresh(at, r.Received, 7*24*time.Hour)
		}
	}
	return unsigned("no key fits")
}
