package embedded

import (
	"fmt"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

// stored counts the items in the file, expired ones included.
func stored(t *testing.T, tables ...*table) (n int) {
	t.Helper()
	for _, table := range tables {
		err := table.bolt.View(func(tx *bolt.Tx) error {
			return items(tx).ForEach(func(_, _ []byte) error { n++; return nil })
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func TestSweepRemovesWhatHasExpired(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	db, err := Open(t.TempDir(), Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()

	const each, kept = 2500, 500
	var batch []store.Item
	for i := range each {
		item := store.Item{Key: store.Key{Part: "p", Sort: fmt.Sprintf("%05d", i)}}
		if i%5 != 0 {
			item.Expires = clock.Now().Add(time.Minute)
		}
		batch = append(batch, item)
	}
	for _, table := range []store.Table{db.Control(), db.Cache()} {
		if err := table.BatchPut(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	sweep := func() int {
		n, err := db.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := sweep(); got != 0 {
		t.Errorf("before the time: got %d removed, want 0", got)
	}
	clock.Advance(time.Minute)
	for range 5 {
		if got := sweep(); got > 2*sweepRemoves {
			t.Errorf("got %d removed at once, want at most %d", got, 2*sweepRemoves)
		}
	}
	if got := stored(t, db.control, db.cache); got != 2*kept {
		t.Errorf("got %d items left, want %d", got, 2*kept)
	}
	if got := sweep(); got != 0 {
		t.Errorf("afterwards: got %d removed, want 0", got)
	}
}

func TestSweepSparesWhatIsWrittenAnew(t *testing.T) {
	table := newTable(t)
	item := store.Item{Key: store.Key{Part: "p"}, Expires: time.Unix(1, 0)}
	if err := table.Put(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	// The new item waits to be committed when the sweep finds the old one.
	lineUp(t, table, 2, func(i int) {
		if i == 0 {
			item.Expires = time.Time{}
			if err := table.Put(t.Context(), item); err != nil {
				t.Errorf("Put: %v", err)
			}
			return
		}
		for !table.isWaiting(1) {
		}
		if n, err := table.sweepOnce(t.Context()); err != nil || n != 0 {
			t.Errorf("sweep: got %d removed, %v, want 0", n, err)
		}
	})
	if _, err := table.Get(t.Context(), item.Key); err != nil {
		t.Errorf("Get: %v", err)
	}
}

func TestSweepGoesRound(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	db, err := Open(t.TempDir(), Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()

	var batch []store.Item
	for i := range sweepReads + 100 {
		batch = append(batch, store.Item{Key: store.Key{Part: "p", Sort: fmt.Sprintf("%06d", i)}})
	}
	batch[len(batch)-1].Expires = clock.Now()
	if err := db.Cache().BatchPut(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	for call, want := range []int{0, 1, 0, 0, 1} {
		got, err := db.Sweep(t.Context())
		if err != nil || got != want {
			t.Errorf("call %d: got %d removed, %v, want %d", call, got, err, want)
		}
		if call == 2 { // in front of where the sweeper is
			batch[0].Expires = clock.Now()
			if err := db.Cache().Put(t.Context(), batch[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
}
