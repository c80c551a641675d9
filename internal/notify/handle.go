package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"rcpt/internal/store"
)

// Message is one attempt in the queue of deliveries.
type Message struct {
	Account string `json:"account"`
	Subject string `json:"subject"`
	ID      string `json:"id"`
	Round   int64  `json:"round"`
	Attempt int64  `json:"attempt"`

	// NotBefore is when the attempt is due, Unix ms. A queue holds a message back
	// for 15 minutes at most, so a longer wait takes several hops.
	NotBefore int64 `json:"not_before"`
}

// claimFor is for how long nobody else makes an attempt that has been begun: the
// attempt, and the reads and writes around it.
const claimFor = Timeout + 15*time.Second

// Handle deals with one message: it makes the attempt, or puts it off until it
// is due, or drops it when it is out of date. It bears messages that come twice,
// late and at the same time.
//
// An error means that the message must come again. That a receiver does not
// answer is none.
func (b *Book) Handle(ctx context.Context, m Message) error {
	now := b.cfg.Now()
	if m.NotBefore > now.UnixMilli() {
		return b.send(ctx, m)
	}
	item, err := b.claim(ctx, m, now)
	if errors.Is(err, store.ErrCondition) {
		return b.catchUp(ctx, m, item, now)
	}
	if err != nil {
		return fmt.Errorf("begin attempt %d of delivery %s: %w", m.Attempt, m.ID, err)
	}
	return b.deliver(ctx, item)
}

// claim begins an attempt unless it is not due, made, or being made.
func (b *Book) claim(ctx context.Context, m Message, now time.Time) (store.Item, error) {
	return b.cfg.Table.Update(ctx, store.Update{
		Key: itemKey(m.Account, m.Subject, m.ID),
		Set: store.Attrs{"claimed": now.Add(claimFor).UnixMilli()},
		If: []store.Cond{
			store.Equal("state", string(Pending)), store.Equal("round", m.Round), store.Equal("attempt", m.Attempt),
			store.AtMost("due", now.UnixMilli()), store.AtMost("claimed", now.UnixMilli()),
		},
	})
}

// catchUp deals with a message whose attempt cannot be begun.
func (b *Book) catchUp(ctx context.Context, m Message, item store.Item, now time.Time) error {
	if !item.Present() || item.Str("state") != string(Pending) || m.Round != item.Int("round") || m.Attempt > item.Int("attempt") {
		return nil // forgotten, over, or of an earlier round
	}
	if m.Attempt < item.Int("attempt") {
		return b.pass(ctx, item) // the process that recorded it may have died then
	}
	// Another receiver makes the attempt, or died while it did. An error would
	// bring this message back, too, and in the end among the dead letters.
	m.NotBefore = max(item.Int("due"), item.Int("claimed"), now.Add(time.Second).UnixMilli())
	return b.send(ctx, m)
}

// deliver makes an attempt that was claimed.
func (b *Book) deliver(ctx context.Context, item store.Item) error {
	a := Attempt{Round: int(item.Int("round")), Number: int(item.Int("attempt")), At: b.cfg.Now().UTC()}
	body, err := b.body(ctx, item.Key)
	if errors.Is(err, store.ErrNotFound) {
		a.Error = "the body is no longer kept"
		return b.record(ctx, item, outcome{Attempt: a, hopeless: true})
	}
	if err != nil {
		return fmt.Errorf("read body of delivery %s: %w", item.Key.Sort, err)
	}
	secrets, err := b.cfg.Secrets(ctx, item.Str("key"))
	if err != nil {
		return fmt.Errorf("read secrets of key %s: %w", item.Str("key"), err)
	}
	if len(secrets) == 0 {
		a.Error = "the key has no webhook secret"
		return b.record(ctx, item, outcome{Attempt: a, hopeless: true})
	}
	o, err := b.attempt(ctx, item, a, body, secrets)
	if err != nil {
		return err
	}
	return b.record(ctx, item, o)
}

// body reads what is sent. store.ErrNotFound when it is gone.
func (b *Book) body(ctx context.Context, key store.Key) (body []byte, err error) {
	account, subject, _ := strings.Cut(strings.TrimPrefix(key.Part, part), "#")
	r, _, err := b.cfg.Blob.Open(ctx, blobPrefix(account, subject)+key.Sort, 0, -1, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.ReadAll(r)
}

// pass sends the message of the attempt that is due, unless that is known to be
// done.
func (b *Book) pass(ctx context.Context, item store.Item) error {
	round, attempt := item.Int("round"), item.Int("attempt")
	if item.Str("state") != string(Pending) || item.Int("queued") >= attempt {
		return nil
	}
	account, subject, _ := strings.Cut(strings.TrimPrefix(item.Key.Part, part), "#")
	err := b.send(ctx, Message{account, subject, item.Key.Sort, round, attempt, item.Int("due")})
	if err != nil {
		return err
	}
	_, err = b.cfg.Table.Update(ctx, store.Update{
		Key: item.Key, Set: store.Attrs{"queued": attempt},
		If: []store.Cond{store.Equal("round", round), store.Equal("attempt", attempt)},
	})
	if err != nil && !errors.Is(err, store.ErrCondition) { // somebody has gone on already
		return fmt.Errorf("note the message of delivery %s: %w", item.Key.Sort, err)
	}
	return nil
}

// send puts a message into the queue, held back until it is due or as long as a
// queue can.
func (b *Book) send(ctx context.Context, m Message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write message of delivery %s: %w", m.ID, err)
	}
	wait := max(0, time.UnixMilli(m.NotBefore).Sub(b.cfg.Now()))
	message := store.Message{Body: string(text), Group: accountHash(m.Account), Delay: min(wait, store.MaxDelay)}
	if err := b.cfg.Queue.Send(ctx, message); err != nil {
		return fmt.Errorf("queue delivery %s: %w", m.ID, err)
	}
	return nil
}
