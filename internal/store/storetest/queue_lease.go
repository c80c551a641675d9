package storetest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"rcpt/internal/store"
)

func extendHides(t *queueTest) {
	t.send(store.Message{Body: "a"})
	first := t.one(2 * time.Second)
	if err := t.Extend(t.Context(), first.Receipt, 6*time.Second); err != nil {
		t.Fatalf("Extend: %v", err)
	}
	time.Sleep(3 * time.Second)
	t.wantNone("after the first lease")
	if second := t.one(long); second.ID != first.ID {
		t.Errorf("got message %s, want %s", second.ID, first.ID)
	}
}

func extendGivesBack(t *queueTest) {
	t.send(store.Message{Body: "a"})
	first := t.one(long)
	if err := t.Extend(t.Context(), first.Receipt, 0); err != nil {
		t.Fatalf("Extend: %v", err)
	}
	second := t.one(long)
	if second.ID != first.ID || second.Received != 2 {
		t.Errorf("got message %s, received %d times, want %s, 2", second.ID, second.Received, first.ID)
	}
}

// What an adapter knows of a delivery that is over differs, so ErrLease is
// allowed here and not asked for.
func overDoesNoHarm(t *queueTest) {
	extend := func(d store.Delivery) {
		t.Helper()
		if err := t.Extend(t.Context(), d.Receipt, long); err != nil {
			t.wantErr("Extend of a delivery that is over", err, store.ErrLease)
		}
	}
	t.send(store.Message{Body: "deleted"})
	gone := t.one(long)
	t.remove(gone.Receipt)
	extend(gone)
	t.remove(gone.Receipt)

	t.send(store.Message{Body: "again"})
	late := t.one(time.Second)
	again := t.one(long)
	if again.ID != late.ID {
		t.Fatalf("got message %s, want %s", again.ID, late.ID)
	}
	extend(late)
	t.remove(late.Receipt)
	t.remove(again.Receipt)
	t.wantNone("after all are deleted")
}

func deadLetters(t *queueTest) {
	t.send(store.Message{Body: "poison", Group: "g"})
	var id string
	for n := range DeadAfter {
		d := t.one(long)
		if id = d.ID; d.Received != n+1 {
			t.Errorf("got received %d times, want %d", d.Received, n+1)
		}
		if err := t.Extend(t.Context(), d.Receipt, 0); err != nil {
			t.Fatalf("Extend: %v", err)
		}
	}
	t.wantNone("after it was received so often")
	dead := &queueTest{T: t.T, Queue: t.dead}
	d := dead.one(long)
	if d.Body != "poison" || d.Group != "g" || d.Received < 1 {
		t.Errorf("got %+v, want message %s", d, id)
	}
	dead.remove(d.Receipt)
	dead.wantNone("after it is deleted")
}

func queuesDoNotMix(t *queueTest) {
	other := &queueTest{T: t.T, Queue: t.dead}
	t.send(store.Message{Body: "ours"})
	other.send(store.Message{Body: "theirs"})
	t.wantBodies(t.drain(1), "ours")
	other.wantBodies(other.drain(1), "theirs")
	t.wantNone("after ours")
	other.wantNone("after theirs")
}

func groupsServed(t *queueTest) {
	var want []string
	for i := range 30 {
		for _, group := range []string{"big", "small", "", strings.Repeat("g", store.MaxGroup), "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"} {
			if group != "big" && i%10 != 0 {
				continue
			}
			body := fmt.Sprintf("%d of %s", i, group)
			want = append(want, body)
			t.send(store.Message{Body: body, Group: group})
		}
	}
	got := t.drain(len(want))
	t.wantBodies(got, want...)
	for _, d := range got {
		if _, group, _ := strings.Cut(d.Body, " of "); group != d.Group {
			t.Errorf("got group %q of message %q", d.Group, d.Body)
		}
	}
}

