package sim

import (
	"sync/atomic"

	"github.com/miekg/dns"
)

// Counts is what the world has seen since it started. Tests compare two
// snapshots with Sub. What a client sent without waiting for the answer, such
// as QUIT, is counted for certain after World.Settle.
type Counts struct {
	Questions     int64              // DNS questions, repeated and refused ones included
	QuestionTypes map[string]int64   // the same by type: "A", "AAAA", "MX", "TXT", "other"; those not seen are left out
	Behaviors     map[string]Traffic // by the name of the behavior, such as "ok"; those without traffic are left out
	Traffic                          // of all behaviors together
}

// Traffic is what happened at exchangers.
type Traffic struct {
	Connections int64
	// RoundTrips is how often clients crossed the network: one per connection,
	// one per write of replies (greeting included), one for a TLS 1.3 handshake
	// and two for an older one. The answer to QUIT alone is no round trip,
	// since nobody waits for it.
	RoundTrips int64
	Quits      int64 // sessions ended by QUIT
	// EarlyTalkers is the number of sessions whose client sent before it was
	// greeted, OutOfTurn of those that sent more behind a command that must be
	// the last of its group (RFC 2920 §3.1). Both end with 554.
	EarlyTalkers, OutOfTurn int64
	Commands                map[string]int64 // by verb in upper case, "other" for unknown ones; those not seen are left out
}

// Data returns the number of commands that would have begun a message.
func (t Traffic) Data() int64 { return t.Commands["DATA"] + t.Commands["BDAT"] }

// Counts returns a snapshot. A connection counts when it is accepted, a
// command when it is read, both before they are answered.
func (w *World) Counts() Counts {
	c := Counts{QuestionTypes: w.names.tally.snapshot(), Behaviors: make(map[string]Traffic)}
	for _, n := range c.QuestionTypes {
		c.Questions += n
	}
	for _, e := range w.exchangers {
		if e == nil {
			continue
		}
		if t := e.tally.snapshot(); !t.none() {
			c.Behaviors[e.name] = t
			c.Traffic = c.combine(t, 1)
		}
	}
	return c
}

// Sub returns what happened between the earlier snapshot and this one.
func (c Counts) Sub(earlier Counts) Counts {
	d := Counts{
		Questions:     c.Questions - earlier.Questions,
		QuestionTypes: combine(c.QuestionTypes, earlier.QuestionTypes, -1),
		Traffic:       c.Traffic.Sub(earlier.Traffic),
		Behaviors:     make(map[string]Traffic),
	}
	for name, t := range c.Behaviors {
		if t := t.Sub(earlier.Behaviors[name]); !t.none() {
			d.Behaviors[name] = t
		}
	}
	return d
}

// Sub returns what happened between the earlier snapshot and this one.
func (t Traffic) Sub(earlier Traffic) Traffic { return t.combine(earlier, -1) }

func (t Traffic) combine(u Traffic, sign int64) Traffic {
	return Traffic{
		Connections:  t.Connections + sign*u.Connections,
		RoundTrips:   t.RoundTrips + sign*u.RoundTrips,
		Quits:        t.Quits + sign*u.Quits,
		EarlyTalkers: t.EarlyTalkers + sign*u.EarlyTalkers,
		OutOfTurn:    t.OutOfTurn + sign*u.OutOfTurn,
		Commands:     combine(t.Commands, u.Commands, sign),
	}
}

func (t Traffic) none() bool {
	return t.Connections == 0 && t.RoundTrips == 0 && t.Quits == 0 && t.EarlyTalkers == 0 && t.OutOfTurn == 0 && len(t.Commands) == 0
}

func combine(a, b map[string]int64, sign int64) map[string]int64 {
	sum := make(map[string]int64)
	for name, n := range a {
		sum[name] = n
	}
	for name, n := range b {
		if sum[name] += sign * n; sum[name] == 0 {
			delete(sum, name)
		}
	}
	return sum
}

// tally is the running Traffic of one exchanger.
type tally struct {
	connections, roundTrips, quits, earlyTalkers, outOfTurn atomic.Int64

	commands [len(verbs)]atomic.Int64
}

func (t *tally) snapshot() Traffic {
	s := Traffic{
		Connections:  t.connections.Load(),
		RoundTrips:   t.roundTrips.Load(),
		Quits:        t.quits.Load(),
		EarlyTalkers: t.earlyTalkers.Load(),
		OutOfTurn:    t.outOfTurn.Load(),
		Commands:     make(map[string]int64),
	}
	for v := range t.commands {
		if n := t.commands[v].Load(); n > 0 {
			s.Commands[verbs[v].name] = n
		}
	}
	return s
}

// questionTally counts DNS questions by the types a mail client asks for.
type questionTally struct{ a, aaaa, mx, txt, other atomic.Int64 }

func (t *questionTally) add(qtype uint16) {
	switch qtype {
	case dns.TypeA:
		t.a.Add(1)
	case dns.TypeAAAA:
		t.aaaa.Add(1)
	case dns.TypeMX:
		t.mx.Add(1)
	case dns.TypeTXT:
		t.txt.Add(1)
	default:
		t.other.Add(1)
	}
}

func (t *questionTally) snapshot() map[string]int64 {
	s := map[string]int64{"A": t.a.Load(), "AAAA": t.aaaa.Load(), "MX": t.mx.Load(), "TXT": t.txt.Load(), "other": t.other.Load()}
	for name, n := range s {
		if n == 0 {
			delete(s, name)
		}
	}
	return s
}
