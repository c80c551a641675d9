package esp

import (
	"strings"

	"rcpt/internal/overlay"
)

// readSparkPost reads SparkPost ("Webhook event reference", "Bounce
// classification codes"): a JSON array of {"msys": {CLASS: event}}, one to
// hundreds. Nothing is signed: credentials; older accounts send them in the header
// X-MessageSystems-Webhook-Token. Nearly all values are texts.
//
//	message_event bounce, out_of_band   by bounce_class, see sparkPostBounce
//	message_event spam_complaint        spam_complaint; fbtype not-spam is ignored
//	unsubscribe_event                   unsubscribe
//	message_event policy_rejection, gen_event   ignored: not tried
//	message_event delay                 ignored: deferral
//	everything else                     ignored
//
// {"msys": {}} is the probe of a new webhook.
func readSparkPost(h Hook, r Request, b *batch) error {
	if err := credentials(h, r, b); err != nil {
		return err
	}
	probes, events := 0, 0
	err := b.eachOrOne(r.Body, "msys", func(v value) {
		msys := v.get("msys")
		if m, isObject := msys.v.(map[string]any); isObject && len(m) == 0 {
			probes++
			return
		}
		events++
		class, event := only(msys)
		b.add(sparkPostReport(class, event))
	})
	b.Handshake = probes > 0 && events == 0
	return err
}

func sparkPostReport(class string, event value) report {
	kind := event.get("type").text()
	e := report{
		name:   strings.Trim(class+"."+kind, "."),
		email:  first(event.get("rcpt_to").text(), event.get("raw_rcpt_to").text()),
		at:     when(event.get("timestamp").text()),
		detail: first(event.get("raw_reason").text(), event.get("reason").text()),
	}
	e.id = named(event.get("event_id").text(), e.name, e.email)
	switch class {
	case "message_event":
		e.reason, e.why = sparkPostMessage(kind, event)
	case "unsubscribe_event":
		e.reason = overlay.Unsubscribe
		if kind != "list_unsubscribe" && kind != "link_unsubscribe" {
			e.why = Unknown
		}
	case "gen_event":
		e.why = Unknown
		if kind == "generation_failure" || kind == "generation_rejection" {
			e.why = NotTried
		}
	case "track_event", "relay_event", "relay_message":
		e.why = NoReport
	default:
		e.why = Unknown
	}
	return e
}

func sparkPostMessage(kind string, event value) (overlay.Reason, Why) {
	switch kind {
	case "bounce", "out_of_band":
		return sparkPostBounce(event)
	case "spam_complaint":
		if event.get("fbtype").text() == "not-spam" {
			return "", NoReport
		}
		return overlay.Complaint, ""
	case "policy_rejection":
		return "", NotTried
	case "delay":
		return "", Deferral
	case "injection", "delivery", "sms_status":
		return "", NoReport
	}
	return "", Unknown
}

// sparkPostBounce judges a bounce_class.
//
//	10, 30                invalid recipient; generic, no recipient: hard_bounce
//	90                    the message asks to unsubscribe
//	1, 20-24, 40, 70      undetermined, soft: soft_bounce
//	50-54                 blocked, content, relaying denied: soft_bounce
//	25                    SparkPost's own rules: not tried
//	60, 80, 100           automatic replies, a request to subscribe
//	none                  the reply decides
func sparkPostBounce(event value) (overlay.Reason, Why) {
	reply, raw := event.get("reason").text(), event.get("raw_reason").text()
	switch event.get("bounce_class").text() {
	case "10", "30":
		return weaken(overlay.HardBounce, reply, raw), ""
	case "90":
		return overlay.Unsubscribe, ""
	case "1", "20", "21", "22", "23", "24", "40", "70", "50", "51", "52", "53", "54":
		return overlay.SoftBounce, ""
	case "25":
		return "", NotTried
	case "60", "80", "100":
		return "", NoReport
	case "":
		return judge(first(raw, reply)), ""
	}
	return "", Unknown
}
