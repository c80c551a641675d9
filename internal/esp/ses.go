package esp

import (
	"fmt"
	"strings"

	"rcpt/internal/overlay"
)

// readSES reads Amazon SES through SNS ("Notification contents", "Event
// publishing: retrieving event data from SNS"): one event in the message, told
// by notificationType (identities) or eventType (configuration sets).
//
//	Bounce        by type, subtype and recipient, see sesBounce
//	Complaint     spam_complaint of one person, see sesComplaint
//	Subscription  unsubscribe from everything; topics are ignored
//	DeliveryDelay                              ignored: deferral
//	Reject, Rendering Failure                  ignored: not tried
//	Send, Delivery, Open, Click, Received      ignored
//
// A message that is no JSON is a note that SES validated the topic.
//
// Both mechanisms can report one bounce: the id is made of feedbackId, or of the
// message's where there is none, and the address.
func readSES(h Hook, r Request, b *batch) error {
	m, ok, err := readSNS(h, r, b)
	if err != nil || !ok {
		return err
	}
	if !strings.HasPrefix(strings.TrimSpace(m.text), "{") {
		b.ignore("note", NoReport)
		return nil
	}
	event, err := parseObject([]byte(m.text))
	if err != nil {
		return fmt.Errorf("read the message in the envelope: %w", err)
	}
	e := sesEvent{event, first(event.get("notificationType").text(), event.get("eventType").text()), m.id}
	switch e.kind {
	case "Bounce":
		e.bounce(b)
	case "Complaint":
		e.complaint(b)
	case "Subscription":
		e.subscription(b)
	default:
		b.ignore(e.kind, sesIgnored(e.kind))
	}
	return nil
}

type sesEvent struct {
	value
	kind      string
	messageID string
}

// report begins the report about one recipient of a feedback.
func (e sesEvent) report(name string, feedback value, email string) report {
	at := feedback.get("timestamp").text()
	id := first(feedback.get("feedbackId").text(), e.messageID)
	if id == "" { // raw delivery through something that drops headers
		id = e.get("mail", "messageId").text() + " " + at
	}
	return report{
		name:  name,
		email: email,
		at:    when(at),
		id:    []string{e.kind, id, strings.ToLower(strings.TrimSpace(email))},
	}
}

// bounce adds a report for each recipient that bounced.
func (e sesEvent) bounce(b *batch) {
	bounce := e.get("bounce")
	kind, subtype := bounce.get("bounceType").text(), bounce.get("bounceSubType").text()
	name := strings.Join([]string{"Bounce", kind, subtype}, ".")
	recipients := bounce.get("bouncedRecipients").items()
	if len(recipients) == 0 {
		b.ignore(name, NoAddress)
	}
	for _, to := range recipients {
		p := e.report(name, bounce, to.get("emailAddress").text())
		p.detail = first(to.get("diagnosticCode").text(), to.get("status").text())
		p.reason, p.why = sesBounce(kind, subtype, to)
		b.add(p)
	}
}

// sesBounce judges one recipient of a bounce.
//
//	subtype with "Suppress" or "Unsubscribe"   ignored: not tried; its 5.1.1 is made up
//	action delayed; delivered and the like     ignored
//	Permanent                                  hard_bounce unless a code says otherwise
//	Transient, an automatic reply              ignored: out of office comes as General
//	Transient, Undetermined                    soft_bounce; the retries have ended
func sesBounce(kind, subtype string, to value) (overlay.Reason, Why) {
	action, status, text := to.get("action").text(), to.get("status").text(), to.get("diagnosticCode").text()
	if words := strings.ToLower(subtype); strings.Contains(words, "suppress") || strings.Contains(words, "unsubscribe") {
		return "", NotTried
	}
	switch strings.ToLower(action) {
	case "delayed":
		return "", Deferral
	case "delivered", "relayed", "expanded": // RFC 3464 §2.3.3
		return "", NoReport
	}
	switch kind {
	case "Permanent":
		return weaken(overlay.HardBounce, status, text), ""
	case "Transient":
		if subtype == "General" && !strings.EqualFold(action, "failed") && automatic(status, text) {
			return "", NoReport
		}
		return overlay.SoftBounce, ""
	case "Undetermined":
		return overlay.SoftBounce, ""
	}
	return "", Unknown
}

// automatic reports whether a status or a text is that of an answering machine.
func automatic(status, text string) bool {
	if strings.HasPrefix(strings.TrimSpace(status), "2.") {
		return true
	}
	text = strings.NewReplacer("-", " ", "_", " ").Replace(strings.ToLower(text))
	for _, words := range []string{"out of office", "out of the office", "auto reply", "autoreply", "automatic reply",
		"auto response", "autoresponse", "automatic response", "auto replied", "on vacation", "vacation reply"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return false
}

// complaint adds a report if a person complained. Several recipients are all
// those of the message at one provider, which hides who it was.
func (e sesEvent) complaint(b *batch) {
	complaint := e.get("complaint")
	recipients := complaint.get("complainedRecipients").items()
	p := e.report(strings.Trim("Complaint."+complaint.get("complaintFeedbackType").text(), "."), complaint, "")
	if strings.Contains(strings.ToLower(complaint.get("complaintSubType").text()), "suppress") {
		p.why = NotTried
	} else {
		p.reason, p.why = sesComplaint(complaint.get("complaintFeedbackType").text())
	}
	if len(recipients) > 1 && p.why == "" {
		p.why = Ambiguous
	}
	if p.why == "" && len(recipients) == 1 {
		email := recipients[0].get("emailAddress").text()
		p.email = email
		p.id[2] = strings.ToLower(strings.TrimSpace(email))
		p.detail = complaint.get("userAgent").text()
	}
	b.add(p)
}

// sesComplaint judges a feedback type (RFC 5965 §7.3, RFC 6591 §3.1).
func sesComplaint(feedback string) (overlay.Reason, Why) {
	switch strings.ToLower(feedback) {
	case "", "abuse", "fraud", "other":
		return overlay.Complaint, ""
	case "not-spam", "auth-failure", "virus":
		return "", NoReport
	}
	return "", Unknown
}

// subscription adds a report if the recipient left all lists. The event names
// nobody but the message's recipients, of which there must be one.
func (e sesEvent) subscription(b *batch) {
	change := e.get("subscription")
	to := e.get("mail", "destination").texts()
	if !change.get("newTopicPreferences", "unsubscribeAll").isTrue() || change.get("oldTopicPreferences", "unsubscribeAll").isTrue() {
		b.ignore(e.kind, NoReport)
		return
	}
	if len(to) > 1 {
		b.ignore(e.kind, Ambiguous)
		return
	}
	p := e.report(e.kind, change, first(to...))
	p.reason = overlay.Unsubscribe
	b.add(p)
}

func sesIgnored(kind string) Why {
	switch kind {
	case "DeliveryDelay":
		return Deferral
	case "Reject", "Rendering Failure":
		return NotTried
	case "Send", "Delivery", "Open", "Click", "Received", "AmazonSnsSubscriptionSucceeded":
		return NoReport
	}
	return Unknown
}

// checkSESSecret refuses every secret: nothing could be verified with it.
func checkSESSecret(string) error {
	return fmt.Errorf("%w: Amazon SES has none; declare topic_arn, and signatures are verified", ErrSecret)
}
