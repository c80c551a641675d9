package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"rcpt/internal/mx"
	"rcpt/internal/store"
)

// Resolver finds addresses of hosts. See mx.Resolver, which is one.
type Resolver interface {
	Addrs(ctx context.Context, host string) mx.Addrs
}

// Config says what a Checker asks. At least one target, or an address and a
// list, are needed to find anything.
type Config struct {
	// Targets are exchangers of others, host:port, that anyone may connect to.
	// Three of different operators make a check that one of them cannot spoil.
	Targets []string

	// Address is the one we are seen with; not valid: lists are not asked.
	Address netip.Addr

	// Lists are the zones of DNS lists (RFC 5782), such as
	// KEY.zen.dq.spamhaus.net. Only those whose listing means that mail servers
	// at large refuse us: one is enough to stop all probing. They are asked
	// through Resolver; public resolvers are refused by the large lists, which is
	// told from a listing.
	Lists []string

	Resolver Resolver
	Table    store.Table
	Dial     func(ctx context.Context, network, address string) (net.Conn, error) // nil: net.Dialer's
	Now      func() time.Time
}

// Checker asks whether our way out is open. It is safe for concurrent use.
type Checker struct{ cfg Config }

// NewChecker returns a Checker. It opens no connection.
func NewChecker(cfg Config) *Checker {
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	return &Checker{cfg}
}

// Report is what one round saw and what is known after it.
type Report struct {
	State   State
	Changed bool   // by this round
	Seen    string // by this round, target by target: "mx.example.com:25 refused, ..."
}

// ErrNothingToAsk: neither targets nor a list are configured.
var ErrNothingToAsk = errors.New("no target and no list to ask")

// Check runs one round, ten seconds at most, and keeps what it found. A round
// that ends because ctx was cancelled finds nothing and keeps nothing: a process
// that is going down must not find the door closed.
func (c *Checker) Check(ctx context.Context) (Report, error) {
	if len(c.cfg.Targets) == 0 && (len(c.cfg.Lists) == 0 || !c.cfg.Address.IsValid()) {
		return Report{}, ErrNothingToAsk
	}
	began := c.cfg.Now()
	before, err := load(ctx, c.cfg.Table, began)
	if err != nil {
		return Report{}, err
	}
	found := c.round(ctx)
	if errors.Is(ctx.Err(), context.Canceled) {
		return Report{}, fmt.Errorf("check way out: %w", ctx.Err())
	}
	after := before.after(found, began)
	report := Report{State: after.State, Changed: after.State != before.State, Seen: found.why}
	if found.state == Unchecked {
		return report, nil
	}
	return report, after.save(ctx, c.cfg.Table)
}

// finding is what one round came to: Unchecked when it found nothing.
type finding struct {
	state State
	why   string
}

// patience bounds a round. It is longer than any healthy exchanger takes to
// greet, and shorter than the time of the function.
const patience = 10 * time.Second

// round asks all targets and lists at the same time.
func (c *Checker) round(ctx context.Context) finding {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	outcomes := make([]outcome, len(c.cfg.Targets))
	answers := make([]listing, len(c.cfg.Lists))
	var all sync.WaitGroup
	for i, target := range c.cfg.Targets {
		all.Go(func() { outcomes[i] = c.visit(ctx, target) })
	}
	if c.cfg.Address.IsValid() {
		for i, zone := range c.cfg.Lists {
			all.Go(func() { answers[i] = c.look(ctx, zone) })
		}
	}
	all.Wait()
	return conclude(outcomes, answers, c.seen(outcomes, answers))
}

// conclude is the rules of the package comment.
func conclude(outcomes []outcome, answers []listing, seen string) finding {
	count := func(which ...outcome) (n int) {
		for _, o := range outcomes {
			if slices.Contains(which, o) {
				n++
			}
		}
		return n
	}
	switch {
	case slices.Contains(answers, listed), count(refusedUs)*2 > len(outcomes):
		return finding{Listed, seen}
	case count(greeted) > 0:
		return finding{Open, seen}
	case count(refused, silent, unreachable, garbled)*2 > len(outcomes):
		return finding{Closed, seen}
	case len(outcomes) == 0 && slices.Contains(answers, notListed):
		return finding{Open, seen}
	}
	return finding{Unchecked, seen}
}

// seen tells the round in words. Of a list the last two labels are named: the
// first may be a key.
func (c *Checker) seen(outcomes []outcome, answers []listing) string {
	var words []string
	for i, o := range outcomes {
		words = append(words, c.cfg.Targets[i]+" "+string(o))
	}
	for i, a := range answers {
		if a != "" {
			labels := strings.Split(c.cfg.Lists[i], ".")
			words = append(words, strings.Join(labels[max(0, len(labels)-2):], ".")+" "+string(a))
		}
	}
	return strings.Join(words, ", ")
}
