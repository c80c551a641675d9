package notify

import (
	"context"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/store"
)

func TestBodyArrivesToTheOctet(t *testing.T) {
	w := open(t)
	d := draft()
	w.post(t, d)
	w.work(t)
	if len(w.web.got) != 1 {
		t.Fatalf("%d requests, want 1", len(w.web.got))
	}
	got := w.web.got[0]
	if got.method != "POST" || got.url != d.URL || got.body != string(d.Body) {
		t.Errorf("got %s %s %q", got.method, got.url, got.body)
	}
	if got.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(got.header.Get("User-Agent"), "rcpt") || got.header.Get("Webhook-Id") != d.ID {
		t.Errorf("headers %v", got.header)
	}
	want := Delivery{
		ID: d.ID, Account: d.Account, Key: d.Key, Subject: d.Subject, URL: d.URL, State: Delivered, Round: 1, Attempt: 1,
		CreatedAt: noon(), EndedAt: noon(), Attempts: []Attempt{{Round: 1, Number: 1, At: noon(), Status: 204}},
	}
	if got := w.find(t, d); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if w.run(t, time.Hour, time.Minute) != 0 || len(w.web.got) != 1 {
		t.Errorf("%d requests after an hour, want no more", len(w.web.got))
	}
}

func TestPostingTwiceIsOneDelivery(t *testing.T) {
	w := open(t)
	d, other := draft(), draft()
	other.Body = []byte(`{"other":true}`)
	w.post(t, d)
	w.post(t, other)
	w.run(t, time.Minute, time.Second)
	w.post(t, other)
	w.run(t, time.Hour, time.Minute)
	if len(w.web.got) != 1 || w.web.got[0].body != string(d.Body) {
		t.Errorf("got %+v, want the first body once", w.web.got)
	}
}

// A receiver that is broken for a day gets every attempt, and then no more.
func TestTroubleForADay(t *testing.T) {
	w := open(t)
	w.web.answer = func(int, *http.Request) (*http.Response, error) {
		return status(500, "<h1>broken</h1>\r\n\x00 since\xff 3 "+strings.Repeat("ä", 200)), nil
	}
	d := draft()
	w.post(t, d)
	w.run(t, 30*time.Hour, 5*time.Second)
	var gaps []time.Duration
	for i := 1; i < len(w.web.got); i++ {
		gaps = append(gaps, w.web.got[i].at.Sub(w.web.got[i-1].at))
	}
	all := waits()
	if want := all[:]; !reflect.DeepEqual(gaps, want) {
		t.Errorf("waits %v\nwant  %v", gaps, want)
	}
	last := w.web.got[len(w.web.got)-1].at.Sub(noon())
	if len(w.web.got) != MaxAttempts || last < 23*time.Hour || last > 25*time.Hour {
		t.Errorf("%d attempts, the last after %v; want %d over a day", len(w.web.got), last, MaxAttempts)
	}
	for _, got := range w.web.got {
		if got.body != string(d.Body) || got.header.Get("Webhook-Id") != d.ID {
			t.Errorf("an attempt sent %q under %s", got.body, got.header.Get("Webhook-Id"))
		}
	}
	found := w.find(t, d)
	if found.State != Failed || found.Attempt != MaxAttempts || !found.EndedAt.Equal(noon().Add(last)) || !found.NextAt.IsZero() || len(found.Attempts) != MaxAttempts {
		t.Errorf("got %+v", found)
	}
	for i, a := range found.Attempts {
		shown := "<h1>broken</h1> since 3 " + strings.Repeat("ä", 116) + "..."
		if a.Number != i+1 || a.Status != 500 || a.Error != "the status is not 2xx" || a.Response != shown || !a.At.Equal(w.web.got[i].at) {
			t.Errorf("attempt %d: %+v", i+1, a)
		}
	}
	if w.counts["deliveries_retried"] != MaxAttempts-1 || w.counts["deliveries_failed"] != 1 || w.counts["delivery_attempt_ms"] != MaxAttempts {
		t.Errorf("counted %v", w.counts)
	}
}

func TestRecoveryEndsTheRound(t *testing.T) {
	w := open(t)
	w.web.answer = func(n int, _ *http.Request) (*http.Response, error) {
		return status([]int{500, 401, 302, 201}[n-1], ""), nil
	}
	w.post(t, draft())
	w.run(t, 48*time.Hour, time.Minute)
	found := w.find(t, draft())
	if want := "1.1 500 the status is not 2xx; 1.2 401 the status is not 2xx; 1.3 302 redirects are not followed; 1.4 201"; found.State != Delivered || history(found) != want {
		t.Errorf("%s: %s\nwant %s", found.State, history(found), want)
	}
}

