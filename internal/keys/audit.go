package keys

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rcpt/internal/store"
)

// Act is what was done to a key.
type Act string

// The acts.
const (
	Created Act = "created"
	Changed Act = "changed"
	Rotated Act = "rotated"
	Revoked Act = "revoked"
)

// Entry is one line of the audit log. It holds no secret and no value, only
// what changed.
type Entry struct {
	At      time.Time // UTC, to the millisecond
	Account string    // of the key
	Key     string    // id of the key that was changed
	By      string    // id of the key that asked for it; empty: this process itself
	Act     Act
	Fields  []string // of Changed: the names of what is new, limits.monthly among them
}

// actor finds, in a context, the id of the key that acts.
type actor struct{}

// ActingAs returns a context in which changes are recorded as asked for by the
// key with this id.
func ActingAs(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, actor{}, id)
}

func (b *Book) entry(ctx context.Context, k Key, act Act, fields []string) Entry {
	by, _ := ctx.Value(actor{}).(string)
	return Entry{At: stamp(b.now()), Account: k.Account, Key: k.ID, By: by, Act: act, Fields: fields}
}

const (
	auditPart = "AUD#"
	auditTime = "2006-01-02T15:04:05.000Z" // of one width, so that its order is that of time

	// cursorSeparator stands for '#' in cursors: in a URL that would begin the
	// fragment, and callers forget to escape.
	cursorSeparator = "~"
)

// op writes the entry. The version, which a key has once, keeps two changes
// within one millisecond apart.
func (e Entry) op(version int64) store.Op {
	return store.PutOp(store.Item{
		Key:   store.Key{Part: auditPart + e.Account, Sort: fmt.Sprintf("%s#%s#%06d", e.At.Format(auditTime), e.Key, version)},
		Attrs: store.Attrs{"by": e.By, "act": string(e.Act), "fields": strings.Join(e.Fields, " ")},
	}, store.Absent())
}

func entryOf(item store.Item) Entry {
	at, key, _ := parseEntrySort(item.Key.Sort)
	return Entry{
		At: at, Account: strings.TrimPrefix(item.Key.Part, auditPart), Key: key,
		By: item.Str("by"), Act: Act(item.Str("act")), Fields: strings.Fields(item.Str("fields")),
	}
}

func parseEntrySort(sort string) (at time.Time, key string, ok bool) {
	when, rest, _ := strings.Cut(sort, "#")
	key, version, _ := strings.Cut(rest, "#")
	at, err := time.Parse(auditTime, when)
	return at, key, err == nil && isID(key) && len(version) >= 6 && strings.Trim(version, "0123456789") == ""
}

// noteNumbers begin where no version of a key comes to, so that a note and a
// change of one key within one millisecond are kept apart.
const noteNumbers = 1_000_000_000

// Note returns what records a change to something else that is a key's, in the
// transaction of whoever makes it. The fields say what of it changed. Changes of
// one key within one millisecond need different numbers, from 0.
func (b *Book) Note(ctx context.Context, k Key, fields ...string) func(number int64) store.Op {
	return func(number int64) store.Op { return b.entry(ctx, k, Changed, fields).op(noteNumbers + number) }
}

// Audit lists what was done to the keys of an account, the latest first, up to
// limit entries. It goes on behind after, the next of an earlier page; next is
// empty when there are no more. ErrCursor when after is nothing of the kind.
func (b *Book) Audit(ctx context.Context, account, after string, limit int) (entries []Entry, next string, err error) {
	sort := strings.ReplaceAll(after, cursorSeparator, "#")
	if _, _, ok := parseEntrySort(sort); after != "" && !ok || len(after) > 64 {
		return nil, "", ErrCursor
	}
	page, err := b.table.Query(ctx, store.Query{Part: auditPart + account, After: sort, Descending: true, Limit: limit})
	if err != nil {
		return nil, "", fmt.Errorf("read audit log: %w", err)
	}
	for _, item := range page.Items {
		entries = append(entries, entryOf(item))
	}
	return entries, strings.ReplaceAll(page.Next, "#", cursorSeparator), nil
}
