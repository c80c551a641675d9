package esp

import (
	"strings"

	"rcpt/internal/overlay"
)

// readResend reads Resend (resend-openapi; "Retries and replays"): one JSON
// object {"type", "created_at", "data"}, signed after Standard Webhooks. The
// only id is that of the message's header; data.created_at is the time of the
// email, not of the event.
//
//	email.bounced       by data.bounce, see resendBounce
//	email.complained    spam_complaint
//	suppression.added   by data.origin: bounce, complaint; manual is ignored
//	contact.updated     unsubscribe if data.unsubscribed; contact.created is an import
//	email.suppressed, email.failed                     ignored: not tried
//	email.delivery_delayed (or delivered_delayed)      ignored: deferral
//	everything else                                    ignored
func readResend(h Hook, r Request, b *batch) error {
	id, err := standardWebhook(h, r, b)
	if err != nil {
		return err
	}
	body, err := parseObject(r.Body)
	if err != nil {
		return err
	}
	data := body.get("data")
	e := report{name: body.get("type").text(), at: when(body.get("created_at").text())}
	switch e.name {
	case "email.bounced":
		resendBounce(data.get("bounce"), &e)
		resendRecipient(data, &e)
	case "email.complained":
		e.reason = overlay.Complaint
		resendRecipient(data, &e)
	case "suppression.added":
		e.email = data.get("email").text()
		e.reason, e.why = resendSuppression(data.get("origin").text())
	case "contact.updated":
		e.email, e.reason = data.get("email").text(), overlay.Unsubscribe
		if !data.get("unsubscribed").isTrue() {
			e.why = NoReport
		}
	default:
		e.why = resendIgnored(e.name)
	}
	e.id = named(id, e.name, e.email)
	b.add(e)
	return nil
}

// resendBounce judges data.bounce. Payloads of 2023 and 2024 had a message and
// nothing else.
func resendBounce(bounce value, e *report) {
	texts := append(bounce.get("diagnosticCode").texts(), bounce.get("message").text())
	e.detail = texts[0]
	kind, subtype := bounce.get("type").text(), bounce.get("subType").text()
	switch {
	case kind == "Permanent" && strings.Contains(subtype, "Suppress"): // Suppressed, OnAccountSuppressionList
		e.why = NotTried
	case kind == "Permanent":
		e.reason = weakenProse(weaken(overlay.HardBounce, texts[:len(texts)-1]...), texts[len(texts)-1])
	case kind != "": // Transient, Undetermined
		e.reason = overlay.SoftBounce
	default:
		e.reason, e.why = resendOldBounce(strings.Join(texts, " "))
	}
}

func resendOldBounce(text string) (overlay.Reason, Why) {
	switch words := strings.ToLower(text); {
	case strings.Contains(words, "suppress"):
		return "", NotTried
	case strings.Contains(words, "hard bounce"):
		return weakenProse(overlay.HardBounce, text), ""
	}
	return judge(text), ""
}

// resendRecipient finds the address an event is about: data.to lists all
// recipients of the message, and only the diagnostic may tell which one.
func resendRecipient(data value, e *report) {
	to := data.get("to").texts()
	if len(to) == 1 {
		e.email = to[0]
		return
	}
	bounce := data.get("bounce")
	text := strings.Join(append(bounce.get("diagnosticCode").texts(), bounce.get("message").text()), " ")
	named := ""
	for _, recipient := range to {
		if email, ok := mailbox(recipient); ok && email != named && mentions(text, email) {
			if named != "" {
				e.why = Ambiguous
				return
			}
			named = email
		}
	}
	if e.email = named; named == "" && e.why == "" && len(to) > 0 {
		e.why = Ambiguous
	}
}

// mentions reports whether email stands in text as a whole address: "a@b.example"
// does not stand in "ana.a@b.example" nor in "a@b.example.org".
func mentions(text, email string) bool {
	text, email = strings.ToLower(text), strings.ToLower(email)
	for from := 0; ; {
		i := strings.Index(text[from:], email)
		if i < 0 {
			return false
		}
		start, end := from+i, from+i+len(email)
		before := start == 0 || !letterOrDigit(text[start-1]) && strings.IndexByte("._+-=@%!#$&'*/?^`{|}~", text[start-1]) < 0
		after := end == len(text) || !letterOrDigit(text[end]) && text[end] != '-' &&
			(text[end] != '.' || end+1 == len(text) || !letterOrDigit(text[end+1]))
		if before && after {
			return true
		}
		from = start + 1
	}
}

func resendSuppression(origin string) (overlay.Reason, Why) {
	switch origin {
	case "bounce":
		return overlay.HardBounce, ""
	case "complaint":
		return overlay.Complaint, ""
	case "manual":
		return "", NoReport
	}
	return "", Unknown
}

func resendIgnored(name string) Why {
	switch name {
	case "email.delivery_delayed", "email.delivered_delayed":
		return Deferral
	case "email.suppressed", "email.failed":
		return NotTried
	case "email.sent", "email.scheduled", "email.delivered", "email.opened", "email.clicked", "email.received",
		"contact.created", "contact.deleted", "suppression.removed",
		"domain.created", "domain.updated", "domain.deleted":
		return NoReport
	}
	return Unknown
}
