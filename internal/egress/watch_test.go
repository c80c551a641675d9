package egress

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/store"
)

// known puts a finding onto the shelf.
func (s *shelf) known(t *testing.T, state State) {
	t.Helper()
	r := record{State: state, Until: s.now.Add(life)}
	s.item = store.Item{}
	if err := r.save(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	s.reads = 0
}

func newWatch(s *shelf) *Watch { return NewWatch(s, s.clock, slog.New(slog.DiscardHandler)) }

func TestWatchNeverMakesARequestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{now: noon}
		s.known(t, Closed)
		w := newWatch(s)
		if w.Closed() {
			t.Error("the first request waited for the table")
		}
		synctest.Wait()
		if !w.Closed() {
			t.Error("the next request does not know")
		}
		s.known(t, Open)
		s.now = noon.Add(fresh - 1)
		if !w.Closed() || s.reads != 0 {
			t.Errorf("what is fresh was read again, %d times", s.reads)
		}
		s.now = noon.Add(fresh)
		if !w.Closed() {
			t.Error("the request that starts the reading waited for it")
		}
		synctest.Wait()
		if w.Closed() || s.reads != 1 {
			t.Errorf("closed after %d readings", s.reads)
		}
	})
}

func TestWatchWaitsForItsFirstReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{now: noon}
		w := newWatch(s)
		if got := w.State(t.Context()); got != Unchecked {
			t.Errorf("nobody has checked: %s", got)
		}
		s.known(t, Listed)
		if got := w.State(t.Context()); got != Unchecked || s.reads != 0 {
			t.Errorf("what is fresh was read again: %s", got)
		}
		w.Forget()
		if got := w.State(t.Context()); got != Listed || !w.Closed() {
			t.Errorf("after Forget: %s", got)
		}
	})
}

func TestTouchedWatchKnowsWhenItIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{now: noon}
		s.known(t, Closed)
		w := newWatch(s)
		w.Touch()
		synctest.Wait() // the request looks up its key meanwhile
		if !w.Closed() || s.reads != 1 {
			t.Errorf("open after %d readings", s.reads)
		}
	})
}

func TestWatchForgetsWhatHasLapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{now: noon}
		s.known(t, Closed)
		w := newWatch(s)
		if got := w.State(t.Context()); got != Closed {
			t.Fatalf("state %s", got)
		}
		// The environment sleeps for an hour; the checker has died.
		s.now = noon.Add(time.Hour)
		if w.Closed() {
			t.Error("a door closed for ever")
		}
		synctest.Wait()
		if got := w.State(t.Context()); got != Unchecked {
			t.Errorf("state %s", got)
		}
	})
}

func TestWatchKeepsWhatItKnowsWhileTheTableFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{now: noon}
		s.known(t, Closed)
		w := newWatch(s)
		_ = w.State(t.Context())
		s.err, s.now = errors.New("table on fire"), noon.Add(fresh)
		for range 2 { // a table that fails is not asked all the time
			if got := w.State(t.Context()); got != Closed {
				t.Errorf("state %s", got)
			}
			synctest.Wait()
			if s.reads != 2 {
				t.Errorf("got %d readings, want 2", s.reads)
			}
		}
	})
}

func TestWatchWaitsForAMomentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{now: noon}
		w := NewWatch(waiting{s}, s.clock, slog.New(slog.DiscardHandler))
		began := time.Now()
		if got := w.State(t.Context()); got != Unchecked || time.Since(began) != moment {
			t.Errorf("state %s after %v", got, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began = time.Now()
		if got := w.State(ctx); got != Unchecked || time.Since(began) != 0 {
			t.Errorf("state %s, %v after its caller had gone", got, time.Since(began))
		}
		time.Sleep(readTime) // the reading ends with the test
	})
}

// waiting is a table that hangs.
type waiting struct{ *shelf }

func (waiting) Get(ctx context.Context, _ store.Key) (store.Item, error) {
	<-ctx.Done()
	return store.Item{}, ctx.Err()
}
