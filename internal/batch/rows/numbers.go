package rows

import (
	"encoding/binary"
	"iter"
)

// Numbers is an ascending list of row numbers in little memory: one address
// may stand in millions of rows. The zero value is empty.
type Numbers struct {
	packed []byte // each as the distance from the one before, from -1 at the start
	last   int64  // plus one
	count  int
}

// Add puts a number at the end. It must be greater than the one before.
func (n *Numbers) Add(row int64) {
	n.packed = binary.AppendUvarint(n.packed, uint64(row+1-n.last))
	n.last = row + 1
	n.count++
}

// Len returns how many there are.
func (n *Numbers) Len() int { return n.count }

// First returns the least, -1 for none.
func (n *Numbers) First() int64 {
	for row := range n.All() {
		return row
	}
	return -1
}

// All returns them in order.
func (n *Numbers) All() iter.Seq[int64] {
	return func(yield func(int64) bool) {
		last := int64(-1)
		for rest := n.packed; len(rest) > 0; {
			step, size := binary.Uvarint(rest)
			rest = rest[size:]
			if last += int64(step); !yield(last) {
				return
			}
		}
	}
}

// Packed returns the list as text, for a file; Unpack reads it.
func (n *Numbers) Packed() []byte { return n.packed }

// Unpack reads what Packed returned; ok is false for anything else.
func Unpack(packed string) (n Numbers, ok bool) {
	for rest := []byte(packed); len(rest) > 0; {
		step, size := binary.Uvarint(rest)
		if size <= 0 || step == 0 || step > 1<<53 || n.last > 1<<53 || size > 1 && rest[size-1] == 0 {
			return Numbers{}, false
		}
		rest = rest[size:]
		n.last += int64(step)
		n.count++
	}
	n.packed = []byte(packed)
	return n, true
}