func TestGoneIsTheEnd(t *testing.T) {
	w := open(t)
	w.web.answer = always(410)
	w.post(t, draft())
	w.run(t, 48*time.Hour, time.Minute)
	found := w.find(t, draft())
	if found.State != Failed || len(found.Attempts) != 1 || w.counts["deliveries_gone"] != 1 || w.counts["deliveries_failed"] != 0 {
		t.Errorf("%s after %s, counted %v", found.State, history(found), w.counts)
	}
}

func TestReceiversMayAskForAWait(t *testing.T) {
	for claim, c := range map[string]struct {
		header string
		want   time.Duration
	}{
		"seconds":             {"90", 90 * time.Second},
		"a date":              {noon().Add(10 * time.Minute).Format(http.TimeFormat), 10 * time.Minute},
		"shorter than ours":   {"1", 5 * time.Second},
		"a week":              {"604800", maxRetryAfter},
		"a date that is past": {noon().Add(-time.Hour).Format(http.TimeFormat), 5 * time.Second},
		"nonsense":            {"soon", 5 * time.Second},
		"negative":            {"-5", 5 * time.Second},
		"out of range":        {"99999999999999999999", 5 * time.Second},
	} {
		t.Run(claim, func(t *testing.T) {
			w := open(t)
			w.web.answer = func(n int, _ *http.Request) (*http.Response, error) {
				return status([]int{429, 200}[n-1], "", "Retry-After", c.header), nil
			}
			w.post(t, draft())
			w.run(t, 3*time.Hour, 5*time.Second)
			if len(w.web.got) != 2 || w.web.got[1].at.Sub(noon()) != c.want {
				t.Errorf("%+v, want the second after %v", w.web.got, c.want)
			}
		})
	}
}

func TestJitterStaysWithinATenth(t *testing.T) {
	for n, wait := range waits() {
		low, high := waitAfter(n+1, 0, 0), waitAfter(n+1, 0, 1)
		if low != time.Duration(float64(wait)*0.9) || high != time.Duration(float64(wait)*1.1) {
			t.Errorf("after attempt %d: %v to %v around %v", n+1, low, high, wait)
		}
	}
}

// A server that accepts and then says nothing costs the time of one attempt.
func TestSilentReceiver(t *testing.T) {
	w := open(t)
	w.web.answer = func(_ int, r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	w.post(t, draft())
	item, err := w.fetch(t.Context(), draft().Account, draft().Subject, draft().ID)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		o, err := w.attempt(t.Context(), item, Attempt{Round: 1, Number: 1}, draft().Body, w.secrets)
		if took := time.Since(begin); err != nil || took != Timeout || o.Error != "no answer within 15s" || o.hopeless {
			t.Errorf("after %v: %+v, %v", took, o, err)
		}
		// When it is us who break off, nothing is known of the receiver.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if o, err := w.attempt(ctx, item, Attempt{Round: 1, Number: 1}, draft().Body, w.secrets); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("our own end is recorded: %+v, %v", o, err)
		}
	})
}

// A body that never ends is not waited for.
func TestSuccessIsDecidedByTheHead(t *testing.T) {
	w := open(t)
	endless, feed := io.Pipe()
	t.Cleanup(func() { _ = feed.Close() })
	w.web.answer = func(int, *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: endless}, nil
	}
	w.post(t, draft())
	w.work(t)
	if got := w.find(t, draft()); got.State != Delivered {
		t.Errorf("%s: %s", got.State, history(got))
	}
}

func TestWhatNoAttemptCanMend(t *testing.T) {
	for want, spoil := range map[string]func(w *world) error{
		"1.1 0 the key has no webhook secret":           func(w *world) error { w.secrets = nil; return nil },
		"1.1 0 webhook secret is not whsec_ and base64": func(w *world) error { w.secrets = []string{"whsec_!"}; return nil },
		"1.1 0 the body is no longer kept": func(w *world) error {
			return w.cfg.Blob.Delete(context.Background(), blobPrefix(draft().Account, "job_1")+"msg_job_1")
		},
	} {
		w := open(t)
		w.post(t, draft())
		if err := spoil(w); err != nil {
			t.Fatal(err)
		}
		w.run(t, 48*time.Hour, time.Hour)
		if got := w.find(t, draft()); got.State != Failed || history(got) != want || len(w.web.got) != 0 {
			t.Errorf("%s: %s, want %s and no request", got.State, history(got), want)
		}
	}
}

