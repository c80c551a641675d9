// Package egress finds out whether our own way out to port 25 is open, and
// remembers it for all processes. Networks close that port by default (AWS does,
// on every account that did not ask), and then every probe times out: a verifier
// that does not know takes its own closed door for a world without mailboxes.
//
// A checker, run by a clock, asks and writes; whoever probes reads:
//
//	check.go   one round: targets, lists, what follows from them
//	target.go  one exchanger: connect, read its greeting
//	dnsbl.go   whether a DNS list has our address (RFC 5782)
//	record.go  what is known, how it changes, where it is kept
//	watch.go   the reader, which never makes a request wait
//
// The rules, in the order they are asked:
//
//   - Listed: more than half of the targets refuse us in their greeting (5yz), or
//     one of the configured DNS lists has our address.
//   - Open: a target greets, be it to say that it is busy (4yz). Port 25 is open
//     or closed for all the world, so one greeting shows it.
//   - Closed: no target greets, and more than half of them refuse or ignore the
//     connection. That of others nothing can be learned (their name does not
//     resolve) is no sign of a closed door, nor is one target that is down when
//     there are several.
//   - Otherwise the round found nothing, and what was known stands.
//
// Bad news counts at the second round in a row, good news at once. What is known
// lapses twenty minutes after the last round that found something, so that a
// checker which died leaves "unchecked" behind and not a door closed for ever.
//
// Left out on purpose: what single operators reply to probes. Each keeps a list
// of its own; its breaker (package pace) holds us back there and nowhere else.
package egress

import "time"

// State is what is known of our way out.
type State string

// The states.
const (
	Unchecked State = "unchecked" // nobody has looked, or not lately: counts as open
	Open      State = "open"
	Closed    State = "closed" // connections to port 25 do not come about
	Listed    State = "listed" // they do, but our address is refused
)

// Blocks reports whether probing is useless.
func (s State) Blocks() bool { return s == Closed || s == Listed }

const (
	// life is how long a finding is believed: four rounds of a clock that comes
	// every five minutes.
	life = 20 * time.Minute

	// confirmed is how many bad rounds in a row it takes.
	confirmed = 2

	// apart is how far apart two bad rounds must begin to count as two: the
	// clock of AWS may come twice (EventBridge delivers at least once).
	apart = time.Second
)
