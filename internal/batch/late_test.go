package batch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
)

// TestAReaderThatIsLateTakesNothingBack: a step that is tried again reads the same
// list while the first try does.
func TestAReaderThatIsLateTakesNothingBack(t *testing.T) {
	w := newWorld(t)
	job := w.create(draft())
	w.must(w.Read(t.Context(), job, 50_000, 1))
	w.clock.Advance(time.Minute)
	w.must(w.Read(t.Context(), job, 100_000, 2))
	w.must(w.Read(t.Context(), job, 110_000, 3))
	for chunks, total := range []int64{1: 50_000, 2: 100_000, 3: 110_000} {
		if chunks > 0 {
			w.must(w.Read(t.Context(), job, total, int64(chunks)))
		}
	}
	if got := w.load(job.ID); got.Total != 110_000 || got.Chunks != 3 || !got.StartedAt.Equal(noon) {
		t.Errorf("%d rows in %d chunks, begun %v", got.Total, got.Chunks, got.StartedAt)
	}
	_, err := w.Cancel(t.Context(), "acme", job.ID)
	w.must(errors.Join(err, w.Read(t.Context(), job, 110_000, 3), w.Read(t.Context(), job, 150_000, 4)))
	if got := w.load(job.ID); got.Total != 150_000 {
		t.Errorf("a job that is cancelled: %d rows", got.Total)
	}
	_, err = w.Finish(t.Context(), job.ID, batch.Cancelled, nil, "")
	w.must(err)
	if err := w.Read(t.Context(), job, 160_000, 5); !errors.Is(err, batch.ErrEnded) {
		t.Errorf("a job that has ended: %v", err)
	}
}

// TestTheTokenOfATaskThatWasTriedAgain is among those that are finished, in
// whatever order the tries came.
func TestTheTokenOfATaskThatWasTriedAgain(t *testing.T) {
	w := newWorld(t)
	job := w.planned(1)
	for n := range 5 {
		w.must(w.Wait(t.Context(), job.ID, fmt.Sprint("token", n)))
	}
	w.must(w.Wait(t.Context(), job.ID, "token3")) // a repeated call
	_, err := w.Mark(t.Context(), job, batch.Mark{}, tally(verdict.Valid, verdict.SMTPVerified, 1))
	w.must(errors.Join(err, w.Settle(t.Context(), job.ID), w.Settle(t.Context(), job.ID)))
	if want := []string{"token2", "token4", "token3"}; !slices.Equal(w.flow.finished, want) {
		t.Errorf("finished %v, want %v", w.flow.finished, want)
	}
	if err := w.Wait(t.Context(), "job_gone", "token"); !errors.Is(err, batch.ErrJob) {
		t.Errorf("no job: %v", err)
	}
}

// TestATaskThatBeginsTwiceAtOnceWaits: that one of them fails would have the state
// machine begin it once more, seconds or minutes later.
func TestATaskThatBeginsTwiceAtOnceWaits(t *testing.T) {
	for other, want := range map[string]error{"token": nil, "another": store.ErrThrottled} {
		rival := &overtaken{}
		w := newWorld(t, func(c *batch.Config) { rival.Table, c.Table = c.Table, rival })
		job := w.planned(1)
		rival.meanwhile = func() { w.must(w.Wait(t.Context(), job.ID, other)) }
		if err := w.Wait(t.Context(), job.ID, "token"); !errors.Is(err, want) {
			t.Errorf("beside %s: %v, want %v", other, err, want)
		}
		if got := w.load(job.ID).Token; got != other {
			t.Errorf("beside %s the tokens are %q", other, got)
		}
	}
}

// overtaken lets something happen before its next update.
type overtaken struct {
	store.Table
	meanwhile func()
}

func (o *overtaken) Update(ctx context.Context, u store.Update) (store.Item, error) {
	if do := o.meanwhile; do != nil {
		o.meanwhile = nil
		do()
	}
	return o.Table.Update(ctx, u)
}

