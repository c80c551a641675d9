package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"rcpt/internal/store"
)

func deliversWhatWasSent(t *queueTest) {
	before := time.Now().Add(-time.Second)
	want := store.Message{Body: "{\"mail\":\"größe@bücher.example\",\"é\":\"<&>\\\"\"}\t\r\n \u2028😀", Group: "account-1:a/b"}
	t.send(want)
	got := t.one(long)
	if got.Body != want.Body || got.Group != want.Group || got.Received != 1 || got.ID == "" || got.Receipt == "" {
		t.Errorf("got %+v, want %+v, received once", got, want)
	}
	if got.Sent.Location() != time.UTC || got.Sent.Before(before.Truncate(time.Second)) || got.Sent.After(time.Now().Add(time.Second)) {
		t.Errorf("got sent at %v, want about %v in UTC", got.Sent, time.Now())
	}
	t.send(store.Message{Body: "bare"})
	if bare := t.one(long); bare.Group != "" || bare.ID == got.ID || bare.Receipt == got.Receipt {
		t.Errorf("got %+v after %+v", bare, got)
	}
}

func emptyQueue(t *queueTest) {
	t.wantNone("at first")
	t.send()
	t.remove()
	t.wantNone("after nothing was sent")
}

func takesAnyNumber(t *queueTest) {
	var want []string
	for i := range 57 {
		want = append(want, fmt.Sprint("message ", i))
	}
	t.send(texts(want...)...)
	t.wantBodies(t.drain(len(want)), want...)
	t.wantNone("after all are deleted")
}

func takesMany(t *queueTest) {
	var want []string
	for i := range 5 {
		want = append(want, strings.Repeat(fmt.Sprint(i), 400*1024))
	}
	t.send(texts(want...)...)
	t.wantBodies(t.drain(len(want)), want...)
}

func takesTheLargest(t *queueTest) {
	largest := strings.Repeat("\"\\<>&\n😀é", store.MaxMessage/12)
	largest += strings.Repeat("x", store.MaxMessage-len(largest))
	for _, body := range []string{largest, "x", "\ufffd", " ", "\t\n\r"} {
		t.send(store.Message{Body: body})
		got := t.one(long)
		if got.Body != body {
			t.Errorf("got %d octets %.40q, want %d octets %.40q", len(got.Body), got.Body, len(body), body)
		}
		t.remove(got.Receipt)
	}
}

func receiveBounded(t *queueTest) {
	t.send(texts("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l")...)
	if got := t.receive(1, time.Second, long); len(got) > 1 {
		t.Errorf("got %d messages, want at most 1", len(got))
	}
	if got := t.receive(store.MaxReceive, time.Second, long); len(got) > store.MaxReceive {
		t.Errorf("got %d messages, want at most %d", len(got), store.MaxReceive)
	}
}

func leasedIsHidden(t *queueTest) {
	t.send(texts("a", "b")...)
	first, second := t.one(long), t.one(long)
	t.wantBodies([]store.Delivery{first, second}, "a", "b")
	t.wantNone("while both are leased")
}

func comesBack(t *queueTest) {
	t.send(store.Message{Body: "a", Group: "g"})
	first := t.one(2 * time.Second)
	t.wantNone("within the lease")
	second := t.one(long)
	if second.ID != first.ID || second.Receipt == first.Receipt || second.Body != "a" || second.Group != "g" {
		t.Errorf("got %+v, want %+v again with another receipt", second, first)
	}
	if second.Received != 2 || !second.Sent.Equal(first.Sent) {
		t.Errorf("got received %d times, sent %v, want 2, %v", second.Received, second.Sent, first.Sent)
	}
}

func deletedIsGone(t *queueTest) {
	t.send(store.Message{Body: "a"})
	first := t.one(time.Second)
	t.remove(first.Receipt)
	t.remove(first.Receipt)
	time.Sleep(3 * time.Second)
	t.wantNone("after its lease would have ended")
}

func deletesMany(t *queueTest) {
	for i := range 23 {
		t.send(store.Message{Body: fmt.Sprint(i)})
	}
	var receipts []string
	for range 23 {
		receipts = append(receipts, t.one(2*time.Minute).Receipt)
	}
	t.remove(receipts...)
	t.wantNone("after all are deleted")
}

func delayHoldsBack(t *queueTest) {
	sent := time.Now()
	t.send(store.Message{Body: "a", Delay: 1500 * time.Millisecond})
	t.wantNone("at once")
	got := t.one(long)
	// The queue's clock may differ from ours by the rounding of its seconds.
	if passed := time.Since(sent); passed < 1500*time.Millisecond || got.Body != "a" {
		t.Errorf("got %q after %v, want a after 1.5 s", got.Body, passed)
	}
}

func delaysDiffer(t *queueTest) {
	t.send(store.Message{Body: "late", Delay: 3 * time.Second}, store.Message{Body: "now"}, store.Message{Body: "never", Delay: store.MaxDelay})
	first := t.one(long)
	second := t.one(long)
	if first.Body != "now" || second.Body != "late" {
		t.Errorf("got %q, then %q, want now, then late", first.Body, second.Body)
	}
	t.wantNone("before its delay ends")
}

func longestDelay(t *queueTest) {
	t.send(store.Message{Body: "a", Delay: store.MaxDelay})
	t.wantNone("at once")
	t.wantErr("one second more", t.Send(t.Context(), store.Message{Body: "a", Delay: store.MaxDelay + time.Second}), store.ErrLimit)
}

func waitEndsWithMessage(t *queueTest) {
	var others sync.WaitGroup
	defer others.Wait()
	others.Go(func() {
		time.Sleep(time.Second)
		if err := t.Send(t.Context(), store.Message{Body: "a"}); err != nil {
			t.Errorf("Send: %v", err)
		}
	})
	t.wantBodies(t.receive(store.MaxReceive, store.MaxPoll, long), "a")
}

func waitSeesLeaseEnd(t *queueTest) {
	t.send(store.Message{Body: "a"})
	t.one(2 * time.Second)
	t.wantBodies(t.receive(store.MaxReceive, store.MaxPoll, long), "a")
}

func waitEnds(t *queueTest) {
	t.send(store.Message{Body: "a", Delay: store.MaxDelay})
	if got := t.receive(1, time.Second, long); len(got) > 0 {
		t.Errorf("got %q, want none", got[0].Body)
	}
}

func queueCancelled(t *queueTest) {
	t.send(store.Message{Body: "a"})
	there := t.one(2 * time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := t.Receive(ctx, 1, 0, long)
	for call, err := range map[string]error{
		"Send":    t.Send(ctx, store.Message{Body: "b"}),
		"Receive": err,
		"Extend":  t.Extend(ctx, there.Receipt, long),
		"Delete":  t.Delete(ctx, there.Receipt),
	} {
		t.wantErr(call, err, context.Canceled)
	}
	t.wantBodies(t.drain(1), "a")

	ctx, cancel = context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = t.Receive(ctx, 1, store.MaxPoll, long)
	t.wantErr("Receive that waits", err, context.DeadlineExceeded)
}
