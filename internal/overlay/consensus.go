package overlay

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"rcpt/internal/store"
)

// A domain that several customers report is flagged for everybody. What is kept
// of it is one item: for the accounts that reported it last a hash and the
// arrival of their latest report. The hash is another one for each domain, so
// that not even the table tells who reported what.
const (
	// quorum is how many accounts flag a domain.
	quorum = 3

	// tail is how long a flag stands after fewer than quorum accounts are left
	// within the window.
	tail = 30 * 24 * time.Hour

	// maxMarks is how many accounts are kept. Three are needed; more tell an
	// operator how many there are.
	maxMarks = 32

	// markStep is how old an account's mark is before another report renews it.
	// It keeps a customer who mails a whole company from writing one item with
	// every bounce. A flag may end so much sooner.
	markStep = time.Hour
)

// domain is what is known of a domain by those who reported it.
type domain struct {
	name    string
	marks   []mark // the latest first
	since   int64  // the flag stands since, Unix ms
	until   int64  // and until; 0: it never stood, or was lifted
	lifted  int64  // an operator lifted a flag then
	version int64
}

// mark is the latest report of an account.
type mark struct {
	account uint64 // hashed with the domain
	at      int64  // arrival, Unix ms
}

// account hashes an account for a domain.
func (b *Book) account(name, account string) uint64 {
	return binary.BigEndian.Uint64(b.mac("consensus", name, account))
}

// flagged reports whether the flag stands.
func (d domain) flagged(now time.Time) bool { return d.until > now.UnixMilli() }

// add counts a report of an account and tells whether that changes anything.
func (d *domain) add(account uint64, received time.Time) (changed bool) {
	now := received.UnixMilli()
	d.marks = slices.DeleteFunc(d.marks, func(m mark) bool { return m.at <= received.Add(-window).UnixMilli() })
	for i, m := range d.marks {
		if m.account != account {
			continue
		}
		if now-m.at < markStep.Milliseconds() {
			return false
		}
		d.marks = slices.Delete(d.marks, i, i+1)
		break
	}
	d.marks = append(d.marks, mark{account, now})
	slices.SortFunc(d.marks, func(a, b mark) int { return cmp.Compare(b.at, a.at) })
	d.marks = d.marks[:min(len(d.marks), maxMarks)]
	if len(d.marks) < quorum {
		return true
	}
	if !d.flagged(received) {
		d.since = now
	}
	// Fewer than three are left once the third-latest has left the window.
	d.until = max(d.until, time.UnixMilli(d.marks[quorum-1].at).Add(window+tail).UnixMilli())
	return true
}

// ops write the domain over what was read, and its row while it is flagged.
func (d domain) ops(before store.Item) []store.Op {
	marks := make([]byte, 0, 16*len(d.marks))
	for _, m := range d.marks {
		marks = binary.BigEndian.AppendUint64(marks, m.account)
		marks = binary.BigEndian.AppendUint64(marks, uint64(m.at))
	}
	end := max(d.until, time.UnixMilli(d.lifted).Add(window).UnixMilli())
	if len(d.marks) > 0 {
		end = max(end, time.UnixMilli(d.marks[0].at).Add(window).UnixMilli())
	}
	item := store.Item{Key: domainKey(d.name), Expires: time.UnixMilli(end).Add(time.Second), Attrs: store.Attrs{
		"marks": marks, "since": d.since, "until": d.until, "lifted": d.lifted, "version": d.version + 1,
	}}
	same := store.Equal("version", d.version)
	if !before.Present() {
		same = store.Absent()
	}
	ops := []store.Op{store.PutOp(item, same)}
	was := domainOf(d.name, before).until
	switch row := flagKey(d.name); {
	case d.until == was:
	case d.until == 0:
		ops = append(ops, store.DeleteOp(row))
	default:
		ops = append(ops, store.PutOp(store.Item{Key: row, Attrs: store.Attrs{}, Expires: time.UnixMilli(d.until).Add(time.Second)}))
	}
	return ops
}

