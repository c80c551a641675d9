package embedded_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

// openQueue opens the queue "work", whose dead letters go to "dead".
func openQueue(t *testing.T, dir string) (db *embedded.DB, work, dead store.Queue) {
	t.Helper()
	db = mustOpen(t, dir, embedded.Options{})
	work = db.Queue("work", embedded.DeadLetters{Queue: "dead", Receives: storetest.DeadAfter})
	return db, work, db.Queue("dead", embedded.DeadLetters{})
}

func TestQueueContract(t *testing.T) {
	storetest.Queue(t, storetest.QueueTest{
		Open: func(t *testing.T) (queue, dead store.Queue) {
			_, queue, dead = openQueue(t, t.TempDir())
			return queue, dead
		},
		Run: synctest.Test,
	})
}

func send(t *testing.T, q store.Queue, messages ...store.Message) {
	t.Helper()
	if err := q.Send(t.Context(), messages...); err != nil {
		t.Fatalf("Send: %v", err)
	}
}

func receive(t *testing.T, q store.Queue, max int, wait time.Duration) []store.Delivery {
	t.Helper()
	got, err := q.Receive(t.Context(), max, wait, time.Minute)
	if err != nil {
		t.Fatalf("Receive: %v", err)
	}
	return got
}

func TestQueueServesGroupsInTurn(t *testing.T) {
	_, q, _ := openQueue(t, t.TempDir())
	for i := range 1000 {
		send(t, q, store.Message{Body: fmt.Sprint("big ", i), Group: "big"})
	}
	for _, m := range []store.Message{{Body: "small 1", Group: "small"}, {Body: "small 2", Group: "small"}, {Body: "none"}} {
		send(t, q, m)
	}
	var got []string
	for range 3 {
		for _, d := range receive(t, q, 2, 0) {
			got = append(got, d.Body)
		}
	}
	want := []string{"big 0", "small 1", "none", "big 1", "small 2", "big 2"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A group whose messages are all under lease or held back takes no turn.
func TestQueuePassesOverGroupsWithoutDueMessages(t *testing.T) {
	_, q, _ := openQueue(t, t.TempDir())
	send(t, q, store.Message{Body: "late", Group: "a", Delay: time.Minute}, store.Message{Body: "b1", Group: "b"}, store.Message{Body: "b2", Group: "b"})
	got := receive(t, q, 10, 0)
	if len(got) != 2 || got[0].Body != "b1" || got[1].Body != "b2" {
		t.Errorf("got %+v, want b1 and b2", got)
	}
}

func TestQueueKnowsWhatIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, q, _ := openQueue(t, t.TempDir())
		extend := func(d store.Delivery, want error) {
			t.Helper()
			if err := q.Extend(t.Context(), d.Receipt, time.Minute); !errors.Is(err, want) {
				t.Errorf("Extend: got %v, want %v", err, want)
			}
		}
		send(t, q, store.Message{Body: "a"})
		first := receive(t, q, 1, 0)[0]
		extend(first, nil)
		time.Sleep(time.Minute)
		extend(first, store.ErrLease)
		second := receive(t, q, 1, 0)[0]
		extend(first, store.ErrLease)
		if err := q.Delete(t.Context(), first.Receipt); err != nil {
			t.Errorf("Delete: %v", err)
		}
		extend(second, nil)
		if err := q.Delete(t.Context(), second.Receipt); err != nil {
			t.Errorf("Delete: %v", err)
		}
		extend(second, store.ErrLease)
	})
}

// Once late is not lost: the lease is over, but nobody else has the message.
func TestQueueDeletesAfterTheLeaseUnlessDeliveredAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, q, _ := openQueue(t, t.TempDir())
		send(t, q, store.Message{Body: "a"})
		d := receive(t, q, 1, 0)[0]
		time.Sleep(time.Hour)
		if err := q.Delete(t.Context(), d.Receipt); err != nil {
			t.Errorf("Delete: %v", err)
		}
		if got := receive(t, q, 1, 0); len(got) > 0 {
			t.Errorf("got %+v, want none", got)
		}
	})
}

func TestQueueWakesAtTheVeryMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, q, dead := openQueue(t, t.TempDir())
		send(t, q, store.Message{Body: "a", Delay: 7 * time.Second})
		began := time.Now()
		if got := receive(t, q, 1, store.MaxPoll); len(got) != 1 || time.Since(began) != 7*time.Second {
			t.Errorf("got %d messages after %v, want 1 after 7s", len(got), time.Since(began))
		}
		// Nobody receives from work while dead is waited at: its message goes over
		// when somebody does.
		go func() {
			for range storetest.DeadAfter {
				time.Sleep(time.Minute)
				_, _ = q.Receive(t.Context(), 1, 0, time.Second)
			}
		}()
		for range 12 {
			if got := receive(t, dead, 1, store.MaxPoll); len(got) == 1 {
				return
			}
		}
		t.Error("waited in vain at the dead letters")
	})
}

func TestQueueOutlivesItsProcess(t *testing.T) {
	dir := t.TempDir()
	db, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	q := db.Queue("work", embedded.DeadLetters{})
	send(t, q, store.Message{Body: "leased", Group: "g"}, store.Message{Body: "due"})
	leased, err := q.Receive(t.Context(), 1, 0, time.Hour)
	if err != nil || len(leased) != 1 {
		t.Fatalf("Receive: %d, %v", len(leased), err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, err = embedded.Open(dir, embedded.Options{Now: func() time.Time { return time.Now().Add(time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	got := receive(t, db.Queue("work", embedded.DeadLetters{}), 10, 0)
	bodies := map[string]int{}
	for _, d := range got {
		bodies[d.Body] = d.Received
	}
	if len(bodies) != 2 || bodies[leased[0].Body] != 2 {
		t.Errorf("got %v, want both, %s for the second time", bodies, leased[0].Body)
	}
}
