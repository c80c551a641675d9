package esp

import "rcpt/internal/overlay"

// readPostmark reads Postmark ("Bounce webhook", "Spam complaint webhook",
// "Subscription change webhook"): one JSON object, told by RecordType; what has
// none is inbound mail. Nothing is signed: credentials.
//
//	Bounce              by Type, see postmarkBounce
//	SpamComplaint       spam_complaint, whatever its Type and TypeCode
//	SubscriptionChange  see postmarkChange
//	everything else     ignored
//
// TypeCode decides nothing: Postmark's own lists disagree about it.
func readPostmark(h Hook, r Request, b *batch) error {
	if err := credentials(h, r, b); err != nil {
		return err
	}
	body, err := parseObject(r.Body)
	if err != nil {
		return err
	}
	record, kind := postmarkRecord(body), body.get("Type").text()
	e := report{
		name:   record,
		email:  body.get("Email").text(),
		at:     when(body.get("BouncedAt").text()),
		detail: first(body.get("Details").text(), body.get("Description").text()),
	}
	e.id = named(body.get("ID").text(), record, kind, e.email)
	switch record {
	case "Bounce":
		e.name = "Bounce." + kind
		e.reason, e.why = postmarkBounce(kind)
		e.reason = weaken(e.reason, body.get("Details").text())
		e.email = first(e.email, body.get("Recipient").text()) // Unsubscribe was seen without Email
	case "SpamComplaint":
		e.reason = overlay.Complaint
	case "SubscriptionChange":
		postmarkChange(body, &e)
	case "", "Inbound", "Delivery", "Open", "Click":
		e.why = NoReport
	default:
		e.why = Unknown
	}
	b.add(e)
	return nil
}

// postmarkRecord is the RecordType. Webhooks of before 2018, and samples, have
// none; older servers post a complaint to the URL of bounces, too, with one ID.
func postmarkRecord(body value) string {
	record, kind := body.get("RecordType").text(), body.get("Type").text()
	if record == "" && kind != "" && body.get("BouncedAt").exists() {
		record = "Bounce"
	}
	if record == "Bounce" && kind == "SpamComplaint" {
		record = kind
	}
	return record
}

// postmarkBounce judges the Type of a Bounce. A SpamNotification is the
// server's opinion of the message, no person's complaint. AutoResponder,
// AddressChange and ChallengeVerification are automatic answers.
func postmarkBounce(kind string) (overlay.Reason, Why) {
	switch kind {
	case "HardBounce", "BadEmailAddress":
		return overlay.HardBounce, ""
	case "SoftBounce", "Transient", "DnsError", "Unknown", "Blocked", "SpamNotification", "VirusNotification", "DMARCPolicy":
		return overlay.SoftBounce, ""
	case "Unsubscribe":
		return overlay.Unsubscribe, ""
	case "ManuallyDeactivated", "Unconfirmed", "SMTPApiError", "InboundError", "TemplateRenderingFailed":
		return "", NotTried
	case "OpenRelayTest", "AutoResponder", "AddressChange", "ChallengeVerification", "Subscribe":
		return "", NoReport
	}
	return "", Unknown
}

// postmarkChange judges a SubscriptionChange, which has no id. An
// administrator's or the customer's own change is no report, nor is a
// reactivation.
func postmarkChange(body value, e *report) {
	recipient, at := body.get("Recipient").text(), body.get("ChangedAt").text()
	e.email, e.at = recipient, when(at)
	e.id = []string{"SubscriptionChange", body.get("MessageStream").text(), recipient, at}
	if !body.get("SuppressSending").isTrue() || body.get("Origin").text() != "Recipient" {
		e.why = NoReport
		return
	}
	switch body.get("SuppressionReason").text() {
	case "HardBounce":
		e.reason = overlay.HardBounce
	case "SpamComplaint":
		e.reason = overlay.Complaint
	case "ManualSuppression":
		e.reason = overlay.Unsubscribe
	default:
		e.why = Unknown
	}
}
