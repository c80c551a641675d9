package refresh_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/refresh"
	"rcpt/internal/store"
)

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (w *world) write(name string, data []byte) {
	w.Helper()
	if _, err := w.blob.Put(w.Context(), name, bytes.NewReader(data)); err != nil {
		w.Fatal(err)
	}
}

// publish writes a snapshot and a pointer to it, as a job would; change may
// spoil the pointer.
func (w *world) publish(data []byte, change func(*refresh.Pointer)) {
	w.Helper()
	p := refresh.Pointer{Snapshot: digestOf(data), Published: w.clock.Now()}
	if table, err := lists.Open(string(data)); err == nil {
		p.Built, p.Hosts = table.Info().Built, table.Info().Hosts
	}
	if change != nil {
		change(&p)
	}
	w.write("lists/"+digestOf(data)+".bin", data)
	text, err := json.Marshal(p)
	if err != nil {
		w.Fatal(err)
	}
	w.write("lists/current.json", text)
}

func none(*refresh.Pointer) {}

// TestBadSnapshotsAreRefused: whatever the pointer leads to, the table in use
// stays, and a metric says why.
func TestBadSnapshotsAreRefused(t *testing.T) {
	built := start.Add(time.Hour)
	good := snapshotOf(t, built, append(names("builtin", 1000), "new.com")...)
	cut := good[:len(good)/2]
	flipped := bytes.Clone(good)
	flipped[len(flipped)-3] ^= 1
	version := bytes.Clone(good)
	version[7]++
	for _, tt := range []struct {
		claim  string
		bad    func(w *world)
		reason string
	}{
		{"the pointer is no JSON", func(w *world) { w.write("lists/current.json", []byte("<html>")) }, "pointer"},
		{"the pointer is huge", func(w *world) { w.write("lists/current.json", make([]byte, 1<<20)) }, "pointer"},
		{"the pointer names no table", func(w *world) { w.write("lists/current.json", []byte(`{"hosts": 5}`)) }, "pointer"},
		{"the pointer names another file", func(w *world) { w.write("lists/current.json", []byte(`{"snapshot": "../secret"}`)) }, "pointer"},
		{"the pointer names a blob that is missing", func(w *world) {
			w.publish(good, none)
			if err := w.blob.Delete(w.Context(), "lists/"+digestOf(good)+".bin"); err != nil {
				t.Fatal(err)
			}
		}, "missing"},
		{"the snapshot is cut off", func(w *world) { w.publish(good, none); w.write("lists/"+digestOf(good)+".bin", cut) }, "damaged"},
		{"the snapshot is altered", func(w *world) { w.publish(good, none); w.write("lists/"+digestOf(good)+".bin", flipped) }, "damaged"},
		{"the snapshot was cut off before it got its name", func(w *world) { w.publish(cut, none) }, "damaged"},
		{"the snapshot was altered before it got its name", func(w *world) { w.publish(flipped, none) }, "damaged"},
		{"the snapshot is of another version", func(w *world) { w.publish(version, none) }, "damaged"},
		{"the snapshot is something else", func(w *world) { w.publish([]byte("something else"), none) }, "damaged"},
		{"the snapshot is empty", func(w *world) { w.publish(nil, none) }, "damaged"},
		{"the count is not that of the pointer", func(w *world) { w.publish(good, func(p *refresh.Pointer) { p.Hosts-- }) }, "pointer"},
		{"the time is not that of the pointer", func(w *world) {
			w.publish(good, func(p *refresh.Pointer) { p.Built = p.Built.Add(time.Hour) })
		}, "pointer"},
		{"the table shrank", func(w *world) { w.publish(snapshotOf(t, built, names("builtin", 800)...), none) }, "shrunk"},
		{"the table is older", func(w *world) {
			w.publish(snapshotOf(t, start.Add(-25*time.Hour), names("builtin", 1000)...), none)
		}, "older"},
		{"the table is poisoned", func(w *world) {
			w.publish(snapshotOf(t, built, append(names("builtin", 1000), "gmail.com")...), none)
		}, "forbidden"},
		{"the table is poisoned with an ancestor", func(w *world) {
			w.publish(snapshotOf(t, built, append(names("builtin", 1000), "ne.jp")...), none)
		}, "forbidden"},
		{"a rollback is poisoned", func(w *world) {
			w.publish(snapshotOf(t, built, append(names("builtin", 1000), "mozmail.com")...), func(p *refresh.Pointer) { p.Rollback = true })
		}, "forbidden"},
		{"a rollback leaves almost nothing", func(w *world) {
			w.publish(snapshotOf(t, built, "one.com"), func(p *refresh.Pointer) { p.Rollback = true })
		}, "shrunk"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w := newWorld(t, names("builtin", 1000))
			w.T = t
			before, f := w.live.Table(), w.follower()
			if err := f.Look(t.Context()); err != nil {
				t.Errorf("Look before anything was published: %v", err)
			}
			tt.bad(w)
			if err := f.Look(t.Context()); err == nil || w.live.Table() != before {
				t.Errorf("Look = %v, want the table in use to stay", err)
			}
			w.meter.want(t, "lists_snapshot_rejected reason "+tt.reason)
			if err := f.Look(t.Context()); err == nil {
				t.Error("Look forgets that it refused")
			}
			w.publish(good, none)
			if err := f.Look(t.Context()); err != nil || !w.live.Table().HasHost("new.com") {
				t.Errorf("Look when all is well again: %v", err)
			}
			w.meter.want(t, "lists_age_hours -1")
		})
	}
}

