package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"rcpt/internal/store"
)

// DeadAfter is how many times a message is received at most from the queue that
// QueueTest.Open returns.
const DeadAfter = 3

// QueueTest says how the queue under test is opened and how its time passes.
type QueueTest struct {
	// Open returns two fresh, empty queues: dead takes what was received
	// DeadAfter times from queue. It is called once for each case and cleans up
	// by t.Cleanup.
	Open func(t *testing.T) (queue, dead store.Queue)

	// Run carries out a case, in a bubble of testing/synctest if the adapter can
	// live there; nil: as it is. The cases sleep for a few seconds of the queue's
	// time and then ask until the answer is there.
	Run func(t *testing.T, f func(t *testing.T))
}

// Queue runs the contract of store.Queue.
func Queue(t *testing.T, test QueueTest) {
	if test.Run == nil {
		test.Run = func(t *testing.T, f func(t *testing.T)) { f(t) }
	}
	for _, c := range queueCases {
		t.Run(c.claim, func(t *testing.T) {
			test.Run(t, func(t *testing.T) {
				queue, dead := test.Open(t)
				c.run(&queueTest{T: t, Queue: queue, dead: dead})
			})
		})
	}
}

var queueCases = []struct {
	claim string
	run   func(*queueTest)
}{
	{"delivers what was sent", deliversWhatWasSent},
	{"an empty queue gives none and no error", emptyQueue},
	{"takes any number of messages at once", takesAnyNumber},
	{"takes more than one request can carry", takesMany},
	{"takes the largest message, whatever its characters", takesTheLargest},
	{"receive gives at most as many as asked for", receiveBounded},
	{"a delivered message is with one receiver", leasedIsHidden},
	{"a message not deleted comes back after its lease", comesBack},
	{"a deleted message does not come back", deletedIsGone},
	{"deletes any number at once", deletesMany},
	{"a delay holds a message back", delayHoldsBack},
	{"each message has its own delay", delaysDiffer},
	{"the longest delay is taken", longestDelay},
	{"waiting ends with the message that comes", waitEndsWithMessage},
	{"waiting sees a lease end", waitSeesLeaseEnd},
	{"waiting ends without a message", waitEnds},
	{"extend keeps a message hidden", extendHides},
	{"extend by nothing gives a message back", extendGivesBack},
	{"a delivery that is over does no harm", overDoesNoHarm},
	{"a message received too often goes to the dead letters", deadLetters},
	{"queues do not mix", queuesDoNotMix},
	{"groups are served side by side", groupsServed},
	{"nothing is lost between many senders and receivers", nothingLost},
	{"limits are kept and nothing is sent", queueLimits},
	{"malformed calls are refused", queueMalformed},
	{"a cancelled context stops the work", queueCancelled},
}

// queueTest is the queue under test with what the cases say to it.
type queueTest struct {
	*testing.T
	store.Queue
	dead store.Queue
}

// long is a lease that does not end within a case.
const long = 10 * time.Minute

func (t *queueTest) send(messages ...store.Message) {
	t.Helper()
	if err := t.Send(t.Context(), messages...); err != nil {
		t.Fatalf("Send: %v", err)
	}
}

func (t *queueTest) receive(max int, wait, lease time.Duration) []store.Delivery {
	t.Helper()
	got, err := t.Receive(t.Context(), max, wait, lease)
	if err != nil {
		t.Fatalf("Receive: %v", err)
	}
	return got
}

// one waits for a delivery. A queue may answer none now and then, so it asks
// again, for a minute of the queue's time at least.
func (t *queueTest) one(lease time.Duration) store.Delivery {
	t.Helper()
	for range 12 {
		if got := t.receive(1, 5*time.Second, lease); len(got) > 0 {
			return got[0]
		}
	}
	t.Fatal("no message came")
	return store.Delivery{}
}

// drain receives and deletes until so many different messages have come.
func (t *queueTest) drain(n int) (got []store.Delivery) {
	t.Helper()
	seen := map[string]bool{}
	for empty := 0; len(got) < n; {
		batch := t.receive(store.MaxReceive, 5*time.Second, long)
		if len(batch) == 0 {
			if empty++; empty == 6 {
				t.Fatalf("got %d messages, want %d", len(got), n)
			}
		}
		for _, d := range batch {
			if !seen[d.ID] {
				got = append(got, d)
			}
			seen[d.ID] = true
			t.remove(d.Receipt)
		}
	}
	return got
}

func (t *queueTest) remove(receipts ...string) {
	t.Helper()
	if err := t.Delete(t.Context(), receipts...); err != nil {
		t.Fatalf("Delete: %v", err)
	}
}

func (t *queueTest) wantNone(when string) {
	t.Helper()
	if got := t.receive(store.MaxReceive, 0, long); len(got) > 0 {
		t.Errorf("%s: got %d messages, want none", when, len(got))
	}
}

// wantBodies compares without regard to order.
func (t *queueTest) wantBodies(got []store.Delivery, want ...string) {
	t.Helper()
	bodies := make([]string, len(got))
	for i, d := range got {
		bodies[i] = d.Body
	}
	slices.Sort(bodies)
	slices.Sort(want)
	if !slices.Equal(bodies, want) {
		t.Errorf("got messages %.200q, want %.200q", bodies, want)
	}
}

func (t *queueTest) wantErr(call string, got error, want ...error) {
	t.Helper()
	if !slices.ContainsFunc(want, func(w error) bool { return errors.Is(got, w) }) {
		t.Errorf("%s: got error %v, want %v", call, got, want)
	}
}

func texts(bodies ...string) (messages []store.Message) {
	for _, body := range bodies {
		messages = append(messages, store.Message{Body: body})
	}
	return messages
}
