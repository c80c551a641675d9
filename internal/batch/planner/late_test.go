package planner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"rcpt/internal/batch"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
)

// stumbling fails to write a file once.
type stumbling struct {
	store.Blob
	over string // how its name ends
	once atomic.Bool
}

var errStumbled = errors.New("stumbled")

func (s *stumbling) Put(ctx context.Context, name string, r io.Reader, opts ...store.PutOption) (store.BlobInfo, error) {
	if strings.HasSuffix(name, s.over) && !s.once.Swap(true) {
		return store.BlobInfo{}, errStumbled
	}
	return s.Blob.Put(ctx, name, r, opts...)
}

// TestPlanningGoesOnFromWhereItFailed: the shards of the passes before are not sent
// again. What fails at once is an error, so that the state machine waits a little.
func TestPlanningGoesOnFromWhereItFailed(t *testing.T) {
	var list strings.Builder
	for i := range 60_000 { // two partitions
		fmt.Fprintf(&list, "user%d@d%d.example\n", i, i%900)
	}
	blob := &stumbling{over: "plan/00001.00000"}
	w := newWorld(t, func(b store.Blob) store.Blob { blob.Blob = b; return blob })
	job, calls := w.create(strings.NewReader(list.String()), batch.Options{}), 0
	w.steps(w.planner.Step, "ingest", job.ID, &calls)
	step := batch.Step{Step: "plan", Job: job.ID}
	next, err := w.planner.Step(t.Context(), step)
	if err != nil || next.Next != "plan" || !strings.HasPrefix(next.Cursor, "pass:1:0:") || next.Cursor == "pass:1:0:0" {
		t.Fatalf("after the first pass: %+v, %v", next, err)
	}
	blob.once.Store(false)
	step.Cursor = next.Cursor
	if next, err := w.planner.Step(t.Context(), step); !errors.Is(err, errStumbled) {
		t.Fatalf("at once: %+v, %v", next, err)
	}
	if next, err = w.planner.Step(t.Context(), step); err != nil || next.Next != "drain" {
		t.Fatalf("in the end: %+v, %v", next, err)
	}
}

// TestPlanningEndsAtTheDeadline: what is not planned by then has its place in the
// results all the same, and nobody is asked about it any more.
func TestPlanningEndsAtTheDeadline(t *testing.T) {
	var list strings.Builder
	for i := range 60_000 { // two partitions
		fmt.Fprintf(&list, "user%d@d%d.example\n", i, i%900)
	}
	for _, step := range []string{"deal:1", "pass:1:0:300"} {
		w := newWorld(t, nil)
		job, calls := w.create(strings.NewReader(list.String()), batch.Options{}), 0
		w.steps(w.planner.Step, "ingest", job.ID, &calls)
		w.steps(w.planner.Step, "plan", job.ID, &calls)
		w.late = batch.DefaultDeadline
		w.looked.Store(0)
		next, err := w.planner.Step(t.Context(), batch.Step{Step: "plan", Job: job.ID, Cursor: step})
		if err != nil || next.Next != "collect" {
			t.Fatalf("at %s: %+v, %v", step, next, err)
		}
		w.steps(w.collector.Step, "collect", job.ID, &calls)
		if _, err := w.collector.Step(t.Context(), batch.Step{Step: "finish", Job: job.ID}); err != nil {
			t.Fatal(err)
		}
		job, err = w.book.Load(t.Context(), job.ID)
		if err != nil || job.Status != batch.Completed || job.Done.ByReason[verdict.Deadline] != 60_000 {
			t.Errorf("at %s: %s, %v, %v", step, job.Status, job.Done, err)
		}
	}
}