func domainOf(name string, item store.Item) domain {
	d := domain{
		name: name, since: item.Int("since"), until: item.Int("until"), lifted: item.Int("lifted"), version: item.Int("version"),
	}
	for marks := item.Bytes("marks"); len(marks) >= 16; marks = marks[16:] {
		d.marks = append(d.marks, mark{binary.BigEndian.Uint64(marks), int64(binary.BigEndian.Uint64(marks[8:]))})
	}
	return d
}

// Trap is what an operator sees of a domain that customers reported. Who they
// are is told to nobody.
type Trap struct {
	Domain     string
	Flagged    bool
	Accounts   int       // that reported it within 30 days and since it was lifted, counted up to 32
	LastReport time.Time // of these; UTC, as all. Up to an hour early
	Since      time.Time // the flag stands; zero if it does not
	Until      time.Time // the flag ends, if nobody reports afresh; zero if there is none
	Lifted     time.Time // a flag was lifted; zero: not lately
}

func (d domain) trap(now time.Time) Trap {
	t := Trap{Domain: d.name, Flagged: d.flagged(now), Lifted: timeOf(d.lifted)}
	for _, m := range d.marks {
		if m.at > now.Add(-window).UnixMilli() {
			t.Accounts++
		}
	}
	if t.Accounts > 0 {
		t.LastReport = timeOf(d.marks[0].at)
	}
	if t.Flagged {
		t.Since, t.Until = timeOf(d.since), timeOf(d.until)
	}
	return t
}

// Trap returns what is known of a domain, in lower-case A-labels, flagged or
// not. ErrNotFound when nobody reported it lately.
func (b *Book) Trap(ctx context.Context, name string) (Trap, error) {
	_, d, err := b.domain(ctx, name)
	return d.trap(b.cfg.Now()), err
}

func (b *Book) domain(ctx context.Context, name string) (store.Item, domain, error) {
	item, err := b.cfg.Table.Get(ctx, domainKey(name))
	if errors.Is(err, store.ErrNotFound) {
		return store.Item{}, domain{}, ErrNotFound
	}
	if err != nil {
		return store.Item{}, domain{}, fmt.Errorf("read domain %s: %w", name, err)
	}
	return item, domainOf(name, item), nil
}

// Traps lists the domains that are flagged, in their order, up to limit of them.
// It goes on behind after, the next of an earlier page; next is empty when there
// are no more.
func (b *Book) Traps(ctx context.Context, after string, limit int) (traps []Trap, next string, err error) {
	page, err := b.cfg.Table.Query(ctx, store.Query{Part: flagsPart, After: after, Limit: limit})
	if errors.Is(err, store.ErrValue) || errors.Is(err, store.ErrLimit) {
		return nil, "", ErrCursor
	}
	if err != nil {
		return nil, "", fmt.Errorf("list flagged domains: %w", err)
	}
	names := make([]store.Key, len(page.Items))
	for i, row := range page.Items {
		names[i] = domainKey(row.Key.Sort)
	}
	found, err := b.read(ctx, names)
	if err != nil {
		return nil, "", err
	}
	for i, row := range page.Items {
		if t := domainOf(row.Key.Sort, found[names[i]]).trap(b.cfg.Now()); t.Flagged {
			traps = append(traps, t)
		}
	}
	return traps, page.Next, nil
}

// Lift takes the flag of a domain away, and with it every report so far: it
// comes back when three accounts report afresh. What is given along is written
// in the same transaction. ErrNotFound when the domain is not flagged.
func (b *Book) Lift(ctx context.Context, name string, along ...store.Op) error {
	for range tries {
		now := b.cfg.Now()
		before, d, err := b.domain(ctx, name)
		if err != nil {
			return err
		}
		if !d.flagged(now) {
			return ErrNotFound
		}
		d.marks, d.since, d.until, d.lifted = nil, 0, 0, now.UnixMilli()
		err = b.cfg.Table.Transact(ctx, append(d.ops(before), along...))
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrCondition) {
			return fmt.Errorf("lift flag of %s: %w", name, err)
		}
	}
	return ErrConflict
}
