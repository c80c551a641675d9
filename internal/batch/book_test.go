package batch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/embedded"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is a book over embedded storage, with a clock that tests move.
type world struct {
	*batch.Book
	t     *testing.T
	clock *storetest.Clock
	flow  *flow
	blob  store.Blob
	queue store.Queue
}

func newWorld(t *testing.T, change ...func(*batch.Config)) *world {
	t.Helper()
	clock := storetest.NewClock(noon)
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &world{t: t, clock: clock, flow: &flow{}, blob: db.Blob(), queue: db.Queue("probe", embedded.DeadLetters{})}
	c := batch.Config{
		Table: db.Cache(), Blob: w.blob, Probes: w.queue, Flow: w.flow, Now: clock.Now, Log: slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&c)
	}
	w.Book = batch.NewBook(c)
	return w
}

// flow notes what is asked of the state machine.
type flow struct {
	store.Workflow
	mu       sync.Mutex
	started  []string
	stopped  []string
	finished []string
	fails    error
}

func (f *flow) Start(_ context.Context, name string, input []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails != nil {
		return f.fails
	}
	if string(input) != fmt.Sprintf(`{"job":%q}`, name) {
		return fmt.Errorf("input is %s", input)
	}
	f.started = append(f.started, name)
	return nil
}

func (f *flow) Stop(_ context.Context, name, _ string) error {
	f.stopped = append(f.stopped, name)
	return f.fails
}

func (f *flow) Succeed(_ context.Context, token string, _ []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(f.finished, token) {
		return store.ErrFinished
	}
	f.finished = append(f.finished, token)
	return f.fails
}

func (f *flow) Heartbeat(context.Context, string) error { return f.fails }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func draft() batch.Draft {
	return batch.Draft{
		Account: "acme", Key: "k1", Source: batch.Source{Blob: "uploads/x", Version: "1"},
		Options: batch.Options{Mode: verify.Full, Policy: verify.DefaultPolicy(), Metadata: map[string]string{"list": "may"}},
	}
}

func (w *world) create(d batch.Draft) batch.Job {
	w.t.Helper()
	job, err := w.Create(w.t.Context(), d)
	w.must(err)
	return job
}

func (w *world) load(id string) batch.Job {
	w.t.Helper()
	job, err := w.Load(w.t.Context(), id)
	w.must(err)
	return job
}

// messages takes what is due in the queue of probes.
func (w *world) messages() (kinds []batch.Kind) {
	w.t.Helper()
	deliveries, err := w.queue.Receive(w.t.Context(), 10, 0, time.Hour)
	w.must(err)
	for _, d := range deliveries {
		var m batch.Message
		w.must(json.Unmarshal([]byte(d.Body), &m))
		w.must(w.queue.Delete(w.t.Context(), d.Receipt))
		kinds = append(kinds, m.Kind)
	}
	return kinds
}

func TestAJobIsKeptAsItWasDrafted(t *testing.T) {
	w, d := newWorld(t), draft()
	d.Deadline, d.Keep, d.Test = time.Hour, 48*time.Hour, true
	job := w.create(d)
	want := batch.Job{
		ID: job.ID, Account: "acme", Key: "k1", Test: true, Status: batch.Queued, Options: d.Options, Source: d.Source,
		CreatedAt: noon, Deadline: noon.Add(time.Hour), Keep: 48 * time.Hour,
	}
	if !strings.HasPrefix(job.ID, "job_") || !reflect.DeepEqual(job, want) {
		t.Errorf("got %+v, want %+v", job, want)
	}
	want.Done = w.load(job.ID).Done
	if got := w.load(job.ID); !reflect.DeepEqual(got, want) || got.Done.Rows != 0 {
		t.Errorf("loaded %+v, want %+v", got, want)
	}
	if !slices.Equal(w.flow.started, []string{job.ID}) {
		t.Errorf("executions: %v", w.flow.started)
	}
	if got := w.create(draft()); !got.Deadline.Equal(noon.Add(batch.DefaultDeadline)) || got.Keep != batch.DefaultKeep || got.ID == job.ID {
		t.Errorf("by default %+v", got)
	}
}

