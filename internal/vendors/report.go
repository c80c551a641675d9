package vendors

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Tally is a number of calls and what they cost.
type Tally struct {
	Calls int64
	Cost  int64 // micro-dollars, by list price
}

func (t Tally) plus(other Tally) Tally { return Tally{t.Calls + other.Calls, t.Cost + other.Cost} }

// Day is what an account's calls came to on one day. Of each map the tallies sum
// up to All.
type Day struct {
	Day              string // UTC, "2026-11-22"
	All              Tally
	ByVendor         map[Name]Tally
	ByAction         map[Action]Tally
	ByDeliverability map[Deliverability]Tally
}

// Usage returns what an account's calls came to from the day of one time to that
// of another, both included, in UTC and in order. Days without calls are left
// out. It counts all verifications that have returned. Entries left open are
// swept first, see Sweep.
func (l *Ledger) Usage(ctx context.Context, account string, from, to time.Time) ([]Day, error) {
	l.sweepIfDue(ctx, account)
	days := make(map[string]*Day)
	for shard := range shards {
		query := store.Query{Part: usagePart(account, shard), After: store.Cursor(from.UTC().Format(time.DateOnly))}
		for {
			page, err := l.table.Query(ctx, query)
			if err != nil {
				return nil, fmt.Errorf("read usage: %w", err)
			}
			for _, item := range page.Items {
				day, counted := strings.CutSuffix(item.Key.Sort, usageDimension)
				if counted && day <= to.UTC().Format(time.DateOnly) {
					if days[day] == nil {
						days[day] = &Day{Day: day, ByVendor: map[Name]Tally{}, ByAction: map[Action]Tally{}, ByDeliverability: map[Deliverability]Tally{}}
					}
					days[day].add(item)
				}
			}
			if query.After = page.Next; query.After == "" {
				break
			}
		}
	}
	all := make([]Day, 0, len(days))
	for _, day := range days {
		all = append(all, *day)
	}
	slices.SortFunc(all, func(a, b Day) int { return cmp.Compare(a.Day, b.Day) })
	return all, nil
}

func (d *Day) add(item store.Item) {
	for name := range item.Attrs {
		what, counts := strings.CutPrefix(name, "calls/")
		if !counts {
			continue
		}
		tally := Tally{Calls: item.Int(name), Cost: item.Int("cost/" + what)}
		kind, value, _ := strings.Cut(what, "/")
		switch kind {
		case "all":
			d.All = d.All.plus(tally)
		case "p":
			d.ByVendor[Name(value)] = d.ByVendor[Name(value)].plus(tally)
		case "a":
			d.ByAction[Action(value)] = d.ByAction[Action(value)].plus(tally)
		case "d":
			d.ByDeliverability[Deliverability(value)] = d.ByDeliverability[Deliverability(value)].plus(tally)
		}
	}
}

// Filter chooses entries of the log. What is zero does not matter.
type Filter struct {
	Vendor         Name
	Action         Action
	State          State
	Status         Status
	Deliverability Deliverability
	Subject        string
	Address        address.Address
	Since          time.Time // included
	Until          time.Time // not included
}

// ErrCursor: a cursor that no page ended with.
var ErrCursor = errors.New("next must be what an earlier page of the same list gave")

// maxScanned bounds the entries looked at for one page: a filter that nothing
// passes must not read the log of a year. The page is short then, and has a next.
const maxScanned = 5000

// Log lists verifications of an account, the latest first, up to limit (1 to
// 1,000). It goes on behind after, the next of an earlier page; next is empty
// when there are no more. ErrCursor when after is nothing of the kind. Entries
// left open are swept first, see Sweep; one that could not be has the reason in
// Error.
func (l *Ledger) Log(ctx context.Context, account string, f Filter, after string, limit int) (entries []Entry, next string, err error) {
	if after != "" && !isEntryID(after) {
		return nil, "", ErrCursor
	}
	l.sweepIfDue(ctx, account)
	query := store.Query{Part: logPart + account, Descending: true, Limit: limit, After: logKey(account, after).Sort}
	if after == "" && !f.Until.IsZero() {
		query.After = f.Until.UTC().Format(logTime)
	}
	hash := ""
	if !f.Address.IsEmpty() {
		hash = l.hash(account, f.Address)
	}
	for scanned := 0; ; {
		page, err := l.table.Query(ctx, query)
		if err != nil {
			return nil, "", fmt.Errorf("read log: %w", err)
		}
		for i, item := range page.Items {
			e := l.explain(entryOf(item))
			if e.At.Before(f.Since) {
				return entries, "", nil
			}
			if !f.passes(e) || hash != "" && item.Str("hash") != hash {
				continue
			}
			if e.Email, err = l.email(ctx, account, item); err != nil {
				return nil, "", err
			}
			entries = append(entries, e)
			if len(entries) == limit && (i+1 < len(page.Items) || page.Next != "") {
				return entries, e.ID, nil
			}
		}
		scanned += len(page.Items)
		query.After = page.Next
		switch {
		case page.Next == "":
			return entries, "", nil
		case scanned >= maxScanned:
			return entries, entryID(page.Next), nil
		}
		query.Limit = store.MaxPageItems
	}
}

func (f Filter) passes(e Entry) bool {
	return (f.Vendor == "" || f.Vendor == e.Vendor) && (f.Action == "" || f.Action == e.Action) &&
		(f.State == "" || f.State == e.State) && (f.Status == "" || f.Status == e.Result.Status) &&
		(f.Deliverability == "" || f.Deliverability == e.Result.Deliverability) && (f.Subject == "" || f.Subject == e.Subject) &&
		(f.Until.IsZero() || e.At.Before(f.Until))
}

// email opens the address of an entry. One that does not open is left out: it
// says nothing that the rest of the entry needs.
func (l *Ledger) email(ctx context.Context, account string, item store.Item) (string, error) {
	text, err := l.vault.Open(ctx, item.Bytes("address"), l.sealContext(account))
	if errors.Is(err, store.ErrSealed) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("open address of log entry: %w", err)
	}
	return string(text), nil
}