func TestARollbackMayLeadToAnOlderAndSmallerTable(t *testing.T) {
	w := newWorld(t, names("builtin", 1000))
	w.publish(snapshotOf(t, start, names("builtin", 2000)...), none)
	if w.follow().Info().Hosts != 2000 {
		t.Fatal("the large table is not in use")
	}
	w.publish(snapshotOf(t, start.Add(-time.Hour), append(names("builtin", 1000), "old.com")...), func(p *refresh.Pointer) { p.Rollback = true })
	if w.follow().Info().Hosts != 1001 {
		t.Error("the earlier table is not in use")
	}
	w.write("lists/current.json", []byte(`{"rollback": true, "hosts": 1000, "built": "`+start.Add(-24*time.Hour).Format(time.RFC3339)+`"}`))
	if w.follow() != w.config.Table {
		t.Error("the built-in table is not in use")
	}
}

// counted counts what a follower asks for.
type counted struct {
	store.Blob
	pointers, snapshots atomic.Int64
}

func (c *counted) Open(ctx context.Context, name string, offset, length int64, unless string) (io.ReadCloser, store.BlobInfo, error) {
	if strings.HasSuffix(name, ".bin") {
		c.snapshots.Add(1)
	} else {
		c.pointers.Add(1)
	}
	return c.Blob.Open(ctx, name, offset, length, unless)
}

func TestAFollowerLooksSeldomAndReadsOnce(t *testing.T) {
	w := newWorld(t, names("builtin", 1000))
	w.publish(snapshotOf(t, start, append(names("builtin", 1000), "new.com")...), none)
	synctest.Test(t, func(t *testing.T) {
		blob := &counted{Blob: w.blob}
		f := refresh.NewFollower(refresh.FollowerConfig{
			Blob: blob, Live: w.live, Table: w.config.Table, Now: time.Now, Jitter: func(n time.Duration) time.Duration { return n / 2 },
		})
		for range 100 {
			f.Touch()
		}
		synctest.Wait()
		if p, s := blob.pointers.Load(), blob.snapshots.Load(); p != 1 || s != 1 || !w.live.Table().HasHost("new.com") {
			t.Errorf("at first: %d and %d reads", p, s)
		}
		for range 60 { // an hour of requests
			time.Sleep(time.Minute)
			f.Touch()
			synctest.Wait()
		}
		// Every 15 minutes, and half of at most 3 of jitter, told by the minute.
		if p, s := blob.pointers.Load(), blob.snapshots.Load(); p != 4 || s != 1 {
			t.Errorf("in an hour %d reads of the pointer and %d of the table, want 4 and 1", p, s)
		}
		time.Sleep(24 * time.Hour)
		f.Touch()
		synctest.Wait()
		if p := blob.pointers.Load(); p != 5 {
			t.Errorf("%d reads of the pointer after a day without requests, want 5", p)
		}
	})
}

// frozen is a store whose first read does not come back before it is thawed.
type frozen struct {
	store.Blob
	read atomic.Bool
	thaw chan struct{}
}

