package overlay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

const (
	// together is how many events one transaction takes: a marker, an entry, a
	// domain and its row each, and the budget: 97 operations of store.MaxOps.
	together = 24

	// tries bounds how often a transaction begins again because another one came
	// between. Each time somebody else's has succeeded.
	tries = 50

	// markerLife is how long an event is known again: longer than any ESP may send
	// it again (customer.io: seven days; Loops: by hand, within 30).
	markerLife = 32 * 24 * time.Hour

	// maxEventID is the longest Event.ID, in octets.
	maxEventID = 160
)

// oldest is the earliest time that an event may have; what claims to be older is
// moved there. No ESP is that old.
func oldest() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// Terms say how a POST of events is taken.
type Terms struct {
	// ChargeLater records all events at once, whatever the budget. It goes into
	// debt, up to one day's worth. It is for ESPs that cannot be made to wait.
	ChargeLater bool
}

// Outcome says what became of the events of one Record. The four counts add up
// to all of them.
type Outcome struct {
	Recorded   int
	Duplicates int // recorded before, or named twice; they cost nothing
	Refused    int // over budget: send them again
	Invalid    int // no events: no address, reason or id. A fault of the caller's; they cost nothing

	RetryAfter time.Duration // until there is budget for one more; 0 if nothing was refused
}

func (o *Outcome) add(other Outcome) {
	o.Recorded, o.Duplicates = o.Recorded+other.Recorded, o.Duplicates+other.Duplicates
	o.Refused, o.RetryAfter = o.Refused+other.Refused, max(o.RetryAfter, other.RetryAfter)
}

// Record takes the events of one POST that arrived at received; the zero time:
// now. Events are counted once by their id, in the order given until the budget
// is used up. A time of an event that is missing or after the arrival becomes
// the arrival, one before the year 2000 its beginning.
//
// After an error, Outcome says what is known to be recorded, and the same call
// may be repeated, also by another process: what was recorded is then a
// duplicate. ErrConflict; else the Table's or the Vault's, store.ErrThrottled
// among them.
func (b *Book) Record(ctx context.Context, key Key, events []Event, received time.Time, terms Terms) (Outcome, error) {
	if received.IsZero() {
		received = b.cfg.Now()
	}
	p := &post{book: b, key: key, terms: terms, received: received, sealed: make(map[string][]byte), free: make(map[string]bool)}
	reports, all := p.read(events)
	pending := reports
	var err error
	if len(pending) > together {
		// So that the transactions are full, however many were recorded before.
		pending, err = p.fresh(ctx, pending)
		all.Duplicates += len(reports) - len(pending)
	}
	for err == nil && len(pending) > 0 && all.Refused == 0 {
		group := pending[:min(together, len(pending))]
		var o Outcome
		if o, err = p.record(ctx, group); err == nil {
			pending = pending[len(group):]
			all.add(o)
		}
	}
	if all.Refused > 0 {
		all.Refused += len(pending)
	}
	p.forget(ctx, reports)
	return all, err
}

// post is one Record under way.
type post struct {
	book     *Book
	key      Key
	terms    Terms
	received time.Time
	sealed   map[string][]byte // addresses of new entries, by id
	free     map[string]bool   // domains that are never flagged
}

// report is an event read.
type report struct {
	Event
	address address.Address
	entry   string // id
	at      int64  // when it occurred, Unix ms
	domain  string // that it is a vote on; "": none
}

// read makes reports of events, each id once.
func (p *post) read(events []Event) (reports []report, o Outcome) {
	seen := make(map[string]bool, len(events))
	for _, e := range events {
		r, ok := p.report(e)
		switch {
		case !ok:
			o.Invalid++
		case seen[e.ID]:
			o.Duplicates++
		default:
			seen[e.ID] = true
			reports = append(reports, r)
		}
	}
	return reports, o
}

func (p *post) report(e Event) (r report, ok bool) {
	a, err := address.Parse(e.Email)
	printable := !strings.ContainsFunc(e.ID, func(c rune) bool { return c < ' ' || c > '~' })
	if err != nil || !e.Reason.Valid() || e.ID == "" || len(e.ID) > maxEventID || !printable {
		return report{}, false
	}
	at := e.OccurredAt
	switch {
	case at.IsZero() || at.After(p.received):
		at = p.received
	case at.Before(oldest()):
		at = oldest()
	}
	r = report{Event: e, address: a, entry: p.book.entryID(p.key.ID, a), at: at.UnixMilli()}
	if p.votes(e.Reason, at, a) {
		r.domain = a.Domain()
	}
	return r, true
}

// votes reports whether an event counts towards a consensus.
func (p *post) votes(reason Reason, at time.Time, a address.Address) bool {
	if p.key.Test || p.key.Account == "" || a.Literal() || reason != HardBounce && reason != Complaint {
		return false
	}
	if !at.After(p.received.Add(-window)) {
		return false
	}
	free, known := p.free[a.Domain()]
	if !known {
		free = p.book.cfg.Free(a.Domain())
		p.free[a.Domain()] = free
	}
	return !free
}

// fresh leaves out what was recorded before.
func (p *post) fresh(ctx context.Context, reports []report) ([]report, error) {
	markers := make([]store.Key, len(reports))
	for i, r := range reports {
		markers[i] = markerKey(p.key.ID, r.ID)
	}
	found, err := p.book.read(ctx, markers)
	if err != nil {
		return nil, err
	}
	var left []report
	for i, r := range reports {
		if !found[markers[i]].Present() {
			left = append(left, r)
		}
	}
	return left, nil
}

// record takes up to together reports in one transaction.
func (p *post) record(ctx context.Context, group []report) (Outcome, error) {
	for range tries {
		w, err := p.plan(ctx, group)
		if err != nil || len(w.ops) == 0 {
			return w.outcome, err
		}
		err = p.book.cfg.Table.Transact(ctx, w.ops)
		if err == nil {
			return w.outcome, nil
		}
		if !errors.Is(err, store.ErrCondition) {
			return Outcome{}, fmt.Errorf("record %d events of key %s: %w", len(group), p.key.ID, err)
		}
	}
	return Outcome{}, ErrConflict
}

// read reads items by their keys.
func (b *Book) read(ctx context.Context, keys []store.Key) (map[store.Key]store.Item, error) {
	items, err := b.cfg.Table.BatchGet(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("read overlay: %w", err)
	}
	found := make(map[store.Key]store.Item, len(items))
	for _, item := range items {
		found[item.Key] = item
	}
	return found, nil
}

// forget drops what is cached of the addresses, also of duplicates: the process
// that recorded them may have died before. A cache that cannot be reached costs
// nothing but space, for a check reads the overlay first.
func (p *post) forget(ctx context.Context, reports []report) {
	var addresses []address.Address
	seen := make(map[address.Address]bool, len(reports))
	for _, r := range reports {
		if !seen[r.address] {
			seen[r.address] = true
			addresses = append(addresses, r.address)
		}
	}
	if len(addresses) == 0 {
		return
	}
	if _, err := p.book.cfg.Forget(ctx, p.key.ID, addresses...); err != nil && ctx.Err() == nil {
		p.book.cfg.Log.LogAttrs(ctx, slog.LevelError, "evidence of reported addresses not dropped", slog.String("error", err.Error()))
	}
}
