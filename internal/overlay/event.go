package overlay

import "time"

// Reason is what a report says about an address. The wire names are the
// contract's.
type Reason string

// The reasons, from the strongest to the weakest. Another value is no reason.
const (
	Complaint   Reason = "spam_complaint" // a person called the mail spam (a feedback loop says so)
	HardBounce  Reason = "hard_bounce"    // the mailbox or its domain takes no mail
	Unsubscribe Reason = "unsubscribe"    // the recipient wants no more mail of this sender
	SoftBounce  Reason = "soft_bounce"    // refused for a cause that is not the mailbox: full, policy, content
)

// Valid reports whether r is one of the four reasons.
func (r Reason) Valid() bool { return r.rank() > 0 }

// Stronger reports whether r goes before other. One cause often gives several
// events, and a weaker one that comes later must not hide the stronger:
// spam_complaint > hard_bounce > unsubscribe > soft_bounce. A reason is not
// stronger than itself, and any reason is stronger than none.
func (r Reason) Stronger(other Reason) bool { return r.rank() > other.rank() }

func (r Reason) rank() int {
	switch r {
	case Complaint:
		return 4
	case HardBounce:
		return 3
	case Unsubscribe:
		return 2
	case SoftBounce:
		return 1
	}
	return 0
}

// Event is one report about one address, from an ESP's webhook or from the API.
type Event struct {
	Email  string // an address that address.Parse reads, in its wire form
	Reason Reason // one of the four

	// OccurredAt is when it happened, UTC, never after the arrival. The zero
	// time: not known, the time of arrival counts.
	OccurredAt time.Time

	// ID tells the event from every other of the same key: two deliveries of one
	// event carry the same ID. It begins with the source and a colon, is at most
	// 160 octets, printable ASCII. It may be a hash of the address among other
	// things, so that it tells no address but confirms a guess.
	ID string

	// Source is who says so: an ESP's slug, or "api".
	Source string

	// Detail is the ESP's diagnostic, capped, in one line. It may hold the
	// address: it is stored sealed or not at all, and never logged.
	Detail string
}
