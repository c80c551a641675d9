package batch_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
)

// extra is an operation written along with a mark.
func extra() store.Op {
	return store.UpdateOp(store.Update{Key: store.Key{Part: "extra"}, Add: map[string]int64{"n": 1}})
}

// extras is how often extra was carried out.
func (w *world) extras() int64 {
	item, err := w.Table.Get(w.t.Context(), store.Key{Part: "extra"})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		w.t.Fatal(err)
	}
	return item.Int("n")
}

// planned is a job of so many shards that runs.
func (w *world) planned(shards int64) batch.Job {
	w.t.Helper()
	job := w.create(draft())
	w.must(w.Read(w.t.Context(), job, 100, 1))
	w.must(w.Plan(w.t.Context(), job, shards))
	return w.load(job.ID)
}

func TestTheFirstMarkOfAnAttemptCounts(t *testing.T) {
	w := newWorld(t)
	job := w.planned(1)
	marks := make([]batch.Mark, 30)
	var all sync.WaitGroup
	for n := range marks {
		all.Go(func() {
			ours := batch.Mark{Answers: fmt.Sprint("found/", n), Rest: fmt.Sprint("rest/", n), NotBefore: noon.Add(time.Duration(n) * time.Minute)}
			for {
				stands, err := w.Mark(t.Context(), job, ours, tally(verdict.Valid, verdict.SMTPVerified, int64(n)+1), extra())
				if err == nil {
					marks[n] = stands
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
	for _, m := range marks {
		if m.Answers != marks[0].Answers || m.Rest != marks[0].Rest || !m.NotBefore.Equal(marks[0].NotBefore) {
			t.Errorf("marks %+v and %+v both stand", m, marks[0])
		}
	}
	var first int64
	if _, err := fmt.Sscanf(marks[0].Answers, "found/%d", &first); err != nil {
		t.Fatal(err)
	}
	got := w.load(job.ID)
	if want := tally(verdict.Valid, verdict.SMTPVerified, first+1); !reflect.DeepEqual(got.Done, want) || got.Closed != 0 || w.extras() != 1 {
		t.Errorf("counted %+v, %d closed, %d extras, want %+v", got.Done, got.Closed, w.extras(), want)
	}
	looked, mark, marked, err := w.Look(t.Context(), job.ID, 0, 0)
	if err != nil || !marked || mark.Answers != marks[0].Answers || !reflect.DeepEqual(looked, got) {
		t.Errorf("looked at %+v, %+v, %v", looked, mark, err)
	}
	if _, _, marked, err := w.Look(t.Context(), job.ID, 0, 1); marked || err != nil {
		t.Errorf("the next attempt is marked: %v, %v", marked, err)
	}
	if _, _, _, err := w.Look(t.Context(), "job_gone", 0, 0); !errors.Is(err, batch.ErrJob) {
		t.Errorf("looked at no job: %v", err)
	}
}

// TestAShardIsClosedByAMarkWithoutRest, with answers and without.
func TestAShardIsClosedByAMarkWithoutRest(t *testing.T) {
	w := newWorld(t)
	job := w.planned(2)
	for _, m := range []struct {
		mark   batch.Mark
		found  batch.Tally
		closed int64
	}{
		{batch.Mark{Shard: 0, Rest: "r"}, batch.Tally{}, 0},
		{batch.Mark{Shard: 0, Attempt: 1}, batch.Tally{}, 1},
		{batch.Mark{Shard: 0, Attempt: 1}, batch.Tally{}, 1}, // again
		{batch.Mark{Shard: 1, Answers: "a"}, tally(verdict.Unknown, verdict.Timeout, 3), 2},
	} {
		if _, err := w.Mark(t.Context(), job, m.mark, m.found); err != nil {
			t.Fatal(err)
		}
		if got := w.load(job.ID); got.Closed != m.closed || got.Complete() != (m.closed == 2) {
			t.Errorf("after %+v: %d closed, complete %v", m.mark, got.Closed, got.Complete())
		}
	}
	var all []batch.Mark
	for after := ""; ; {
		page, next, err := w.Marks(t.Context(), job.ID, after, 2)
		w.must(err)
		all = append(all, page...)
		if after = next; after == "" {
			break
		}
	}
	if want := []batch.Mark{{Shard: 0, Rest: "r"}, {Shard: 0, Attempt: 1}, {Shard: 1, Answers: "a"}}; !reflect.DeepEqual(all, want) {
		t.Errorf("marks %+v, want %+v", all, want)
	}
}

func TestAPassCountsOnce(t *testing.T) {
	w := newWorld(t)
	job := w.create(draft())
	w.must(w.Read(t.Context(), job, 5, 1))
	for range 3 {
		w.must(w.Pass(t.Context(), job, 2, 1, tally(verdict.Invalid, verdict.InvalidSyntax, 4), extra()))
		w.must(w.Pass(t.Context(), job, 2, 2, batch.Tally{}))
	}
	if got := w.load(job.ID); got.Done.Rows != 4 || got.Done.ByStatus[verdict.Invalid] != 4 || w.extras() != 1 || got.Complete() {
		t.Errorf("counted %+v, %d extras", got.Done, w.extras())
	}
}

func TestAClosedJobTakesNothing(t *testing.T) {
	ends := map[string]func(w *world, job batch.Job) error{
		"deadline": func(w *world, job batch.Job) error {
			_, err := w.Close(w.t.Context(), job.ID, batch.ByDeadline)
			return err
		},
		"cancelled": func(w *world, job batch.Job) error { _, err := w.Cancel(w.t.Context(), "acme", job.ID); return err },
		"failed":    func(w *world, job batch.Job) error { return w.Fail(w.t.Context(), job.ID, "no list") },
		"finished": func(w *world, job batch.Job) error {
			_, err := w.Finish(w.t.Context(), job.ID, batch.Completed, nil, "")
			return err
		},
		"deleted": func(w *world, job batch.Job) error { return w.Forget(w.t.Context(), job) },
	}
	for claim, end := range ends {
		t.Run(claim, func(t *testing.T) {
			w := newWorld(t)
			job := w.planned(2)
			early := batch.Mark{Answers: "early"}
			_, err := w.Mark(t.Context(), job, early, tally(verdict.Valid, verdict.SMTPVerified, 1), extra())
			w.must(err)
			w.must(end(w, job))
			_, mark := w.Mark(t.Context(), job, batch.Mark{Shard: 1}, tally(verdict.Valid, verdict.SMTPVerified, 1), extra())
			_, rest := w.Mark(t.Context(), job, batch.Mark{Shard: 1, Rest: "r"}, batch.Tally{}, extra())
			for what, err := range map[string]error{
				"mark": mark, "mark without answers": rest, "read": w.Read(t.Context(), job, 9, 9), "plan": w.Plan(t.Context(), job, 9),
				"pass": w.Pass(t.Context(), job, 0, 0, tally(verdict.Valid, verdict.SMTPVerified, 1), extra()), "fail": w.Fail(t.Context(), job.ID, "again"),
			} {
				if read := claim == "cancelled" && what == "read"; read != (err == nil) || !read && !errors.Is(err, batch.ErrEnded) {
					t.Errorf("%s: %v", what, err)
				}
			}
			// What was marked before stands, and who asks again is told so.
			if got, err := w.Mark(t.Context(), job, batch.Mark{Answers: "late"}, batch.Tally{}, extra()); err != nil || got.Answers != "early" {
				t.Errorf("the mark that stands: %+v, %v", got, err)
			}
			if w.extras() != 1 {
				t.Errorf("%d extras", w.extras())
			}
		})
	}
}

func TestTheFirstReasonToCloseStands(t *testing.T) {
	w := newWorld(t)
	job := w.planned(1)
	for n, why := range []batch.Closing{batch.ByCaller, batch.ByDeadline} {
		if got, err := w.Close(t.Context(), job.ID, why); err != nil || got.Closing != batch.ByCaller {
			t.Errorf("close %d: %+v, %v", n, got.Closing, err)
		}
	}
	if _, err := w.Close(t.Context(), "job_gone", batch.ByCaller); !errors.Is(err, batch.ErrJob) {
		t.Errorf("no job: %v", err)
	}
	got, err := w.Finish(t.Context(), job.ID, batch.Cancelled, nil, "")
	if err != nil || got.Status != batch.Cancelled {
		t.Errorf("finished: %+v, %v", got.Status, err)
	}
	if _, err := w.Cancel(t.Context(), "acme", job.ID); !errors.Is(err, batch.ErrEnded) {
		t.Errorf("cancelled after its end: %v", err)
	}
}

// TestTheTaskIsFinishedWhateverComesFirst: the last shard, the token, the end of
// planning, a cancellation. Whatever their order, the message that Wait may have
// sent included, the task is finished once, and never before its time.
func TestTheTaskIsFinishedWhateverComesFirst(t *testing.T) {
	steps := map[string]func(w *world, job batch.Job){
		"plan": func(w *world, job batch.Job) { w.must(w.Plan(w.t.Context(), job, 1)) },
		"mark": func(w *world, job batch.Job) {
			_, err := w.Mark(w.t.Context(), job, batch.Mark{}, tally(verdict.Valid, verdict.SMTPVerified, 1))
			w.must(errors.Join(err, w.Settle(w.t.Context(), job.ID)))
		},
		"wait": func(w *world, job batch.Job) { w.must(w.Wait(w.t.Context(), job.ID, "token")) },
	}
	for _, order := range [][]string{
		{"plan", "mark", "wait"}, {"plan", "wait", "mark"}, {"mark", "plan", "wait"}, {"wait", "plan", "mark"},
		{"plan", "cancel", "wait"}, {"plan", "wait", "cancel"}, {"cancel", "wait"}, {"wait", "cancel"},
	} {
		w := newWorld(t)
		job := w.create(draft())
		w.must(w.Read(t.Context(), job, 1, 1))
		for n, step := range order {
			if len(w.flow.finished) > 0 {
				t.Errorf("%v: finished before step %d", order, n)
			}
			if step == "cancel" {
				_, err := w.Cancel(t.Context(), "acme", job.ID)
				w.must(err)
				continue
			}
			steps[step](w, job)
		}
		if n := len(order) - 1; order[n] == "wait" {
			if len(w.flow.finished) > 0 {
				t.Errorf("%v: finished by the task itself", order)
			}
			w.clock.Advance(time.Minute + time.Second)
			kinds := w.messages()
			if !slices.Contains(kinds, batch.KindSettle) {
				t.Errorf("%v: messages %v", order, kinds)
			}
			w.must(w.Settle(t.Context(), job.ID))
		}
		w.must(errors.Join(w.Settle(t.Context(), job.ID), w.Settle(t.Context(), "job_gone")))
		if !slices.Equal(w.flow.finished, []string{"token"}) {
			t.Errorf("%v: finished %v", order, w.flow.finished)
		}
	}
}

// TestACancellationThatCannotSettleSendsSomebody.
func TestACancellationThatCannotSettleSendsSomebody(t *testing.T) {
	w := newWorld(t)
	job := w.planned(1)
	w.must(w.Wait(t.Context(), job.ID, "token"))
	w.flow.fails = errBroken
	got, err := w.Cancel(t.Context(), "acme", job.ID)
	if err != nil || got.Closing != batch.ByCaller {
		t.Errorf("cancelled: %+v, %v", got, err)
	}
	w.clock.Advance(time.Minute + time.Second)
	if kinds := w.messages(); !slices.Contains(kinds, batch.KindSettle) {
		t.Errorf("messages %v", kinds)
	}
}

func TestTheEndSetsExactCounts(t *testing.T) {
	w := newWorld(t)
	job := w.planned(1)
	_, err := w.Mark(t.Context(), job, batch.Mark{}, tally(verdict.Valid, verdict.SMTPVerified, 3))
	w.must(err)
	w.clock.Advance(time.Minute)
	exact := tally(verdict.Valid, verdict.VendorVerified, 2)
	exact.Add(verdict.Unknown, verdict.Deadline, 5)
	got, err := w.Finish(t.Context(), job.ID, batch.Completed, &exact, "")
	if err != nil || !reflect.DeepEqual(got.Done, exact) || got.Status != batch.Completed || !got.FinishedAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("got %+v, %v, want %+v", got, err, exact)
	}
	if want := noon.Add(time.Minute + batch.DefaultKeep); !got.KeptUntil().Equal(want) {
		t.Errorf("kept until %v, want %v", got.KeptUntil(), want)
	}
	w.clock.Advance(time.Minute)
	if again, err := w.Finish(t.Context(), job.ID, batch.Failed, &batch.Tally{}, "late"); err != nil || !reflect.DeepEqual(again, got) {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err := w.Finish(t.Context(), "job_gone", batch.Failed, nil, ""); !errors.Is(err, batch.ErrJob) {
		t.Errorf("no job: %v", err)
	}
}

// TestAMarkWhoseAnswerIsLost stands, and is not counted by who asks again.
func TestAMarkWhoseAnswerIsLost(t *testing.T) {
	lost := &losing{}
	w := newWorld(t, func(c *batch.Config) { lost.Table, c.Table = c.Table, lost })
	job := w.planned(1)
	lost.next = true
	m, found := batch.Mark{Answers: "ours"}, tally(verdict.Valid, verdict.SMTPVerified, 2)
	if _, err := w.Mark(t.Context(), job, m, found); !errors.Is(err, store.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	if got, err := w.Mark(t.Context(), job, m, found); err != nil || got.Answers != "ours" || w.load(job.ID).Done.Rows != 2 {
		t.Errorf("got %+v, %v, %+v", got, err, w.load(job.ID).Done)
	}
}

// losing carries out a transaction and loses the answer.
type losing struct {
	store.Table
	next bool
}

func (l *losing) Transact(ctx context.Context, ops []store.Op) error {
	err := l.Table.Transact(ctx, ops)
	if l.next && err == nil {
		l.next = false
		return store.ErrUnknown
	}
	return err
}

func TestMessagesWaitAsLongAsAQueueCan(t *testing.T) {
	for wait, delay := range map[time.Duration]time.Duration{
		-time.Hour: 0, 0: 0, time.Minute: time.Minute, 4 * time.Hour: store.MaxDelay,
	} {
		m := batch.Message{Kind: batch.KindShard, NotBefore: noon.Add(wait).UnixMilli()}
		post, err := m.Post("Ä account #1", noon)
		if err != nil || post.Delay != delay || post.Check() != nil || m.Wait(noon) != max(0, wait) {
			t.Errorf("%v: %+v, %v", wait, post, err)
		}
	}
}
