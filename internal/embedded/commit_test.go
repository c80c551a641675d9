package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"rcpt/internal/store"
)

func newTable(t *testing.T) *table {
	t.Helper()
	table, err := openTable(filepath.Join(t.TempDir(), "control.db"), true, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = table.close() })
	return table
}

// commitCount counts the commits of a file so far.
func commitCount(t *testing.T, table *table) (n int) {
	t.Helper()
	if err := table.bolt.View(func(tx *bolt.Tx) error { n = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// isWaiting lets others run, then tells whether so many calls wait.
func (t *table) isWaiting(n int) bool {
	runtime.Gosched()
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting) >= n
}

// lineUp holds the lead while n calls come to wait, then lets it go.
func lineUp(t *testing.T, table *table, n int, start func(i int)) {
	t.Helper()
	table.lead <- struct{}{}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { start(i) })
	}
	for !table.isWaiting(n) {
	}
	<-table.lead
	all.Wait()
}

func TestWaitingWritersShareOneCommit(t *testing.T) {
	table := newTable(t)
	before := commitCount(t, table)
	lineUp(t, table, 64, func(i int) {
		if err := table.Put(t.Context(), store.Item{Key: store.Key{Part: "p", Sort: fmt.Sprint(i)}}); err != nil {
			t.Errorf("Put: %v", err)
		}
	})
	if got := commitCount(t, table) - before; got != 1 {
		t.Errorf("64 waiting writers: got %d commits, want 1", got)
	}
	page, err := table.Query(t.Context(), store.Query{Part: "p"})
	if err != nil || len(page.Items) != 64 {
		t.Errorf("got %d items, %v, want 64", len(page.Items), err)
	}
}

func TestMoreThanOneCommitHolds(t *testing.T) {
	table := newTable(t)
	before := commitCount(t, table)
	lineUp(t, table, 2*maxCommit+1, func(i int) {
		_, err := table.Update(t.Context(), store.Update{Key: store.Key{Part: "p"}, Add: map[string]int64{"n": 1}})
		if err != nil {
			t.Errorf("Update: %v", err)
		}
	})
	if got := commitCount(t, table) - before; got != 3 {
		t.Errorf("%d waiting writers: got %d commits, want 3", 2*maxCommit+1, got)
	}
	item, err := table.Get(t.Context(), store.Key{Part: "p"})
	if err != nil || item.Int("n") != 2*maxCommit+1 {
		t.Errorf("counter: got %d, %v, want %d", item.Int("n"), err, 2*maxCommit+1)
	}
}

func TestWhatChangesNothingIsNotCommitted(t *testing.T) {
	table := newTable(t)
	before := commitCount(t, table)
	k := store.Key{Part: "p"}
	if err := table.Put(t.Context(), store.Item{Key: k}, store.Exists()); !errors.Is(err, store.ErrCondition) {
		t.Errorf("Put: got %v, want ErrCondition", err)
	}
	if err := table.Delete(t.Context(), k); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if err := table.Transact(t.Context(), []store.Op{store.CheckOp(k, store.Absent())}); err != nil {
		t.Errorf("Transact: %v", err)
	}
	if got := commitCount(t, table) - before; got != 0 {
		t.Errorf("got %d commits, want none", got)
	}
}

// A refusal may rest on what a neighbour has just written, so when that is lost
// the refusal must not stand either.
func TestFailedCommitFailsAllOfItsCalls(t *testing.T) {
	table := newTable(t)
	broken := errors.New("disk full")
	k := store.Key{Part: "p"}
	var mu sync.Mutex
	var failed int
	lineUp(t, table, 3, func(i int) {
		var err error
		if i == 0 {
			err = table.commit(t.Context(), func(e *edit) error { e.failure = broken; return nil })
		} else {
			err = table.Put(t.Context(), store.Item{Key: k}, store.Absent())
		}
		mu.Lock()
		defer mu.Unlock()
		if errors.Is(err, broken) && !errors.Is(err, store.ErrCondition) {
			failed++
		}
	})
	if failed != 3 {
		t.Errorf("got %d failed calls, want 3", failed)
	}
	if _, err := table.Get(t.Context(), k); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get: got %v, want ErrNotFound", err)
	}
	if err := table.Put(t.Context(), store.Item{Key: k}); err != nil {
		t.Errorf("Put afterwards: %v", err)
	}
}

func TestPanicLeavesNobodyWaiting(t *testing.T) {
	table := newTable(t)
	lineUp(t, table, 4, func(i int) {
		defer func() { _ = recover() }()
		err := table.commit(t.Context(), func(*edit) error { panic("bug") })
		if err == nil {
			t.Error("commit: got no error from a batch that panicked")
		}
	})
	if err := table.Put(t.Context(), store.Item{Key: store.Key{Part: "p"}}); err != nil {
		t.Errorf("Put afterwards: %v", err)
	}
}

func TestCancelledWhileWaitingIsNotWritten(t *testing.T) {
	table := newTable(t)
	ctx, cancel := context.WithCancel(t.Context())
	table.lead <- struct{}{}
	result := make(chan error, 1)
	go func() { result <- table.Put(ctx, store.Item{Key: store.Key{Part: "p"}}) }()
	for !table.isWaiting(1) {
	}
	cancel()
	<-table.lead
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Put: got %v, want context.Canceled", err)
	}
	if _, err := table.Get(t.Context(), store.Key{Part: "p"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get: got %v, want ErrNotFound", err)
	}
}
