package embedded

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"rcpt/internal/store"
)

// DeadLetters says where messages of a queue go that nobody can deal with. The
// zero value keeps delivering them for ever.
type DeadLetters struct {
	Queue    string // name of the queue that takes them
	Receives int    // how many times a message is received at most before; from 1
}

// Queue opens the queue of this name, which control.db holds; a queue nobody has
// used yet is an empty one. All that is opened under one name is one queue.
// Messages are kept until they are deleted.
//
// Of the messages that are due, those of every group get their turn: a Receive
// goes round the groups, one message each.
func (db *DB) Queue(name string, dead DeadLetters) store.Queue {
	return &queue{table: db.control, name: name, dead: dead, bells: &db.bells}
}

// queue is a store.Queue in control.db. Its buckets are in queue_bucket.go.
type queue struct {
	table *table
	name  string
	dead  DeadLetters
	bells *bells
}

func (q *queue) Send(ctx context.Context, messages ...store.Message) error {
	if err := store.CheckMessages(messages); err != nil {
		return err
	}
	err := q.table.commit(ctx, func(e *edit) error {
		b, err := e.queue(q.name)
		if err != nil {
			return err
		}
		now := q.table.now()
		for _, m := range messages {
			s := state{due: after(now, m.Delay), sent: now.Unix(), group: m.Group}
			if err := b.add(e, s, m.Body); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return err
	case err != nil:
		// One commit holds them all, so either all are there or none.
		failed := &store.SendError{Cause: fmt.Errorf("send: %w", err)}
		for i := range messages {
			failed.Unsent = append(failed.Unsent, i)
		}
		return failed
	}
	q.bells.ring(q.name)
	return nil
}

func (q *queue) Receive(ctx context.Context, max int, wait, lease time.Duration) ([]store.Delivery, error) {
	if err := store.CheckReceive(max, wait, lease); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	patience := time.NewTimer(wait)
	defer patience.Stop()
	for {
		changed := q.bells.listen(q.name)
		due, waiting, err := q.firstDue()
		if err != nil {
			return nil, err
		}
		if waiting && due <= 0 {
			got, err := q.take(ctx, max, lease)
			if err != nil || len(got) > 0 {
				return got, err
			}
			continue // others were faster, or all went to the dead letters
		}
		if wait == 0 {
			return nil, nil
		}
		if !waiting {
			due = wait
		}
		if over, err := await(ctx, patience.C, changed, due); over || err != nil {
			return nil, err
		}
	}
}

// await returns when something may have changed at a queue, or after due. It is
// over when patience is at its end.
func await(ctx context.Context, patience <-chan time.Time, changed <-chan struct{}, due time.Duration) (over bool, err error) {
	// Not at once, so that a clock that disagrees with the timer costs no loop.
	next := time.NewTimer(max(due, time.Millisecond))
	defer next.Stop()
	select {
	case <-ctx.Done():
		return true, ctx.Err()
	case <-patience:
		return true, nil
	case <-changed:
	case <-next.C:
	}
	return false, nil
}

// firstDue returns how long it is until some message is due; waiting is false
// when there is none at all. It writes nothing, so that waiting costs no commit.
func (q *queue) firstDue() (until time.Duration, waiting bool, err error) {
	err = q.table.bolt.View(func(tx *bolt.Tx) error {
		b, has := openQueue(tx, q.name)
		if !has {
			return nil
		}
		var due int64
		due, waiting = b.firstDue()
		until = time.UnixMilli(due).Sub(q.table.now())
		return nil
	})
	if err != nil {
		return 0, false, fmt.Errorf("look for messages: %w", err)
	}
	return until, waiting, nil
}

// take leases messages that are due. Those received too often go to the dead
// letters instead.
func (q *queue) take(ctx context.Context, max int, lease time.Duration) (got []store.Delivery, err error) {
	buried := false
	err = q.table.commit(ctx, func(e *edit) error {
		b, err := e.queue(q.name)
		if err != nil {
			return err
		}
		now := q.table.now()
		for _, id := range b.pick(now.UnixMilli(), max, q.bells.turn(q.name)) {
			s, err := b.state(id)
			if err != nil {
				return err
			}
			if q.dead.Receives > 0 && int(s.received) >= q.dead.Receives {
				if err := b.bury(e, id, s, q.dead.Queue, now.UnixMilli()); err != nil {
					return err
				}
				buried = true
				continue
			}
			was := s
			s.due, s.received = after(now, lease), s.received+1
			if err := b.change(e, id, was, s); err != nil {
				return err
			}
			got = append(got, b.delivery(id, s))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	if len(got) > 0 {
		q.bells.passTurn(q.name, got[len(got)-1].Group)
	}
	if buried {
		q.bells.ring(q.dead.Queue)
	}
	return got, nil
}

func (q *queue) Extend(ctx context.Context, receipt string, lease time.Duration) error {
	if err := store.CheckExtend(receipt, lease); err != nil {
		return err
	}
	id, received, err := parseReceipt(receipt)
	if err != nil {
		return err
	}
	err = q.table.commit(ctx, func(e *edit) error {
		b, err := e.queue(q.name)
		if err != nil {
			return err
		}
		now := q.table.now()
		s, err := b.state(id)
		if errors.Is(err, store.ErrNotFound) || err == nil && (s.received != received || s.due <= now.UnixMilli()) {
			return store.ErrLease
		}
		if err != nil {
			return err
		}
		was := s
		s.due = after(now, lease)
		return b.change(e, id, was, s)
	})
	if err != nil {
		return fmt.Errorf("extend lease: %w", err)
	}
	q.bells.ring(q.name)
	return nil
}

func (q *queue) Delete(ctx context.Context, receipts ...string) error {
	for _, receipt := range receipts {
		if _, _, err := parseReceipt(receipt); err != nil {
			return err
		}
	}
	err := q.table.commit(ctx, func(e *edit) error {
		b, err := e.queue(q.name)
		if err != nil {
			return err
		}
		for _, receipt := range receipts {
			id, received, _ := parseReceipt(receipt)
			s, err := b.state(id)
			if errors.Is(err, store.ErrNotFound) || err == nil && s.received != received {
				continue // deleted, or with the receiver of a later delivery
			}
			if err != nil {
				return err
			}
			if err := b.remove(e, id, s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete messages: %w", err)
	}
	return nil
}

// after returns the moment, in ms since 1970, that is d in whole seconds from now.
func after(now time.Time, d time.Duration) int64 { return now.UnixMilli() + 1000*store.Seconds(d) }

// A receipt is the message and which of its deliveries this is: 8 octets and 4.
func newReceipt(id uint64, received uint32) string {
	octets := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, id), received)
	return base64.RawURLEncoding.EncodeToString(octets)
}

func parseReceipt(receipt string) (id uint64, received uint32, err error) {
	octets, err := base64.RawURLEncoding.DecodeString(receipt)
	if err != nil || len(octets) != 12 {
		return 0, 0, fmt.Errorf("%w: receipt %q", store.ErrValue, receipt)
	}
	return binary.BigEndian.Uint64(octets), binary.BigEndian.Uint32(octets[8:]), nil
}
