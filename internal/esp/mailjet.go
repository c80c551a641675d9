package esp

import (
	"strings"

	"rcpt/internal/overlay"
)

// readMailjet reads Mailjet ("Event API: real-time notifications"): a JSON array
// of events, or one object where they are not grouped. Nothing is signed:
// credentials.
//
//	bounce             by hard_bounce and error, see mailjetBounce
//	spam               spam_complaint
//	unsub              unsubscribe
//	blocked            ignored: not tried
//	sent, open, click  ignored
//
// Message, event, time and address make the id. MessageID exceeds 2^53.
func readMailjet(h Hook, r Request, b *batch) error {
	if err := credentials(h, r, b); err != nil {
		return err
	}
	return b.eachOrOne(r.Body, "", func(v value) {
		at := v.get("time").text()
		e := report{
			name:   v.get("event").text(),
			email:  v.get("email").text(),
			at:     when(at),
			detail: first(v.get("comment").text(), v.get("error").text(), v.get("error_related_to").text()),
		}
		e.id = []string{first(v.get("Message_GUID").text(), v.get("MessageID").text()), e.name, at, strings.ToLower(e.email)}
		switch e.name {
		case "bounce":
			e.reason, e.why = mailjetBounce(v)
		case "spam":
			e.reason = overlay.Complaint
		case "unsub":
			e.reason = overlay.Unsubscribe
		case "blocked":
			e.why = NotTried
		case "sent", "open", "click":
			e.why = NoReport
		default:
			e.why = Unknown
		}
		b.add(e)
	})
}

// mailjetBounce judges a bounce. hard_bounce says only that Mailjet gives up:
// the error must speak of the mailbox or its domain. It was seen in
// error_related_to, with error empty.
func mailjetBounce(v value) (overlay.Reason, Why) {
	cause := strings.ToLower(strings.TrimSpace(v.get("error").text()))
	related := strings.ToLower(strings.TrimSpace(v.get("error_related_to").text()))
	if cause == "" && related != "recipient" && related != "domain" {
		cause = related
	}
	if cause == "greylisted" {
		return "", Deferral
	}
	if v.get("hard_bounce").isTrue() {
		switch cause {
		case "", "user unknown", "mailbox inactive", "invalid domain", "no mail host":
			if cause != "" || related != "" {
				return weaken(overlay.HardBounce, v.get("comment").text()), ""
			}
		}
	}
	return overlay.SoftBounce, ""
}
