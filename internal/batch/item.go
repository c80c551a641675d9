package batch

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rcpt/internal/store"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// Attributes of a job's item, beside the counters of done rows.
const (
	accountAttr  = "account"
	keyAttr      = "key"
	testAttr     = "test"
	statusAttr   = "status"
	optionsAttr  = "options" // JSON
	blobAttr     = "blob"
	versionAttr  = "version"
	totalAttr    = "total"
	chunksAttr   = "chunks"
	doneAttr     = "done"
	shardsAttr   = "shards"
	closedAttr   = "closed"
	chargedAttr  = "charged"
	foldedAttr   = "folded"
	checksAttr   = "checks"
	plannedAttr  = "planned"
	closingAttr  = "closing"
	tokenAttr    = "token"
	errorAttr    = "error"
	createdAttr  = "created" // Unix ms, as all times
	startedAttr  = "started"
	finishedAttr = "finished"
	deadlineAttr = "deadline"
	keepAttr     = "keep" // ms

	statusPrefix = "s_"
	reasonPrefix = "r_"
)

func jobKey(id string) store.Key { return store.Key{Part: "JOB#" + id} }

// listKey names the entry by which an account finds a job, in the order of
// their creation.
func listKey(account string, created time.Time, id string) store.Key {
	return store.Key{Part: "ACC#" + account, Sort: fmt.Sprintf("%s%013d#%s", listPrefix, created.UnixMilli(), id)}
}

const listPrefix = "JOB#"

// cursorOf writes the end of a page so that it needs no escaping in a URL, where
// # begins what is not sent: 1795344596572-job_...
func cursorOf(sort string) string {
	return strings.Replace(strings.TrimPrefix(sort, listPrefix), "#", "-", 1)
}

// sortAfter reads what cursorOf wrote; nothing stands for the first page.
func sortAfter(cursor string) (sort string, err error) {
	if cursor == "" {
		return "", nil
	}
	at, id, _ := strings.Cut(cursor, "-")
	created, err := strconv.ParseUint(at, 10, 48)
	if err != nil || !isJob(id) {
		return "", ErrCursor
	}
	return listKey("", time.UnixMilli(int64(created)), id).Sort, nil
}

// idOf reads a list entry's key.
func idOf(sort string) string { return sort[strings.LastIndexByte(sort, '#')+1:] }

func jobItem(j Job) (store.Item, error) {
	options, err := json.Marshal(j.Options)
	if err != nil {
		return store.Item{}, fmt.Errorf("encode options of job %s: %w", j.ID, err)
	}
	return store.Item{Key: jobKey(j.ID), Expires: forgottenBy(j), Attrs: store.Attrs{
		accountAttr: j.Account, keyAttr: j.Key, testAttr: j.Test, statusAttr: string(j.Status),
		optionsAttr: string(options), totalAttr: j.Total, blobAttr: j.Source.Blob, versionAttr: j.Source.Version,
		createdAttr: j.CreatedAt.UnixMilli(), deadlineAttr: j.Deadline.UnixMilli(), keepAttr: j.Keep.Milliseconds(),
	}}, nil
}

// forgottenBy is when whatever is left of a job is of no use to anybody: the
// step that forgets it comes earlier.
func forgottenBy(j Job) time.Time { return j.Deadline.Add(j.Keep).Add(7 * 24 * time.Hour) }

func jobOf(item store.Item) (Job, error) {
	j := Job{
		ID:      strings.TrimPrefix(item.Key.Part, "JOB#"),
		Account: item.Str(accountAttr), Key: item.Str(keyAttr), Test: item.Bool(testAttr),
		Status: Status(item.Str(statusAttr)),
		Source: Source{Blob: item.Str(blobAttr), Version: item.Str(versionAttr)},
		Total:  item.Int(totalAttr), Chunks: item.Int(chunksAttr), Done: tallyOf(item),
		Charged: item.Int(chargedAttr), Folded: item.Bool(foldedAttr), Checks: item.Int(checksAttr),
		Shards: item.Int(shardsAttr), Closed: item.Int(closedAttr), Planned: item.Bool(plannedAttr),
		Closing: Closing(item.Str(closingAttr)), Token: item.Str(tokenAttr), Error: item.Str(errorAttr),
		CreatedAt: timeOf(item, createdAttr), StartedAt: timeOf(item, startedAttr),
		FinishedAt: timeOf(item, finishedAttr), Deadline: timeOf(item, deadlineAttr),
		Keep: time.Duration(item.Int(keepAttr)) * time.Millisecond,
	}
	if err := json.Unmarshal([]byte(item.Str(optionsAttr)), &j.Options); err != nil {
		return Job{}, fmt.Errorf("read options of job %s: %w", j.ID, err)
	}
	if j.Options.Mode == "" {
		j.Options.Mode = verify.Full
	}
	return j, nil
}

func timeOf(item store.Item, name string) time.Time {
	if item.Int(name) == 0 {
		return time.Time{}
	}
	return time.UnixMilli(item.Int(name)).UTC()
}

// tallyOf reads the counters of an item.
func tallyOf(item store.Item) Tally {
	t := Tally{Rows: item.Int(doneAttr), ByStatus: make(map[verdict.Status]int64), ByReason: make(map[verdict.Reason]int64)}
	for name := range item.Attrs {
		if status, ok := strings.CutPrefix(name, statusPrefix); ok && item.Int(name) > 0 {
			t.ByStatus[verdict.Status(status)] = item.Int(name)
		}
		if reason, ok := strings.CutPrefix(name, reasonPrefix); ok && item.Int(name) > 0 {
			t.ByReason[verdict.Reason(reason)] = item.Int(name)
		}
	}
	return t
}

// counters are the attributes that a tally adds to.
func counters(t Tally) map[string]int64 {
	add := make(map[string]int64)
	for name, n := range map[string]int64{doneAttr: t.Rows, checksAttr: t.Checks, chargedAttr: -t.Back} {
		if n != 0 {
			add[name] = n
		}
	}
	for status, n := range t.ByStatus {
		add[statusPrefix+string(status)] = n
	}
	for reason, n := range t.ByReason {
		add[reasonPrefix+string(reason)] = n
	}
	return add
}

// Names of markers.

func markKey(job string, shard, attempt int64) store.Key {
	return store.Key{Part: "JOB#" + job, Sort: fmt.Sprintf("%s%07d#%03d", markPrefix, shard, attempt)}
}

func passKey(job string, partition, pass int) store.Key {
	return store.Key{Part: "JOB#" + job, Sort: fmt.Sprintf("%s%05d#%05d", passPrefix, partition, pass)}
}

const (
	markPrefix = "SHARD#"
	passPrefix = "PLAN#"
)

// markNumbers reads a marker's key.
func markNumbers(sort string) (shard, attempt int64) {
	first, second, _ := strings.Cut(strings.TrimPrefix(sort, markPrefix), "#")
	shard, _ = strconv.ParseInt(first, 10, 64)
	attempt, _ = strconv.ParseInt(second, 10, 64)
	return shard, attempt
}
