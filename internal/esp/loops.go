package esp

import "rcpt/internal/overlay"

// readLoops reads Loops ("Webhooks"): one JSON object, told by eventName,
// signed after Standard Webhooks. The address is contactIdentity.email; the
// member email describes the message.
//
//	email.hardBounced, email.softBounced, email.spamReported, email.unsubscribed
//	contact.unsubscribed  unsubscribe; follows a hard bounce and a deletion, too,
//	                      and must not hide a stronger reason
//	everything else       ignored, changes of one mailing list among them
func readLoops(h Hook, r Request, b *batch) error {
	id, err := standardWebhook(h, r, b)
	if err != nil {
		return err
	}
	body, err := parseObject(r.Body)
	if err != nil {
		return err
	}
	e := report{
		name:  body.get("eventName").text(),
		email: body.get("contactIdentity", "email").text(),
		at:    when(body.get("eventTime").text()),
	}
	e.id = named(id, e.name, e.email)
	e.reason, e.why = loopsEvent(e.name)
	b.add(e)
	return nil
}

func loopsEvent(name string) (overlay.Reason, Why) {
	switch name {
	case "email.hardBounced":
		return overlay.HardBounce, ""
	case "email.softBounced":
		return overlay.SoftBounce, ""
	case "email.spamReported":
		return overlay.Complaint, ""
	case "email.unsubscribed", "contact.unsubscribed":
		return overlay.Unsubscribe, ""
	case "testing.testEvent":
		return "", Test
	case "contact.created", "contact.deleted", "contact.mailingList.subscribed", "contact.mailingList.unsubscribed",
		"email.resubscribed", "email.delivered", "email.opened", "email.clicked",
		"campaign.email.sent", "loop.email.sent", "transactional.email.sent":
		return "", NoReport
	}
	return "", Unknown
}
