package vendors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"rcpt/internal/store"
)

// An entry stays open when its process died, or could not reach the table, before
// the end of a verification was written. Nobody can tell then whether a call was
// made and paid, with one exception: a verdict is kept before it is counted, and
// names its entry. So a sweep closes what has been open for too long in one of
// two ways:
//
//	its verdict was kept      answered, counted as it would have been
//	nothing is known          failed; it is not counted, and what it reserved under
//	                          its cap stays spent: giving back money that may be
//	                          gone would let the cap be passed
//
// A process that was only slow may still write its end over the second.

const (
	// openLife is how long an entry may be open. A verification ends within
	// longestTurn, and writing it down within settleTime; the rest is for clocks
	// that differ.
	openLife = 10 * time.Minute

	// longestTurn bounds one verification, whatever its deadline.
	longestTurn = 5 * time.Minute

	// sweepPause is how often a process looks for open entries of an account.
	sweepPause = time.Minute
)

// unwritten explains an entry that was open for too long.
func unwritten(e Entry) string {
	return fmt.Sprintf("the outcome was never written: a call to %s may have been made and paid", e.Vendor)
}

// explain tells a reader what an open entry means.
func (l *Ledger) explain(e Entry) Entry {
	if e.State == Open && l.now().Sub(e.At) > openLife {
		e.Error = unwritten(e)
	}
	return e
}

// sweeps are the accounts that this process has swept lately.
type sweeps struct {
	mu   sync.Mutex
	last map[string]time.Time
}

const maxSweeps = 10_000

// due reports, once in a pause, that it is time to sweep an account.
func (s *sweeps) due(account string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, swept := s.last[account]; swept && now.Sub(last) < sweepPause {
		return false
	}
	if s.last == nil || len(s.last) >= maxSweeps {
		s.last = make(map[string]time.Time)
	}
	s.last[account] = now
	return true
}

// sweepIfDue is what readers do. That it fails is no reason not to read: what is
// open is shown as that, and swept by the next.
func (l *Ledger) sweepIfDue(ctx context.Context, account string) {
	if l.sweeps.due(account, l.now()) {
		_, _ = l.Sweep(ctx, account)
	}
}

func sweptKey(account string) store.Key { return store.Key{Part: "SWEPT#" + account} }

// Sweep closes the entries of an account that have been open for more than ten
// minutes, and returns how many. Log and Usage do so, too, once a minute. Each
// entry is looked at once by whoever comes first; a log of more than 5,000 new
// ones takes several calls. Without a Chain over this Ledger there is nothing to
// tell paid verdicts by, and nothing is closed. The error is the Table's.
func (l *Ledger) Sweep(ctx context.Context, account string) (closed int, err error) {
	kept := l.kept.Load()
	if kept == nil {
		return 0, nil
	}
	done, err := l.table.Get(ctx, sweptKey(account))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, fmt.Errorf("read end of last sweep: %w", err)
	}
	end := l.now().Add(-openLife)
	query := store.Query{Part: logPart + account, After: done.Str("until")}
	until := store.Cursor(end.UTC().Format(logTime))
	if query.After >= until {
		return 0, nil
	}
	for scanned := 0; ; {
		page, err := l.table.Query(ctx, query)
		if err != nil {
			return closed, fmt.Errorf("read log: %w", err)
		}
		n, over, err := l.close(ctx, account, page.Items, end, *kept)
		if closed += n; err != nil {
			return closed, err
		}
		scanned += len(page.Items)
		query.After = page.Next
		if over || page.Next == "" || scanned >= maxScanned {
			if !over && page.Next != "" {
				until = page.Next
			}
			return closed, l.mark(ctx, account, until)
		}
	}
}

// mark keeps up to where a log was swept. An older mark that comes late costs
// another look, no more.
func (l *Ledger) mark(ctx context.Context, account, until string) error {
	item := store.Item{Key: sweptKey(account), Attrs: store.Attrs{"until": until}, Expires: l.now().Add(logLife)}
	if err := l.table.Put(ctx, item); err != nil {
		return fmt.Errorf("keep end of sweep: %w", err)
	}
	return nil
}

// close closes the open ones among entries, up to those of the time end; over
// tells that it was reached.
func (l *Ledger) close(ctx context.Context, account string, items []store.Item, end time.Time, kept results) (closed int, over bool, err error) {
	for _, item := range items {
		e := entryOf(item)
		if !e.At.Before(end) {
			return closed, true, nil
		}
		if e.State != Open {
			continue
		}
		if err := l.closeOne(ctx, account, item, e, kept); err != nil {
			return closed, false, err
		}
		closed++
	}
	return closed, false, nil
}

func (l *Ledger) closeOne(ctx context.Context, account string, item store.Item, e Entry, kept results) error {
	answer, known, err := kept.of(ctx, account, item.Str("hash"), e.ID)
	if err != nil {
		return err
	}
	p := &page{Entry: e, account: account, attempt: item.Int("attempt"), reserved: item.Int("reserved")}
	if name := item.Str("cap"); name != "" {
		p.cap = Cap{Name: name}
	}
	if known {
		p.State, p.Vendor, p.KeyID, p.Result, p.Cost = Answered, answer.Vendor, answer.KeyID, answer.Result, answer.Cost
		p.Trace = append(p.Trace, Step{Vendor: answer.Vendor, KeyID: answer.KeyID, Outcome: stepAnswered})
		return l.settle(ctx, p)
	}
	p.State, p.Error = Failed, unwritten(e)
	set := p.attrs()
	set["lost"] = true
	_, err = l.table.Update(ctx, store.Update{
		Key: item.Key, Set: set, If: []store.Cond{store.Equal("state", string(Open)), store.Equal("attempt", p.attempt)},
	})
	if err != nil && !errors.Is(err, store.ErrCondition) { // else its process wrote the end just now
		return fmt.Errorf("close verification: %w", err)
	}
	return nil
}
