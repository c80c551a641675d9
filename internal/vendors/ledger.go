package vendors

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Ledger logs verifications and counts what they cost, exactly once whoever dies
// and however often a write is repeated. It is safe for concurrent use, and any
// number of them may share a table.
//
//	LOG#<account> / <time>#<chance>            a verification
//	USE#<account>#<shard> / <day>#vendors      counters of its calls and costs, 8 shards
//	CAP#<account> / <name>                     what is spent or reserved under a cap
//	SWEPT#<account>                            up to where no entry is open any more
//
// A verification is written before a vendor is asked, and again before each
// further one, as open, together with what is reserved under its cap. Its end
// turns it into answered or failed, counts it and gives back what was reserved
// too much, in one transaction that nothing but an open entry lets pass. So a
// process that dies leaves an open entry, whose reservation stays: a cap is
// never passed. What becomes of such an entry is in sweep.go.
type Ledger struct {
	table  store.Table
	vault  store.Vault
	secret []byte
	now    func() time.Time
	random io.Reader
	pause  time.Duration // between tries of a write; grows with each
	sweeps sweeps
	kept   atomic.Pointer[results] // the verdicts of the Chain over this Ledger
}

// NewLedger returns a Ledger over the control table. The secret keys the hashes
// of addresses.
func NewLedger(table store.Table, vault store.Vault, secret []byte, now func() time.Time, random io.Reader) *Ledger {
	return &Ledger{table: table, vault: vault, secret: secret, now: now, random: random, pause: writePause}
}

// Cap bounds what is spent under a name, such as that of a month or a job. The
// zero Cap bounds nothing.
type Cap struct {
	Name string
	Max  int64 // micro-dollars
}

// ErrCap: the next call would pass the cap.
var ErrCap = errors.New("budget for paid verification used up")

// page is one open entry and what its writes have to agree on.
type page struct {
	Entry
	account  string
	address  address.Address
	cap      Cap
	attempt  int64
	reserved int64 // micro-dollars
}

// start makes an entry without writing it.
func (l *Ledger) start(r Request, a address.Address) (*page, error) {
	raw := make([]byte, chanceOctets)
	if _, err := io.ReadFull(l.random, raw); err != nil {
		return nil, fmt.Errorf("draw entry id: %w", err)
	}
	chance := base32.NewEncoding(chanceAlphabet).WithPadding(base32.NoPadding).EncodeToString(raw)
	at := l.now().UTC().Truncate(time.Microsecond)
	return &page{
		Entry: Entry{
			ID: newEntryID(at, chance), At: at, APIKey: r.Key, Action: r.Action, Subject: r.Subject, State: Open, Email: a.String(),
		},
		account: r.Account, address: a, cap: r.Cap,
	}, nil
}

// whole is the item of an entry that is not stored yet.
func (l *Ledger) whole(ctx context.Context, p *page) (store.Item, error) {
	sealed, err := l.vault.Seal(ctx, []byte(p.Email), l.sealContext(p.account))
	if err != nil {
		return store.Item{}, fmt.Errorf("seal address: %w", err)
	}
	attrs := p.attrs()
	attrs["at_us"], attrs["api_key"], attrs["action"], attrs["subject"] = p.At.UnixMicro(), p.APIKey, string(p.Action), p.Subject
	attrs["address"], attrs["hash"], attrs["attempt"], attrs["reserved"] = sealed, l.hash(p.account, p.address), p.attempt, p.reserved
	if p.cap.Name != "" {
		attrs["cap"] = p.cap.Name
	}
	return store.Item{Key: logKey(p.account, p.ID), Attrs: attrs, Expires: p.At.Add(logLife)}, nil
}

// sealContext binds sealed addresses to their account. It is one for all of an
// account, so that many are sealed with one data key.
func (l *Ledger) sealContext(account string) map[string]string {
	return map[string]string{"account": account, "purpose": "vendor-log"}
}

// hash names an address within an account.
func (l *Ledger) hash(account string, a address.Address) string { return hashOf(l.secret, account, a) }

// hashOf is a keyed hash of 160 bits. The account is hashed along, so that two
// that compare their rows learn nothing. The local part is as given: so it is
// asked about.
func hashOf(secret []byte, account string, a address.Address) string {
	mac := hmac.New(sha256.New, secret)
	for _, word := range []string{"vendors", account, a.String()} {
		mac.Write([]byte(word))
		mac.Write([]byte{0})
	}
	return base32.NewEncoding(chanceAlphabet).WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:20])
}

// ask writes that a key is about to be asked at a price. ErrCap when that would
// pass the cap; then nothing is written.
func (l *Ledger) ask(ctx context.Context, p *page, k Key, price int64) error {
	next := *p
	next.attempt, next.reserved, next.Vendor, next.KeyID = p.attempt+1, price, k.Vendor, k.ID
	if p.cap == (Cap{}) {
		next.reserved = 0
	}
	var entry store.Op
	if p.attempt == 0 {
		item, err := l.whole(ctx, &next)
		if err != nil {
			return err
		}
		entry = store.PutOp(item, store.Absent())
	} else {
		set := next.attrs()
		set["attempt"], set["reserved"] = next.attempt, next.reserved
		entry = store.UpdateOp(store.Update{Key: logKey(p.account, p.ID), Set: set, Remove: []string{"lost"}, If: p.stands()})
	}
	ops := append([]store.Op{entry}, p.reserve(next.reserved-p.reserved)...)
	err := l.write(ctx, ops, func(item store.Item) bool { return item.Int("attempt") >= next.attempt })
	var refused *store.TransactError
	if errors.As(err, &refused) && refused.Index == 1 {
		return ErrCap
	}
	if err != nil {
		return fmt.Errorf("log verification: %w", err)
	}
	*p = next
	return nil
}

