// Package tenant holds the lists that a customer keeps: domains that one API
// key allows or denies, above every other list.
//
// An entry covers the domain and everything below it; the nearest entry decides.
// A domain has one entry, on one of the two lists. What an entry means for a
// verdict is package verify's to say; nothing of one key is ever seen by another.
//
// Entries are kept in a store.Table, and what a key has is remembered in the
// process (memory.go), so that asking costs no read but one in 30 seconds:
//
//	LST#<key> / <domain>  an entry: list, added_at
//	LSTS#<key>            how many entries there are, and a revision that grows
//	                      with every change; stays when the last entry goes
//
// A change through a Book shows at once in whatever asks the same Book, in other
// processes within 30 seconds. A list of more than 1,000 entries is not
// remembered: each question then costs one read of the names in question.
package tenant

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"rcpt/internal/store"
)

// The lists.
const (
	Allow = "allow"
	Deny  = "deny"
)

const (
	// MaxEntries is how many entries a key may have, both lists together.
	MaxEntries = 10_000

	// MaxDomains is how many domains one Add or Remove takes.
	MaxDomains = 1000
)

// What a caller may test with errors.Is. The texts may be shown to the caller.
var (
	// ErrEntry: no entry can be made of what was given. It always comes as an
	// *EntryError.
	ErrEntry = errors.New("entry not acceptable")

	// ErrFull: the key would have more than MaxEntries.
	ErrFull = errors.New("too many entries")

	// ErrConflict: others change the lists of the key without pause.
	ErrConflict = errors.New("the lists of this key are being changed without pause; send the request again")

	// ErrCursor: a cursor that no page ended with.
	ErrCursor = errors.New("next must be what an earlier page of the same list gave")
)

// Match is what the lists of a key say of a domain. The zero value: nothing.
type Match struct {
	List string // Allow, Deny or ""
	Rule string // the entry that matched: the domain or an ancestor of it
}

// Entry is a domain on a list.
type Entry struct {
	Domain  string // A-labels, lower case
	List    string // Allow or Deny
	AddedAt time.Time
}

// Book keeps the lists of all keys in a Table. It is safe for concurrent use.
type Book struct {
	table   store.Table
	now     func() time.Time
	memory  memory
	flights singleflight.Group
}

// NewBook returns a Book on the control table.
func NewBook(table store.Table, now func() time.Time) *Book {
	return &Book{table: table, now: now}
}

// Match looks a domain, in lower-case A-labels, up in the lists of a key. An
// error is the Table's or that of ctx.
func (b *Book) Match(ctx context.Context, key, domain string) (Match, error) {
	if strings.HasPrefix(domain, "[") { // an address literal
		return Match{}, nil
	}
	s, err := b.sheet(ctx, key)
	if err != nil {
		return Match{}, err
	}
	if s.large {
		return b.matchStored(ctx, key, domain)
	}
	for name := range lineage(domain) {
		if list, listed := s.names[name]; listed {
			return Match{List: list, Rule: name}, nil
		}
	}
	return Match{}, nil
}

// matchStored asks the Table for the domain and its ancestors.
func (b *Book) matchStored(ctx context.Context, key, domain string) (Match, error) {
	var asked []store.Key
	for name := range lineage(domain) {
		asked = append(asked, entryKey(key, name))
	}
	items, err := b.table.BatchGet(ctx, asked)
	if err != nil {
		return Match{}, fmt.Errorf("read entries of key %s: %w", key, err)
	}
	var nearest Match
	for _, item := range items {
		if e := entryOf(item); len(e.Domain) > len(nearest.Rule) {
			nearest = Match{List: e.List, Rule: e.Domain}
		}
	}
	return nearest, nil
}

// lineage yields a domain, then each of its ancestors down to two labels.
func lineage(domain string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for {
			_, parent, below := strings.Cut(domain, ".")
			if !below || !yield(domain) {
				return
			}
			domain = parent
		}
	}
}

// List returns up to limit entries, at least 1, of a key in the order of their
// domains, those of one list unless list is empty. It goes on behind after, the
// next of an earlier page; next is empty when there are no more. ErrCursor when
// after is nothing of the kind.
func (b *Book) List(ctx context.Context, key, list, after string, limit int) (entries []Entry, next string, err error) {
	if after != "" && !listable(after) {
		return nil, "", ErrCursor
	}
	query := store.Query{Part: entryPart + key, After: after}
	for {
		page, err := b.table.Query(ctx, query)
		if err != nil {
			return nil, "", fmt.Errorf("list entries of key %s: %w", key, err)
		}
		for _, item := range page.Items {
			e := entryOf(item)
			if list != "" && e.List != list {
				continue
			}
			if len(entries) == limit {
				return entries, entries[limit-1].Domain, nil
			}
			entries = append(entries, e)
		}
		if page.Next == "" {
			return entries, "", nil
		}
		query.After = page.Next
	}
}

// Entries returns how many entries a key has.
func (b *Book) Entries(ctx context.Context, key string) (int, error) {
	head, err := b.head(ctx, key)
	return head.entries, err
}

// head is what is kept beside the entries of a key.
type head struct {
	entries  int
	revision int64
}

func (b *Book) head(ctx context.Context, key string) (head, error) {
	item, err := b.table.Get(ctx, headKey(key))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return head{}, fmt.Errorf("read lists of key %s: %w", key, err)
	}
	return head{entries: int(item.Int("entries")), revision: item.Int("revision")}, nil
}

const (
	entryPart = "LST#"
	headPart  = "LSTS#"
)

func entryKey(key, domain string) store.Key { return store.Key{Part: entryPart + key, Sort: domain} }

func headKey(key string) store.Key { return store.Key{Part: headPart + key} }

func entryOf(item store.Item) Entry {
	return Entry{Domain: item.Key.Sort, List: item.Str("list"), AddedAt: time.UnixMilli(item.Int("added_at")).UTC()}
}
