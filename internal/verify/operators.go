package verify

import (
	"container/heap"
	"time"
)

// operator is who runs exchangers.
type operator struct {
	name     string
	sessions int // it bears at once
	running  int
	waiting  int // mailboxes in its lanes
	load     int // and those asked for now
	until    time.Time
	lanes    int
	full     []*lane // with enough for a whole write
	partial  []*lane
	place    int // in the heap; -1: not there
}

// pressure is how much it has to do for each of its sessions.
func (op *operator) pressure() float64 { return float64(op.load) / float64(op.sessions) }

// hold leaves an operator alone until a moment.
func (s *schedule) hold(op *operator, until time.Time) {
	if op.until.IsZero() {
		s.held = append(s.held, op)
	}
	if until.After(op.until) {
		op.until = until
	}
	s.update(op)
}

// release ends the holds that are over and returns when the next one will be;
// the zero time: none.
func (s *schedule) release(now time.Time) (next time.Time) {
	left := s.held[:0]
	for _, op := range s.held {
		if !op.until.After(now) {
			op.until = time.Time{}
			s.update(op)
			if op.lanes == 0 {
				delete(s.operators, op.name)
			}
			continue
		}
		if next.IsZero() || op.until.Before(next) {
			next = op.until
		}
		left = append(left, op)
	}
	clear(s.held[len(left):])
	s.held = left
	return next
}

// update keeps the heap in step with an operator.
func (s *schedule) update(op *operator) {
	may := op.waiting > 0 && op.running < op.sessions && op.until.IsZero()
	switch {
	case may && op.place < 0:
		heap.Push(&s.ready, op)
	case may:
		heap.Fix(&s.ready, op.place)
	case op.place >= 0:
		heap.Remove(&s.ready, op.place)
	}
}

// operators is a heap, the one with the most to do on top.
type operators []*operator

func (o operators) Len() int { return len(o) }

func (o operators) Less(i, j int) bool { return o[i].pressure() > o[j].pressure() }

func (o operators) Swap(i, j int) {
	o[i], o[j] = o[j], o[i]
	o[i].place, o[j].place = i, j
}

// Push adds an operator.
func (o *operators) Push(x any) {
	op := x.(*operator)
	op.place = len(*o)
	*o = append(*o, op)
}

// Pop removes the last one.
func (o *operators) Pop() any {
	old := *o
	op := old[len(old)-1]
	old[len(old)-1] = nil
	*o = old[:len(old)-1]
	op.place = -1
	return op
}