// stands holds while the entry is as this process wrote it, or was given up by a
// sweep since.
func (p *page) stands() []store.Cond {
	return []store.Cond{store.Any(store.Equal("state", string(Open)), store.Has("lost")), store.Equal("attempt", p.attempt)}
}

// reserve changes what is reserved under the cap.
func (p *page) reserve(more int64) []store.Op {
	if p.cap == (Cap{}) || more == 0 {
		return nil
	}
	u := store.Update{Key: capKey(p.account, p.cap.Name), Add: map[string]int64{"spent": more}, Expires: p.At.Add(logLife)}
	if more > 0 {
		u.If = []store.Cond{store.AtMost("spent", p.cap.Max-more)}
	}
	return []store.Op{store.UpdateOp(u)}
}

func capKey(account, name string) store.Key { return store.Key{Part: "CAP#" + account, Sort: name} }

// Spent returns what is spent or reserved under a cap, in micro-dollars.
func (l *Ledger) Spent(ctx context.Context, account, name string) (int64, error) {
	item, err := l.table.Get(ctx, capKey(account, name))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, fmt.Errorf("read budget: %w", err)
	}
	return item.Int("spent"), nil
}

// settle writes the end of an entry: e has its outcome. It may be called again
// after an error.
func (l *Ledger) settle(ctx context.Context, p *page) error {
	var ops []store.Op
	if p.attempt == 0 { // no vendor was asked
		item, err := l.whole(ctx, p)
		if err != nil {
			return err
		}
		ops = []store.Op{store.PutOp(item, store.Absent())}
	} else {
		set := p.attrs()
		set["reserved"] = int64(0)
		ops = []store.Op{store.UpdateOp(store.Update{Key: logKey(p.account, p.ID), Set: set, Remove: []string{"lost"}, If: p.stands()})}
		ops = append(ops, p.reserve(p.Cost-p.reserved)...)
	}
	if p.State == Answered {
		ops = append(ops, store.UpdateOp(store.Update{Key: usageKey(p.account, p.Entry), Add: p.counts(), Expires: p.At.Add(logLife)}))
	}
	settled := func(item store.Item) bool { return item.Str("state") != string(Open) && !item.Bool("lost") }
	if err := l.write(ctx, ops, settled); err != nil {
		return fmt.Errorf("settle verification: %w", err)
	}
	return nil
}

const (
	writeTries = 4
	writePause = 20 * time.Millisecond
)

// write carries out a transaction whose first operation is on an entry, and
// repeats it while its end is unknown. done tells by the entry whether an earlier
// try was carried out.
func (l *Ledger) write(ctx context.Context, ops []store.Op, done func(store.Item) bool) error {
	var err error
	for try := range writeTries {
		if try > 0 && !pause(ctx, time.Duration(try)*l.pause) {
			return err
		}
		err = l.table.Transact(ctx, ops)
		var refused *store.TransactError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &refused) && refused.Index > 0:
			return err
		case errors.As(err, &refused):
			item, read := l.table.Get(ctx, ops[0].Key)
			if read == nil && done(item) {
				return nil
			}
			if read == nil || errors.Is(read, store.ErrNotFound) {
				return err
			}
		case errors.Is(err, store.ErrValue), errors.Is(err, store.ErrLimit), ctx.Err() != nil:
			return err
		}
	}
	return err
}

// note logs verifications that cost nothing, such as those answered from the
// cache. It is not atomic and not repeated.
func (l *Ledger) note(ctx context.Context, pages []*page) error {
	items := make([]store.Item, 0, len(pages))
	for _, p := range pages {
		item, err := l.whole(ctx, p)
		if err != nil {
			return err
		}
		items = append(items, item)
	}
	err := chunks(ctx, len(items), noteChunk, func(ctx context.Context, from, to int) error {
		return l.table.BatchPut(ctx, items[from:to])
	})
	if err != nil {
		return fmt.Errorf("log verifications: %w", err)
	}
	return nil
}

// DynamoDB takes 25 items of a batch at a time and gives 100, one such batch after
// the other: chunks at once make a list of 500 a matter of two round trips.
const (
	noteChunk = 50
	readChunk = 100
)

// chunks carries out do for up to size of n things each, all at once.
func chunks(ctx context.Context, n, size int, do func(ctx context.Context, from, to int) error) error {
	all, ctx := errgroup.WithContext(ctx)
	for from := 0; from < n; from += size {
		all.Go(func() error { return do(ctx, from, min(from+size, n)) })
	}
	return all.Wait()
}
