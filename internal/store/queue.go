package store

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// Limits of a Queue: those of Amazon SQS ("Amazon SQS message quotas", Developer
// Guide, seen November 2026). Sizes are in octets.
const (
	MaxMessage = 1000 * 1024 // Message.Body: 1 MiB less room for what an adapter adds
	MaxGroup   = 128         // Message.Group

	MaxDelay   = 15 * time.Minute
	MaxReceive = 10               // messages of one Receive
	MaxPoll    = 20 * time.Second // how long one Receive waits
	MaxLease   = 12 * time.Hour   // at a time; SQS counts all of it from the Receive, however often it is extended

	// MinRetention is how long a message is kept at the least. One that nobody
	// has deleted by then may be forgotten.
	MinRetention = 4 * 24 * time.Hour
)

// ErrLease: the delivery is over: its message is deleted, or its lease ended and
// the message may be with another receiver.
var ErrLease = errors.New("lease is over")

// Queue hands messages from senders to receivers. It is safe for concurrent use.
//
// Delivery. A message that Send has acknowledged is delivered at least once and
// until it is deleted, in no promised order. It may be delivered more than once,
// even after Delete and even to two receivers at once: whoever receives bears
// duplicates. A message is not acknowledged by receiving it; when the lease ends
// before it is deleted, it is delivered again.
//
// Dead letters. Where the queue is opened it is said how many times a message is
// received at most and which queue takes it afterwards, with its body and group.
// That queue is a Queue like any other and has none behind it.
//
// Times are whole seconds; a fraction is rounded up. They pass by the clock of
// the queue, not of the caller, and a message may be late.
//
// Context. A context that is done before the work starts stops it with the
// context's error and nothing is sent, received or deleted.
//
// Every method may fail with ErrValue, ErrLimit, ErrThrottled and ErrUnknown.
type Queue interface {
	// Send adds any number of messages. It is not atomic: when some are not
	// known to be sent the error is a *SendError that names them, and the others
	// are sent. ErrValue and ErrLimit come before anything is sent, see
	// CheckMessages.
	Send(ctx context.Context, messages ...Message) error

	// Receive takes up to max messages, 1 to MaxReceive, and keeps them from
	// other receivers for the lease, 1 s to MaxLease. If there is none it waits
	// for one until wait, 0 to MaxPoll, has passed; then it returns none, and no
	// error. It may return fewer than there are, and none now and then though
	// there are some.
	Receive(ctx context.Context, max int, wait, lease time.Duration) ([]Delivery, error)

	// Extend makes the lease end that long from now, 0 to MaxLease; with 0 the
	// message is due at once. ErrLease when it is known to be over already.
	Extend(ctx context.Context, receipt string, lease time.Duration) error

	// Delete removes the messages of any number of deliveries. That one is over
	// is no error; whether its message is removed then is open. After an error
	// any of them may have been removed, and the same call may be repeated.
	Delete(ctx context.Context, receipts ...string) error
}

// Message is what a sender puts into a Queue.
type Message struct {
	// Body is text of 1 to MaxMessage octets: UTF-8 without control characters
	// but tab, line feed and carriage return, and without U+FFFE and U+FFFF.
	Body string

	// Group says whose message it is, so that a receiver serves those of another
	// group without waiting for this one's backlog. It gives no order. Up to
	// MaxGroup letters, digits and punctuation of ASCII; "" for none.
	Group string

	// Delay is how long the message is held back, 0 to MaxDelay.
	Delay time.Duration
}

// Delivery is one message as one receiver gets it.
type Delivery struct {
	ID       string // of the message: the same at each delivery
	Receipt  string // of this delivery: for Extend and Delete
	Body     string
	Group    string
	Received int       // how often the message has been received from this queue, this time included; at least 1
	Sent     time.Time // UTC, whole seconds
}

// SendError says which messages of a Send are not known to be sent: they may or
// may not be. Sending exactly those again loses none.
type SendError struct {
	Unsent []int // positions in the call, ascending, from 0
	Cause  error // why one of them was not; wraps ErrThrottled when that is the reason
}

// Error counts the messages.
func (e *SendError) Error() string {
	return fmt.Sprintf("%d messages not sent: %v", len(e.Unsent), e.Cause)
}

// Unwrap returns the cause.
func (e *SendError) Unwrap() error { return e.Cause }

// Check reports with ErrValue or ErrLimit what is wrong with the message.
func (m Message) Check() error {
	switch {
	case m.Body == "":
		return fmt.Errorf("%w: empty message", ErrValue)
	case len(m.Body) > MaxMessage:
		return fmt.Errorf("%w: message of %d octets", ErrLimit, len(m.Body))
	case len(m.Group) > MaxGroup:
		return fmt.Errorf("%w: message group of %d octets", ErrLimit, len(m.Group))
	case m.Delay < 0:
		return fmt.Errorf("%w: delay of %v", ErrValue, m.Delay)
	case m.Delay > MaxDelay:
		return fmt.Errorf("%w: delay of %v", ErrLimit, m.Delay)
	}
	for _, c := range []byte(m.Group) {
		if c <= ' ' || c >= 0x7f {
			return fmt.Errorf("%w: message group %q", ErrValue, m.Group)
		}
	}
	return checkText(m.Body)
}

// checkText keeps to the characters of XML 1.0 §2.2, which SQS takes.
func checkText(text string) error {
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return fmt.Errorf("%w: message is not UTF-8 at octet %d", ErrValue, i)
			}
		}
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return fmt.Errorf("%w: message holds %U at octet %d", ErrValue, r, i)
		}
	}
	return nil
}

// CheckMessages reports with ErrValue or ErrLimit what is wrong with a Send.
func CheckMessages(messages []Message) error {
	for i, m := range messages {
		if err := m.Check(); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	return nil
}

// CheckReceive reports with ErrValue or ErrLimit what is wrong with a Receive.
func CheckReceive(max int, wait, lease time.Duration) error {
	switch {
	case max < 1 || wait < 0 || lease < time.Second:
		return fmt.Errorf("%w: receive of %d messages, wait %v, lease %v", ErrValue, max, wait, lease)
	case max > MaxReceive || wait > MaxPoll || lease > MaxLease:
		return fmt.Errorf("%w: receive of %d messages, wait %v, lease %v", ErrLimit, max, wait, lease)
	}
	return nil
}

// CheckExtend reports with ErrValue or ErrLimit what is wrong with an Extend.
func CheckExtend(receipt string, lease time.Duration) error {
	switch {
	case receipt == "" || lease < 0:
		return fmt.Errorf("%w: extend %q by %v", ErrValue, receipt, lease)
	case lease > MaxLease:
		return fmt.Errorf("%w: lease of %v", ErrLimit, lease)
	}
	return nil
}

// Seconds rounds up to whole seconds, as every time of a Queue is.
func Seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
