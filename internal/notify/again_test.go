package notify

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"time"

	"rcpt/internal/store"
)

// first is the message of the first attempt.
func first() Message {
	return Message{Account: draft().Account, Subject: draft().Subject, ID: draft().ID, Round: 1, Attempt: 1}
}

func (w *world) handle(t *testing.T, m Message) {
	t.Helper()
	if err := w.Handle(t.Context(), m); err != nil {
		t.Errorf("message %+v: %v", m, err)
	}
}

func TestRecordedAttemptIsNotMadeAgain(t *testing.T) {
	w := open(t)
	w.web.answer = func(n int, _ *http.Request) (*http.Response, error) {
		return status([]int{503, 503, 200, 200}[n-1], ""), nil
	}
	w.post(t, draft())
	w.work(t)
	for range 3 {
		w.handle(t, first())
	}
	if len(w.web.got) != 1 {
		t.Errorf("%d requests, want 1", len(w.web.got))
	}
	messages := w.run(t, time.Hour, time.Second)
	w.handle(t, first())
	messages += w.run(t, time.Hour, time.Second)
	if messages != 2 {
		t.Errorf("%d messages for the two attempts that were left", messages)
	}
	if got := w.find(t, draft()); got.State != Delivered || len(w.web.got) != 3 || len(got.Attempts) != 3 {
		t.Errorf("%d requests, %s", len(w.web.got), history(got))
	}
}

// Two receivers have the same message at once: one makes the attempt, the other
// looks later whether that came to an end.
func TestMessageInTwoHands(t *testing.T) {
	w := open(t)
	w.web.answer = func(n int, _ *http.Request) (*http.Response, error) {
		if n == 1 {
			w.handle(t, first())
		}
		return status([]int{500, 200}[n-1], ""), nil
	}
	w.post(t, draft())
	w.work(t)
	if len(w.web.got) != 1 {
		t.Errorf("%d requests at once, want 1", len(w.web.got))
	}
	w.run(t, time.Hour, time.Second)
	if got := w.find(t, draft()); got.State != Delivered || len(w.web.got) != 2 || history(got) != "1.1 500 the status is not 2xx; 1.2 200" {
		t.Errorf("%d requests, %s", len(w.web.got), history(got))
	}
}

// The message goes with the process that made the attempt and died: its copy,
// put off, makes it again.
func TestAttemptOfADeadProcessIsMadeAgain(t *testing.T) {
	w := open(t)
	w.post(t, draft())
	if _, err := w.claim(t.Context(), first(), w.clock.Now()); err != nil {
		t.Fatal(err)
	}
	messages := w.run(t, claimFor-time.Second, time.Second)
	if len(w.web.got) != 0 || messages != 1 {
		t.Errorf("%d requests while somebody is at it, %d messages", len(w.web.got), messages)
	}
	w.run(t, 10*time.Second, time.Second)
	if got := w.find(t, draft()); got.State != Delivered || len(w.web.got) != 1 {
		t.Errorf("%d requests, %s", len(w.web.got), got.State)
	}
}

