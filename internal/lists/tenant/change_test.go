package tenant

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"rcpt/internal/store"
)

// some returns n domains, of which calls with other bounds have those in common
// that lie within both.
func some(from, to int) []string {
	var domains []string
	for n := from; n < to; n++ {
		domains = append(domains, fmt.Sprintf("d%05d.example", n))
	}
	return domains
}

// fill gives a key n entries.
func (w *world) fill(t testing.TB, key string, n int) {
	t.Helper()
	for from := 0; from < n; from += MaxDomains {
		w.add(t, key, Deny, some(from, min(n, from+MaxDomains))...)
	}
}

func TestNumberOfEntriesIsExactWhoeverAdds(t *testing.T) {
	w := open(t)
	const room = 20
	w.fill(t, "key", MaxEntries-room)
	books := []*Book{w.Book, w.another(), w.another(), w.another()}
	var added atomic.Int64
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			// Each shares half of its domains with the next one.
			domains := some(MaxEntries+3*i, MaxEntries+3*i+6)
			o, err := books[i%len(books)].Add(t.Context(), "key", Allow, domains, nil)
			if err != nil && !errors.Is(err, ErrFull) {
				t.Errorf("add: %v", err)
			}
			if err == nil {
				added.Add(int64(o.Added))
			}
		})
	}
	all.Wait()
	entries, err := w.Entries(t.Context(), "key")
	if err != nil || entries > MaxEntries || entries != MaxEntries-room+int(added.Load()) || entries != len(w.all(t, "key")) {
		t.Errorf("%d are counted, %d there, %d were added to %d; error %v", entries, len(w.all(t, "key")), added.Load(), MaxEntries-room, err)
	}
	if entries <= MaxEntries-6 {
		t.Errorf("%d entries: there was room for more", entries)
	}
}

func TestFullListsTakeNothingButChanges(t *testing.T) {
	w := open(t)
	w.fill(t, "key", MaxEntries)
	if _, err := w.Add(t.Context(), "key", Deny, append(some(0, 500), "one.more.example"), nil); !errors.Is(err, ErrFull) ||
		!strings.Contains(err.Error(), "a key may have 10000, this one has 10000") {
		t.Errorf("one more: error %v", err)
	}
	if o := w.add(t, "key", Allow, some(0, 150)...); o != (Outcome{Moved: 150}) {
		t.Errorf("moving comes to %+v", o)
	}
	if o := w.remove(t, "key", Allow, some(0, 120)...); o != (Outcome{Removed: 120}) {
		t.Errorf("removing comes to %+v", o)
	}
	if _, err := w.Add(t.Context(), "key", Deny, append(some(0, 120), "one.more.example"), nil); !errors.Is(err, ErrFull) {
		t.Errorf("one more than there is room for: error %v", err)
	}
	if n := len(w.all(t, "key")); n != MaxEntries-120 {
		t.Errorf("of what did not fit whole a part was added: %d entries", n)
	}
}

// What several do at once to few domains leaves the count right and no domain on
// a list it was not put on last.
func TestChangesAtOnceLeaveTheCountRight(t *testing.T) {
	w := open(t)
	var all sync.WaitGroup
	for worker := range 8 {
		book := w.another()
		chance := rand.New(rand.NewPCG(1, uint64(worker)))
		all.Go(func() {
			for range 25 {
				from := chance.IntN(8)
				list := []string{Allow, Deny}[chance.IntN(2)]
				change := book.Add
				if chance.IntN(3) == 0 {
					change = book.Remove
				}
				if _, err := change(t.Context(), "key", list, some(from, from+4), nil); err != nil {
					t.Errorf("change: %v", err)
				}
				if _, err := book.Match(t.Context(), "key", "d00003.example"); err != nil {
					t.Errorf("match: %v", err)
				}
			}
		})
	}
	all.Wait()
	stored := w.all(t, "key")
	if n, err := w.Entries(t.Context(), "key"); n != len(stored) || err != nil {
		t.Errorf("%d are counted, %d there; error %v", n, len(stored), err)
	}
	for _, entry := range stored {
		_, domain, _ := strings.Cut(entry, " ")
		if got := says(t, w.Book, "key", domain); got != entry {
			t.Errorf("%s is stored, matched is %q", entry, got)
		}
	}
}

func TestManyDomainsAreSeveralTransactionsAndOneAuditEntry(t *testing.T) {
	w := open(t)
	var numbers []int64
	audit := func(number int64) store.Op {
		numbers = append(numbers, number)
		return store.PutOp(store.Item{Key: store.Key{Part: fmt.Sprint("AUDIT", number)}}, store.Absent())
	}
	for i, step := range []struct {
		domains []string
		want    Outcome
		entries int // of the audit, so far
	}{
		{some(0, 250), Outcome{Added: 250}, 1},
		{some(0, 250), Outcome{Unchanged: 250}, 1},
		{some(100, 251), Outcome{Added: 1, Unchanged: 150}, 2},
	} {
		o, err := w.Add(t.Context(), "key", Deny, step.domains, audit)
		if err != nil || o != step.want || len(numbers) != step.entries {
			t.Errorf("step %d: %+v, error %v, audit numbers %v; want %+v and %d of them", i, o, err, numbers, step.want, step.entries)
		}
	}
	for _, number := range numbers {
		if _, err := w.table.Table.Get(t.Context(), store.Key{Part: fmt.Sprint("AUDIT", number)}); err != nil {
			t.Errorf("audit entry %d: %v", number, err)
		}
	}
}

func TestBrokenOffChangeCanBeRepeated(t *testing.T) {
	w := open(t)
	broken, left := errors.New("cable pulled"), 2
	w.table.before = func() error {
		if left--; left < 0 {
			return broken
		}
		return nil
	}
	o, err := w.Add(t.Context(), "key", Deny, some(0, 300), nil)
	if !errors.Is(err, broken) || o != (Outcome{Added: 2 * together}) {
		t.Errorf("broken off: %+v, error %v", o, err)
	}
	if n, err := w.Entries(t.Context(), "key"); n != 2*together || err != nil {
		t.Errorf("%d entries, error %v", n, err)
	}
	w.table.before = nil
	if o := w.add(t, "key", Deny, some(0, 300)...); o != (Outcome{Added: 300 - 2*together, Unchanged: 2 * together}) {
		t.Errorf("repeated: %+v", o)
	}
}

func TestChangeThatOthersOvertakeBeginsAgain(t *testing.T) {
	w := open(t)
	other := NewBook(w.table.Table, w.clock.Now)
	once := true
	w.table.before = func() error {
		if once {
			once = false
			_, err := other.Add(t.Context(), "key", Allow, []string{"a.example", "b.example"}, nil)
			return err
		}
		return nil
	}
	if o := w.add(t, "key", Deny, "a.example", "c.example"); o != (Outcome{Added: 1, Moved: 1}) {
		t.Errorf("%+v, want one added and one moved", o)
	}
	w.table.before = func() error { return &store.TransactError{} }
	if _, err := w.Add(t.Context(), "key", Deny, []string{"d.example"}, nil); !errors.Is(err, ErrConflict) {
		t.Errorf("without pause: error %v", err)
	}
}

func TestAContextThatIsDoneWritesNothing(t *testing.T) {
	w := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Add(ctx, "key", Deny, []string{"a.example"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if got := w.all(t, "key"); got != nil {
		t.Errorf("there are %v", got)
	}
}
