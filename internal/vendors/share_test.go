package vendors

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func TestRequestsForOneAddressShareACall(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "delay300")
	var all sync.WaitGroup
	var mu sync.Mutex
	var cost int64
	for range 20 {
		all.Go(func() {
			got, err := w.Verify(within(t, 10*time.Second), w.request(t, "ok@buyer.example"))
			mu.Lock()
			defer mu.Unlock()
			if cost += got.Cost; err != nil || got.Status != Valid {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	all.Wait()
	if n := w.checks(MillionVerifier); n != 1 || cost != 4900 || w.spent(t).All != (Tally{1, 4900}) {
		t.Errorf("asked %d times for %d, counted %+v", n, cost, w.spent(t).All)
	}
}

// Whoever leaves does not take the answer along: it is paid.
func TestCanceledRequestKeepsItsVerdict(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "delay200")
	ctx, cancel := context.WithCancel(within(t, 10*time.Second))
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := w.Verify(ctx, w.request(t, "ok@buyer.example")); err == nil {
		t.Error("a canceled request was answered")
	}
	got := w.verify(t, "ok@buyer.example") // joins the call, or finds what it left
	if !got.Cached || w.checks(MillionVerifier) != 1 || w.spent(t).All.Calls != 1 {
		t.Errorf("got %+v, asked %d times", got, w.checks(MillionVerifier))
	}
}

// A request that joined one with less time is not bound by it.
func TestFollowerOutlivesItsLeader(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "delay900")
	led := make(chan error)
	go func() {
		_, err := w.Verify(within(t, 700*time.Millisecond), w.request(t, "ok@buyer.example"))
		led <- err
	}()
	for w.double.Counts("millionverifier").Requests < 2 { // the key's validation is the first
		time.Sleep(time.Millisecond)
	}
	got, err := w.Verify(within(t, 10*time.Second), w.request(t, "ok@buyer.example"))
	if err != nil || got.Status != Valid || got.Cost != 4900 {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := <-led; !errors.Is(err, ErrFailed) {
		t.Errorf("the first: %v", err)
	}
}
