package lists

import "sync/atomic"

// Live holds the table in use, so that a newer one can take its place under
// requests that run. It is safe for concurrent use. Use NewLive.
type Live struct{ table atomic.Pointer[Table] }

// NewLive starts with t.
func NewLive(t *Table) *Live {
	l := new(Live)
	l.table.Store(t)
	return l
}

// Table returns the table in use. Take it once for a request: the next call may
// return another one.
func (l *Live) Table() *Table { return l.table.Load() }

// Swap puts t in use.
func (l *Live) Swap(t *Table) { l.table.Store(t) }
