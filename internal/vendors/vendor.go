// Package vendors asks commercial verifiers, with keys that customers bring
// along, about addresses that rcpt could not decide itself or that the customer
// wants judged by them.
//
// A verification goes through these steps (chain.go):
//
//	results.go  a verdict of the last seven days, if the key it came through still exists
//	book.go     the account's keys: sealed, checked at the vendor before they are kept
//	chain.go    the active keys, cheapest vendor first, keys of one vendor by id
//	limit.go    a place among the calls that a vendor takes at once from an account
//	budget.go   what the account wants to spend at most
//	ledger.go   the call is noted before it is made, and counted exactly once after it
//	client.go   one HTTP call, within a time and a size
//	<vendor>.go what to send, what the answer means
//	pause.go    which keys rest, after what, and for how long (the breaker)
//	sweep.go    what becomes of entries whose process died
//
// forget.go drops what is known of an address that is erased.
//
// The next key is asked only after trouble with the vendor or the key: network,
// 5xx, rate, quota, a refused key. A verdict of unknown is an answer. What
// happened at each key is in the trace of the answer.
//
// A new vendor is a file with a protocol, a line in protocols, a line in
// Defaults and a double in package vendordouble. The facts about vendors are
// those of their documentation as seen in mid 2026; where a vendor does not say,
// the comment says so.
//
// Left out: bulk endpoints and callbacks of vendors, a second opinion after
// unknown, repeating a call at the same key.
package vendors

import "fmt"

// Name names a vendor, as on the wire: "provider".
type Name string

// The vendors.
const (
	MillionVerifier Name = "millionverifier"
	Reoon           Name = "reoon"
	NeverBounce     Name = "neverbounce"
	ZeroBounce      Name = "zerobounce"
	Hunter          Name = "hunter"
)

// protocol is how to talk to one vendor. Its functions are pure.
type protocol struct {
	ask     func(call) query                             // the request for a verdict
	read    func(code int, body []byte) (Result, *Error) // its answer
	balance func(call) query                             // the request for what is left, which also proves the key
	left    func(code int, body []byte) (*int64, *Error) // its answer, in checks; nil when the account has no such number
}

// protocols is a function so that nothing is built in a binary that asks nobody.
func protocols(name Name) (protocol, bool) {
	switch name {
	case MillionVerifier:
		return millionVerifier, true
	case Reoon:
		return reoon, true
	case NeverBounce:
		return neverBounce, true
	case ZeroBounce:
		return zeroBounce, true
	case Hunter:
		return hunter, true
	}
	return protocol{}, false
}

// Known reports whether there is a vendor of this name.
func Known(name Name) bool { _, ok := protocols(name); return ok }

// Status says what list hygiene should do with an address.
type Status string

// The statuses.
const (
	Valid   Status = "valid"
	Invalid Status = "invalid"
	Risky   Status = "risky"
	Unknown Status = "unknown"
)

// Deliverability says what would happen to mail.
type Deliverability string

// The deliverabilities.
const (
	Deliverable   Deliverability = "deliverable"
	Undeliverable Deliverability = "undeliverable"
	Uncertain     Deliverability = "risky"
	Undecided     Deliverability = "unknown"
)

// Result is a vendor's verdict in our words. A nil flag: the vendor did not say.
type Result struct {
	Status         Status
	Deliverability Deliverability
	Disposable     *bool
	Role           *bool
	CatchAll       *bool
	Confidence     *float64 // 0 to 1
	Raw            string   // the vendor's word, its second word after a colon
	Doubt          Doubt    // of Undeliverable

	Charged bool   // by the vendor's rules; true where they are not known
	Credits *int64 // left on the account, if the answer said so
	Passing bool   // the vendor had not finished: not worth keeping
}

// Doubt is why a verdict of undeliverable is no proof that there is no mailbox.
// The vendor's answer is told as it is; who decides by it looks here.
type Doubt string

// The doubts.
const (
	None      Doubt = ""
	Form      Doubt = "form"      // it is about the form of the address, which we could read
	Unreached Doubt = "unreached" // the vendor did not get as far as the mailbox
	Room      Doubt = "room"      // its reason leaves room for a mailbox: one that is full, for example
)

func undecided(raw string) Result {
	return Result{Status: Unknown, Deliverability: Undecided, Raw: raw}
}

// Class says what an error means for the chain.
type Class string

// The classes.
const (
	Auth   Class = "auth"    // the key is wrong, revoked or may not do this
	Quota  Class = "quota"   // the account has no checks left
	Rate   Class = "rate"    // too fast, too many at once, or our address is blocked
	Server Class = "server"  // network, timeout, 5xx, an answer that makes no sense
	Bad    Class = "request" // the vendor finds our request malformed; the next one would, too
)

// Error says that a vendor gave no verdict. Its text carries neither key nor
// full address and may be shown to the owner of the key.
type Error struct {
	Vendor     Name
	Class      Class
	Code       int     // HTTP status; 0: there was no answer
	Text       string  // the vendor's, or ours when it said nothing of use
	RetryAfter int     // seconds the vendor asks to wait; 0: it does not say
	instead    *Result // what to answer if no other vendor does
	sign       sign    // of the protocols, for the client
}

// Error has the form "hunter: HTTP 429: Rate limit exceeded".
func (e *Error) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("%s: %s", e.Vendor, e.Text)
	}
	return fmt.Sprintf("%s: HTTP %d: %s", e.Vendor, e.Code, e.Text)
}

// Next reports whether another key may be asked after the error.
func (e *Error) Next() bool { return e.Class != Bad }

// sign is what an answer asks of the client before it becomes an error.
type sign int

const (
	pending   sign = iota + 1 // the same request again, after a pause
	ambiguous                 // the text is one for two causes: the balance tells which
)

func fault(class Class, code int, text string) *Error {
	return &Error{Class: class, Code: code, Text: text}
}
