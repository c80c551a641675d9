package vendors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"rcpt/internal/store"
)

// How long a key rests. The fleet shares it through the key's item.
const (
	authRest  = time.Hour        // until the owner mends it; then one call tries, in case the vendor mended it
	quotaRest = 10 * time.Minute // so that 500 addresses do not each learn that there are no credits
	rateRest  = 5 * time.Second  // longer would send too much to dearer vendors

	firstRest   = 30 * time.Second // of a vendor that fails; doubles with each pause in a row
	longestRest = 15 * time.Minute

	// tripRow is how many failures in a row, as one process sees them, make a
	// pause. One may be the address's fault, or the network's for a moment.
	tripRow = 3
)

// restOf is how long a key has to rest after an error; row: it is one of several
// in a row.
func restOf(k Key, e *Error, row bool) time.Duration {
	asked := min(time.Duration(e.RetryAfter)*time.Second, longestRest)
	again := row || k.trips > 0 && e.Class == Server // one call tried after a rest, and failed
	switch {
	case e.Class == Auth:
		return authRest
	case e.Class == Quota:
		return max(quotaRest, asked)
	case e.Class == Bad:
		return 0
	case e.Class == Rate && row:
		return max(rateRest, asked)
	case e.Class == Server && again:
		return max(min(firstRest<<min(k.trips, 10), longestRest), asked)
	}
	return asked
}

// rows counts failures in a row by key.
type rows struct {
	mu   sync.Mutex
	seen map[row]int
}

type row struct {
	account string
	id, era int64
}

const maxRows = 10_000

// fail counts a failure and reports whether it makes a row.
func (r *rows) fail(k Key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil || len(r.seen) >= maxRows {
		r.seen = make(map[row]int)
	}
	id := row{k.Account, k.ID, k.era}
	r.seen[id]++
	if r.seen[id] < tripRow {
		return false
	}
	delete(r.seen, id)
	return true
}

func (r *rows) end(k Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.seen, row{k.Account, k.ID, k.era})
}

// troubleAttrs are what an error leaves on a key.
var troubleAttrs = []string{"error", "error_class", "error_at", "paused_until", "trips"}

// failed records what an error means for a key. Most errors are not written:
// only pauses and news are.
func (b *Book) failed(ctx context.Context, k Key, e *Error) error {
	rest := restOf(k, e, (e.Class == Server || e.Class == Rate) && b.rows.fail(k))
	if rest == 0 && (e.Class == k.ErrorClass || e.Class == Bad) {
		return nil
	}
	return b.note(ctx, k, e, rest)
}

// note writes an error to a key, unless the key has another secret by now.
func (b *Book) note(ctx context.Context, k Key, e *Error, rest time.Duration) error {
	now := b.now()
	u := store.Update{
		Key: itemKey(k.Account, k.ID),
		Set: store.Attrs{"error": e.Error(), "error_class": string(e.Class), "error_at": now.UnixMilli()},
		If:  []store.Cond{store.Exists(), store.Equal("era", k.era)},
	}
	if e.Class == Quota {
		u.Set["credits"], u.Set["credits_at"] = int64(0), now.UnixMilli()
	}
	if rest > 0 {
		until := now.Add(rest).UnixMilli()
		u.Set["paused_until"], u.Set["trips"] = until, k.trips+1
		u.If = append(u.If, store.AtMost("paused_until", until)) // calls at once end in one pause
	}
	return b.touch(ctx, k, u)
}

// worked records that a key gave an answer, if that is news.
func (b *Book) worked(ctx context.Context, k Key, credits *int64) error {
	b.rows.end(k)
	if k.ErrorClass == "" && (credits == nil || b.now().Sub(k.CreditsAt) < creditsAge) {
		return nil
	}
	return b.credit(ctx, k, credits)
}

// creditsAge is how old the credits shown may be while answers bring new ones.
const creditsAge = 30 * time.Second

// credit writes what is left and takes away the trouble the key had, as far as
// the caller knew of it: what others saw meanwhile stays.
func (b *Book) credit(ctx context.Context, k Key, credits *int64) error {
	u := store.Update{
		Key: itemKey(k.Account, k.ID), Set: store.Attrs{},
		If: []store.Cond{store.Exists(), store.Equal("era", k.era)},
	}
	if k.ErrorClass != "" {
		u.Remove = troubleAttrs
		u.If = append(u.If, store.AtMost("error_at", k.ErrorAt.UnixMilli()))
	}
	if credits != nil {
		u.Set["credits"], u.Set["credits_at"] = *credits, b.now().UnixMilli()
	}
	return b.touch(ctx, k, u)
}

func (b *Book) touch(ctx context.Context, k Key, u store.Update) error {
	_, err := b.table.Update(ctx, u)
	b.memory.forget(k.Account)
	if err != nil && !errors.Is(err, store.ErrCondition) {
		return fmt.Errorf("note state of provider key %d: %w", k.ID, err)
	}
	return nil
}

// opened is a key that can be used.
type opened struct {
	Key
	secret secret
}

// memory holds the keys of accounts for a moment: how late a change made in
// another process may be noticed here. Secrets stay in it no longer.
type memory struct {
	mu    sync.Mutex
	known map[string]sheet
	era   int64 // grows when something is forgotten: a read begun before is not kept
}

type sheet struct {
	keys   []opened
	budget *int64 // nil: none
	until  time.Time
}

const memoryLife = 3 * time.Second

func (m *memory) find(account string, now time.Time) (s sheet, era int64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.known, func(_ string, s sheet) bool { return !now.Before(s.until) })
	s, ok = m.known[account]
	return s, m.era, ok
}

func (m *memory) keep(account string, s sheet, era int64, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if era != m.era {
		return
	}
	if m.known == nil {
		m.known = make(map[string]sheet)
	}
	s.until = now.Add(memoryLife)
	m.known[account] = s
}

func (m *memory) forget(account string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.era++
	delete(m.known, account)
}

// open returns the keys of an account, those not active without their secret.
func (b *Book) open(ctx context.Context, account string) ([]opened, error) {
	s, err := b.sheet(ctx, account)
	return s.keys, err
}

// sheet is what the account's rows say, read at once.
func (b *Book) sheet(ctx context.Context, account string) (sheet, error) {
	s, era, ok := b.memory.find(account, b.now())
	if ok {
		return s, nil
	}
	page, err := b.table.Query(ctx, store.Query{Part: keyPart + account})
	if err != nil {
		return sheet{}, fmt.Errorf("read provider keys: %w", err)
	}
	for _, item := range page.Items {
		switch item.Key.Sort {
		case headSort:
			continue
		case budgetSort:
			s.budget = budgetOf(item)
			continue
		}
		one := opened{Key: keyOf(item)}
		if one.Active {
			if one.secret, err = b.unseal(ctx, item); errors.Is(err, store.ErrSealed) {
				one.Active = false // moved here from elsewhere: as if it were not there
			} else if err != nil {
				return sheet{}, err
			}
		}
		s.keys = append(s.keys, one)
	}
	b.memory.keep(account, s, era, b.now())
	return s, nil
}
