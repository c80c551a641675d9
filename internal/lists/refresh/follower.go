package refresh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
	"rcpt/internal/store"
)

// How often a Follower looks, and how long a look may take. A process that is
// frozen between requests, as on Lambda, may sleep through both; the look under
// way then fails, or is given up for a new one.
const (
	every    = 15 * time.Minute
	longLook = time.Minute
	givenUp  = 5 * time.Minute
)

// leastInUse is how much of the table in use a newer one must have.
const leastInUse = 0.90

// Files is where a Follower reads; a store.Blob is one, whose Open it is.
type Files interface {
	Open(ctx context.Context, name string, offset, length int64, unless string) (io.ReadCloser, store.BlobInfo, error)
}

// FollowerConfig says whom a Follower follows.
type FollowerConfig struct {
	Blob   Files
	Live   *lists.Live  // where the table in use is
	Table  *lists.Table // the built-in table; nil: lists.New()
	Now    func() time.Time
	Jitter func(n time.Duration) time.Duration // a random duration below n, so that a fleet does not look at once; nil: none
	Metric func(name string, value float64, labels ...string)
	Log    *slog.Logger // nil: nobody reads
}

// Follower puts the table that the pointer names in use. Use NewFollower; a nil
// Follower follows nobody. It is safe for concurrent use.
type Follower struct {
	FollowerConfig

	mu      sync.Mutex
	next    time.Time // when the next look is due; zero: now
	started time.Time // of the look under way; zero: there is none
	cancel  context.CancelFunc
	turn    int    // of looks: one that was given up must not change anything
	version string // of the pointer whose table is in use
}

// NewFollower returns a follower. It does nothing before Touch.
func NewFollower(c FollowerConfig) *Follower {
	if c.Table == nil {
		c.Table = lists.New()
	}
	if c.Jitter == nil {
		c.Jitter = func(time.Duration) time.Duration { return 0 }
	}
	if c.Metric == nil {
		c.Metric = func(string, float64, ...string) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Follower{FollowerConfig: c}
}

// Touch begins a look in the background if one is due and none is under way. Each
// request calls it and goes on; it takes less than a microsecond.
func (f *Follower) Touch() {
	if f == nil {
		return
	}
	now := f.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	early := now.Before(f.next) && f.next.Sub(now) <= 2*every // further ahead, the clock was set back
	busy := !f.started.IsZero() && now.Sub(f.started) < givenUp
	if early || busy {
		return
	}
	ctx, turn := f.begin(context.Background(), now)
	go func() { _ = f.look(ctx, turn) }() // look has told metric and log
}

// Look looks now, whether or not it is due, and returns when that is done. The
// error says why the table in use stays; it is told to metric and log as well.
func (f *Follower) Look(ctx context.Context) error {
	f.mu.Lock()
	ctx, turn := f.begin(ctx, f.Now())
	f.mu.Unlock()
	return f.look(ctx, turn)
}

// begin takes the turn from a look that may be under way. f.mu is held.
func (f *Follower) begin(ctx context.Context, now time.Time) (context.Context, int) {
	if f.cancel != nil {
		f.cancel()
	}
	ctx, f.cancel = context.WithTimeout(ctx, longLook)
	f.turn++
	f.started, f.next = now, now.Add(every+f.Jitter(every/5))
	return ctx, f.turn
}

// refusal is why a snapshot is not put in use.
type refusal struct {
	reason string // a word for metrics
	error
}

func (r refusal) Unwrap() error { return r.error }

// look reads the pointer, and the table if it is another one.
func (f *Follower) look(ctx context.Context, turn int) error {
	f.mu.Lock()
	version := f.version
	f.mu.Unlock()
	table, version, err := f.newer(ctx, version)

	f.mu.Lock()
	defer f.mu.Unlock()
	if turn != f.turn {
		return nil // given up: another look has taken over
	}
	f.cancel()
	f.started, f.cancel = time.Time{}, nil
	var r refusal
	switch {
	case errors.As(err, &r):
		f.Metric("lists_snapshot_rejected", 1, "reason", r.reason)
		f.Log.Warn("lists: new table refused", "reason", r.reason, "error", err.Error())
	case err != nil:
		f.Metric("lists_snapshot_rejected", 1, "reason", "unavailable")
		f.Log.Warn("lists: cannot look for a new table", "error", err.Error())
	case table != nil:
		f.Live.Swap(table)
		info := table.Info()
		f.Log.Info("lists: new table", "version", info.Version, "hosts", info.Hosts)
	}
	if err == nil {
		f.version = version
	}
	f.Metric("lists_age_hours", f.Now().Sub(f.Live.Table().Info().Built).Hours())
	return err
}

// newer returns the table that the pointer names, if it is not the one of that
// version, and may take the place of the one in use; nil if nothing is to be
// done.
func (f *Follower) newer(ctx context.Context, version string) (*lists.Table, string, error) {
	text, info, err := read(ctx, f.Blob, pointerName, maxPointer, version)
	switch {
	case errors.Is(err, store.ErrUnchanged):
		return nil, version, nil
	case errors.Is(err, store.ErrNotFound):
		return nil, "", nil // nothing was published yet
	case errors.Is(err, errUnreadable):
		return nil, "", refusal{"pointer", err}
	case err != nil:
		return nil, "", err
	}
	p, err := parsePointer(text)
	if err != nil {
		return nil, "", refusal{"pointer", err}
	}
	table := f.Table
	if p.Snapshot != "" {
		if table, err = readTable(ctx, f.Blob, p.Snapshot); errors.Is(err, ErrNoTable) {
			return nil, "", refusal{reasonOf(err), err}
		} else if err != nil {
			return nil, "", err
		}
	}
	return table, info.Version, f.judge(p, table)
}

func reasonOf(err error) string {
	if errors.Is(err, store.ErrNotFound) {
		return "missing"
	}
	return "damaged"
}

// judge says why a table may not take the place of the one in use.
func (f *Follower) judge(p Pointer, table *lists.Table) error {
	next, now, least := table.Info(), f.Live.Table().Info(), f.Table.Info()
	if !p.Rollback {
		least = now
	}
	if err := build.CheckNames(func(domain string) string { return table.Disposable(domain).Rule }); err != nil {
		return refusal{"forbidden", err}
	}
	switch {
	case next.Hosts != p.Hosts || !next.Built.Equal(p.Built):
		return refusal{"pointer", fmt.Errorf("%d hosts of %v, the pointer says %d of %v", next.Hosts, next.Built, p.Hosts, p.Built)}
	case float64(next.Hosts) < leastInUse*float64(least.Hosts):
		return refusal{"shrunk", fmt.Errorf("%d hosts instead of %d", next.Hosts, least.Hosts)}
	case !p.Rollback && next.Built.Before(now.Built):
		return refusal{"older", fmt.Errorf("table of %v, that of %v is in use", next.Built, now.Built)}
	}
	return nil
}