// Slow news of success counts, also when another process has gone on.
func TestLateSuccessCounts(t *testing.T) {
	w := open(t)
	w.post(t, draft())
	slow, err := w.claim(t.Context(), first(), w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	w.web.answer = always(500)
	w.run(t, time.Minute, time.Second)
	a := Attempt{Round: 1, Number: 1, At: noon()}
	failed := a
	failed.Error = "late"
	before := w.find(t, draft())
	if err := w.record(t.Context(), slow, outcome{Attempt: failed}); err != nil || !reflect.DeepEqual(w.find(t, draft()), before) {
		t.Errorf("late failure: %v, %+v", err, w.find(t, draft()))
	}
	if err := w.record(t.Context(), slow, outcome{Attempt: a}); err != nil || w.find(t, draft()).State != Delivered {
		t.Errorf("late success: %v, %+v", err, w.find(t, draft()))
	}
}

func TestWaitsTakeHopsOfAQuarterOfAnHour(t *testing.T) {
	w := open(t)
	w.web.answer = func(n int, _ *http.Request) (*http.Response, error) {
		return status([]int{503, 200}[n-1], "", "Retry-After", "7200"), nil
	}
	w.post(t, draft())
	w.run(t, time.Second, time.Second)
	updates := w.calls
	messages := 1 + w.run(t, 3*time.Hour, time.Second)
	// Seven hops send and nothing else; the attempt is claimed and recorded.
	if writes := w.calls - updates; writes != 7+2 {
		t.Errorf("%d writes", writes)
	}
	if wait := w.web.got[1].at.Sub(w.web.got[0].at); wait != 2*time.Hour || messages != 1+8 {
		t.Errorf("the second attempt after %v and %d messages, want 2h and 9", wait, messages)
	}
}

func TestResendBeginsARoundUnderTheSameID(t *testing.T) {
	w := open(t)
	w.web.answer = func(n int, _ *http.Request) (*http.Response, error) {
		return status([]int{410, 500, 200, 200}[n-1], ""), nil
	}
	d := draft()
	w.post(t, d)
	w.run(t, time.Minute, time.Second)
	again, err := w.Resend(t.Context(), d.Account, d.Subject, d.ID)
	if err != nil || again.State != Pending || again.Round != 2 || again.Attempt != 1 || !again.NextAt.Equal(w.clock.Now()) || !again.EndedAt.IsZero() {
		t.Errorf("begun again: %+v, %v", again, err)
	}
	w.run(t, time.Minute, time.Second)
	want := "1.1 410 the receiver wants no more of this; 2.1 500 the status is not 2xx; 2.2 200"
	if got := w.find(t, d); got.State != Delivered || history(got) != want {
		t.Errorf("%s: %s\nwant %s", got.State, history(got), want)
	}
	// What was delivered may be sent once more, too.
	if _, err := w.Resend(t.Context(), d.Account, d.Subject, d.ID); err != nil {
		t.Error(err)
	}
	w.run(t, time.Minute, time.Second)
	for i, got := range w.web.got {
		if got.body != string(d.Body) || got.header.Get("Webhook-Id") != d.ID {
			t.Errorf("request %d: %s %q", i+1, got.header.Get("Webhook-Id"), got.body)
		}
	}
	if len(w.web.got) != 4 || w.find(t, d).Round != 3 {
		t.Errorf("%d requests, %+v", len(w.web.got), w.find(t, d))
	}
}

// While an attempt is hours away Resend makes it now, and the messages of the
// round before come to nothing.
func TestResendOvertakesTheWait(t *testing.T) {
	w := open(t)
	w.web.answer = func(n int, _ *http.Request) (*http.Response, error) {
		return status([]int{503, 503, 200}[n-1], "", "Retry-After", "7200"), nil
	}
	d := draft()
	w.post(t, d)
	w.run(t, time.Hour, time.Minute)
	if _, err := w.Resend(t.Context(), d.Account, d.Subject, d.ID); err != nil {
		t.Fatal(err)
	}
	w.run(t, 24*time.Hour, time.Minute)
	if got := w.find(t, d); len(w.web.got) != 3 || history(got) != "1.1 503 the status is not 2xx; 2.1 503 the status is not 2xx; 2.2 200" {
		t.Errorf("%d requests: %s", len(w.web.got), history(got))
	}
}

// What an attempt under way comes to does not touch the round begun meanwhile.
func TestResendDuringAnAttempt(t *testing.T) {
	w := open(t)
	d := draft()
	w.web.answer = func(n int, _ *http.Request) (*http.Response, error) {
		if n == 1 {
			if _, err := w.Resend(t.Context(), d.Account, d.Subject, d.ID); err != nil {
				t.Error(err)
			}
		}
		return status([]int{410, 200}[n-1], ""), nil
	}
	w.post(t, d)
	w.run(t, 2*time.Second, time.Second) // the new round does not wait for the old one
	if got := w.find(t, d); got.State != Delivered || history(got) != "2.1 200" {
		t.Errorf("%s: %s", got.State, history(got))
	}
}

func TestWhatIsNotThereIsNotSentAgain(t *testing.T) {
	w := open(t)
	w.post(t, draft())
	for claim, c := range map[string][3]string{
		"another account": {"other", "job_1", "msg_job_1"}, "another subject": {draft().Account, "job_2", "msg_job_1"},
		"another id": {draft().Account, "job_1", "msg_job_2"}, "no name": {draft().Account, "job_1", "a/b"}, "none": {draft().Account, "", ""},
	} {
		if _, err := w.Resend(t.Context(), c[0], c[1], c[2]); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", claim, err)
		}
	}
}

