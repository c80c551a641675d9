package storetest

import (
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"rcpt/internal/store"
)

// Table runs the contract of store.Table. open returns a fresh, empty table that
// takes clock.Now for the time; it is called once for each case and cleans up by
// t.Cleanup.
//
// Cases whose claim is among without are left out. This is for a second run that
// has no use for them, never for what an adapter gets wrong.
func Table(t *testing.T, open func(t *testing.T) store.Table, clock *Clock, without ...string) {
	for _, c := range tableCases {
		if i := slices.Index(without, c.claim); i >= 0 {
			without = slices.Delete(slices.Clone(without), i, i+1)
			continue
		}
		t.Run(c.claim, func(t *testing.T) {
			c.run(&tableTest{T: t, Table: open(t), clock: clock})
		})
	}
	for _, claim := range without {
		t.Errorf("no case claims that %s", claim)
	}
}

var tableCases = []struct {
	claim string
	run   func(*tableTest)
}{
	{"get returns what was put, with its types", getReturnsWhatWasPut},
	{"get of nothing is not found", getOfNothing},
	{"put replaces the whole item", putReplaces},
	{"no name of an attribute is taken", namesAreFree},
	{"part and sort do not run together", keysAreDistinct},
	{"items are copies", itemsAreCopies},
	{"expiry counts in whole seconds", expiryInWholeSeconds},
	{"an expired item is absent to reads", expiredIsAbsentToReads},
	{"an expired item is absent to conditions", expiredIsAbsentToConditions},
	{"an update of an expired item starts afresh", expiredUpdateStartsAfresh},
	{"of many updates of an expired item each counts once", expiredUpdatesCompete},
	{"an update keeps the expiry or sets a new one", updateAndExpiry},
	{"conditions hold as documented", conditionsHold},
	{"put is refused by its condition and changes nothing", putRefused},
	{"an update creates, sets, adds and removes", updateChanges},
	{"an update creates, whatever it does", updateCreates},
	{"an add stays within the range of integers", addInRange},
	{"a refused update returns the item that stands", updateRefused},
	{"delete minds only its conditions", deleteConditions},
	{"a capped counter reaches its cap and never passes it", cappedCounter},
	{"of many creators one wins", oneCreatorWins},
	{"query sorts by octets", querySorts},
	{"query keeps to its prefix and partition", queryPrefix},
	{"pages follow each other without gap or repetition", queryPages},
	{"the cursor is a sort key", queryCursor},
	{"a page ends after 1,000 items or 1 MB", queryPageBounds},
	{"query leaves out expired items and still ends", queryExpired},
	{"batch get takes more than 100 keys", batchGetMany},
	{"batch get takes more than 16 MB", batchGetLarge},
	{"batch put takes more than 100 items", batchPutMany},
	{"a transaction does all of its operations", transactAll},
	{"a refused transaction does nothing and names the operation", transactRefused},
	{"transactions that compete keep their sum", transactAtomic},
	{"transactions treat expired items as absent", transactExpired},
	{"a transaction is refused by what expired items do not fulfil", transactExpiredRefused},
	{"limits of keys and items are kept", limitsOfItems},
	{"limits of writes are kept", limitsOfWrites},
	{"the largest conditions and changes are carried out", largestWrites},
	{"malformed calls are refused", malformedCalls},
	{"a cancelled context stops the work before it starts", cancelledContext},
}

// tableTest is the table under test with what the cases say to it.
type tableTest struct {
	*testing.T
	store.Table
	clock *Clock
}

func key(part, sort string) store.Key { return store.Key{Part: part, Sort: sort} }

func (t *tableTest) in(d time.Duration) time.Time {
	return t.clock.Now().Add(d).Truncate(time.Second).UTC()
}

func (t *tableTest) put(item store.Item, conds ...store.Cond) {
	t.Helper()
	if err := t.Put(t.Context(), item, conds...); err != nil {
		t.Fatalf("Put %q: %v", item.Key, err)
	}
}

func (t *tableTest) update(u store.Update) store.Item {
	t.Helper()
	item, err := t.Update(t.Context(), u)
	if err != nil {
		t.Fatalf("Update %q: %v", u.Key, err)
	}
	return item
}

func (t *tableTest) wantItem(want store.Item) {
	t.Helper()
	got, err := t.Get(t.Context(), want.Key)
	if err != nil {
		t.Fatalf("Get %q: %v", want.Key, err)
	}
	t.wantSame(got, want)
}

func (t *tableTest) wantSame(got, want store.Item) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got item %+v, want %+v", got, want)
	}
}

func (t *tableTest) wantAbsent(k store.Key) {
	t.Helper()
	if got, err := t.Get(t.Context(), k); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get %q = %+v, %v, want ErrNotFound", k, got, err)
	}
}

func (t *tableTest) wantErr(call string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", call, got, want)
	}
}

// walk follows a query page by page and returns the sort keys.
func (t *tableTest) walk(q store.Query) (sorts []string, pages int) {
	t.Helper()
	for {
		page, err := t.Query(t.Context(), q)
		if err != nil {
			t.Fatalf("Query %+v: %v", q, err)
		}
		pages++
		if q.Limit > 0 && len(page.Items) > q.Limit || len(page.Items) > store.MaxPageItems {
			t.Fatalf("Query %+v: page of %d items", q, len(page.Items))
		}
		for _, item := range page.Items {
			sorts = append(sorts, item.Key.Sort)
		}
		if page.Next == "" {
			return sorts, pages
		}
		if pages > 10_000 {
			t.Fatalf("Query %+v: no end", q)
		}
		q.After = page.Next
	}
}

func (t *tableTest) wantWalk(q store.Query, want ...string) {
	t.Helper()
	if got, _ := t.walk(q); !slices.Equal(got, want) {
		t.Errorf("query %+v: got %q, want %q", q, got, want)
	}
}

// together calls f(0) to f(n-1) at the same time.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}
