package refresh

import (
	"slices"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
)

// Outcome says what came of a run.
type Outcome string

// The outcomes.
const (
	Published  Outcome = "published"   // the pointer names a new table
	Superseded Outcome = "superseded"  // another run was faster; its table stands
	Kept       Outcome = "kept"        // the last table stays; Reason says why
	RolledBack Outcome = "rolled_back" // the pointer names an earlier table, as asked
)

// maxNamed bounds the names in a report: enough for a person to look at.
const maxNamed = 500

// Report says what a run did.
type Report struct {
	Started  time.Time `json:"started"`
	Took     string    `json:"took,omitempty"`
	Outcome  Outcome   `json:"outcome"`
	Reason   string    `json:"reason,omitempty"`   // Kept: a word for metrics
	Detail   string    `json:"detail,omitempty"`   // Kept: the same in words
	Problems []string  `json:"problems,omitempty"` // what was amiss and got round
	Snapshot string    `json:"snapshot,omitempty"` // SHA-256 of the table the pointer names now

	Sources []SourceReport `json:"sources"`

	Added    int      `json:"added"` // hosts, against the table before
	Removed  int      `json:"removed"`
	AddedEG  []string `json:"added_examples,omitempty"`
	RemoveEG []string `json:"removed_examples,omitempty"`

	Quarantined int      `json:"quarantined"` // hosts at the lowest tier for now
	HeldBack    int      `json:"held_back"`   // hosts left out until a person has looked
	Held        []string `json:"held,omitempty"`

	Table build.Report `json:"table"` // guards and counts of the table that was made, published or not
}

// SourceReport says what one source held, and what became of it.
type SourceReport struct {
	Name    string    `json:"name"`
	URL     string    `json:"url"`
	Family  string    `json:"family"`
	Problem string    `json:"problem,omitempty"` // why the last good copy stands in, if there is one
	Good    time.Time `json:"good"`              // when what is used was fetched or confirmed

	Lines   int                  `json:"lines"`             // 0: not modified
	Rejects map[build.Reject]int `json:"rejects,omitempty"` // lines
	Hosts   int                  `json:"hosts"`             // in use
	New     int                  `json:"new"`               // of them not in the table before

	Held        int `json:"held"`
	Quarantined int `json:"quarantined"`
	Removed     int `json:"removed"` // by guards
}

// Failed counts the sources whose last good copy stands in for them.
func (r *Report) Failed() (n int) {
	for _, s := range r.Sources {
		if s.Problem != "" {
			n++
		}
	}
	return n
}

// keep notes that the last table stays.
func (r *Report) keep(reason, detail string) { r.Outcome, r.Reason, r.Detail = Kept, reason, detail }

// note keeps what did not stop the run.
func (r *Report) note(err error) {
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
	}
}

// compare says how hosts differ from the table before.
func (r *Report) compare(hosts build.Hosts, before *lists.Table) {
	for host := range before.Hosts() {
		if hosts[host] == 0 {
			r.Removed++
			r.RemoveEG = example(r.RemoveEG, host)
		}
	}
	for host := range hosts {
		if !before.HasHost(host) {
			r.Added++
			r.AddedEG = example(r.AddedEG, host)
		}
	}
}

// example keeps the first names of the alphabet: the same ones for the same
// tables.
func example(names []string, name string) []string {
	at, _ := slices.BinarySearch(names, name)
	names = slices.Insert(names, at, name)
	return names[:min(len(names), 20)]
}
