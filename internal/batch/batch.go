// Package batch keeps jobs: lists of addresses that are verified in the
// background.
//
// A job is an item with counters, a few markers beside it, and files under one
// prefix. It goes through these steps, each of which may be repeated at any
// point and then comes to the same end:
//
//	book.go           Create: the job is kept, its execution begun under its id
//	batch/planner     ingest: the list becomes numbered rows, PerChunk a file
//	                  plan: partition by partition, duplicates folded, what is
//	                  known answered, the rest cut into shards, one message each
//	batch/prober      a message: the addresses of a shard are asked; Mark counts
//	                  what was found, once; what has to wait is another attempt
//	batch/collector   drain: the execution waits until Settle finds every shard
//	                  closed; collect: answers and rows become the results;
//	                  finish: the job has ended, its webhook is posted
//
// Messages carry numbers and no addresses. Whoever dies between two writes has
// left a message or an execution that comes again: a marker says what is done.
//
// A job ends: its execution waits for shards no longer than to the deadline, and
// what is missing then is UNKNOWN with the reason why.
//
// Left out here: reading lists (batch/intake), what a plan is (batch/plan), the
// files of the results (batch/results).
package batch

import (
	"errors"
	"time"

	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// Status is how far a job is, as on the wire.
type Status string

// The statuses. The last three are ends.
const (
	Queued    Status = "queued"
	Running   Status = "running"
	Completed Status = "completed"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
)

// Ended reports whether nothing more happens to the job.
func (s Status) Ended() bool { return s == Completed || s == Failed || s == Cancelled }

// Closing says why a job takes no more answers although some are missing.
type Closing string

// The reasons to close. The zero value: the job is open.
const (
	ByDeadline Closing = "deadline"
	ByCaller   Closing = "cancelled"
	ByFailure  Closing = "failed"
)

// Missing is the reason of the addresses that have no answer in a job closed so.
func (c Closing) Missing() verdict.Reason {
	switch c {
	case ByDeadline:
		return verdict.Deadline
	case ByCaller:
		return verdict.Cancelled
	}
	return verdict.Internal
}

// Bounds of a job.
const (
	DefaultDeadline = 6 * time.Hour
	MinDeadline     = 10 * time.Second
	MaxDeadline     = 72 * time.Hour // below store.MinRetention of the messages

	DefaultKeep = 30 * 24 * time.Hour // how long results are kept after the end
	MaxKeep     = 90 * 24 * time.Hour

	MaxInline   = 10_000 // addresses of a list in the request itself
	MaxMetadata = 8 << 10

	// startGuard is how long after its creation a message looks whether a job was
	// begun: later than any Create takes.
	startGuard = time.Minute

	// idempotent is how long an idempotency key is remembered.
	idempotent = 24 * time.Hour
)

// What a caller may test with errors.Is. The texts may be shown to the caller.
var (
	// ErrJob: the account has no such job.
	ErrJob = errors.New("there is no such job")

	// ErrReused: the idempotency key came with another request before.
	ErrReused = errors.New("this Idempotency-Key was used with another request")

	// ErrRunning: what was asked for needs a job that has ended.
	ErrRunning = errors.New("the job has not ended; cancel it first, or wait")

	// ErrEnded: what was asked for needs a job that has not ended.
	ErrEnded = errors.New("the job has ended")

	// ErrCursor: a cursor that no page ended with.
	ErrCursor = errors.New("next must be what an earlier page of the same list gave")
)

// Options are what the caller wants done with a list.
type Options struct {
	Mode        verify.Mode       `json:"mode"`
	Policy      verify.Policy     `json:"policy"`
	Vendors     bool              `json:"vendors,omitempty"` // ask the account's vendors about what stays UNKNOWN
	WebhookURL  string            `json:"webhook_url,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	EmailColumn string            `json:"email_column,omitempty"` // empty: it is found
	Filename    string            `json:"filename,omitempty"`     // for people

	// Drop is the name of the file in the key's drop folder. Its results are
	// written beside it, under results/. Empty: the list came otherwise.
	Drop string `json:"drop,omitempty"`

	// Base is how the outside reaches us, for the URL of the results. Empty: it is
	// not known.
	Base string `json:"base,omitempty"`

	// Monthly is the key's limit of checks a month when the job was made, 0 for
	// none.
	Monthly int64 `json:"monthly,omitempty"`
}

// Source is the list: a blob, and which version of it.
type Source struct {
	Blob    string `json:"blob"`
	Version string `json:"version"`
}

// Tally counts rows by what became of them.
type Tally struct {
	Rows     int64
	ByStatus map[verdict.Status]int64
	ByReason map[verdict.Reason]int64

	// Of what the job was charged: checks that were made for these rows, and those
	// that are given back in the same transaction. They are no part of Job.Done.
	Checks, Back int64 `json:"-"`
}

// Add counts n rows with one answer.
func (t *Tally) Add(s verdict.Status, r verdict.Reason, n int64) {
	t.init()
	t.Rows += n
	t.ByStatus[s] += n
	t.ByReason[r] += n
}

func (t *Tally) init() {
	if t.ByStatus == nil {
		t.ByStatus, t.ByReason = make(map[verdict.Status]int64), make(map[verdict.Reason]int64)
	}
}

// Join counts what another tally counted.
func (t *Tally) Join(other Tally) {
	t.init()
	for status, n := range other.ByStatus {
		t.ByStatus[status] += n
	}
	for reason, n := range other.ByReason {
		t.ByReason[reason] += n
	}
	t.Rows += other.Rows
	t.Checks += other.Checks
	t.Back += other.Back
}

// Job is one list and how far it is. It is a copy: changing it changes nothing.
type Job struct {
	ID      string // "job_" and 26 letters and digits
	Account string
	Key     string // id of the API key that submitted it
	Test    bool   // of a test key: simulated verdicts
	Status  Status
	Options Options
	Source  Source

	Total  int64 // rows; known when the list is read, grows until then
	Chunks int64 // files of rows
	Done   Tally // rows answered; exact when the job has ended, behind by a moment before

	Charged int64 // checks on the month of the key, those given back left out
	Folded  bool  // they were those of its addresses, not of its rows
	Checks  int64 // of those, the ones that were made

	Shards  int64 // planned
	Closed  int64 // of those, the ones that need no more work
	Planned bool  // Shards is final
	Closing Closing
	Token   string // of the task that waits for the shards, behind those of earlier tries, a line each
	Error   string // why the job failed, for the caller

	CreatedAt  time.Time // UTC, as all times here; whole milliseconds
	StartedAt  time.Time // zero: not yet
	FinishedAt time.Time // zero: not yet
	Deadline   time.Time // when missing answers are given up
	Keep       time.Duration
}

// Complete reports whether every shard is closed.
func (j Job) Complete() bool { return j.Planned && j.Closed >= j.Shards }

// Open reports whether the job still takes answers.
func (j Job) Open() bool { return j.Closing == "" && !j.Status.Ended() }

// KeptUntil is when results and job are forgotten; zero before the end.
func (j Job) KeptUntil() time.Time {
	if j.FinishedAt.IsZero() {
		return time.Time{}
	}
	return j.FinishedAt.Add(j.Keep)
}
