package esp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"time"

	"rcpt/internal/overlay"
)

// readMailgun reads Mailgun ("Webhooks", "Securing webhooks"): a JSON object
// {"signature", "event-data"}, or the flat form of the webhooks before 2018.
//
//	failed (permanent_fail and temporary_fail)  see mailgunFailed
//	complained                                  spam_complaint
//	unsubscribed                                unsubscribe
//	rejected                                    ignored: Mailgun refused it
//	everything else                             ignored
//
// The id of an event is unique within a day only, its time is part of ours.
func readMailgun(h Hook, r Request, b *batch) error {
	if !bytes.HasPrefix(bytes.TrimLeft(r.Body, " \t\r\n"), []byte("{")) {
		return readMailgunForm(h, r, b)
	}
	body, err := parseObject(r.Body)
	if err != nil {
		return err
	}
	data := body.get("event-data")
	if !data.isObject() {
		return malformed("event-data is no object")
	}
	triples := make([]mailgunTriple, 0, 2)
	for _, name := range []string{"signature", "parent-signature"} {
		s := body.get(name)
		triples = append(triples, mailgunTriple{s.get("timestamp").text(), s.get("token").text(), s.get("signature").text()})
	}
	if err := verifyMailgun(h, r, b, triples...); err != nil {
		return err
	}
	status, at := data.get("delivery-status"), data.get("timestamp").text()
	e := report{
		name:   data.get("event").text(),
		email:  data.get("recipient").text(),
		at:     when(at),
		detail: first(status.get("message").text(), status.get("description").text()),
	}
	e.id = named(first(data.get("id").text(), triples[0].token), at, e.name, e.email)
	switch e.name {
	case "failed":
		e.reason, e.why = mailgunFailed(data)
	case "complained":
		e.reason = overlay.Complaint
	case "unsubscribed":
		e.reason = overlay.Unsubscribe
	default:
		e.why = mailgunIgnored(e.name)
	}
	if data.get("flags", "is-test-mode").isTrue() {
		e.why = Test
	}
	b.add(e)
	return nil
}

// mailgunFailed judges a failed event: it is not a bounce by itself. Some codes
// are Mailgun's own: those from 605 on, and 498 "no MX" and 499 "no connection".
func mailgunFailed(data value) (overlay.Reason, Why) {
	status := data.get("delivery-status")
	severity, reason, code := data.get("severity").text(), data.get("reason").text(), status.get("code").text()
	switch {
	case strings.HasPrefix(reason, "suppress-") || mailgunSuppressed(code):
		return "", NotTried
	case severity == "temporary" || reason == "greylisted":
		return "", Deferral
	case severity != "permanent", reason == "old", reason == "espblock", reason == "blacklisted",
		strings.HasPrefix(code, "4"), status.get("bounce-type").text() == "soft":
		return overlay.SoftBounce, ""
	case reason == "bounce" || reason == "hardfail" || strings.HasPrefix(code, "5"),
		data.get("flags", "is-delayed-bounce").isTrue():
		server := weaken(overlay.HardBounce, code, status.get("enhanced-code").text(), code+" "+status.get("message").text())
		return weakenProse(server, status.get("description").text()), ""
	}
	return overlay.SoftBounce, "" // a reason we do not know, and no code
}

// mailgunSuppressed: bounced, unsubscribed or complained before, poor list.
func mailgunSuppressed(code string) bool {
	return code == "605" || code == "606" || code == "607" || code == "625"
}

func mailgunIgnored(name string) Why {
	switch name {
	case "rejected":
		return NotTried
	case "accepted", "delivered", "opened", "clicked", "stored":
		return NoReport
	}
	return Unknown
}

// readMailgunForm reads the old webhooks: urlencoded or multipart, flat.
//
//	bounced                   hard_bounce, or soft_bounce by code or error
//	dropped                   see mailgunDropped
//	complained, unsubscribed
//	everything else           ignored
//
// The sender's variables are merged into the same fields. What Mailgun writes
// last is its signature, what it writes first is everything else.
func readMailgunForm(h Hook, r Request, b *batch) error {
	form, err := parseForm(r)
	if err != nil {
		return err
	}
	if !form.Has("event") {
		return malformed("the form has no event")
	}
	signed := mailgunTriple{last(form, "timestamp"), last(form, "token"), last(form, "signature")}
	if err := verifyMailgun(h, r, b, signed); err != nil {
		return err
	}
	code, text := form.Get("code"), form.Get("error")
	e := report{
		name:   form.Get("event"),
		email:  form.Get("recipient"),
		at:     when(signed.timestamp),
		id:     []string{signed.token},
		detail: first(text, form.Get("description")),
	}
	if message := first(form.Get("Message-Id"), form.Get("message-id")); message != "" {
		// A retry may carry a new token, and a message bounces once for a recipient.
		e.id = []string{e.name, message, e.email}
	}
	switch e.name {
	case "bounced":
		e.reason = weaken(overlay.HardBounce, code, text, code+" "+text)
		switch {
		case mailgunSuppressed(code):
			e.why = NotTried
		case strings.HasPrefix(code, "4"):
			e.reason = overlay.SoftBounce
		}
	case "dropped":
		e.reason, e.why = mailgunDropped(form)
	case "complained":
		e.reason = overlay.Complaint
	case "unsubscribed":
		e.reason = overlay.Unsubscribe
	default:
		e.why = mailgunIgnored(e.name)
	}
	b.add(e)
	return nil
}

func mailgunDropped(form url.Values) (overlay.Reason, Why) {
	code, reason := form.Get("code"), form.Get("reason")
	switch {
	case mailgunSuppressed(code):
		return "", NotTried
	case reason == "old", reason == "hardfail" && strings.HasPrefix(code, "4"): // retries used up
		return overlay.SoftBounce, ""
	case reason == "hardfail" && strings.HasPrefix(code, "5"):
		return weakenProse(weaken(overlay.HardBounce, code, form.Get("error")), form.Get("description")), ""
	}
	return "", NotTried
}

func last(form url.Values, name string) string {
	if texts := form[name]; len(texts) > 0 {
		return texts[len(texts)-1]
	}
	return ""
}

// mailgunTriple is what Mailgun signs, and the signature.
type mailgunTriple struct{ timestamp, token, signature string }

// verifyMailgun checks HMAC-SHA256 in hex over timestamp and token in a row. The
// event is not covered, so that the token must not be taken twice. Mailgun tries
// for 8 hours, and whether a retry is signed anew is not known.
func verifyMailgun(h Hook, r Request, b *batch, triples ...mailgunTriple) error {
	if len(h.Secrets) == 0 {
		return nil
	}
	for _, t := range triples {
		given, err := hex.DecodeString(t.signature)
		at, ok := signedTime(t.timestamp)
		if err != nil || !ok || t.token == "" {
			continue
		}
		for _, secret := range h.Secrets {
			if secret != "" && hmac.Equal(given, sum(sha256.New, []byte(secret), t.timestamp, t.token)) {
				b.Signed, b.Token = true, b.source+":"+eventID([]string{"token", t.token})
				return fresh(at, r.Received, 9*time.Hour)
			}
		}
	}
	return unsigned("no signature, or none that a key fits")
}
