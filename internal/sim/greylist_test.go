package sim

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a time that tests move by hand.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(1_700_000_000+c.seconds.Load(), 0) }
func (c *clock) advance(d time.Duration) { c.seconds.Add(int64(d / time.Second)) }

func TestGreylisting(t *testing.T) {
	var c clock
	w := start(t, Options{Now: c.now})
	ask := func(sender, recipient, want string) {
		t.Helper()
		talk(t, dial(t, w, "greylist.test"), hello("mx1.greylist.test")+`
			C: MAIL FROM:<`+sender+`>
			C: RCPT TO:<`+recipient+`>
			S: 250 2.1.0 Ok
			S: `+want)
	}
	deferred := func(recipient, seconds string) string {
		return "451 4.7.1 <" + recipient + ">: Recipient address rejected: Greylisted, try again in " + seconds + " seconds"
	}
	const sender = "verify@probe.example"

	ask(sender, "alice@greylist.test", deferred("alice@greylist.test", "20"))
	ask(sender, "nobody@greylist.test", deferred("nobody@greylist.test", "20"))
	c.advance(15 * time.Second)
	ask(sender, "alice@greylist.test", deferred("alice@greylist.test", "5")) // too early
	ask(sender, "bob@greylist.test", deferred("bob@greylist.test", "20"))    // another recipient
	c.advance(5 * time.Second)
	ask(strings.ToUpper(sender), "Alice@Greylist.test", accepted) // case does not matter
	ask(sender, "nobody@greylist.test", "550 5.1.1 <nobody@greylist.test>: Recipient address rejected: User unknown in virtual mailbox table")
	ask("other@probe.example", "alice@greylist.test", deferred("alice@greylist.test", "20"))
	ask(sender, "alice@greylist-2.test", deferred("alice@greylist-2.test", "20"))
}

func TestGreylistForgetsTheOldest(t *testing.T) {
	var c clock
	g := newGreylist(time.Second, c.now)
	at := func(i int) triplet {
		return triplet{netip.AddrFrom4([4]byte{192, 0, byte(2 + i>>16), byte(i >> 8)}), "", string(rune('a' + i&0xff))}
	}
	for i := range maxTriplets + 1 {
		g.wait(at(i))
	}
	c.advance(time.Second)
	if got := g.wait(at(0)); got != time.Second {
		t.Errorf("the oldest waits %v, want %v", got, time.Second)
	}
	if got := g.wait(at(maxTriplets)); got != 0 {
		t.Errorf("the youngest waits %v, want 0", got)
	}
	if len(g.first) != maxTriplets || len(g.order) != maxTriplets {
		t.Errorf("holds %d triplets in an order of %d, want %d", len(g.first), len(g.order), maxTriplets)
	}
}
