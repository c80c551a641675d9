package egress

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"rcpt/internal/store"
)

const (
	// fresh is how long a Watch goes by what it read.
	fresh = 45 * time.Second

	// readTime bounds one reading.
	readTime = time.Second
)

// Watch tells what is known of our way out. It reads the table no more than once
// in 45 s, whoever asks. It is safe for concurrent use.
type Watch struct {
	table store.Table
	now   func() time.Time
	log   *slog.Logger

	reading sync.Mutex // held by who reads the table

	mu   sync.Mutex
	last record
	next time.Time // when to read again
}

// NewWatch returns a Watch over what a Checker writes into the table. It reads
// nothing yet.
func NewWatch(table store.Table, now func() time.Time, log *slog.Logger) *Watch {
	return &Watch{table: table, now: now, log: log, last: record{State: Unchecked}}
}

// Closed reports whether probing is useless. It never waits: what is too old is
// read again beside the request, and the next request knows.
func (w *Watch) Closed() bool {
	state, old := w.known()
	if old && w.reading.TryLock() {
		go func() {
			defer w.reading.Unlock()
			w.read(context.Background())
		}()
	}
	return state.Blocks()
}

// State returns what is known, and reads it first if that is too old, for a
// second at most.
func (w *Watch) State(ctx context.Context) State {
	state, old := w.known()
	if !old {
		return state
	}
	w.reading.Lock()
	defer w.reading.Unlock()
	if state, old = w.known(); old { // unless somebody else has read meanwhile
		w.read(ctx)
		state, _ = w.known()
	}
	return state
}

// Forget makes the next one who asks read again: for a process that both checks
// and asks.
func (w *Watch) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = time.Time{}
}

// known returns the state that was read last, and whether it is time to read
// again. What has lapsed is not known any more: an environment of Lambda may
// sleep for hours between two requests.
func (w *Watch) known() (s State, old bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	s = w.last.State
	if s != Unchecked && !now.Before(w.last.Until) {
		s = Unchecked
	}
	return s, !now.Before(w.next)
}

// read asks the table. A table that cannot be read changes nothing: what was
// known stands until it lapses.
func (w *Watch) read(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	found, err := load(ctx, w.table, w.now())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = w.now().Add(fresh)
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "egress", slog.String("error", err.Error()))
		return
	}
	w.last = found
}