func TestAListInTheRequestIsKept(t *testing.T) {
	w, d := newWorld(t), draft()
	d.Source, d.Input = batch.Source{}, strings.NewReader("alice@ok.test\n")
	job := w.create(d)
	file, info, err := w.blob.Open(t.Context(), job.Source.Blob, 0, -1, "")
	w.must(err)
	defer func() { _ = file.Close() }()
	if text, err := io.ReadAll(file); err != nil || string(text) != "alice@ok.test\n" || info.Version != job.Source.Version {
		t.Errorf("got %q of version %s, %v", text, info.Version, err)
	}
	d.Input = io.MultiReader(strings.NewReader("alice"), broken{})
	if _, err := w.Create(t.Context(), d); !errors.Is(err, errBroken) {
		t.Errorf("of a list that breaks off: %v", err)
	}
	if jobs, _, _ := w.List(t.Context(), "acme", "", 10); len(jobs) != 1 {
		t.Errorf("%d jobs", len(jobs))
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// TestARequestThatIsRepeatedIsOneJob, at once and later, until its name is
// forgotten.
func TestARequestThatIsRepeatedIsOneJob(t *testing.T) {
	w, d := newWorld(t), draft()
	d.Once, d.Body = "order-1", []byte("hash")
	ids := make([]string, 20)
	var all sync.WaitGroup
	for n := range ids {
		all.Go(func() {
			for {
				job, err := w.Create(t.Context(), d)
				if err == nil {
					ids[n] = job.ID
					return
				}
				if !errors.Is(err, store.ErrThrottled) {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if slices.Sort(ids); ids[0] != ids[len(ids)-1] || ids[0] == "" {
		t.Errorf("jobs %v", slices.Compact(ids))
	}
	other := d
	other.Body = []byte("another hash")
	if _, err := w.Create(t.Context(), other); !errors.Is(err, batch.ErrReused) {
		t.Errorf("another request of the same name: %v", err)
	}
	other.Key = "k2"
	if job := w.create(other); job.ID == ids[0] {
		t.Error("names of two keys are one")
	}
	w.clock.Advance(23 * time.Hour)
	if job := w.create(d); job.ID != ids[0] {
		t.Error("forgotten before a day is over")
	}
	w.clock.Advance(2 * time.Hour)
	if job := w.create(d); job.ID == ids[0] {
		t.Error("remembered after a day")
	}
}

func TestARequestWhoseJobWasDeletedIsNotRepeated(t *testing.T) {
	w, d := newWorld(t), draft()
	d.Once = "order-1"
	job := w.create(d)
	_, err := w.Finish(t.Context(), job.ID, batch.Completed, nil, "")
	w.must(err)
	w.must(w.Delete(t.Context(), "acme", job.ID))
	if _, err := w.Create(t.Context(), d); !errors.Is(err, batch.ErrReused) {
		t.Errorf("got %v", err)
	}
}

// TestAJobThatWasNotBegunIsBegunByItsMessage.
func TestAJobThatWasNotBegunIsBegunByItsMessage(t *testing.T) {
	w := newWorld(t)
	w.flow.fails = errBroken
	job := w.create(draft()) // acknowledged all the same
	w.flow.fails = nil
	if got := w.messages(); len(got) != 0 {
		t.Errorf("at once: %v", got)
	}
	w.clock.Advance(2 * time.Minute)
	if got := w.messages(); !slices.Equal(got, []batch.Kind{batch.KindStart}) {
		t.Errorf("after two minutes: %v", got)
	}
	w.must(w.Start(t.Context(), job.ID))
	if !slices.Equal(w.flow.started, []string{job.ID}) {
		t.Errorf("executions: %v", w.flow.started)
	}
	w.must(w.Read(t.Context(), job, 10, 1))
	w.must(errors.Join(w.Start(t.Context(), job.ID), w.Start(t.Context(), "job_gone"))) // runs; is not there
	if len(w.flow.started) != 1 {
		t.Errorf("executions: %v", w.flow.started)
	}
}

func TestJobsAreListedLatestFirst(t *testing.T) {
	w := newWorld(t)
	var want []string
	for range 7 {
		want = append([]string{w.create(draft()).ID}, want...)
		w.clock.Advance(time.Second)
	}
	other := draft()
	other.Account = "other"
	w.create(other)
	var got []string
	for after := ""; ; {
		jobs, next, err := w.List(t.Context(), "acme", after, 3)
		w.must(err)
		for _, j := range jobs {
			got = append(got, j.ID)
		}
		if after = next; after == "" {
			break
		}
		if after != url.QueryEscape(after) {
			t.Errorf("%s needs escaping in a URL", after)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range []string{strings.Repeat("x", 5000), "JOB#1", "1795344596572", "1795344596572-", "-" + want[0], strings.Repeat("9", 20) + "-" + want[0]} {
		if _, _, err := w.List(t.Context(), "acme", bad, 3); !errors.Is(err, batch.ErrCursor) {
			t.Errorf("a cursor of nobody's, %.30s: %v", bad, err)
		}
	}
}

func TestAJobBelongsToItsAccount(t *testing.T) {
	w := newWorld(t)
	job := w.create(draft())
	for _, c := range []struct{ account, id string }{{"other", job.ID}, {"acme", "job_"}, {"acme", ""}, {"acme", "JOB#" + job.ID}, {"acme", "job_" + strings.Repeat("0", 3000)}} {
		_, find := w.Find(t.Context(), c.account, c.id)
		_, cancel := w.Cancel(t.Context(), c.account, c.id)
		for what, err := range map[string]error{"find": find, "cancel": cancel, "delete": w.Delete(t.Context(), c.account, c.id)} {
			if !errors.Is(err, batch.ErrJob) {
				t.Errorf("%s %.20s of %s: %v", what, c.id, c.account, err)
			}
		}
	}
	if got, err := w.Find(t.Context(), "acme", job.ID); err != nil || got.ID != job.ID || !got.Open() {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestADeletedJobLeavesNothing(t *testing.T) {
	w, d := newWorld(t), draft()
	_, err := w.blob.Put(t.Context(), d.Source.Blob, strings.NewReader("list"))
	w.must(err)
	job, kept := w.create(d), w.create(draft())
	for n := range store.MaxBlobPage + 5 { // more than a page of names
		_, err := w.blob.Put(t.Context(), batch.FilesOf(job.ID).Rows(int64(n)), bytes.NewReader(nil))
		w.must(err)
	}
	_, err = w.blob.Put(t.Context(), batch.FilesOf(kept.ID).Rows(0), bytes.NewReader(nil))
	w.must(err)
	if err := w.Delete(t.Context(), "acme", job.ID); !errors.Is(err, batch.ErrRunning) {
		t.Errorf("while it runs: %v", err)
	}
	_, err = w.Finish(t.Context(), job.ID, batch.Completed, nil, "")
	w.must(err)
	w.must(w.Delete(t.Context(), "acme", job.ID))
	page, err := w.blob.List(t.Context(), "", "", 10)
	w.must(err)
	if len(page.Blobs) != 1 || page.Blobs[0].Name != batch.FilesOf(kept.ID).Rows(0) {
		t.Errorf("files left: %v", page.Blobs)
	}
	if jobs, _, err := w.List(t.Context(), "acme", "", 10); err != nil || len(jobs) != 1 || jobs[0].ID != kept.ID {
		t.Errorf("jobs left: %v, %v", jobs, err)
	}
	if !slices.Equal(w.flow.stopped, []string{job.ID}) {
		t.Errorf("executions stopped: %v", w.flow.stopped)
	}
	w.must(w.Forget(t.Context(), job)) // the state machine comes later, and finds nothing
}

// tally counts rows of one answer.
func tally(s verdict.Status, r verdict.Reason, n int64) (t batch.Tally) {
	t.Add(s, r, n)
	return t
}