func TestTroubleWithTheVaultIsNoFailureOfTheReceiver(t *testing.T) {
	w := open(t)
	trouble := true
	cfg := w.cfg
	cfg.Secrets = func(context.Context, string) ([]string, error) {
		if trouble {
			return nil, errDied
		}
		return w.secrets, nil
	}
	w.Book = New(cfg)
	w.post(t, draft())
	w.run(t, 10*time.Minute, time.Second)
	trouble = false
	w.run(t, 10*time.Minute, time.Second)
	if got := w.find(t, draft()); got.State != Delivered || len(got.Attempts) != 1 {
		t.Errorf("%s: %s", got.State, history(got))
	}
}

func TestDraftsThatAreNone(t *testing.T) {
	w := open(t)
	for claim, spoil := range map[string]func(*Draft){
		"no account":             func(d *Draft) { d.Account = "" },
		"a divided account":      func(d *Draft) { d.Account = "a#b" },
		"no key":                 func(d *Draft) { d.Key = "" },
		"a path as subject":      func(d *Draft) { d.Subject = "../x" },
		"an id with a dot":       func(d *Draft) { d.ID = "msg.1" },
		"a long id":              func(d *Draft) { d.ID = strings.Repeat("a", 101) },
		"a body that is no JSON": func(d *Draft) { d.Body = []byte("{") },
		"no body":                func(d *Draft) { d.Body = nil },
		"a large body":           func(d *Draft) { d.Body = []byte(`"` + strings.Repeat("a", MaxBody) + `"`) },
		"kept for less than 0":   func(d *Draft) { d.Keep = -1 },
	} {
		d := draft()
		spoil(&d)
		if err := w.Post(t.Context(), d); !errors.Is(err, ErrDraft) {
			t.Errorf("%s: %v, want ErrDraft", claim, err)
		}
	}
	d := draft()
	d.URL = "http://hook.example/"
	if err := w.Post(t.Context(), d); !errors.Is(err, ErrURL) {
		t.Errorf("http: %v, want ErrURL", err)
	}
	if w.calls != 0 {
		t.Errorf("%d writes", w.calls)
	}
}

func TestDeliveriesAreKeptForTheirTime(t *testing.T) {
	w := open(t)
	short, usual := draft(), draft()
	short.ID, short.Keep = "msg_short", 2*time.Hour
	w.post(t, short)
	w.post(t, usual)
	w.run(t, 3*time.Hour, time.Minute)
	if _, err := w.Find(t.Context(), short.Account, short.Subject, short.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("after its time: %v, want ErrNotFound", err)
	}
	w.clock.Advance(29 * 24 * time.Hour)
	w.find(t, usual)
	w.clock.Advance(24 * time.Hour)
	if _, err := w.Find(t.Context(), usual.Account, usual.Subject, usual.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("after 30 days: %v, want ErrNotFound", err)
	}
}

// The log names neither the URL nor what the receiver said.
func TestLogHoldsNothingOfTheCustomer(t *testing.T) {
	w := open(t)
	var text strings.Builder
	w.Book = New(logging(w.cfg, &text))
	w.web.answer = func(int, *http.Request) (*http.Response, error) { return status(500, "said by the receiver"), nil }
	w.post(t, draft())
	w.work(t)
	for _, word := range []string{"hook.example", "s3cret", "said by", oldSecret[6:], "job_id"} {
		if strings.Contains(text.String(), word) {
			t.Errorf("%q is in the log: %s", word, text.String())
		}
	}
	if !strings.Contains(text.String(), draft().ID) {
		t.Errorf("the delivery is not in the log: %s", text.String())
	}
}

func TestMessageWithoutItsDeliveryIsDropped(t *testing.T) {
	w := open(t)
	if err := w.Handle(t.Context(), Message{"acme", "job_1", "msg_1", 1, 1, 0}); err != nil || len(w.web.got) != 0 {
		t.Errorf("%v, %d requests", err, len(w.web.got))
	}
	if all, err := w.cfg.Queue.Receive(t.Context(), 1, 0, time.Second); err != nil || len(all) != 0 {
		t.Errorf("left in the queue: %v, %v", all, err)
	}
}

func TestItemFitsItsTable(t *testing.T) {
	a := Attempt{Round: 999, Number: 12, At: noon(), Took: Timeout, Status: 500, Error: "the status is not 2xx", Response: strings.Repeat("\u2028", maxShown/3)}
	var all []Attempt
	for range 3 * MaxLog {
		all = append(all, a)
	}
	log, err := logOf(all)
	if err != nil || len(log) > 16<<10 {
		t.Errorf("a log of %d octets, %v", len(log), err)
	}
	back, err := attemptsOf(store.Item{Attrs: store.Attrs{"log": log}})
	if err != nil || !reflect.DeepEqual(back, all[:MaxLog]) {
		t.Errorf("%d attempts came back, %v", len(back), err)
	}
}