func TestListsInPages(t *testing.T) {
	w := open(t)
	for i := range 5 {
		d := draft()
		d.Subject, d.ID = Test, fmt.Sprintf("test_%d", i)
		w.post(t, d)
	}
	w.post(t, draft())
	var got []string
	next, pages := "", 0
	for {
		page, after, err := w.List(t.Context(), draft().Account, Test, next, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page {
			got = append(got, d.ID)
		}
		if pages++; after == "" || pages > 5 {
			break
		}
		next = after
	}
	if want := []string{"test_4", "test_3", "test_2", "test_1", "test_0"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if all, _, err := w.List(t.Context(), "other", Test, "", 10); len(all) != 0 || err != nil {
		t.Errorf("of another account: %v, %v", all, err)
	}
	if _, _, err := w.List(t.Context(), draft().Account, Test, "a#b", 10); !errors.Is(err, ErrCursor) {
		t.Errorf("strange cursor: %v", err)
	}
}

func TestForgottenDeliveriesLeaveNothing(t *testing.T) {
	w := open(t)
	w.web.answer = always(500)
	other := draft()
	other.Subject, other.ID = "job_10", "msg_job_10"
	w.post(t, draft())
	w.post(t, other)
	w.run(t, time.Minute, time.Second)
	for range 2 {
		if err := w.Forget(t.Context(), draft().Account, draft().Subject); err != nil {
			t.Fatal(err)
		}
	}
	before := len(w.web.got)
	w.web.answer = always(200)
	w.run(t, 48*time.Hour, time.Minute)
	if len(w.web.got) != before+1 || w.find(t, other).State != Delivered {
		t.Errorf("%d requests after it was forgotten, want the other's one", len(w.web.got)-before)
	}
	if _, err := w.Find(t.Context(), draft().Account, draft().Subject, draft().ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("still there: %v", err)
	}
	page, err := w.cfg.Blob.List(t.Context(), "deliveries/", "", store.MaxBlobPage)
	if err != nil || len(page.Blobs) != 1 {
		t.Errorf("bodies left: %+v, %v", page.Blobs, err)
	}
}

// TestProcessMayDieAtAnyWrite has one write after the other fail, carried out or
// not, while a delivery is posted, refused once, put off, and taken. Whoever posts
// repeats it until it is done; the queue repeats messages.
func TestProcessMayDieAtAnyWrite(t *testing.T) {
	for _, end := range []fate{lost, unheard} {
		writes := 0
		for n := 1; n == 1 || n <= writes; n++ {
			w := open(t)
			call := ""
			w.died = func(i int, c string) fate {
				if i == n {
					call = c
					return end
				}
				return carriedOut
			}
			w.web.answer = func(n int, r *http.Request) (*http.Response, error) {
				if n == 1 {
					return status(503, "", "Retry-After", "1000"), nil
				}
				return status(200, ""), nil
			}
			for w.Post(t.Context(), draft()) != nil {
				w.clock.Advance(time.Second)
			}
			w.run(t, 2*time.Hour, 10*time.Second)
			got := w.find(t, draft())
			// One request more than attempts at most: the death between the two.
			if extra := len(w.web.got) - len(got.Attempts); got.State != Delivered || extra < 0 || extra > 1 || len(got.Attempts) > 2 {
				t.Errorf("write %d (%s), fate %d: %d requests, %s", n, call, end, len(w.web.got), history(got))
			}
			for _, one := range w.web.got {
				if one.body != string(draft().Body) || one.header.Get("Webhook-Id") != draft().ID {
					t.Errorf("write %d (%s), fate %d: sent %q", n, call, end, one.body)
				}
			}
			if left, err := w.cfg.Queue.Receive(t.Context(), 1, 0, time.Second); err != nil || len(left) != 0 {
				t.Errorf("write %d (%s), fate %d: left in the queue %v, %v", n, call, end, left, err)
			}
			writes = max(writes, w.calls)
		}
		if writes < 10 {
			t.Errorf("%d writes in all", writes)
		}
	}
}
