package planner

import (
	"rcpt/internal/batch"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// outcome is what a pass came to. The first that is written for a pass counts,
// whoever else makes another one.
type outcome struct {
	Known  string       `json:"known,omitempty"` // blob with the answers that were found
	Rows   int64        `json:"rows"`            // of this pass
	Unique int64        `json:"unique"`          // addresses
	Found  []count      `json:"found"`           // what the answers say
	Checks []checkCount `json:"checks"`
	Shards []string     `json:"shards"` // blobs, of consecutive shards
}

type count struct {
	Status verdict.Status `json:"status"`
	Reason verdict.Reason `json:"reason"`
	Rows   int64          `json:"rows"`
}

type checkCount struct {
	usage.Check
	N int64 `json:"n"`
}

// tally counts answers: the rows they are for, and the checks they are.
type tally struct {
	mode   verify.Mode
	found  map[count]int64 // without Rows
	checks map[usage.Check]int64
}

func newTally(m verify.Mode) tally {
	return tally{m, make(map[count]int64), make(map[usage.Check]int64)}
}

func (t tally) add(v verdict.Verdict, rows int64) {
	t.found[count{Status: v.Status, Reason: v.Reason}] += rows
	t.checks[usage.Check{Kind: batch.CheckKind(v, t.mode), Outcome: string(v.Status)}]++
}

func (t tally) counts() (found []count, checks []checkCount) {
	for c, n := range t.found {
		c.Rows = n
		found = append(found, c)
	}
	for c, n := range t.checks {
		checks = append(checks, checkCount{c, n})
	}
	return found, checks
}
