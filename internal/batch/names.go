package batch

import (
	"fmt"
	"strings"
)

// Files is where the files of a job lie: all under one prefix, so that a job is
// forgotten by removing what is under it. Numbers have leading zeros, so that a
// list of names is in their order.
type Files string

// FilesOf returns the files of a job.
func FilesOf(job string) Files { return Files("jobs/" + job + "/") }

// Input is a list that came in the request itself.
func (f Files) Input() string { return string(f) + "input" }

// State is where the reader of the list stood behind the chunk before this one.
func (f Files) State(chunk int64) string { return fmt.Sprintf("%sstate/%05d", f, chunk) }

// Rows is a chunk of numbered rows, see batch/rows.
func (f Files) Rows(chunk int64) string { return fmt.Sprintf("%srows/%05d", f, chunk) }

// Split is a chunk dealt into partitions, see batch/plan.
func (f Files) Split(chunk int64) string { return fmt.Sprintf("%ssplit/%05d", f, chunk) }

// Counts is how many rows each partition has up to the chunk before this one, as
// JSON.
func (f Files) Counts(chunk int64) string { return fmt.Sprintf("%scounts/%05d", f, chunk) }

// Pass is the outcome of planning one pass of a partition, as JSON.
func (f Files) Pass(partition, pass int) string {
	return fmt.Sprintf("%splan/%05d.%05d", f, partition, pass)
}

// Known is the answers that planning a pass found without the network. It has a
// name of its own each time it is written, as Shard and Found: what an outcome or
// a marker names is never written again.
func (f Files) Known(partition, pass int, unique string) string {
	return fmt.Sprintf("%sknown/%05d.%05d.%s", f, partition, pass, unique)
}

// Shard is what an attempt at a shard asks about.
func (f Files) Shard(shard, attempt int64, unique string) string {
	return fmt.Sprintf("%sshards/%07d.%03d.%s", f, shard, attempt, unique)
}

// Found is the answers of one attempt.
func (f Files) Found(shard, attempt int64, unique string) string {
	return fmt.Sprintf("%sfound/%07d.%03d.%s", f, shard, attempt, unique)
}

// Scattered is what the names of all files of answers by chunk begin with.
func (f Files) Scattered() string { return string(f) + "scatter/" }

// Scatter is a file of answers by chunk.
func (f Files) Scatter(batch, part int64) string {
	return fmt.Sprintf("%s%05d.%05d", f.Scattered(), batch, part)
}

// Answers is the answers to the rows of a chunk, in their order.
func (f Files) Answers(chunk int64) string { return fmt.Sprintf("%sanswers/%05d", f, chunk) }

// Part is the part of an output that a chunk gives. The filter is the statuses
// kept, "all" for all of them.
func (f Files) Part(filter string, chunk int64, format string) string {
	return fmt.Sprintf("%sparts/%s/%05d.%s", f, filter, chunk, format)
}

// Tally is the counts of a chunk of the results, as JSON.
func (f Files) Tally(chunk int64) string { return fmt.Sprintf("%stally/%05d", f, chunk) }

// Output is a whole document.
func (f Files) Output(filter, format string) string {
	return fmt.Sprintf("%sout/%s.%s", f, filter, format)
}

// Layout is the columns of the list as far as the first chunks know them, as JSON
// of a rows.Layout. Those of a job are the ones of all its chunks.
func (f Files) Layout(chunks int64) string { return fmt.Sprintf("%slayout/%05d", f, chunks) }

// passing are what the names of files begin with that a job needs only while it
// is under way.
func (f Files) passing() (prefixes []string) {
	for _, kind := range []string{"input", "state/", "split/", "counts/", "plan/", "known/", "shards/", "found/", "scatter/", "parts/" + everything + "/"} {
		prefixes = append(prefixes, string(f)+kind)
	}
	return prefixes
}

// everything is the filter that keeps all rows, in names of files.
const everything = "all"

// UploadPrefix is what the names of uploaded lists begin with.
const UploadPrefix = "uploads/"

// uploadName is where an uploaded list of an account lies.
func uploadName(account, id string) string { return UploadPrefix + groupOf(account) + "/" + id }

// Dropped takes the name of a file in a drop folder apart: drop/<key id>/NAME.
func Dropped(blob string) (key, name string, ok bool) {
	rest, ok := strings.CutPrefix(blob, "drop/")
	if !ok {
		return "", "", false
	}
	key, name, ok = strings.Cut(rest, "/")
	return key, name, ok && key != "" && name != ""
}

// Delivered is where the results of a dropped file are put; the ending is csv,
// jsonl, summary.json or error.json.
func Delivered(key, name, ending string) string {
	return "results/" + key + "/" + name + "." + ending
}
