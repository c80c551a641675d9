package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/refresh"
	"rcpt/internal/store"
)

var errDead = errors.New("the process is dead")

// mortal is the store of a process that dies at its nth write: before it, or
// after it but before it learns of it.
type mortal struct {
	store.Blob
	mu     sync.Mutex
	writes int
	after  bool
	wrote  []string
}

// dies reports whether the process is dead; done is called for a write that
// still happens.
func (m *mortal) dies(name string, done func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.writes--; m.writes < 0 || m.writes == 0 && !m.after {
		m.writes = min(m.writes, 0)
		return errDead
	}
	m.wrote = append(m.wrote, name)
	err := done()
	if m.writes == 0 {
		return errDead
	}
	return err
}

func (m *mortal) Put(ctx context.Context, name string, r io.Reader, opts ...store.PutOption) (info store.BlobInfo, err error) {
	err = m.dies(name, func() error {
		info, err = m.Blob.Put(ctx, name, r, opts...)
		return err
	})
	return info, err
}

func (m *mortal) Delete(ctx context.Context, names ...string) error {
	return m.dies("delete", func() error { return m.Blob.Delete(ctx, names...) })
}

// TestDeathAtAnyWrite: after it readers have the old table or the new one, and
// the next run does the work.
func TestDeathAtAnyWrite(t *testing.T) {
	deaths := 0
	for writes := 1; ; writes++ {
		ended := false
		for _, after := range []bool{false, true} {
			w := newWorld(t, names("builtin", 200))
			w.list("wesbos-one", "old.com")
			w.list("popular", "example.org")
			w.run(refresh.Request{})
			w.follow()
			w.list("wesbos-one", "old.com", "new.com")
			w.clock.Advance(24 * time.Hour)

			whole := w.config.Blob
			blob := &mortal{Blob: whole, writes: writes, after: after}
			w.config.Blob = blob
			_, err := refresh.New(w.config).Run(t.Context(), refresh.Request{})
			ended = ended || err == nil && blob.writes > 0
			claim := fmt.Sprintf("death at write %d (after it: %v) of %q", writes, after, blob.wrote)
			if err != nil {
				deaths++
			}
			table := w.follow()
			if hosts := table.Info().Hosts; hosts != 201 && hosts != 202 {
				t.Errorf("%s: readers have %d hosts", claim, hosts)
			}
			w.config.Blob = whole
			w.clock.Advance(time.Minute)
			if r := w.run(refresh.Request{}); r.Outcome != refresh.Published || r.Problems != nil || r.Sources[0].Problem != "" {
				t.Errorf("%s: the next run %s, %q, %+v", claim, r.Outcome, r.Problems, r.Sources[0])
			}
			if table := w.follow(); table.Info().Hosts != 202 || !table.HasHost("new.com") {
				t.Errorf("%s: readers have %d hosts after the next run", claim, table.Info().Hosts)
			}
		}
		if ended {
			t.Logf("%d writes, %d deaths", writes-1, deaths)
			if writes < 6 {
				t.Errorf("a run has %d writes, want copy, table, state, report, pointer at least", writes-1)
			}
			return
		}
	}
}

// meeting lets runs go on only when all have read the pointer.
type meeting struct {
	store.Blob
	all sync.WaitGroup
}

func (m *meeting) Put(ctx context.Context, name string, r io.Reader, opts ...store.PutOption) (store.BlobInfo, error) {
	if name == "lists/current.json" {
		m.all.Done()
		m.all.Wait()
	}
	return m.Blob.Put(ctx, name, r, opts...)
}

// TestRunsAtOnce: of runs that began with the same pointer one wins, and the
// others are no errors.
func TestRunsAtOnce(t *testing.T) {
	w := newWorld(t, names("builtin", 200))
	w.list("wesbos-one", "one.com")
	w.list("popular", "example.org")
	for _, before := range []string{"none", "one"} {
		const runs = 4
		blob := &meeting{Blob: w.blob}
		blob.all.Add(runs)
		w.config.Blob = blob
		outcomes := make([]refresh.Report, runs)
		var all sync.WaitGroup
		for i := range runs {
			all.Go(func() {
				config := w.config
				config.Now = func() time.Time { return w.clock.Now().Add(time.Duration(i) * time.Second) }
				var err error
				if outcomes[i], err = refresh.New(config).Run(t.Context(), refresh.Request{}); err != nil {
					t.Errorf("Run: %v", err)
				}
			})
		}
		all.Wait()
		published, snapshot := 0, ""
		for _, r := range outcomes {
			switch r.Outcome {
			case refresh.Published:
				published, snapshot = published+1, r.Snapshot
			case refresh.Superseded:
			default:
				t.Errorf("a run %s: %s", r.Outcome, r.Detail)
			}
		}
		if published != 1 {
			t.Errorf("with %s before, %d of %d runs published", before, published, runs)
		}
		if table := w.follow(); table.Info().Hosts != 201 || table.Disposable("one.com").Tier != lists.Aggregator || snapshot == "" {
			t.Errorf("readers have %d hosts", table.Info().Hosts)
		}
		w.clock.Advance(24 * time.Hour)
	}
}

func TestABrokenPointerIsReplaced(t *testing.T) {
	w := newWorld(t, names("builtin", 200))
	w.list("wesbos-one", "one.com")
	w.list("popular", "example.org")
	first := w.run(refresh.Request{})
	for claim, spoil := range map[string]func(){
		"pointer": func() { w.write("lists/current.json", []byte("{")) },
		"state":   func() { w.write("lists/"+first.Snapshot+".json", []byte("{")) },
		"table":   func() { w.write("lists/"+first.Snapshot+".bin", []byte("x")) },
	} {
		spoil()
		r := w.daily()
		if r.Outcome != refresh.Published || len(r.Problems) != 1 || w.follow().Info().Hosts != 201 {
			t.Errorf("%s: %s, problems %q", claim, r.Outcome, r.Problems)
		}
		first = r
	}
}

func TestAStoreThatIsDownIsAnError(t *testing.T) {
	w := newWorld(t, names("builtin", 200))
	w.list("wesbos-one", "one.com")
	w.list("popular", "example.org")
	w.config.Blob = failing{w.blob}
	if _, err := refresh.New(w.config).Run(t.Context(), refresh.Request{}); !errors.Is(err, errStore) {
		t.Errorf("Run: %v, want the store's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.config.Blob = w.blob
	if _, err := refresh.New(w.config).Run(ctx, refresh.Request{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v, want context.Canceled", err)
	}
}
