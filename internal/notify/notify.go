// Package notify delivers webhooks: what a job came to, a verdict that was
// looked at again, a test event. A delivery is one JSON body for one URL, signed
// with the webhook secret of an API key, tried over a day until the receiver
// takes it.
//
//	post.go      a Draft becomes an item, a body and a message in the queue
//	handle.go    a message becomes one attempt, or waits, or is out of date
//	attempt.go   the request, and what came of it
//	sign.go      the signatures, after Standard Webhooks 1.0.0
//	schedule.go  when the next attempt is due
//	record.go    what came of it in the item; the message of the next attempt
//	list.go      reading deliveries, sending one again, forgetting them
//	item.go      how they are kept
//	url.go       which URLs are taken; transport.go: which addresses are reached
//
// Delivery is at least once: every process may die between the request and its
// record. The header webhook-id is the same in all attempts, by which a receiver
// knows a repetition. An attempt that is recorded is never made again, however
// often its message comes.
//
// States: Pending until a 2xx makes it Delivered, or a 410, the last of
// MaxAttempts or something that no attempt can mend makes it Failed. From each of
// them Resend begins a new round of attempts. A round is a number; messages of an
// earlier one are out of date.
//
// A message that comes in vain too often, because our own stores do not answer,
// ends among the dead letters of the queue, and its delivery stays Pending.
// Moving it back into the queue is safe at any time, and so is Resend.
//
// What it leaves out: what a body says and who may read a delivery (package
// httpapi and the senders), and turning off URLs that never work: a URL belongs
// to a job or a key, and their owners see what became of it.
package notify

import (
	"errors"
	"time"
)

// What a caller may test with errors.Is. The texts may be shown to the caller.
var (
	// ErrURL: no webhook is sent to this URL. It always comes as a *URLError.
	ErrURL = errors.New("URL not acceptable")

	// ErrDraft: a draft that no delivery can be made of; the mistake is the
	// sender's.
	ErrDraft = errors.New("delivery not acceptable")

	// ErrNotFound: there is no such delivery, or it is no longer kept.
	ErrNotFound = errors.New("there is no such delivery")

	// ErrCursor: a cursor that no page ended with.
	ErrCursor = errors.New("next must be what an earlier page of the same list gave")

	// ErrConflict: others change the delivery without pause.
	ErrConflict = errors.New("the delivery is changed without pause")
)

const (
	// MaxAttempts is how many attempts one round has. See schedule.go for when.
	MaxAttempts = 12

	// Timeout bounds one attempt, from the look-up of the name to the head of the
	// answer. Standard Webhooks, "Request timeouts", recommends 15 to 30 s.
	Timeout = 15 * time.Second

	// MaxBody is the longest body, in octets: results stand in it up to 90 KB,
	// and metadata beside them.
	MaxBody = 256 << 10

	// MaxLog is how many attempts a delivery shows, the latest.
	MaxLog = 15

	// defaultKeep is for how long a delivery is kept unless its draft says
	// otherwise.
	defaultKeep = 30 * 24 * time.Hour
)

// Draft says what is to be delivered, and where.
type Draft struct {
	Account string // the customer, without '#'
	Key     string // id of the API key whose webhook secret signs
	Subject string // what it is about: the id of a job or of a recheck, or Test
	ID      string // the webhook-id; stable, so that posting twice is one delivery
	URL     string // see CheckURL
	Body    []byte // JSON, up to MaxBody; sent as it is, to the octet

	// Keep is for how long the delivery can be read and sent again; 0: 30 days.
	Keep time.Duration
}

// Test is the Subject of test events.
const Test = "test"

// State is how far a delivery is.
type State string

// The states.
const (
	Pending   State = "pending"   // an attempt is due or under way
	Delivered State = "delivered" // answered 2xx
	Failed    State = "failed"    // no more attempts are made
)

// Delivery is one delivery as it stands.
type Delivery struct {
	ID      string // the webhook-id
	Account string
	Key     string
	Subject string
	URL     string
	State   State
	Round   int // from 1; each Resend begins another one

	// Attempt is the number, within the round, of the attempt that is due or was
	// the last: 1 to MaxAttempts.
	Attempt int

	CreatedAt time.Time // UTC, as the next two; to the millisecond
	NextAt    time.Time // when the attempt is due; zero unless Pending
	EndedAt   time.Time // when it was delivered or failed; zero while Pending

	Attempts []Attempt // the latest MaxLog, oldest first, of all rounds
}

// Attempt is one request and what came of it.
type Attempt struct {
	Round, Number int
	At            time.Time     // when it began, UTC, to the millisecond
	Took          time.Duration // whole milliseconds
	Status        int           // of the answer; 0: there was none
	Error         string        // why it does not count as delivered; "": it does. Words of ours alone.
	Response      string        // the beginning of the answer's body as plain text, unless it was 2xx
}
