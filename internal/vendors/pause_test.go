package vendors

import (
	"strings"
	"testing"
	"time"
)

// A key that a vendor refuses shows it, and is asked again only after a rest or
// when the owner has mended it.
func TestRefusedKeyRests(t *testing.T) {
	w := open(t)
	k := w.key(t, MillionVerifier, "good")
	w.key(t, Hunter, "good")
	if _, err := w.db.Control().Update(t.Context(), spoil(t, w, k)); err != nil {
		t.Fatal(err)
	}
	w.book().memory.forget(account)
	if got := w.verify(t, "ok1@buyer.example"); path(got.Trace) != "millionverifier:auth hunter:answered" {
		t.Errorf("got %s", path(got.Trace))
	}
	if got := w.verify(t, "ok2@buyer.example"); path(got.Trace) != "millionverifier:paused hunter:answered" {
		t.Errorf("got %s", path(got.Trace))
	}
	if k, _ = w.book().Find(t.Context(), account, k.ID); !k.Rejected() || k.LastError != "millionverifier: HTTP 200: apikey_not_found" || !k.Active {
		t.Errorf("got %+v", k)
	}
	k, err := w.book().Change(t.Context(), account, k.ID, Patch{Secret: new("good-another-key-000")}, nil)
	if err != nil || k.Rejected() || k.LastError != "" || !k.PausedUntil.IsZero() {
		t.Errorf("mended: got %+v, %v", k, err)
	}
	if got := w.verify(t, "ok3@buyer.example"); path(got.Trace) != "millionverifier:answered" {
		t.Errorf("got %s", path(got.Trace))
	}
}

func TestServerTroubleOpensTheBreaker(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "down")
	w.key(t, Hunter, "good")
	asked := func() int { return w.double.Counts("millionverifier").Requests - 1 }
	for i := range 5 {
		w.verify(t, "ok"+strings.Repeat("1", i+1)+"@buyer.example")
	}
	if asked() != tripRow {
		t.Errorf("asked %d times, want %d", asked(), tripRow)
	}
	w.clock.Advance(firstRest + time.Second)
	w.verify(t, "ok7@buyer.example")
	w.verify(t, "ok8@buyer.example")
	if asked() != tripRow+1 {
		t.Errorf("after the rest: asked %d times, want once more", asked()-tripRow)
	}
	w.clock.Advance(firstRest + time.Second)
	if got := w.verify(t, "ok9@buyer.example"); path(got.Trace) != "millionverifier:paused hunter:answered" {
		t.Errorf("the second rest is no longer than the first: %s", path(got.Trace))
	}
}

func TestRetryAfterIsKept(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "retry90")
	w.key(t, Hunter, "good")
	for i, want := range []string{"rate", "paused", "paused"} {
		if got := w.verify(t, "ok"+strings.Repeat("1", i+1)+"@buyer.example"); got.Trace[0].Outcome != want {
			t.Errorf("call %d: got %s, want %s", i, path(got.Trace), want)
		}
	}
	w.clock.Advance(91 * time.Second)
	if got := w.verify(t, "ok@buyer.example"); got.Trace[0].Outcome != "rate" {
		t.Errorf("afterwards: got %s", path(got.Trace))
	}
}

func TestHowLongAKeyRests(t *testing.T) {
	day := 24 * 60 * 60
	for _, tt := range []struct {
		claim string
		class Class
		asked int // seconds, by Retry-After
		row   bool
		trips int64
		want  time.Duration
	}{
		{"refused: until it is mended, or an hour", Auth, 0, false, 0, time.Hour},
		{"no credits", Quota, 0, false, 0, 10 * time.Minute},
		{"no credits, the vendor asks for less", Quota, 60, false, 0, 10 * time.Minute},
		{"no credits, the vendor asks for a day", Quota, day, false, 0, 15 * time.Minute},
		{"too fast once", Rate, 0, false, 0, 0},
		{"too fast, the vendor says how long", Rate, 7, false, 0, 7 * time.Second},
		{"too fast, the vendor asks for a day", Rate, day, false, 0, 15 * time.Minute},
		{"too fast again and again", Rate, 0, true, 0, 5 * time.Second},
		{"a failure", Server, 0, false, 0, 0},
		{"a failure, the vendor says how long", Server, 90, false, 0, 90 * time.Second},
		{"failures in a row", Server, 0, true, 0, 30 * time.Second},
		{"failures in a row, after a rest", Server, 0, true, 1, time.Minute},
		{"one failure after a rest", Server, 0, false, 1, time.Minute},
		{"one failure after many rests", Server, 0, false, 99, 15 * time.Minute},
		{"a malformed request is not the key's fault", Bad, 60, true, 5, 0},
	} {
		if got := restOf(Key{trips: tt.trips}, &Error{Class: tt.class, RetryAfter: tt.asked}, tt.row); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.claim, got, tt.want)
		}
	}
}
