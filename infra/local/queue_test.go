package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/store"
	"rcpt/internal/trigger"
)

// oneQueue is a queue of texts, on the clock of the test.
type oneQueue struct {
	store.Queue // what a poller has no business with

	mu       sync.Mutex
	messages map[string]*queued // by body
	deleted  []string
	lost     bool // leases end as soon as somebody asks for more
}

type queued struct {
	due      time.Time
	received int
}

func newQueue(bodies ...string) *oneQueue {
	q := &oneQueue{messages: map[string]*queued{}}
	for _, body := range bodies {
		q.messages[body] = &queued{due: time.Now()}
	}
	return q
}

func (q *oneQueue) Receive(ctx context.Context, limit int, patience, lease time.Duration) (got []store.Delivery, err error) {
	for range patience / time.Second {
		if got = q.take(limit, lease); len(got) > 0 {
			return got, nil
		}
		if wait(ctx, time.Second); ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, nil
}

func (q *oneQueue) take(limit int, lease time.Duration) (got []store.Delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for body, m := range q.messages {
		if len(got) < limit && !time.Now().Before(m.due) {
			m.due, m.received = time.Now().Add(lease), m.received+1
			got = append(got, store.Delivery{ID: "id of " + body, Receipt: body, Body: body, Group: "acme", Received: m.received, Sent: time.UnixMilli(7000)})
		}
	}
	return got
}

func (q *oneQueue) Extend(_ context.Context, receipt string, lease time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := q.messages[receipt]
	if q.lost || m == nil || !time.Now().Before(m.due) {
		return store.ErrLease
	}
	m.due = time.Now().Add(lease)
	return nil
}

func (q *oneQueue) Delete(_ context.Context, receipts ...string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, receipt := range receipts {
		delete(q.messages, receipt)
		q.deleted = append(q.deleted, receipt)
	}
	return nil
}

// polled runs a poller over the queue until the test ends.
func polled(t *testing.T, q *oneQueue, atOnce int, handle func(context.Context, string) error) (end func()) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	p := poller{queue: q, name: "probe", handle: trigger.Queue(handle, log), atOnce: atOnce, limit: proberTimeout, log: log}
	return begin(t.Context(), p.run)
}

func TestMessagesAreHandledAtOnceAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bodies := []string{`"a"`, `"b"`, `"c"`, `"d"`, `"e"`}
		q := newQueue(bodies...)
		var mu sync.Mutex
		now, most := 0, 0
		end := polled(t, q, 3, func(ctx context.Context, _ string) error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			wait(ctx, time.Minute) // far longer than a lease
			mu.Lock()
			now--
			mu.Unlock()
			return ctx.Err()
		})
		time.Sleep(10 * time.Minute)
		end()
		if slices.Sort(q.deleted); !slices.Equal(q.deleted, bodies) || most != 3 {
			t.Errorf("deleted %q, at most %d at once", q.deleted, most)
		}
	})
}

func TestFailedMessageComesAgainLaterAndLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(`"a"`)
		var at []time.Duration
		begun := time.Now()
		end := polled(t, q, 1, func(context.Context, string) error {
			if at = append(at, time.Since(begun)); len(at) < 4 {
				return errors.New("not now")
			}
			return nil
		})
		time.Sleep(10 * time.Minute)
		end()
		if want := []time.Duration{0, 2 * time.Second, 10 * time.Second, 42 * time.Second}; !slices.Equal(at, want) || len(q.deleted) != 1 {
			t.Errorf("handled at %v, want %v; deleted %q", at, want, q.deleted)
		}
	})
}

func TestEndBreaksCallsOffAndGivesTheMessagesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(`"a"`)
		broken := false
		end := polled(t, q, 1, func(ctx context.Context, _ string) error {
			<-ctx.Done()
			broken = true
			return ctx.Err()
		})
		time.Sleep(time.Minute)
		end()
		if m := q.messages[`"a"`]; !broken || m == nil || m.due.After(time.Now()) {
			t.Errorf("broken off: %t, message %+v", broken, m)
		}
	})
}

func TestCallEndsWithItsLeaseAndItsTimeout(t *testing.T) {
	for claim, c := range map[string]struct {
		lost bool
		want time.Duration
	}{
		"the lease is lost": {true, lease / 3},
		"it takes too long": {false, proberTimeout - time.Second},
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(`"a"`)
				q.lost = c.lost
				begun, took := time.Now(), time.Duration(0)
				end := polled(t, q, 1, func(ctx context.Context, _ string) error {
					if <-ctx.Done(); took == 0 {
						took = time.Since(begun)
					}
					return ctx.Err()
				})
				time.Sleep(proberTimeout + time.Second)
				end()
				if took != c.want {
					t.Errorf("ended after %v, want %v", took, c.want)
				}
			})
		})
	}
}

func TestEventIsWhatLambdaSends(t *testing.T) {
	got := poller{name: "probe"}.event(store.Delivery{ID: "i", Receipt: "r", Body: "{}", Group: "acme", Received: 3, Sent: time.UnixMilli(7000)})
	r := got.Records[0]
	if r.MessageId != "i" || r.Body != "{}" || r.Attributes["ApproximateReceiveCount"] != "3" || r.Attributes["SentTimestamp"] != "7000" ||
		r.Attributes["MessageGroupId"] != "acme" || r.EventSource != "aws:sqs" || len(got.Records) != 1 {
		t.Errorf("event is %+v", got)
	}
}

// TestCallsThatWaitMakeRoom: exchangers that keep silent do not keep anybody else
// from being asked.
func TestCallsThatWaitMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(`"silent 1"`, `"silent 2"`, `"silent 3"`, `"silent 4"`)
		var mu sync.Mutex
		now, most := 0, 0
		log := slog.New(slog.DiscardHandler)
		p := poller{queue: q, name: "probe", atOnce: 1, atRest: 2, limit: proberTimeout, log: log, handle: trigger.Queue(func(ctx context.Context, _ string) error {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			wait(ctx, time.Minute)
			mu.Lock()
			now--
			mu.Unlock()
			return ctx.Err()
		}, log)}
		began := time.Now()
		end := begin(t.Context(), p.run)
		for len(q.gone()) < 4 {
			time.Sleep(time.Second)
		}
		took := time.Since(began)
		end()
		if most != 3 || took < 2*time.Minute || took > 2*time.Minute+10*time.Second {
			t.Errorf("at most %d calls at once, all over after %s; want 1 that works and 2 that wait, two minutes", most, took)
		}
	})
}

// gone are the messages that were deleted.
func (q *oneQueue) gone() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.deleted)
}
