package embedded

import (
	"bytes"
	"math"

	bolt "go.etcd.io/bbolt"
)

// firstDue returns when the next message is due, in ms since 1970.
func (b queueBucket) firstDue() (first int64, waiting bool) {
	first = math.MaxInt64
	cursor := b.due.Cursor()
	for key, _ := cursor.First(); key != nil; {
		group, due, _ := splitDue(key)
		first, waiting = min(first, due), true
		key, _ = cursor.Seek(behindGroup(group))
	}
	return first, waiting
}

// pick returns up to max messages that are due at now: the first of each group,
// beginning with the one behind last, then the second of each, and so on.
func (b queueBucket) pick(now int64, max int, last string) (ids []uint64) {
	for turns := b.groupsDue(now, max, last); len(turns) > 0; {
		left := turns[:0]
		for _, t := range turns {
			if len(ids) == max {
				return ids
			}
			ids = append(ids, t.id)
			if t.advance(now) {
				left = append(left, t)
			}
		}
		turns = left
	}
	return ids
}

// turn is a group and the next of its messages that are due.
type turn struct {
	cursor *bolt.Cursor
	group  string
	id     uint64
}

func (t *turn) advance(now int64) (due bool) {
	key, _ := t.cursor.Next()
	if key == nil {
		return false
	}
	group, at, id := splitDue(key)
	t.id = id
	return group == t.group && at <= now
}

// groupsDue returns up to max groups that have messages due, from the one behind
// last round to last itself.
func (b queueBucket) groupsDue(now int64, max int, last string) (turns []*turn) {
	cursor := b.due.Cursor()
	visit := func(key []byte, wanted func(group string) bool) {
		for key != nil && len(turns) < max {
			group, due, id := splitDue(key)
			if !wanted(group) {
				return
			}
			if due <= now {
				t := &turn{cursor: b.due.Cursor(), group: group, id: id}
				t.cursor.Seek(bytes.Clone(key))
				turns = append(turns, t)
			}
			key, _ = cursor.Seek(behindGroup(group))
		}
	}
	behind, _ := cursor.Seek(behindGroup(last))
	visit(behind, func(string) bool { return true })
	first, _ := cursor.First()
	visit(first, func(group string) bool { return group <= last })
	return turns
}