func nothingLost(t *queueTest) {
	const senders, each = 4, 30
	var mu sync.Mutex
	got := map[string]bool{}
	finished := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(got) == senders*each
	}
	together(2*senders, func(worker int) {
		if worker < senders {
			for i := range each {
				if err := t.Send(t.Context(), store.Message{Body: fmt.Sprint(worker, " ", i), Group: fmt.Sprint(i % 3)}); err != nil {
					t.Errorf("Send: %v", err)
				}
			}
			return
		}
		for empty := 0; empty < 10 && !finished(); empty++ {
			batch, err := t.Receive(t.Context(), 1+worker%store.MaxReceive, 2*time.Second, long)
			if err != nil {
				t.Errorf("Receive: %v", err)
				return
			}
			for _, d := range batch {
				empty = 0
				mu.Lock()
				got[d.Body] = true
				mu.Unlock()
				if err := t.Delete(t.Context(), d.Receipt); err != nil {
					t.Errorf("Delete: %v", err)
				}
			}
		}
	})
	if !finished() {
		t.Errorf("got %d messages, want %d", len(got), senders*each)
	}
}

func queueLimits(t *queueTest) {
	fine := store.Message{Body: "fine"}
	for claim, m := range map[string]store.Message{
		"body too long":  {Body: strings.Repeat("x", store.MaxMessage+1)},
		"group too long": {Body: "x", Group: strings.Repeat("g", store.MaxGroup+1)},
		"delay too long": {Body: "x", Delay: store.MaxDelay + 1},
	} {
		t.wantErr("Send, "+claim, t.Send(t.Context(), fine, m), store.ErrLimit)
	}
	t.wantNone("after refused calls")
	t.send(fine)
	d := t.one(long)
	t.wantErr("Extend beyond the longest lease", t.Extend(t.Context(), d.Receipt, store.MaxLease+1), store.ErrLimit)
	for claim, call := range map[string]struct {
		max         int
		wait, lease time.Duration
	}{
		"more than ten": {11, 0, long},
		"longer wait":   {1, store.MaxPoll + 1, long},
		"longer lease":  {1, 0, store.MaxLease + 1},
	} {
		_, err := t.Receive(t.Context(), call.max, call.wait, call.lease)
		t.wantErr("Receive, "+claim, err, store.ErrLimit)
	}
}

func queueMalformed(t *queueTest) {
	fine := store.Message{Body: "fine"}
	for claim, m := range map[string]store.Message{
		"empty body":        {},
		"not UTF-8":         {Body: "a\xffb"},
		"half a character":  {Body: "\xe2\x82"},
		"surrogate":         {Body: "\xed\xa0\x80"},
		"control character": {Body: "a\x00b"},
		"escape":            {Body: "\x1b"},
		"U+FFFF":            {Body: "\uffff"},
		"space in group":    {Body: "x", Group: "a b"},
		"group not ASCII":   {Body: "x", Group: "é"},
		"negative delay":    {Body: "x", Delay: -1},
	} {
		t.wantErr("Send, "+claim, t.Send(t.Context(), fine, m), store.ErrValue)
	}
	t.wantNone("after refused calls")
	for claim, call := range map[string]struct {
		max         int
		wait, lease time.Duration
	}{
		"none":          {0, 0, long},
		"negative wait": {1, -1, long},
		"no lease":      {1, 0, 0},
		"half a second": {1, 0, time.Second / 2},
	} {
		_, err := t.Receive(t.Context(), call.max, call.wait, call.lease)
		t.wantErr("Receive, "+claim, err, store.ErrValue)
	}
	t.wantErr("Extend without receipt", t.Extend(t.Context(), "", long), store.ErrValue)
	t.wantErr("Delete without receipt", t.Delete(t.Context(), ""), store.ErrValue)
	t.send(fine)
	t.wantErr("Extend by less than nothing", t.Extend(t.Context(), t.one(long).Receipt, -1), store.ErrValue)
}
