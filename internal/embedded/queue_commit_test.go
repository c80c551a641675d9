package embedded

import (
	"errors"
	"slices"
	"testing"
	"time"

	"rcpt/internal/store"
)

func newQueue(t *testing.T) *queue {
	t.Helper()
	return &queue{table: newTable(t), name: "work", bells: &bells{}}
}

func TestWaitingAtAQueueIsNotCommitted(t *testing.T) {
	q := newQueue(t)
	if err := q.Send(t.Context(), store.Message{Body: "late", Delay: time.Minute}); err != nil {
		t.Fatal(err)
	}
	before := commitCount(t, q.table)
	for range 5 {
		if got, err := q.Receive(t.Context(), 1, 10*time.Millisecond, time.Minute); err != nil || len(got) > 0 {
			t.Errorf("Receive: %d, %v", len(got), err)
		}
	}
	if got := commitCount(t, q.table) - before; got != 0 {
		t.Errorf("got %d commits, want none", got)
	}
}

func TestFailedCommitSendsNothing(t *testing.T) {
	q := newQueue(t)
	broken := errors.New("disk full")
	lineUp(t, q.table, 2, func(i int) {
		if i == 0 {
			_ = q.table.commit(t.Context(), func(e *edit) error { e.failure = broken; return nil })
			return
		}
		err := q.Send(t.Context(), store.Message{Body: "a"}, store.Message{Body: "b"})
		var failed *store.SendError
		if !errors.As(err, &failed) || !slices.Equal(failed.Unsent, []int{0, 1}) || !errors.Is(err, broken) {
			t.Errorf("Send: got %v, want a SendError that names both", err)
		}
	})
	if got, err := q.Receive(t.Context(), 10, 0, time.Minute); err != nil || len(got) > 0 {
		t.Errorf("Receive: got %d, %v, want none", len(got), err)
	}
}

// The bells of executions that have ended are not kept.
func TestBellsAreForgotten(t *testing.T) {
	b := &bells{}
	rung := b.listen("a")
	b.ring("a")
	select {
	case <-rung:
	default:
		t.Error("who listened was not woken")
	}
	b.ring("b")
	b.forget("a")
	if len(b.named) != 0 {
		t.Errorf("%d bells kept, want none", len(b.named))
	}
}
