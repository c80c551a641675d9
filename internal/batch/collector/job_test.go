package collector_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/collector"
	"rcpt/internal/batch/plan"
	"rcpt/internal/batch/planner"
	"rcpt/internal/batch/results"
	"rcpt/internal/embedded"
	"rcpt/internal/notify"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// world is a job's surroundings with a prober that says VALID of everybody.
type world struct {
	t         *testing.T
	book      *batch.Book
	planner   *planner.Planner
	collector *collector.Collector
	meter     *usage.Meter
	queue     store.Queue
	posted    []notify.Draft
	forgotten []string // of deliveries: account and job
	mute      error    // of forgetting them
	now       time.Time
}

// halfKnown knows every second address, by its last digit.
type halfKnown struct{}

func (halfKnown) Recall(_ context.Context, requests []verify.Request) ([]verify.Known, error) {
	known := make([]verify.Known, len(requests))
	for i, r := range requests {
		local, domain, ok := strings.Cut(r.Email, "@")
		switch {
		case !ok:
			known[i].Verdict = &verdict.Verdict{Status: verdict.Invalid, Reason: verdict.InvalidSyntax, Action: verdict.Block}
		case strings.HasSuffix(local, "2"):
			known[i].Verdict = &verdict.Verdict{Status: verdict.CatchAll, Reason: verdict.CatchAllDomain, Cached: true}
		default:
			known[i].Operator = domain
		}
	}
	return known, nil
}

// flow is a state machine that the test itself carries out.
type flow struct{ store.Workflow }

func (flow) Start(context.Context, string, []byte) error   { return nil }
func (flow) Succeed(context.Context, string, []byte) error { return nil }
func (flow) Stop(context.Context, string, string) error    { return nil }

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	w.queue = db.Queue("probe", embedded.DeadLetters{})
	w.meter = usage.NewMeter(db.Control(), clock, nil)
	w.book = batch.NewBook(batch.Config{Table: db.Control(), Blob: db.Blob(), Probes: w.queue, Flow: flow{}, Now: clock, Log: log})
	w.planner = planner.New(planner.Config{Book: w.book, Meter: w.meter, Verifier: halfKnown{}, Now: clock, Log: log})
	w.collector = collector.New(collector.Config{Book: w.book, Now: clock, Log: log, Base: "https://rcpt.example",
		Post: func(_ context.Context, d notify.Draft) error { w.posted = append(w.posted, d); return nil },
		Forget: func(_ context.Context, account, job string) error {
			w.forgotten = append(w.forgotten, account+" "+job)
			return w.mute
		}})
	return w
}

// create makes a job of a list.
func (w *world) create(list string, o batch.Options) batch.Job {
	w.t.Helper()
	if o.Mode == "" {
		o.Mode = verify.Full
	}
	o.Policy = verify.DefaultPolicy()
	job, err := w.book.Create(w.t.Context(), batch.Draft{Account: "acme", Key: "key1", Options: o, Input: strings.NewReader(list), Deadline: time.Hour})
	if err != nil {
		w.t.Fatal(err)
	}
	return job
}

// steps carries out a step, each call twice, until another one is to come.
func (w *world) steps(step func(context.Context, batch.Step) (batch.Next, error), name, job string) string {
	w.t.Helper()
	cursor := ""
	for {
		first, err := step(w.t.Context(), batch.Step{Step: name, Job: job, Cursor: cursor})
		if err != nil {
			w.t.Fatalf("%s: %v", name, err)
		}
		again, err := step(w.t.Context(), batch.Step{Step: name, Job: job, Cursor: cursor})
		if err != nil || again != first {
			w.t.Fatalf("%s from %q once more: %+v, %v, the first time %+v", name, cursor, again, err, first)
		}
		if first.Next != name {
			return first.Next
		}
		cursor = first.Cursor
	}
}

