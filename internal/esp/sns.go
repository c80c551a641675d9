package esp

import (
	"crypto/x509"
	"encoding/base64"
	"strings"
	"time"
)

// NoTopic: a subscription is left unconfirmed because the key declared no topic.
const NoTopic Why = "no_topic"

// snsRetries is how old a signed time may be: a custom delivery policy of a
// subscription reaches 3,600 s, and no retry is signed anew.
const snsRetries = 75 * time.Minute

// snsMessage is what a topic delivered.
type snsMessage struct {
	id   string // the same on every retry
	text string
}

// readSNS opens a request of Amazon SNS ("Sending messages to HTTP endpoints").
// The body is an envelope in JSON, sent as text/plain, told by Type:
//
//	Notification              a message
//	SubscriptionConfirmation  b.Confirm must be fetched; only for the declared topic
//	UnsubscribeConfirmation   ignored: its SubscribeURL would subscribe again
//
// Raw delivery, an option of the subscription, sends the message alone. It has no
// signature, so that it is refused where a topic is declared.
//
// Without a declared topic nothing is verified: everybody has topics, and a
// signature of any of them proves nothing.
//
// ok is false if there is no message.
func readSNS(h Hook, r Request, b *batch) (m snsMessage, ok bool, err error) {
	m = snsMessage{id: r.Header.Get("X-Amz-Sns-Message-Id"), text: string(r.Body)}
	raw := strings.EqualFold(r.Header.Get("X-Amz-Sns-Rawdelivery"), "true")
	body, err := parseObject(r.Body)
	if err != nil && !raw {
		return snsMessage{}, false, err
	}
	raw = raw || !body.get("Type").exists() && (body.get("notificationType").exists() || body.get("eventType").exists())
	if raw {
		if h.TopicARN != "" {
			return snsMessage{}, false, unsigned("raw message delivery carries no signature: switch it off for this subscription")
		}
		return m, true, nil
	}
	e := envelope{body}
	switch kind := e.text("Type"); kind {
	case "Notification":
		if err := e.verify(h, r, b, notificationNames); err != nil {
			return snsMessage{}, false, err
		}
		return snsMessage{id: e.text("MessageId"), text: e.text("Message")}, true, nil
	case "SubscriptionConfirmation":
		return snsMessage{}, false, e.confirm(h, r, b)
	case "":
		return snsMessage{}, false, malformed("neither an SNS envelope nor an SES event")
	case "UnsubscribeConfirmation":
		b.ignore(kind, NoReport)
	default:
		b.ignore(kind, Unknown)
	}
	return snsMessage{}, false, nil
}

// envelope is the JSON object around a message.
type envelope struct{ value }

// text is a member that is a string; SNS writes no other type.
func (e envelope) text(name string) string {
	text, _ := e.get(name).v.(string)
	return text
}

// confirm answers a SubscriptionConfirmation.
func (e envelope) confirm(h Hook, r Request, b *batch) error {
	b.Handshake = true
	if h.TopicARN == "" {
		b.ignore("SubscriptionConfirmation", NoTopic)
		return nil
	}
	if err := e.verify(h, r, b, confirmationNames); err != nil {
		return err
	}
	to := e.text("SubscribeURL")
	if !isSubscribeURL(to, h.TopicARN, e.text("Token")) {
		return unsigned("SubscribeURL does not confirm this subscription at Amazon SNS")
	}
	b.Confirm = to
	return nil
}

// The members that are signed, in order.
var (
	notificationNames = []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	confirmationNames = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
)

// verify makes sure that the declared topic sent the envelope ("Verifying the
// signatures of Amazon SNS messages"): RSA PKCS#1 v1.5 with SHA-1 in version 1,
// SHA-256 in version 2.
//
// The certificate is trusted because it was fetched over https from Amazon's
// host: the file holds no chain, and AWS's own validators build none. It must
// have been valid when the message was published.
func (e envelope) verify(h Hook, r Request, b *batch, names []string) error {
	if h.TopicARN == "" {
		return nil
	}
	if e.text("TopicArn") != h.TopicARN {
		return unsigned("the topic is not the declared one")
	}
	signed, err := e.signed(names)
	if err != nil {
		return err
	}
	algorithm := map[string]x509.SignatureAlgorithm{"1": x509.SHA1WithRSA, "2": x509.SHA256WithRSA}[e.get("SignatureVersion").text()]
	if algorithm == x509.UnknownSignatureAlgorithm {
		return unsigned("SignatureVersion is neither 1 nor 2")
	}
	signature, err := base64.StdEncoding.DecodeString(e.text("Signature"))
	if err != nil || len(signature) == 0 {
		return unsigned("Signature is missing or no base64")
	}
	at, err := time.Parse(time.RFC3339, e.text("Timestamp"))
	if err != nil {
		return unsigned("Timestamp is no time")
	}
	certificate, err := signingCertificate(h, e.text("SigningCertURL"), at)
	if err != nil {
		return err
	}
	if certificate.CheckSignature(algorithm, signed, signature) != nil {
		return unsigned("the signature does not fit")
	}
	b.Signed = true
	return fresh(at, r.Received, snsRetries)
}

// signed returns the bytes under the signature: of each name that is there, name
// and value, each with a line feed. Only Message may hold line ends, for they
// would shift the borders between the values.
func (e envelope) signed(names []string) ([]byte, error) {
	text := make([]byte, 0, len(e.text("Message"))+1024)
	for _, name := range names {
		v, isText := e.get(name).v.(string)
		if name == "Subject" && !e.get(name).exists() {
			continue
		}
		if !isText || name != "Message" && strings.ContainsAny(v, "\r\n") {
			return nil, unsigned(name + " is missing or no line of text")
		}
		text = append(append(append(text, name...), '\n'), v...)
		text = append(text, '\n')
	}
	return text, nil
}
