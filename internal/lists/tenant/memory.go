package tenant

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"rcpt/internal/store"
)

const (
	// freshFor is how long a sheet is believed without a look at the Table: how
	// late a change made in another process may show here.
	freshFor = 30 * time.Second

	// wholeMax is the longest list held whole: one page of a Query, some 70 KB.
	wholeMax = 1000

	// namesMax and sheetsMax bound the memory: some 15 MB, and 2 MB for the keys
	// without entries, which are most of them.
	namesMax  = 200_000
	sheetsMax = 10_000

	// loadTime bounds a load that goes on although nobody waits for it any more.
	loadTime = 5 * time.Second
)

// sheet is what is known of the lists of one key. It is not changed once made.
type sheet struct {
	revision int64
	names    map[string]string // list by domain
	large    bool              // too long to be held: names is nil

	// settled: names were read twice while the revision was this one. A
	// transaction may show in the head before it shows in every entry, so what was
	// read once may lack a part of its revision, and would lack it for good.
	settled bool

	until time.Time // it must be looked at again from then on
}

// sheet returns what is known of a key, read again if that is not fresh. Those
// who ask at the same time share a read.
func (b *Book) sheet(ctx context.Context, key string) (*sheet, error) {
	known, era := b.memory.find(key)
	now := b.now()
	if known != nil && now.Before(known.until) {
		return known, nil
	}
	// The era keeps who asks after a change from sharing a read begun before it.
	loaded := b.flights.DoChan(fmt.Sprint(era, "#", key), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTime)
		defer cancel()
		s, err := b.load(ctx, key, known)
		if err != nil {
			return nil, err
		}
		s.until = now.Add(freshFor)
		b.memory.keep(key, s, era, now)
		return s, nil
	})
	select {
	case result := <-loaded:
		if result.Err != nil {
			return nil, result.Err
		}
		return result.Val.(*sheet), nil
	case <-ctx.Done():
		return nil, fmt.Errorf("read lists of key %s: %w", key, ctx.Err())
	}
}

// load reads the lists of a key; known is what was known of them, or nil. The
// head is read before the entries: what comes between shows as a new revision
// the next time.
func (b *Book) load(ctx context.Context, key string, known *sheet) (*sheet, error) {
	head, err := b.head(ctx, key)
	if err != nil {
		return nil, err
	}
	if head.entries == 0 {
		return &sheet{revision: head.revision, settled: true}, nil
	}
	same := known != nil && known.revision == head.revision
	if same && known.settled {
		again := *known
		return &again, nil
	}
	names, whole, err := b.names(ctx, key, head.entries)
	return &sheet{revision: head.revision, names: names, large: !whole, settled: same || !whole}, err
}

// names reads all entries of a key, if they are few enough to be held.
func (b *Book) names(ctx context.Context, key string, expected int) (names map[string]string, whole bool, err error) {
	if expected > wholeMax {
		return nil, false, nil
	}
	names = make(map[string]string, expected)
	query := store.Query{Part: entryPart + key}
	for {
		page, err := b.table.Query(ctx, query)
		if err != nil {
			return nil, false, fmt.Errorf("read lists of key %s: %w", key, err)
		}
		for _, item := range page.Items {
			e := entryOf(item)
			names[e.Domain] = e.List
		}
		if len(names) > wholeMax { // more came while we read
			return nil, false, nil
		}
		if page.Next == "" {
			return names, true, nil
		}
		query.After = page.Next
	}
}

// memory holds sheets. The zero value is ready.
type memory struct {
	mu     sync.Mutex
	sheets map[string]*sheet
	held   int // names in all of them

	// era counts the changes made in this process. A sheet read before a change
	// must not be kept after it.
	era uint64
}

// find returns what is known of a key, nil for nothing, and the era.
func (m *memory) find(key string) (*sheet, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sheets[key], m.era
}

// keep remembers a sheet that was read in an era. When there is no room the
// outdated go, and if that is not enough, all: a read each is what forgetting
// costs.
func (m *memory) keep(key string, s *sheet, era uint64, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if era != m.era {
		return
	}
	m.drop(key)
	if m.crowded(s) {
		maps.DeleteFunc(m.sheets, func(_ string, old *sheet) bool {
			outdated := !now.Before(old.until)
			if outdated {
				m.held -= len(old.names)
			}
			return outdated
		})
	}
	if m.sheets == nil || m.crowded(s) {
		m.sheets, m.held = make(map[string]*sheet), 0
	}
	m.sheets[key] = s
	m.held += len(s.names)
}

func (m *memory) crowded(s *sheet) bool {
	return len(m.sheets) >= sheetsMax || m.held+len(s.names) > namesMax
}

func (m *memory) drop(key string) {
	if old := m.sheets[key]; old != nil {
		m.held -= len(old.names)
		delete(m.sheets, key)
	}
}

// forget drops what is known of a key and begins a new era.
func (m *memory) forget(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.era++
	m.drop(key)
}