func (f *frozen) Open(ctx context.Context, name string, offset, length int64, unless string) (io.ReadCloser, store.BlobInfo, error) {
	r, info, err := f.Blob.Open(context.WithoutCancel(ctx), name, offset, length, unless)
	if !f.read.Swap(true) {
		<-f.thaw
	}
	return r, info, err
}

// TestALookThatIsFrozenIsGivenUp: as on Lambda, where a process stops between
// requests. The look of before must not undo that of after.
func TestALookThatIsFrozenIsGivenUp(t *testing.T) {
	w := newWorld(t, names("builtin", 1000))
	w.publish(snapshotOf(t, start, append(names("builtin", 1000), "first.com")...), none)
	synctest.Test(t, func(t *testing.T) {
		blob := &frozen{Blob: w.blob, thaw: make(chan struct{})}
		clock := time.Now()
		f := refresh.NewFollower(refresh.FollowerConfig{
			Blob: blob, Live: w.live, Table: w.config.Table, Now: func() time.Time { return clock },
		})
		f.Touch()
		synctest.Wait()
		clock = clock.Add(4 * time.Minute)
		f.Touch() // one is under way
		synctest.Wait()
		if w.live.Table() != w.config.Table {
			t.Fatal("a table came out of a frozen look")
		}
		w.publish(snapshotOf(t, start.Add(time.Hour), append(names("builtin", 1000), "second.com")...), none)
		clock = clock.Add(time.Hour)
		f.Touch()
		synctest.Wait()
		if !w.live.Table().HasHost("second.com") {
			t.Error("no new look after the frozen one")
		}
		close(blob.thaw)
		synctest.Wait()
		if !w.live.Table().HasHost("second.com") {
			t.Error("the look that was given up changed the table")
		}
		clock = clock.Add(-24 * time.Hour) // the clock is set back
		w.publish(snapshotOf(t, start.Add(2*time.Hour), append(names("builtin", 1000), "third.com")...), none)
		f.Touch()
		synctest.Wait()
		if !w.live.Table().HasHost("third.com") {
			t.Error("a clock set back stops the follower")
		}
	})
}

func TestAStoreThatFailsKeepsTheTable(t *testing.T) {
	w := newWorld(t, names("builtin", 1000))
	w.publish(snapshotOf(t, start, append(names("builtin", 1000), "new.com")...), none)
	before := w.live.Table()
	f := refresh.NewFollower(refresh.FollowerConfig{Blob: failing{w.blob}, Live: w.live, Table: before, Now: w.clock.Now, Metric: w.meter.count})
	if err := f.Look(t.Context()); !errors.Is(err, errStore) || w.live.Table() != before {
		t.Errorf("Look = %v", err)
	}
	w.meter.want(t, "lists_snapshot_rejected reason unavailable")
	var nobody *refresh.Follower
	nobody.Touch()
}

var errStore = errors.New("the store is down")

type failing struct{ store.Blob }

func (failing) Open(context.Context, string, int64, int64, string) (io.ReadCloser, store.BlobInfo, error) {
	return nil, store.BlobInfo{}, errStore
}

// TestSwapUnderLookUps is for the race detector: many read while tables change.
func TestSwapUnderLookUps(t *testing.T) {
	w := newWorld(t, names("builtin", 1000))
	var snapshots [][]byte
	for i, word := range []string{"even", "odd"} {
		snapshots = append(snapshots, snapshotOf(t, start.Add(time.Duration(i)*time.Second), append(names("builtin", 1000), names(word, 100)...)...))
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				table := w.live.Table()
				even, odd := table.HasHost("even-050.com"), table.Disposable("x.odd-050.com").Listed()
				if even && odd || !table.Disposable("builtin-500.com").Listed() || table.Info().Hosts != table.Info().Curated+table.Info().Families {
					t.Error("a table is two tables")
					return
				}
			}
		})
	}
	f := w.follower()
	for i := range 40 {
		w.publish(snapshots[i%2], func(p *refresh.Pointer) { p.Rollback = true })
		if err := f.Look(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	readers.Wait()
	if seen := w.meter.take(); slices.ContainsFunc(seen, func(s string) bool { return strings.HasPrefix(s, "lists_snapshot") }) {
		t.Errorf("measured %q", seen)
	}
}

func BenchmarkTouch(b *testing.B) {
	f := refresh.NewFollower(refresh.FollowerConfig{Blob: failing{}, Live: lists.NewLive(lists.New()), Now: time.Now})
	_ = f.Look(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		f.Touch()
	}
}
