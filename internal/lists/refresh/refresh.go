// Package refresh keeps the table of disposable hosts fresh while the program
// runs: Job fetches public lists once a day and publishes a table, Followers in
// every other process put it in use. Nothing is ever taken on trust: a source
// that fails, shrinks or swells keeps its last good copy, a table that is worse
// than the last is not published, and a reader that does not like what it finds
// keeps the table it has. The built-in table is the floor of all this.
//
// A run of Job, in order (refresh.go):
//
//  1. read the pointer, and the state its table was made with (state.go);
//  2. fetch every source that changed since, within limits (fetch.go);
//  3. merge them with the built-in table, behind the guards of package build and
//     two more that fresh data needs (merge.go): new names of popular sites and
//     of reserved zones are held for a person to look at, and a new name that one
//     source alone brings stays at the lowest tier for a week;
//  4. check the table against the last one;
//  5. publish it (publish.go).
//
// The blobs, under lists/:
//
//	current.json        the pointer: which table is in use; one conditional write
//	<sha256>.bin        a table, under its own digest; never changed
//	<sha256>.json       the report of its run and the state to go on from
//	sources/<sha256>.gz the last good copy of a source, cleaned, under its digest
//	lists.json          the report of the last run, whatever came of it
//
// All but the last two lines are written before the pointer and found by it
// alone. So a run may die anywhere and the next one does its work again; of two
// runs at once the second to write the pointer finds it changed and stands back.
// The last 30 tables stay.
//
// To go back to an earlier table, invoke functions/refresher with the event
// {"rollback": "<sha256>"}, the name of a table (lists.json and the log name
// them), or {"rollback": "builtin"}; under make run leave the event in the file
// refresher.json of $RCPT_DATA. The table stays in use, and the daily runs do
// nothing, until {"resume": true}, which goes on from the state that the older
// table was made with; take the source at fault out of RCPT_LISTS_URLS before.
// {"accept": ["<source>", "table"]} lets a source, or the whole table, change by
// more than a day's measure once.
package refresh

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
	"rcpt/internal/store"
)

// Bounds of a day, as parts of the last good run. Lists of 200,000 names change
// by some hundreds; 50,000 names more are an accident or an attack.
const (
	leastSource = 0.95
	mostSource  = 1.10
	slack       = 50 // names by which also the smallest list may change
	leastTable  = 0.98
	mostTable   = 1.25
)

// Config says what a Job works with.
type Config struct {
	Blob    store.Blob
	Sources []Source
	Client  *http.Client // see NewClient
	Table   *lists.Table // the built-in table: floor and guards; nil: lists.New()
	Now     func() time.Time

	// Metric counts what goes wrong; nil: nobody does. Labels are pairs of name
	// and value.
	Metric func(name string, value float64, labels ...string)

	Timeout    time.Duration // for one source; 0: one minute
	MinPopular int           // sites that the list of popular ones has at least; 0: 10,000
}

// Job refreshes the table. Use New.
type Job struct{ Config }

