package tenant

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/store"
)

// A key without entries costs one read in 30 seconds; one with entries costs the
// same once they are known.
func TestAskingCostsNextToNoReads(t *testing.T) {
	w := open(t)
	w.add(t, "with", Deny, "mail.example")
	w.table.calls()
	for _, step := range []struct {
		key   string
		after time.Duration
		want  string
	}{
		{"without", 0, "1 gets, 0 queries, 0 batches"},
		{"without", 29 * time.Second, "0 gets, 0 queries, 0 batches"},
		{"without", time.Second, "1 gets, 0 queries, 0 batches"},
		{"without", 30 * time.Second, "1 gets, 0 queries, 0 batches"},
		{"with", 0, "1 gets, 1 queries, 0 batches"},
		{"with", 29 * time.Second, "0 gets, 0 queries, 0 batches"},
		{"with", time.Second, "1 gets, 1 queries, 0 batches"}, // read twice: the first may have come in the middle of a transaction
		{"with", 30 * time.Second, "1 gets, 0 queries, 0 batches"},
		{"with", time.Hour, "1 gets, 0 queries, 0 batches"},
	} {
		w.clock.Advance(step.after)
		for range 5 {
			says(t, w.Book, step.key, "a.mail.example")
		}
		if got := w.table.calls(); got != step.want {
			t.Errorf("%s, %v later: %s, want %s", step.key, step.after, got, step.want)
		}
	}
}

func TestChangesShowHereAtOnceAndElsewhereInTime(t *testing.T) {
	w := open(t)
	there := w.another()
	for i, step := range []struct {
		change func() Outcome
		want   string
	}{
		{func() Outcome { return w.add(t, "key", Deny, "mail.example") }, "deny mail.example"},
		{func() Outcome { return w.add(t, "key", Allow, "mail.example") }, "allow mail.example"},
		{func() Outcome { return w.remove(t, "key", Allow, "mail.example") }, ""},
		{func() Outcome { return w.add(t, "key", Deny, "mail.example") }, "deny mail.example"},
	} {
		before := says(t, there, "key", "mail.example")
		step.change()
		if got := says(t, w.Book, "key", "mail.example"); got != step.want {
			t.Errorf("change %d shows here as %q, want %q", i, got, step.want)
		}
		w.clock.Advance(freshFor - 1)
		if got := says(t, there, "key", "mail.example"); got != before {
			t.Errorf("change %d shows elsewhere before it must, at the price of reads: %q", i, got)
		}
		w.clock.Advance(1)
		if got := says(t, there, "key", "mail.example"); got != step.want {
			t.Errorf("change %d shows elsewhere as %q after %v, want %q", i, got, freshFor, step.want)
		}
	}
}

// A read under way when a change is made must not be remembered after it.
func TestReadOvertakenByAChangeIsForgotten(t *testing.T) {
	for _, hook := range []string{"after the head", "after the entries"} {
		t.Run(hook, func(t *testing.T) {
			w := open(t)
			w.add(t, "key", Deny, "a.example")
			once := sync.OnceFunc(func() {
				w.table.mu.Lock()
				w.table.afterGet, w.table.afterQuery = nil, nil
				w.table.mu.Unlock()
				w.add(t, "key", Deny, "mail.example")
			})
			if hook == "after the head" {
				w.table.afterGet = once
			} else {
				w.table.afterQuery = once
			}
			says(t, w.Book, "key", "mail.example") // which of the two it sees is open
			if got := says(t, w.Book, "key", "mail.example"); got != "deny mail.example" {
				t.Errorf("after the change: %q", got)
			}
		})
	}
}

// A transaction may show in the head before it shows in each entry.
func TestTransactionSeenHalfShowsWholeInTime(t *testing.T) {
	w := open(t)
	w.add(t, "key", Deny, "a.example", "mail.example")
	w.table.hide = "mail.example"
	if got := says(t, w.Book, "key", "mail.example"); got != "" {
		t.Fatalf("the test does not hide the entry: %q", got)
	}
	w.table.hide = ""
	w.clock.Advance(freshFor)
	if got := says(t, w.Book, "key", "mail.example"); got != "deny mail.example" {
		t.Errorf("%v later: %q", freshFor, got)
	}
}

func TestLongListsAreAskedEntryByEntry(t *testing.T) {
	w := open(t)
	w.fill(t, "key", wholeMax)
	says(t, w.Book, "key", "d00001.example")
	w.table.calls()
	if got := says(t, w.Book, "key", "x.d00999.example"); got != "deny d00999.example" || w.table.calls() != "0 gets, 0 queries, 0 batches" {
		t.Errorf("a list of %d: %q, with reads", wholeMax, got)
	}
	w.add(t, "key", Allow, "good.d00000.example")
	w.table.calls()
	for domain, want := range map[string]string{
		"d00000.example": "deny d00000.example", "x.d00000.example": "deny d00000.example", "d01000.example": "",
		"very.good.d00000.example": "allow good.d00000.example",
	} {
		if got := says(t, w.Book, "key", domain); got != want {
			t.Errorf("%s: %q, want %q", domain, got, want)
		}
	}
	if got := w.table.calls(); got != "1 gets, 0 queries, 4 batches" {
		t.Errorf("four questions cost %s", got)
	}
	// In another process such a list shows changes at once.
	there := w.another()
	says(t, there, "key", "d00000.example")
	w.add(t, "key", Deny, "new.example")
	if got := says(t, there, "key", "new.example"); got != "deny new.example" {
		t.Errorf("elsewhere: %q", got)
	}
	w.remove(t, "key", Deny, some(0, 500)...)
	if got := says(t, w.Book, "key", "d00500.example"); got != "deny d00500.example" {
		t.Errorf("short again: %q", got)
	}
	w.table.calls()
	if says(t, w.Book, "key", "d00501.example"); w.table.calls() != "0 gets, 0 queries, 0 batches" {
		t.Error("a list that is short again is not remembered")
	}
}

