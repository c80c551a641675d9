// Package esp reads the webhooks of email service providers: the request of one
// delivery in, the reports about addresses it holds out.
//
// It follows what each ESP documents and sends (each file names the sources'
// titles, seen 2021 to August 2026), Standard Webhooks 1.0.0, RFC 3463 for
// status codes. It does no I/O, reads no clock and keeps nothing: time is
// Request.Received, a certificate comes through Hook.Certificate, whether an
// event was seen before is its ID and somebody else's memory.
//
// The flow of Read, one file per step:
//
//	sign.go      is it the ESP's? HMAC, age of the signed time, credentials
//	standard.go  the same for Standard Webhooks (Resend, Loops)
//	body.go      JSON, form and multipart bodies into values
//	<esp>.go     which reports do they make: the table of that ESP
//	batch.go     one report: a readable address, a time, an id, no repetition
//	clock.go     times as ESPs write them
//	code.go      codes and words of diagnostics: they may weaken, never harden
//
// What the events mean follows eight rules. A bounce counts only if it comes
// from the recipient's side: "not tried, our list has it" is ignored. Deferrals
// are ignored, a final event follows. Blocked is not bad: refusals for
// reputation, content, policy, size and rate are soft. Hard is only "this
// address or domain takes no mail". A complaint is a person's. An unsubscribe
// is the recipient's act upon the whole list or sender. The strongest reason
// wins (overlay.Reason.Stronger). What is not known is ignored and counted.
//
// To add an ESP: a file <slug>.go with one function from Hook and Request to
// reports and its table in the comment; a line in members below; a folder
// testdata/<slug> with a case for every row of the table (the runner is
// TestFixtures; -update writes what came out). The slug goes into the contract.
package esp

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"rcpt/internal/overlay"
)

// What Read refuses. The texts around them say what was wrong, never quote the
// request, and may be shown to the sender.
var (
	// ErrUnknown: there is no ESP of this slug. Answer 404.
	ErrUnknown = errors.New("unknown ESP")
	// ErrSignature: a secret is set, and the signature or the credentials are
	// missing or wrong. Answer 401; 403 and 410 would end the ESP's retries.
	ErrSignature = errors.New("signature refused")
	// ErrStale: the signature is right, its time too far from now. Answer 401.
	ErrStale = errors.New("signed time too far from now")
	// ErrBody: no body this ESP sends. Nothing of it was read. Answer 400.
	ErrBody = errors.New("malformed body")
	// ErrCertificate: the certificate that signed could not be had just now.
	// Answer 503, so that it is sent again.
	ErrCertificate = errors.New("certificate not available")
	// ErrSecret: no secret of this ESP's form. From CheckSecret only.
	ErrSecret = errors.New("malformed secret")
	// ErrMapping: no mapping the generic reader can follow. From CheckMapping,
	// and from Read if the hook holds such a mapping. A *MappingError.
	ErrMapping = errors.New("malformed mapping")
)

// Success is the status for everything that was taken in: reports, ignored and
// repeated events, handshakes. Some ESPs repeat on any other 2xx.
const Success = http.StatusOK

// Memory is how long the ids of events should be remembered. The longest retry
// is customer.io's with 7 days; Loops can send again for 30. No signed time is
// accepted for longer, so that a replay finds its id or is refused.
const Memory = 32 * 24 * time.Hour

// Request is one delivery as it came in.
type Request struct {
	Method string
	URL    string // as the ESP called it, with query: Mandrill signs it
	Heard  string // the same with the host that the request names, where that may be another; ""
	Header http.Header
	Body   []byte // the exact bytes; signatures are over them. Read keeps none of it
	// Received is when it arrived. Signed times are compared with it, and no
	// event is later.
	Received time.Time
}

// urls are the URL and, where it is another, the one that was heard.
func (r Request) urls() []string {
	if r.Heard == "" || r.Heard == r.URL {
		return []string{r.URL}
	}
	return []string{r.URL, r.Heard}
}

// Hook is what a key declared for one ESP.
type Hook struct {
	// Secrets holds what the ESP signs with, or the credentials it sends: the
	// newest first, those in their grace too. Empty: the token in the URL alone
	// admits, and signatures are not looked at.
	Secrets []string
	// Mapping is the declaration of the generic ESP.
	Mapping json.RawMessage
	// TopicARN is the one SNS topic that may send (Amazon SES).
	TopicARN string
	// Certificate returns the certificate at an https URL of Amazon SNS, from a
	// cache where possible. It is called with URLs that were checked. nil: none
	// can be had.
	Certificate func(url string) (*x509.Certificate, error)
}

// Delivery is what one request holds.
type Delivery struct {
	// Events in the order of the body, each ID once.
	Events []overlay.Event
	// Ignored tells what was left out and why.
	Ignored []Ignored
	// Handshake: the request only asks whether we are there. Answer Success.
	Handshake bool
	// Confirm is a URL at Amazon SNS that must be fetched to start the
	// subscription, of a checked host and, where signed, of the declared topic.
	Confirm string
	// Signed: a signature or credentials were verified.
	Signed bool
	// Token, if not empty, is a secret of one use that came with the signature
	// (Mailgun, whose signature does not cover the event). Remember it with the
	// events, under the same guard. Seen before, while one of the events was
	// not: a replay, answer 401 and record nothing.
	Token string
	// OverBudget is what to do when the budget does not cover the events.
	OverBudget OverBudget
}

