package vendors

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/embedded"
	"rcpt/internal/store"
)

// rests is what finishes the rest of requests in a world, with its queue.
func (w *world) rests() (*Rests, store.Queue) {
	queue := w.db.Queue("vendor", embedded.DeadLetters{})
	return NewRests(w.Chain, queue, w.db.Vault()), queue
}

// leave queues the rest of a request and returns its message.
func leave(t *testing.T, w *world, emails ...string) Rest {
	t.Helper()
	rests, queue := w.rests()
	var addresses []address.Address
	for _, email := range emails {
		addresses = append(addresses, mustParse(t, email))
	}
	if err := rests.Leave(t.Context(), w.request(t, emails[0]), addresses); err != nil {
		t.Fatal(err)
	}
	all := taken(t, queue)
	if len(all) != 1 {
		t.Fatalf("%d messages", len(all))
	}
	return all[0]
}

// taken empties a queue.
func taken(t *testing.T, queue store.Queue) (all []Rest) {
	t.Helper()
	got, err := queue.Receive(t.Context(), 10, 0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range got {
		var m Rest
		if err := json.Unmarshal([]byte(d.Body), &m); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(d.Body, ".example") || strings.Contains(string(m.Sealed), ".example") || strings.Contains(d.Group, account) {
			t.Errorf("a message tells whom it is about: %s in %s", d.Body, d.Group)
		}
		if err := queue.Delete(t.Context(), d.Receipt); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func TestRestIsFinishedOnceThoughItsMessageComesTwice(t *testing.T) {
	w := open(t)
	w.key(t, ZeroBounce, "good")
	m := leave(t, w, "ok@a.example", "invalid@a.example", "ok@a.example")
	rests, queue := w.rests()
	for range 2 {
		if err := rests.Finish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if asked := w.double.Counts("zerobounce").Checks; asked != 2 || w.spent(t).All.Calls != 2 {
		t.Errorf("%d calls, counted %+v", asked, w.spent(t))
	}
	if !w.verify(t, "invalid@a.example").Cached || len(taken(t, queue)) != 0 {
		t.Error("the verdict is not known, or the queue not empty")
	}
}

// What vendors fail is tried a few times, with pauses, and then left.
func TestRestThatVendorsFailIsGivenUp(t *testing.T) {
	w := open(t)
	w.key(t, ZeroBounce, "down")
	m, rounds := leave(t, w, "ok@a.example"), 0
	rests, queue := w.rests()
	for next := []Rest{m}; len(next) > 0; rounds++ {
		if err := rests.Finish(t.Context(), next[0]); err != nil {
			t.Fatal(err)
		}
		if next = taken(t, queue); len(next) > 0 {
			t.Fatal("there was no pause")
		}
		w.clock.Advance(5 * time.Minute)
		next = taken(t, queue)
	}
	if rounds != restTries || !strings.Contains(w.log.String(), "rest of request given up") {
		t.Errorf("%d rounds, log\n%s", rounds, w.log)
	}
}

func TestRestThatCannotBeFinishedIsDropped(t *testing.T) {
	for claim, c := range map[string]struct {
		spoil func(w *world, m *Rest)
		told  string
	}{
		"too old":            {func(w *world, _ *Rest) { w.clock.Advance(restLife) }, "given up"},
		"another account's":  {func(_ *world, m *Rest) { m.Account = "other" }, "not readable"},
		"not whole":          {func(_ *world, m *Rest) { m.Sealed = m.Sealed[1:] }, "not readable"},
		"of an earlier form": {func(w *world, m *Rest) { *m = Rest{Account: account, Until: m.Until} }, "not readable"},
		"without keys": {func(w *world, _ *Rest) {
			if err := w.book().Delete(t.Context(), account, 1, nil); err != nil {
				t.Fatal(err)
			}
		}, ""},
	} {
		t.Run(claim, func(t *testing.T) {
			w := open(t)
			w.key(t, ZeroBounce, "good")
			m := leave(t, w, "ok@a.example")
			c.spoil(w, &m)
			rests, queue := w.rests()
			if err := rests.Finish(t.Context(), m); err != nil || len(taken(t, queue)) != 0 {
				t.Errorf("finished with %v", err)
			}
			if asked := w.double.Counts("zerobounce").Checks; asked != 0 || !strings.Contains(w.log.String(), c.told) {
				t.Errorf("%d calls, log\n%s", asked, w.log)
			}
		})
	}
}