// TestAFileThatWasNotFilledIsNotWritten, not even when what went wrong looks like
// the end of something.
func TestAFileThatWasNotFilledIsNotWritten(t *testing.T) {
	for _, cause := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, errBroken} {
		w := newWorld(t)
		err := w.Write(t.Context(), "jobs/x/file", func(to io.Writer) error {
			_, err := io.WriteString(to, strings.Repeat("half ", 100_000))
			return errors.Join(err, cause)
		})
		if !errors.Is(err, cause) {
			t.Errorf("%v: got %v", cause, err)
		}
		err = w.Write(t.Context(), "jobs/x/file", func(io.Writer) error { return cause })
		if _, stat := w.blob.Stat(t.Context(), "jobs/x/file"); !errors.Is(err, cause) || !errors.Is(stat, store.ErrNotFound) {
			t.Errorf("%v: got %v, then %v", cause, err, stat)
		}
	}
}

// TestAListOfNoJobIsRemoved: of two requests with one name at once, one makes the
// job.
func TestAListOfNoJobIsRemoved(t *testing.T) {
	d := func() batch.Draft {
		d := draft()
		d.Once, d.Body, d.Source, d.Input = "order-1", []byte("hash"), batch.Source{}, strings.NewReader("alice@ok.test\n")
		return d
	}
	rival := &rivalry{}
	w := newWorld(t, func(c *batch.Config) { rival.Table, c.Table = c.Table, rival })
	var first batch.Job
	rival.meanwhile = func() { first = w.create(d()) }
	second := w.create(d())
	page, err := w.blob.List(t.Context(), "jobs/", "", 10)
	w.must(err)
	if second.ID != first.ID || len(page.Blobs) != 1 || page.Blobs[0].Name != batch.FilesOf(first.ID).Input() {
		t.Errorf("jobs %s and %s, lists %v", first.ID, second.ID, page.Blobs)
	}
}

// rivalry lets something happen before its first transaction.
type rivalry struct {
	store.Table
	meanwhile func()
}

func (r *rivalry) Transact(ctx context.Context, ops []store.Op) error {
	if do := r.meanwhile; do != nil {
		r.meanwhile = nil
		do()
	}
	return r.Table.Transact(ctx, ops)
}

// TestAJobWhoseAnswerWasLostIsThere: the request needs no repetition, nor a name.
func TestAJobWhoseAnswerWasLostIsThere(t *testing.T) {
	lost := &losing{next: true}
	w := newWorld(t, func(c *batch.Config) { lost.Table, c.Table = c.Table, lost })
	job := w.create(draft())
	if jobs, _, err := w.List(t.Context(), "acme", "", 10); err != nil || len(jobs) != 1 || jobs[0].ID != job.ID {
		t.Errorf("jobs %v, %v", jobs, err)
	}
	if !slices.Equal(w.flow.started, []string{job.ID}) {
		t.Errorf("executions: %v", w.flow.started)
	}
}

// TestChecksThatWereNotMadeAreGivenBack, once.
func TestChecksThatWereNotMadeAreGivenBack(t *testing.T) {
	for status, want := range map[batch.Status]int64{batch.Completed: 70, batch.Cancelled: 70, batch.Failed: 97} {
		w := newWorld(t, func(c *batch.Config) {
			c.GiveBack = func(key string, at time.Time, n int64) store.Op {
				return store.UpdateOp(store.Update{Key: store.Key{Part: "extra"}, Add: map[string]int64{"n": n}})
			}
		})
		job := w.planned(2)
		once, note := w.Charge(job, 100, false)
		w.must(w.Table.Transact(t.Context(), []store.Op{store.PutOp(once, store.Absent()), note}))
		w.must(w.Pass(t.Context(), job, 0, 0, batch.Tally{Back: 3, Checks: 7}))
		found := tally(verdict.Valid, verdict.SMTPVerified, 22)
		found.Checks = 20
		_, err := w.Mark(t.Context(), job, batch.Mark{Answers: "a"}, found)
		w.must(err)
		for range 2 {
			got, err := w.Finish(t.Context(), job.ID, status, nil, "")
			if err != nil || got.Charged != 97 || got.Checks != 27 || got.Status != status || w.extras() != want {
				t.Errorf("%s: %+v, %v; %d given back, want %d", status, got, err, w.extras(), want)
			}
		}
		if _, note := w.Charge(job, 1, false); !errors.Is(w.Table.Transact(t.Context(), []store.Op{note}), store.ErrCondition) {
			t.Errorf("%s: charged after its end", status)
		}
	}
}
