package sim

import (
	"context"
	"errors"
	"strconv"
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
	began := time.Unix(1_700_000_000, 0)
	later := began.Add(time.Second)
	m := newTriplets()
	first := func(i int, now time.Time) time.Time {
		at, err := m.firstContact(context.Background(), strconv.Itoa(i), now)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for i := range maxTriplets + 1 {
		first(i, began)
	}
	if got := first(0, later); got != later {
		t.Errorf("the oldest was first seen %v, want %v", got, later)
	}
	if got := first(maxTriplets, later); got != began {
		t.Errorf("the youngest was first seen %v, want %v", got, began)
	}
	if len(m.first) != maxTriplets || len(m.order) != maxTriplets {
		t.Errorf("holds %d triplets in an order of %d, want %d", len(m.first), len(m.order), maxTriplets)
	}
}

func TestGreylistingWithAMemoryOfOthers(t *testing.T) {
	var c clock
	shared := newTriplets()
	var broken atomic.Bool
	options := Options{Now: c.now, FirstContact: func(ctx context.Context, triplet string, now time.Time) (time.Time, error) {
		if broken.Load() {
			return time.Time{}, errors.New("memory lost")
		}
		return shared.firstContact(ctx, triplet, now)
	}}
	here, there := NewOffline(options), NewOffline(options)
	ask := func(o *Offline, want string) {
		t.Helper()
		talk(t, reach(t, o, "greylist.test"), hello("mx1.greylist.test")+`
			C: MAIL FROM:<verify@probe.example>
			C: RCPT TO:<alice@greylist.test>
			S: 250 2.1.0 Ok
			S: `+want)
	}
	const deferred = "451 4.7.1 <alice@greylist.test>: Recipient address rejected: Greylisted, try again in 20 seconds"
	ask(here, deferred)
	c.advance(20 * time.Second)
	ask(there, accepted)
	broken.Store(true)
	ask(here, deferred) // what cannot be remembered is the first contact
}
