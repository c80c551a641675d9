package esp

import (
	"slices"
	"strings"

	"rcpt/internal/overlay"
)

// readBrevo reads Brevo, formerly Sendinblue ("Transactional webhooks",
// "Marketing webhooks", "Batch webhooks"): one JSON object, or up to 500 events
// in an array, or in an object around an array. Nothing is signed: credentials.
//
//	hard_bounce, invalid_email  hard_bounce unless the reason has a soft code
//	soft_bounce
//	spam, complaint             spam_complaint
//	unsubscribed, unsubscribe   unsubscribe; transactional and marketing names
//	blocked, error              ignored: not tried
//	deferred                    ignored: deferral, even if its reason says 5.1.1
//	everything else             ignored
//
// The member id is the webhook's. Message or campaign, address, event and time
// make ours.
func readBrevo(h Hook, r Request, b *batch) error {
	if err := credentials(h, r, b); err != nil {
		return err
	}
	return b.eachOrOne(r.Body, "", func(v value) {
		list, wrapped := brevoBatch(v)
		if !wrapped {
			b.add(brevoReport(v))
		}
		for _, event := range list {
			b.add(brevoReport(event)) // what is no object names no event
		}
	})
}

// brevoBatch returns the events in an object that is no event itself and holds
// exactly one array, of objects. The name of that member is not documented.
func brevoBatch(v value) (events []value, ok bool) {
	m, _ := v.v.(map[string]any)
	if _, event := m["event"]; event {
		return nil, false
	}
	arrays := 0
	for _, inner := range m {
		if _, isArray := inner.([]any); isArray {
			events = value{inner}.items()
			arrays++
		}
	}
	if arrays != 1 || len(events) > 0 && !slices.ContainsFunc(events, value.isObject) {
		return nil, false
	}
	return events, true
}

func brevoReport(v value) report {
	e := report{
		name:   v.get("event").text(),
		email:  v.get("email").text(),
		detail: v.get("reason").text(),
	}
	// date has no zone. ts and ts_event were seen shifted by the account's.
	epoch, event, sent := v.get("ts_epoch").text(), v.get("ts_event").text(), v.get("ts").text()
	e.at = when(epoch, event, sent)
	e.id = []string{v.get("message-id").text(), v.get("camp_id").text(), strings.ToLower(e.email), e.name, first(epoch, event, sent)}
	switch e.name {
	case "hard_bounce", "invalid_email", "hardBounce", "invalid": // the last two as in the settings
		e.reason = weaken(overlay.HardBounce, e.detail)
	case "soft_bounce", "softBounce":
		e.reason = overlay.SoftBounce
	case "spam", "complaint":
		e.reason = overlay.Complaint
	case "unsubscribed", "unsubscribe":
		e.reason = overlay.Unsubscribe
	default:
		e.why = brevoIgnored(e.name)
	}
	return e
}

func brevoIgnored(name string) Why {
	switch name {
	case "blocked", "error":
		return NotTried
	case "deferred":
		return Deferral
	case "request", "delivered", "opened", "unique_opened", "proxy_open", "unique_proxy_open", "click", "list_addition":
		return NoReport
	}
	if strings.HasPrefix(name, "contact_") {
		return NoReport
	}
	return Unknown
}