// New returns a job. It does nothing before Run.
func New(c Config) *Job {
	if c.Table == nil {
		c.Table = lists.New()
	}
	if c.Metric == nil {
		c.Metric = func(string, float64, ...string) {}
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	if c.MinPopular == 0 {
		c.MinPopular = 10_000
	}
	return &Job{c}
}

// Request says what a run is for. The zero Request is the daily one; every field
// that Run does not know, those of a scheduled event among them, is ignored.
type Request struct {
	Rollback string   `json:"rollback"` // the table to go back to: its SHA-256 in hex, or "builtin"
	Resume   bool     `json:"resume"`   // go on after a rollback
	Accept   []string `json:"accept"`   // sources, by name or URL, that may change by any measure; "table": the table may
}

// ErrNoTable: the table to go back to does not exist, or is damaged.
var ErrNoTable = errors.New("no such table")

// Run does what the request asks for and reports it, also in lists/lists.json.
// Sources that fail, and a table that is not published because of them, are in
// the report and no error; the error is the store's, the context's, or
// ErrNoTable. Any number of runs may be under way.
func (j *Job) Run(ctx context.Context, req Request) (Report, error) {
	r := Report{Started: j.Now().UTC()}
	p, version, err := readPointer(ctx, j.Blob)
	if err != nil && !errors.Is(err, errUnreadable) {
		return r, err
	}
	r.note(err)
	switch {
	case req.Rollback != "":
		err = j.rollback(ctx, req.Rollback, &r)
	case p.Rollback && !req.Resume:
		r.keep("rolled_back", fmt.Sprintf("rolled back at %s: resume to go on", p.Published.Format(time.RFC3339)))
	case len(j.Sources) == 0:
		r.keep("off", "there are no sources")
	default:
		err = j.refresh(ctx, req, p, version, &r)
	}
	if err != nil {
		return r, err
	}
	r.Took = j.Now().Sub(r.Started).String()
	j.measure(r, p)
	if r.Outcome == Published || r.Outcome == Superseded {
		return r, nil // lists.json came before the pointer
	}
	return r, j.writeReport(ctx, r)
}

// refresh fetches, merges, checks and publishes.
func (j *Job) refresh(ctx context.Context, req Request, p Pointer, version string, r *Report) error {
	last, err := j.readState(ctx, p)
	if err != nil && !errors.Is(err, errUnreadable) {
		return err
	}
	r.note(err)
	copies := j.fetchAll(ctx, last, req.Accept)
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range copies {
		r.Sources = append(r.Sources, copies[i].report)
	}
	popular, fresh := gather(copies)
	if !fresh {
		r.keep("sources", "no source answered")
		return nil
	}
	if len(popular) < j.MinPopular {
		r.keep("popular", fmt.Sprintf("%d popular sites known, want %d: without them new names cannot be judged", len(popular), j.MinPopular))
		return nil
	}
	m := merge{table: j.Table, last: last, today: r.Started, popular: popular}
	hosts := m.run(copies, r)
	data, err := build.Encode(hosts, r.Started.Truncate(time.Second), &r.Table)
	if err != nil {
		return err
	}
	if reason, err := worse(string(data), last.table, slices.Contains(req.Accept, "table")); err != nil {
		r.keep(reason, err.Error())
		return nil
	}
	sum := sha256.Sum256(data)
	r.Outcome, r.Snapshot = Published, hex.EncodeToString(sum[:])
	r.compare(hosts, last.table)
	return j.publish(ctx, version, data, copies, m.pending, r)
}

// worse says what is wrong with a new table.
func worse(data string, last *lists.Table, accepted bool) (reason string, err error) {
	table, err := lists.Open(data)
	if err != nil {
		return "format", err
	}
	if err := build.CheckNames(func(domain string) string { return table.Disposable(domain).Rule }); err != nil {
		return "forbidden", err
	}
	before, now := last.Info().Hosts, table.Info().Hosts
	switch {
	case accepted:
		return "", nil
	case float64(now) < leastTable*float64(before):
		return "shrunk", fmt.Errorf("%d hosts after %d", now, before)
	case float64(now) > mostTable*float64(before):
		return "grown", fmt.Errorf("%d hosts after %d", now, before)
	}
	return "", nil
}

// measure tells the metrics what came of a run.
func (j *Job) measure(r Report, p Pointer) {
	for _, s := range r.Sources {
		if s.Problem != "" {
			j.Metric("lists_source_failed", 1, "source", s.Name)
		}
	}
	if r.Outcome == Kept {
		j.Metric("lists_refresh_rejected", 1, "reason", r.Reason)
	}
	built := p.Built
	switch {
	case r.Outcome == Published:
		built = r.Started
	case built.IsZero():
		built = j.Table.Info().Built
	}
	j.Metric("lists_age_hours", j.Now().Sub(built).Hours())
}
