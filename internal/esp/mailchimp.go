package esp

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"time"

	"rcpt/internal/overlay"
)

// readMailchimp reads Mailchimp Marketing ("Sync audience data with webhooks"):
// a form with type, fired_at and data[...], one event in each.
//
//	cleaned      reason hard: hard_bounce; abuse: spam_complaint
//	unsubscribe  see mailchimpUnsubscribe
//	subscribe, profile, upemail, campaign, pending   ignored
//
// There is no id: type, list, contact and time make one.
func readMailchimp(h Hook, r Request, b *batch) error {
	if err := verifyMailchimp(h, r, b); err != nil {
		return err
	}
	form, err := parseForm(r)
	if err != nil {
		return err
	}
	kind, fired := form.Get("type"), form.Get("fired_at")
	email := first(form.Get("data[email]"), form.Get("data[merges][EMAIL]"))
	if kind == "" {
		return malformed("the form has no type")
	}
	e := report{
		name:  kind,
		email: email,
		at:    when(fired), // its zone is not written: UTC
		id:    []string{kind, form.Get("data[list_id]"), form.Get("data[id]"), strings.ToLower(email), fired},
	}
	e.reason, e.why = mailchimpEvent(form)
	b.add(e)
	return nil
}

func mailchimpEvent(form url.Values) (overlay.Reason, Why) {
	switch form.Get("type") {
	case "cleaned":
		switch form.Get("data[reason]") {
		case "hard":
			return overlay.HardBounce, ""
		case "abuse":
			return overlay.Complaint, ""
		}
	case "unsubscribe":
		return mailchimpUnsubscribe(form.Get("data[action]"), form.Get("data[reason]"))
	case "subscribe", "profile", "upemail", "campaign", "pending":
		return "", NoReport
	}
	return "", Unknown
}

// mailchimpUnsubscribe judges an unsubscribe. Action delete is the account's:
// it archived or deleted the contact.
func mailchimpUnsubscribe(action, reason string) (overlay.Reason, Why) {
	switch {
	case reason == "abuse":
		return overlay.Complaint, ""
	case action == "delete":
		return "", NoReport
	case action != "" && action != "unsub":
		return "", Unknown
	}
	switch reason {
	case "", "manual":
		return overlay.Unsubscribe, ""
	case "hard":
		return overlay.HardBounce, ""
	}
	return "", Unknown
}

// verifyMailchimp checks X-Mailchimp-Signature, "t=SECONDS,v1=HEX": HMAC-SHA256
// over t "." body, keyed by the text of the secret. Of several v1 any may fit.
// The time may differ by 300 seconds, as documented: who follows the page refuses
// what is older, so that retries must be signed anew.
func verifyMailchimp(h Hook, r Request, b *batch) error {
	if len(h.Secrets) == 0 {
		return nil
	}
	var timestamp string
	var given [][]byte
	for entry := range strings.SplitSeq(r.Header.Get("X-Mailchimp-Signature"), ",") {
		switch name, text, _ := strings.Cut(strings.TrimSpace(entry), "="); name {
		case "t":
			timestamp = text
		case "v1":
			if mac, err := hex.DecodeString(text); err == nil {
				given = append(given, mac)
			}
		}
	}
	at, ok := signedTime(timestamp)
	if !ok || len(given) == 0 {
		return unsigned("X-Mailchimp-Signature is missing, or has no t or no v1")
	}
	for _, secret := range h.Secrets {
		if secret != "" && oneOf(given, sum(sha256.New, []byte(secret), timestamp, ".", string(r.Body))) {
			b.Signed = true
			return fresh(at, r.Received, 300*time.Second)
		}
	}
	return unsigned("no secret fits")
}
