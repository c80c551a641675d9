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

	// moment is how long State waits for the first reading. A table that is
	// connected answers in less; a cold start must not last longer for this.
	moment = 20 * time.Millisecond
)

// Watch tells what is known of our way out. It reads the table no more than once
// in 45 s, whoever asks. It is safe for concurrent use.
type Watch struct {
	table store.Table
	now   func() time.Time
	log   *slog.Logger

	reading sync.Mutex // held by who reads the table

	mu    sync.Mutex
	last  record
	next  time.Time     // when to read again
	first chan struct{} // closed by the first reading since the start or Forget
}

// NewWatch returns a Watch over what a Checker writes into the table. It reads
// nothing yet.
func NewWatch(table store.Table, now func() time.Time, log *slog.Logger) *Watch {
	return &Watch{table: table, now: now, log: log, last: record{State: Unchecked}, first: make(chan struct{})}
}

// Touch has what is too old read again beside its caller. Called when a process
// starts and when a request comes in, it lets Closed know by the time a server
// would be asked.
func (w *Watch) Touch() {
	if _, old := w.known(); old && w.reading.TryLock() {
		go func() {
			defer w.reading.Unlock()
			w.read()
		}()
	}
}

// Closed reports whether probing is useless. It never waits: what is too old is
// read again beside the request, and the next request knows.
func (w *Watch) Closed() bool {
	w.Touch()
	state, _ := w.known()
	return state.Blocks()
}

// State returns what is known. Only while nothing has been read it waits for
// that, 20 ms at most.
func (w *Watch) State(ctx context.Context) State {
	w.Touch()
	w.mu.Lock()
	first := w.first
	w.mu.Unlock()
	late := time.NewTimer(moment)
	defer late.Stop()
	select {
	case <-first:
	case <-late.C:
	case <-ctx.Done():
	}
	state, _ := w.known()
	return state
}

// Forget makes the next one who asks read again: for a process that both checks
// and asks.
func (w *Watch) Forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next, w.first = time.Time{}, make(chan struct{})
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
func (w *Watch) read() {
	w.mu.Lock()
	first := w.first
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	found, err := load(ctx, w.table, w.now())
	w.mu.Lock()
	defer w.mu.Unlock()
	if first == w.first { // else it was forgotten meanwhile, and this may be the old one
		w.next = w.now().Add(fresh)
		select {
		case <-first:
		default:
			close(first)
		}
	}
	if err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "egress", slog.String("error", err.Error()))
		return
	}
	w.last = found
}