// work answers all shards that are in the queue, those of more than one message
// as often.
func (w *world) work(job batch.Job) (shards int) {
	w.t.Helper()
	ctx := w.t.Context()
	for {
		got, err := w.queue.Receive(ctx, 10, 0, time.Minute)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(got) == 0 {
			return shards
		}
		for _, d := range got {
			var m batch.Message
			if err := json.Unmarshal([]byte(d.Body), &m); err != nil {
				w.t.Fatal(err)
			}
			if m.Kind == batch.KindShard {
				w.answer(job, m)
				shards++
			}
			if err := w.queue.Delete(ctx, d.Receipt); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func (w *world) answer(job batch.Job, m batch.Message) {
	w.t.Helper()
	ctx := w.t.Context()
	file, err := w.book.Open(ctx, m.Items)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	shard, err := plan.ReadShard(file)
	if err != nil {
		w.t.Fatal(err)
	}
	unique, err := w.book.Unique()
	if err != nil {
		w.t.Fatal(err)
	}
	var tally batch.Tally
	name := batch.FilesOf(job.ID).Found(m.Shard, m.Attempt, unique)
	err = w.book.Write(ctx, name, func(to io.Writer) error {
		out := results.NewWriter(to)
		for _, item := range shard.Items {
			tally.Add(verdict.Valid, verdict.SMTPVerified, int64(item.Rows.Len()))
			if err := out.Write(results.Answer{Status: verdict.Valid, Reason: verdict.SMTPVerified, Score: 96}, item.Rows); err != nil {
				return err
			}
		}
		return out.Close()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.book.Mark(ctx, job, batch.Mark{Shard: m.Shard, Attempt: m.Attempt, Answers: name}, tally); err != nil {
		w.t.Fatal(err)
	}
}

// document reads the results of a job.
func (w *world) document(job batch.Job, f results.Format, keep ...verdict.Status) string {
	w.t.Helper()
	name, err := w.collector.Results(w.t.Context(), job, f, keep)
	if err != nil {
		w.t.Fatal(err)
	}
	file, err := w.book.Open(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(file)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func (w *world) load(id string) batch.Job {
	w.t.Helper()
	job, err := w.book.Load(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return job
}

// longList has n rows of 700 domains; each tenth repeats the row before it.
func longList(n int) string {
	var list bytes.Buffer
	list.WriteString("name,email\n")
	for i := range n {
		at := i
		if i%10 == 9 {
			at--
		}
		fmt.Fprintf(&list, "n%d,user%d@d%d.example\n", i, at, at%700)
	}
	return list.String()
}

func TestEveryRowIsAnsweredOnceAndInOrder(t *testing.T) {
	const n = 60_000 // two chunks, two partitions
	w := newWorld(t)
	job := w.create(longList(n), batch.Options{WebhookURL: "https://hooks.example/", Metadata: map[string]string{"b": "1", "10": "x", "2": "<&>"}})
	if next := w.steps(w.planner.Step, "ingest", job.ID); next != "plan" {
		t.Fatalf("after ingest comes %s", next)
	}
	if next := w.steps(w.planner.Step, "plan", job.ID); next != "drain" {
		t.Fatalf("after plan comes %s", next)
	}
	shards := w.work(w.load(job.ID))
	job = w.load(job.ID)
	if !job.Complete() || job.Done.Rows != n || int64(shards) < job.Shards {
		t.Fatalf("%d of %d shards closed, %d rows, %d messages", job.Closed, job.Shards, job.Done.Rows, shards)
	}
	if next := w.steps(w.collector.Step, "collect", job.ID); next != "finish" {
		t.Fatalf("after collect comes %s", next)
	}
	w.steps(w.collector.Step, "finish", job.ID)
	job = w.load(job.ID)
	if job.Status != batch.Completed || job.Done.Rows != n {
		t.Errorf("job %s, %d rows", job.Status, job.Done.Rows)
	}
	var document struct {
		Results []struct {
			Name, Email, Status string
		}
	}
	if err := json.Unmarshal([]byte(w.document(job, results.JSON)), &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Results) != n {
		t.Fatalf("%d rows", len(document.Results))
	}
	var catchAll int
	for i, row := range document.Results {
		if row.Name != fmt.Sprintf("n%d", i) {
			t.Fatalf("row %d is %s", i, row.Name)
		}
		want := "VALID"
		if strings.Contains(row.Email, "2@") {
			want = "CATCH_ALL"
			catchAll++
		}
		if row.Status != want {
			t.Fatalf("%s is %s", row.Email, row.Status)
		}
	}
	if got := job.Done.ByStatus[verdict.CatchAll]; got != int64(catchAll) || job.Done.ByReason[verdict.CatchAllDomain] != got {
		t.Errorf("%d CATCH_ALL counted, there are %d", got, catchAll)
	}
	if lines := strings.Count(w.document(job, results.CSV), "\n"); lines != n+1 {
		t.Errorf("%d lines of CSV", lines)
	}
	if lines := strings.Count(w.document(job, results.JSONL, verdict.CatchAll), "\n"); lines != catchAll {
		t.Errorf("filtered %d of %d", lines, catchAll)
	}
	if err := json.Unmarshal([]byte(w.document(job, results.JSON, verdict.CatchAll, verdict.Invalid)), &document); err != nil || len(document.Results) != catchAll {
		t.Errorf("filtered JSON: %v, %d rows", err, len(document.Results))
	}
	days, err := w.meter.Usage(t.Context(), "key1", w.now, w.now)
	if err != nil || len(days) != 1 || days[0].Counts["job_cached"]["CATCH_ALL"] == 0 {
		t.Errorf("usage %v, %v", days, err)
	}
	for _, d := range w.posted {
		want := `{"job_id":"` + job.ID + `","status":"completed","results":[],"results_url":"https://rcpt.example/v1/jobs/` + job.ID + `/results","metadata":{"2":"<&>","10":"x","b":"1"}}`
		if string(d.Body) != want || d.ID != "msg_"+job.ID {
			t.Errorf("webhook %s: %s", d.ID, d.Body)
		}
	}
	if len(w.posted) == 0 {
		t.Error("no webhook")
	}
}

func TestASmallJobIsInItsWebhook(t *testing.T) {
	w := newWorld(t)
	job := w.create(`["a@x.example","a@x.example","no address","b2@y.example"]`, batch.Options{WebhookURL: "https://hooks.example/", Drop: "list.csv"})
	w.steps(w.planner.Step, "ingest", job.ID)
	w.steps(w.planner.Step, "plan", job.ID)
	w.work(w.load(job.ID))
	w.steps(w.collector.Step, "collect", job.ID)
	w.steps(w.collector.Step, "finish", job.ID)
	job = w.load(job.ID)
	document := w.document(job, results.JSON)
	_, rows, _ := strings.Cut(document, `"results":`)
	want := `{"job_id":"` + job.ID + `","status":"completed","results":` + strings.TrimSuffix(rows, "}") +
		`,"results_url":"https://rcpt.example/v1/jobs/` + job.ID + `/results","metadata":{}}`
	if got := string(w.posted[0].Body); got != want {
		t.Errorf("webhook\n%s\nwant\n%s", got, want)
	}
	if strings.Count(document, `"email"`) != 4 || strings.Count(document, "invalid_syntax") != 1 {
		t.Errorf("results %s", document)
	}
	for _, ending := range []string{"csv", "jsonl", "summary.json"} {
		if _, err := w.book.Blob.Stat(t.Context(), batch.Delivered("key1", "list.csv", ending)); err != nil {
			t.Errorf("%s: %v", ending, err)
		}
	}
}

// A file that is dropped again under its name leaves either results or an error,
// whatever came of the one before.
func TestADroppedFileLeavesNothingOfTheOneBefore(t *testing.T) {
	w := newWorld(t)
	for i, c := range []struct {
		list string
		want []string
	}{
		{"a@x.example\n", []string{"csv", "jsonl", "summary.json"}},
		{"name,city\nAnn,Rome\n", []string{"error.json"}},
		{"a@x.example\n", []string{"csv", "jsonl", "summary.json"}},
	} {
		job := w.create(c.list, batch.Options{Drop: "list.csv"})
		w.steps(w.planner.Step, "ingest", job.ID)
		if w.load(job.ID).Open() {
			w.steps(w.planner.Step, "plan", job.ID)
			w.work(w.load(job.ID))
			w.steps(w.collector.Step, "collect", job.ID)
		}
		w.steps(w.collector.Step, "finish", job.ID)
		page, err := w.book.Blob.List(t.Context(), batch.Delivered("key1", "list.csv", ""), "", 10)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, blob := range page.Blobs {
			got = append(got, strings.TrimPrefix(blob.Name, batch.Delivered("key1", "list.csv", "")))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("file %d left %v, want %v", i, got, c.want)
		}
	}
}

// TestAFileThatWasReplacedLeavesNothing: the results under its name are those of the
// later one, which may end before.
func TestAFileThatWasReplacedLeavesNothing(t *testing.T) {
	for claim, read := range map[string]bool{"when its list was read": true, "before its list was read": false} {
		w := newWorld(t)
		drop := func(list string) batch.Job {
			info, err := w.book.Blob.Put(t.Context(), "drop/key1/list.csv", strings.NewReader(list))
			if err != nil {
				t.Fatal(err)
			}
			job, err := w.book.Create(t.Context(), batch.Draft{
				Account: "acme", Key: "key1", Deadline: time.Hour, Source: batch.Source{Blob: info.Name, Version: info.Version},
				Options: batch.Options{Drop: "list.csv", Mode: verify.Full, Policy: verify.DefaultPolicy()},
			})
			if err != nil {
				t.Fatal(err)
			}
			return job
		}
		early, next := drop("early@x.example\n"), ""
		if read {
			next = w.steps(w.planner.Step, "ingest", early.ID)
		}
		for _, job := range []batch.Job{drop("late@x.example\n"), early} {
			if job.ID != early.ID || !read {
				next = w.steps(w.planner.Step, "ingest", job.ID)
			}
			if next == "plan" {
				w.steps(w.planner.Step, "plan", job.ID)
				w.work(w.load(job.ID))
				w.steps(w.collector.Step, "collect", job.ID)
			}
			w.steps(w.collector.Step, "finish", job.ID)
		}
		page, err := w.book.Blob.List(t.Context(), "results/", "", 10)
		if err != nil || len(page.Blobs) != 3 {
			t.Errorf("%s: left %v, %v", claim, page.Blobs, err)
		}
		file, err := w.book.Open(t.Context(), batch.Delivered("key1", "list.csv", "jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(file)
		if err = errors.Join(err, file.Close()); err != nil || !strings.Contains(string(text), "late@x.example") {
			t.Errorf("%s: the results are %s, %v", claim, text, err)
		}
	}
}

// What was posted holds addresses: it is kept no longer than the results, and goes
// with them.
func TestWebhooksAreForgottenWithTheirJob(t *testing.T) {
	w := newWorld(t)
	job, err := w.book.Create(t.Context(), batch.Draft{
		Account: "acme", Key: "key1", Input: strings.NewReader(`["b2@y.example"]`), Deadline: time.Hour, Keep: 36 * time.Hour,
		Options: batch.Options{WebhookURL: "https://hooks.example/", Mode: verify.Full, Policy: verify.DefaultPolicy()},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"ingest", "plan"} {
		w.steps(w.planner.Step, step, job.ID)
	}
	for _, step := range []string{"collect", "finish"} {
		w.steps(w.collector.Step, step, job.ID)
	}
	for _, posted := range w.posted {
		if posted.Keep != 36*time.Hour {
			t.Errorf("kept for %v", posted.Keep)
		}
	}
	if len(w.posted) == 0 {
		t.Error("nothing was posted")
	}

	w.mute = errors.New("no answer")
	if _, err := w.collector.Step(t.Context(), batch.Step{Step: "forget", Job: job.ID}); !errors.Is(err, w.mute) {
		t.Errorf("forget while deliveries cannot be: %v", err)
	}
	w.load(job.ID) // who tries again must find it
	w.mute = nil
	for range 2 {
		if _, err := w.collector.Step(t.Context(), batch.Step{Step: "forget", Job: job.ID}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.book.Load(t.Context(), job.ID); !errors.Is(err, batch.ErrJob) {
		t.Errorf("the job is still there: %v", err)
	}
	if want := strings.Repeat("acme "+job.ID+",", 2); strings.Join(w.forgotten, ",")+"," != want {
		t.Errorf("forgotten %q", w.forgotten)
	}
}

func TestWhatIsMissingAtTheEndSaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		close  batch.Closing
		status batch.Status
		reason verdict.Reason
	}{
		"deadline": {batch.ByDeadline, batch.Completed, verdict.Deadline},
		"canceled": {batch.ByCaller, batch.Cancelled, verdict.Cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			job := w.create(longList(1000), batch.Options{})
			w.steps(w.planner.Step, "ingest", job.ID)
			w.steps(w.planner.Step, "plan", job.ID)
			if _, err := w.book.Close(t.Context(), job.ID, c.close); err != nil {
				t.Fatal(err)
			}
			unique := batch.FilesOf(job.ID).Found(0, 0, "late")
			if _, err := w.book.Mark(t.Context(), w.load(job.ID), batch.Mark{Answers: unique}, batch.Tally{}); !errors.Is(err, batch.ErrEnded) {
				t.Fatalf("a late answer: %v", err)
			}
			w.steps(w.collector.Step, "collect", job.ID)
			w.steps(w.collector.Step, "finish", job.ID)
			job = w.load(job.ID)
			missing := job.Done.ByReason[c.reason]
			if job.Status != c.status || missing == 0 || missing+job.Done.ByStatus[verdict.CatchAll] != 1000 || job.Done.Rows != 1000 {
				t.Errorf("%s: %v", job.Status, job.Done)
			}
		})
	}
}

func TestAListThatCannotBeReadFailsTheJob(t *testing.T) {
	w := newWorld(t)
	job := w.create("a,b\n\"open", batch.Options{})
	if next := w.steps(w.planner.Step, "ingest", job.ID); next != "fail" {
		t.Fatalf("after ingest comes %s", next)
	}
	w.steps(w.collector.Step, "finish", job.ID)
	if job = w.load(job.ID); job.Status != batch.Failed || !strings.Contains(job.Error, "the list cannot be read") {
		t.Errorf("%s: %s", job.Status, job.Error)
	}
}

func TestAQuotaCountsAddressesOnce(t *testing.T) {
	w := newWorld(t)
	over := w.create(longList(1000), batch.Options{Monthly: 899})
	w.steps(w.planner.Step, "ingest", over.ID)
	w.steps(w.planner.Step, "plan", over.ID)
	w.steps(w.collector.Step, "finish", over.ID)
	if job := w.load(over.ID); job.Status != batch.Failed || !strings.Contains(job.Error, "900 addresses") || !strings.Contains(job.Error, "899") {
		t.Errorf("%s: %s", job.Status, job.Error)
	}
	for _, monthly := range []int64{900, 1900} { // 900 of its rows, and then all of them, fit
		job := w.create(longList(1000), batch.Options{Monthly: monthly})
		w.steps(w.planner.Step, "ingest", job.ID)
		if next := w.steps(w.planner.Step, "plan", job.ID); next != "drain" {
			t.Fatalf("after plan comes %s", next)
		}
		if job = w.load(job.ID); job.Charged != 900 {
			t.Errorf("of a limit of %d %d checks are charged, want 900", monthly, job.Charged)
		}
	}
	once := store.Item{Key: store.Key{Part: "test"}}
	if err := w.meter.Charge(t.Context(), "key1", over.CreatedAt, 101, 1900, once); !errors.Is(err, usage.ErrQuota) {
		t.Errorf("101 more: %v", err)
	}
	if err := w.meter.Charge(t.Context(), "key1", over.CreatedAt, 100, 1900, once); err != nil {
		t.Errorf("100 more: %v", err)
	}
}