// Ignored counts events of one name that make no report.
type Ignored struct {
	Name  string // the ESP's name of the event, cleaned; unknown names are the sender's choice: no metric label
	Why   Why
	Count int
}

// Why is the cause for which an event makes no report. It may label a metric.
type Why string

// The causes.
const (
	NotTried  Why = "not_tried"  // the ESP did not send: its list has the address, or the message was refused
	Deferral  Why = "deferral"   // the ESP goes on trying
	NoReport  Why = "no_report"  // known, and says nothing bad: delivered, opened, an administrator's act
	Test      Why = "test"       // a test event
	NoAddress Why = "no_address" // no address, or none that can be read
	Ambiguous Why = "ambiguous"  // several recipients, and no word about which
	Repeated  Why = "repeated"   // the same id again in this request
	Unknown   Why = "unknown"    // no event we know: ESPs add types without notice
)

// OverBudget is what makes an ESP send again later. Its value is the status to
// answer.
type OverBudget int

// The answers over budget.
const (
	Retry429 OverBudget = http.StatusTooManyRequests
	Retry503 OverBudget = http.StatusServiceUnavailable
	// RecordNow: the ESP cannot be made to wait long enough. Record at once,
	// charge later, answer Success.
	RecordNow OverBudget = Success
)

// Auth is how an ESP can prove itself beyond the token in the URL.
type Auth string

// The proofs.
const (
	Signature   Auth = "signature"   // over the body (Mailgun: over a token)
	Credentials Auth = "credentials" // Authorization, Basic or Bearer, or another header, compared with the secret
	Topic       Auth = "topic"       // a certificate of Amazon SNS, bound to the declared topic
	Declared    Auth = "declared"    // what the mapping says
)

// Traits tell about an ESP what its callers need.
type Traits struct {
	Auth       Auth
	OverBudget OverBudget // generic: the default, which a mapping may change
}

// member is one ESP.
type member struct {
	Traits
	// read verifies r and adds what it says to b.
	read func(h Hook, r Request, b *batch) error
	// secret judges a secret when it is set; nil: every text of 8 to 512 octets.
	secret func(string) error
}

// members are the ESPs by slug.
var members = map[string]member{
	"brevo":      {Traits{Credentials, RecordNow}, readBrevo, nil},
	"customerio": {Traits{Signature, Retry429}, readCustomerIO, nil},
	"generic":    {Traits{Declared, Retry429}, readGeneric, nil},
	"loops":      {Traits{Signature, Retry429}, readLoops, checkStandardSecret},
	"mailchimp":  {Traits{Signature, RecordNow}, readMailchimp, nil},
	"mailgun":    {Traits{Signature, Retry429}, readMailgun, nil},
	"mailjet":    {Traits{Credentials, Retry429}, readMailjet, nil},
	"mandrill":   {Traits{Signature, Retry429}, readMandrill, nil},
	"postmark":   {Traits{Credentials, Retry429}, readPostmark, nil},
	"resend":     {Traits{Signature, Retry429}, readResend, checkStandardSecret},
	"sendgrid":   {Traits{Signature, Retry429}, readSendGrid, checkSendGridKey},
	"ses":        {Traits{Topic, RecordNow}, readSES, checkSESSecret},
	"sparkpost":  {Traits{Credentials, Retry429}, readSparkPost, nil},
}

// Slugs returns the slugs of all ESPs in order.
func Slugs() []string { return slices.Sorted(maps.Keys(members)) }

// Find returns the traits of an ESP, and whether there is one of this slug.
func Find(slug string) (Traits, bool) {
	m, ok := members[slug]
	return m.Traits, ok
}

// CheckSecret judges a secret before it is set for an ESP. The error is
// ErrUnknown or ErrSecret and says what is wrong without quoting the secret.
func CheckSecret(slug, secret string) error {
	m, ok := members[slug]
	if !ok {
		return ErrUnknown
	}
	if len(secret) < 8 || len(secret) > 512 {
		return fmt.Errorf("%w: 8 to 512 octets are expected", ErrSecret)
	}
	if m.secret != nil {
		return m.secret(secret)
	}
	if strings.TrimSpace(secret) != secret { // copied along, it would make every signature wrong
		return fmt.Errorf("%w: there is white space around it", ErrSecret)
	}
	return nil
}

// Read verifies one request of an ESP and returns what it holds, all of it or
// nothing. GET and HEAD are handshakes and carry no signature. The errors are
// ErrUnknown, ErrSignature, ErrStale, ErrBody, ErrCertificate and ErrMapping.
func Read(slug string, h Hook, r Request) (Delivery, error) {
	m, ok := members[slug]
	if !ok {
		return Delivery{}, ErrUnknown
	}
	b := newBatch(slug, r.Received)
	b.OverBudget = m.OverBudget
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		b.Handshake = true
		return b.delivery(), nil
	}
	if err := m.read(h, r, b); err != nil {
		return Delivery{}, fmt.Errorf("read %s webhook: %w", slug, err)
	}
	return b.delivery(), nil
}
