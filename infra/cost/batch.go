package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// batch is what a batch job makes, per part of it. These figures are reckoned
// from its code; what a full shard comes to is measured by TestCallsOfAJob
// (infra/test-aws/flow):
//
//	row      planned: what the key reported, and evidence, 100 to a request
//	address  asked: its greylisting, and what is learned of it and of its domain;
//	         the lease of a session, shared by ten
//	attempt  at a shard: one message received and deleted and, of ten, a tenth of
//	         one sent; job, marker and token looked at; one transaction of marker,
//	         job and usage; answers written, and what has to wait in a third of them
//	shard    written once, its answers read once
//	chunk    ingested, dealt, planned, joined, written in three forms: the turns of
//	         the state machine (package statemachine) and 20 s of 1024 MB
//	job      what is left, its webhook among it
//
//go:embed batch.json
var batch []byte

// Work is what a part of a job makes.
type Work struct {
	Reads       float64 `json:"reads"`       // read units of DynamoDB
	Writes      float64 `json:"writes"`      // write units
	Gets        float64 `json:"gets"`        // requests of S3 that read
	Puts        float64 `json:"puts"`        // requests of S3 that write or list
	Messages    float64 `json:"messages"`    // requests of SQS
	Transitions float64 `json:"transitions"` // of Step Functions
	Seconds     float64 `json:"seconds"`     // of 256 MB
	Lines       float64 `json:"lines"`       // octets logged
}

// More prices in USD. What files take up until they are forgotten is below a cent
// for a million rows.
const (
	getRequest   = 0.40 / 1e6
	putRequest   = 5.00 / 1e6
	queueRequest = 0.40 / 1e6
	transition   = 25.00 / 1e6
)

// A job of a million rows. Shards are not full because operators are many;
// attempts are more than shards because some servers want to be asked again.
const (
	rows        = 1_000_000
	perChunk    = 50_000
	perShard    = 50
	tries       = 1.3
	perSession  = 10
	perAddress  = 3 // transitions, if each address had an execution of its own
	sessionSize = session + perSession*200
)

// plus adds n times another part's work.
func (w Work) plus(n float64, o Work) Work {
	return Work{
		w.Reads + n*o.Reads, w.Writes + n*o.Writes, w.Gets + n*o.Gets, w.Puts + n*o.Puts, w.Messages + n*o.Messages,
		w.Transitions + n*o.Transitions, w.Seconds + n*o.Seconds, w.Lines + n*o.Lines,
	}
}

// job prints what a million rows cost, by how many of their addresses are asked.
func job(out io.Writer) error {
	var parts map[string]Work
	if err := json.Unmarshal(batch, &parts); err != nil {
		return fmt.Errorf("batch.json: %w", err)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "1,000,000 rows (reckoned)\tLambda\tDynamoDB\tS3\tSQS\tStates\tlogs\tegress\ttraces\tUSD\t")
	ways := 0.0
	for _, asked := range []float64{rows, 0.4 * rows} {
		shards := asked / perShard
		attempts := tries * shards
		w := Work{}.plus(rows, parts["row"]).plus(asked, parts["address"]).plus(attempts, parts["attempt"]).
			plus(shards, parts["shard"]).plus(rows/perChunk, parts["chunk"]).plus(1, parts["job"])
		costs := []float64{
			attempts*lambdaRequest + w.Seconds*lambdaSecond, w.Reads*readUnit + w.Writes*writeUnit, w.Gets*getRequest + w.Puts*putRequest,
			w.Messages * queueRequest, w.Transitions * transition, w.Lines * logOctet, asked / perSession * sessionSize * natOctet,
			attempts * trace,
		}
		ways = max(ways, costs[3]+costs[4]+attempts*parts["attempt"].Writes*writeUnit)
		_, _ = fmt.Fprintf(table, "%.0f %% asked\t", 100*asked/rows)
		sum := 0.0
		for _, c := range costs {
			sum += c
			_, _ = fmt.Fprintf(table, "%.3f\t", c)
		}
		_, _ = fmt.Fprintf(table, "%.2f\t\n", sum)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "of that at most %.2f for handing the work around: messages, transitions, markers. An execution for each address would be %.0f.\n",
		ways, rows*perAddress*transition)
	return err
}
