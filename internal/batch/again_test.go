package batch_test

import (
	"errors"
	"slices"
	"testing"
)

// A request whose process died, or failed, before the execution was begun is
// made good by its repetition, long before the message comes.
func TestARepeatedRequestBeginsAJobThatWasNotBegun(t *testing.T) {
	w := newWorld(t)
	d := draft()
	d.Once, d.Body = "order-1", []byte("hash")
	w.flow.fails = errors.New("not now")
	job := w.create(d)
	if len(w.flow.started) > 0 {
		t.Fatalf("begun: %v", w.flow.started)
	}
	w.flow.fails = nil
	if again := w.create(d); again.ID != job.ID || !slices.Equal(w.flow.started, []string{job.ID}) {
		t.Errorf("the repetition is %s and began %v, want %s begun", again.ID, w.flow.started, job.ID)
	}
	w.must(w.Read(t.Context(), job, 1, 1))
	if w.create(d); len(w.flow.started) > 1 {
		t.Errorf("a job that runs was begun again: %v", w.flow.started)
	}
}
