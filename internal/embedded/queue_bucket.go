package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"

	"rcpt/internal/store"
)

// A queue is a bucket of the bucket "queues" with three buckets of its own. An id
// is a number in 8 octets that is never used again, in whatever queue; all
// numbers have their most significant octet first.
//
//	body   id → text of the message
//	state  id → 8 octets when it is due next, in ms since 1970
//	            4 octets how often it has been received
//	            8 octets when it was sent, in s since 1970
//	            the rest: its group
//	due    group, an octet 0x00, when due (8 octets), id → nothing
//
// A message under lease is due when the lease ends. The order of due finds the
// first of each group without looking at the others; a group holds no 0x00.
type queueBucket struct{ body, status, due *bolt.Bucket }

type state struct {
	due      int64 // ms since 1970
	received uint32
	sent     int64 // s since 1970
	group    string
}

const stateHead = 8 + 4 + 8

var queueBuckets = [...]string{"body", "state", "due"}

// openQueue returns a queue to read from; has is false when nobody has written
// to it yet.
func openQueue(tx *bolt.Tx, name string) (b queueBucket, has bool) {
	all := tx.Bucket([]byte("queues"))
	if all == nil {
		return queueBucket{}, false
	}
	one := all.Bucket([]byte(name))
	if one == nil {
		return queueBucket{}, false
	}
	return queueBucket{one.Bucket([]byte("body")), one.Bucket([]byte("state")), one.Bucket([]byte("due"))}, true
}

// queue returns a queue to write to.
func (e *edit) queue(name string) (queueBucket, error) {
	if b, has := openQueue(e.tx, name); has {
		return b, nil
	}
	if err := e.nest("queues", name, queueBuckets[:]); err != nil {
		return queueBucket{}, err
	}
	b, _ := openQueue(e.tx, name)
	return b, nil
}

// nest makes a bucket in a bucket, with buckets of its own.
func (e *edit) nest(outer, inner string, parts []string) error {
	e.changed = true
	all, err := e.tx.CreateBucketIfNotExists([]byte(outer))
	if err != nil {
		return e.broken(err)
	}
	one, err := all.CreateBucket([]byte(inner))
	if err != nil {
		return e.broken(err)
	}
	for _, part := range parts {
		if _, err := one.CreateBucket([]byte(part)); err != nil {
			return e.broken(err)
		}
	}
	return nil
}

// broken marks the commit as one that must be rolled back.
func (e *edit) broken(err error) error {
	e.failure = fmt.Errorf("write file: %w", err)
	return e.failure
}

// add puts a new message into the queue.
func (b queueBucket) add(e *edit, s state, body string) error {
	id, err := e.tx.Bucket([]byte("queues")).NextSequence()
	if err != nil {
		return e.broken(err)
	}
	return b.put(e, id, s, []byte(body))
}

func (b queueBucket) put(e *edit, id uint64, s state, body []byte) error {
	e.changed = true
	err := errors.Join(b.body.Put(idKey(id), body), b.status.Put(idKey(id), s.encode()), b.due.Put(s.dueKey(id), nil))
	if err != nil {
		return e.broken(err)
	}
	return nil
}

// change gives a message another state.
func (b queueBucket) change(e *edit, id uint64, was, s state) error {
	e.changed = true
	err := errors.Join(b.due.Delete(was.dueKey(id)), b.status.Put(idKey(id), s.encode()), b.due.Put(s.dueKey(id), nil))
	if err != nil {
		return e.broken(err)
	}
	return nil
}

func (b queueBucket) remove(e *edit, id uint64, s state) error {
	e.changed = true
	err := errors.Join(b.due.Delete(s.dueKey(id)), b.status.Delete(idKey(id)), b.body.Delete(idKey(id)))
	if err != nil {
		return e.broken(err)
	}
	return nil
}

// bury moves a message to another queue, where it is due at once and has not
// been received.
func (b queueBucket) bury(e *edit, id uint64, s state, to string, now int64) error {
	dead, err := e.queue(to)
	if err != nil {
		return err
	}
	body := bytes.Clone(b.body.Get(idKey(id)))
	if err := b.remove(e, id, s); err != nil {
		return err
	}
	s.due, s.received = now, 0
	return dead.put(e, id, s, body)
}

// state reads what is known of a message. ErrNotFound when it is not there.
func (b queueBucket) state(id uint64) (state, error) {
	value := b.status.Get(idKey(id))
	if value == nil {
		return state{}, store.ErrNotFound
	}
	if len(value) < stateHead {
		return state{}, errEncoding
	}
	return state{
		due:      int64(binary.BigEndian.Uint64(value)),
		received: binary.BigEndian.Uint32(value[8:]),
		sent:     int64(binary.BigEndian.Uint64(value[12:])),
		group:    string(value[stateHead:]),
	}, nil
}

func (b queueBucket) delivery(id uint64, s state) store.Delivery {
	return store.Delivery{
		ID:       fmt.Sprintf("%016x", id),
		Receipt:  newReceipt(id, s.received),
		Body:     string(b.body.Get(idKey(id))),
		Group:    s.group,
		Received: int(s.received),
		Sent:     time.Unix(s.sent, 0).UTC(),
	}
}

func idKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func (s state) encode() []byte {
	value := make([]byte, 0, stateHead+len(s.group))
	value = binary.BigEndian.AppendUint64(value, uint64(s.due))
	value = binary.BigEndian.AppendUint32(value, s.received)
	value = binary.BigEndian.AppendUint64(value, uint64(s.sent))
	return append(value, s.group...)
}

func (s state) dueKey(id uint64) []byte {
	key := append([]byte(s.group), 0)
	key = binary.BigEndian.AppendUint64(key, uint64(s.due))
	return binary.BigEndian.AppendUint64(key, id)
}

// splitDue reads a key of the bucket due.
func splitDue(key []byte) (group string, due int64, id uint64) {
	n := len(key) - 1 - 8 - 8
	if n < 0 {
		return "", math.MaxInt64, 0 // Open has read the whole file: this is a bug, not damage
	}
	return string(key[:n]), int64(binary.BigEndian.Uint64(key[n+1:])), binary.BigEndian.Uint64(key[n+9:])
}

// behindGroup sorts behind all keys of the group and before those of the next.
func behindGroup(group string) []byte { return append([]byte(group), 1) }