func TestErrorsOfTheTableAreReturned(t *testing.T) {
	w := open(t)
	w.add(t, "key", Deny, "mail.example")
	broken := errors.New("disk on fire")
	w.table.fail = broken
	if m, err := w.Match(t.Context(), "key", "mail.example"); !errors.Is(err, broken) || m != (Match{}) {
		t.Errorf("%v, error %v", m, err)
	}
	w.table.fail = nil
	if got := says(t, w.Book, "key", "mail.example"); got != "deny mail.example" {
		t.Errorf("an error was remembered: %q", got)
	}
	w.table.fail = broken
	if got := says(t, w.Book, "key", "mail.example"); got != "deny mail.example" {
		t.Errorf("what is fresh needs no table: %q", got)
	}
	w.clock.Advance(freshFor)
	if _, err := w.Match(t.Context(), "key", "mail.example"); !errors.Is(err, broken) {
		t.Errorf("what is not fresh is passed for known: %v", err)
	}
}

// slow is a table whose answers take a second and which has a single entry.
type slow struct {
	store.Table
	mu   sync.Mutex
	gets int
}

func (s *slow) Get(ctx context.Context, key store.Key) (store.Item, error) {
	s.mu.Lock()
	s.gets++
	s.mu.Unlock()
	select {
	case <-time.After(time.Second):
		return store.Item{Key: key, Attrs: store.Attrs{"entries": int64(1), "revision": int64(1)}}, nil
	case <-ctx.Done():
		return store.Item{}, ctx.Err()
	}
}

func (s *slow) Query(context.Context, store.Query) (store.Page, error) {
	return store.Page{Items: []store.Item{{Key: store.Key{Part: "LST#key", Sort: "mail.example"}, Attrs: store.Attrs{"list": Deny}}}}, nil
}

func TestWhoAskAtOnceShareARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &slow{}
		b := NewBook(table, time.Now)
		impatient, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() { // the first one gives up; the others get what it asked for
			if _, err := b.Match(impatient, "key", "mail.example"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("impatient: error %v", err)
			}
		})
		for range 100 {
			all.Go(func() {
				time.Sleep(20 * time.Millisecond)
				if got := says(t, b, "key", "mail.example"); got != "deny mail.example" {
					t.Errorf("%q", got)
				}
			})
		}
		began := time.Now()
		all.Wait()
		if took := time.Since(began); table.gets != 1 || took > time.Second {
			t.Errorf("%d reads, %v", table.gets, took)
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	var m memory
	names := make(map[string]string, wholeMax)
	for _, domain := range some(0, wholeMax) {
		names[domain] = Deny
	}
	for n := range 3 * sheetsMax {
		s := &sheet{until: noon.Add(freshFor)}
		if n%4 == 0 {
			s.names = names
		}
		m.keep(fmt.Sprint("key", n), s, 0, noon)
		if len(m.sheets) > sheetsMax || m.held > namesMax {
			t.Fatalf("%d sheets, %d names", len(m.sheets), m.held)
		}
		if got, _ := m.find(fmt.Sprint("key", n)); got != s {
			t.Fatal("the last one is not held")
		}
	}
	held := 0
	for _, s := range m.sheets {
		held += len(s.names)
	}
	if held != m.held {
		t.Errorf("%d names are held, %d counted", held, m.held)
	}
	// The outdated go first.
	m = memory{}
	for n := range sheetsMax {
		m.keep(fmt.Sprint("key", n), &sheet{names: map[string]string{"a.example": Deny}, until: noon.Add(time.Duration(n%2) * time.Hour)}, 0, noon)
	}
	m.keep("one more", &sheet{until: noon.Add(time.Hour)}, 0, noon)
	if len(m.sheets) != sheetsMax/2+1 || m.held != sheetsMax/2 {
		t.Errorf("%d sheets with %d names are left", len(m.sheets), m.held)
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	w := open(t)
	w.fill(t, "key", 500)
	says(t, w.Book, "key", "mail.example")
	for _, domain := range []string{"d00123.example", "a.b.c.d00123.example", "mail.example"} {
		if n := testing.AllocsPerRun(100, func() { _, _ = w.Match(t.Context(), "key", domain) }); n != 0 {
			t.Errorf("%s costs %v allocations", domain, n)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	w := open(b)
	w.fill(b, "with", 500)
	for _, key := range []string{"with", "without"} {
		for _, domain := range []string{"mail.example", "a.b.c.mail.example"} {
			says(b, w.Book, key, domain)
			b.Run(key+"/"+domain, func(b *testing.B) {
				for b.Loop() {
					_, _ = w.Match(b.Context(), key, domain)
				}
			})
		}
	}
}
