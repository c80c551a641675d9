package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// receiver takes webhooks, each answered as answer says, which gets its number
// from 1 on.
type receiver struct {
	*httptest.Server

	mu   sync.Mutex
	came []received
}

// received is one attempt at a delivery.
type received struct {
	id, body, signature string
	header              http.Header
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, number int)) *receiver {
	t.Helper()
	to := &receiver{}
	to.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it died while it sent
		}
		to.mu.Lock()
		to.came = append(to.came, received{r.Header.Get("webhook-id"), string(body), r.Header.Get("x-rcpt-signature"), r.Header})
		number := len(to.came)
		to.mu.Unlock()
		answer(w, r, number)
	}))
	t.Cleanup(to.Close)
	return to
}

func (to *receiver) all() []received {
	to.mu.Lock()
	defer to.mu.Unlock()
	return append([]received(nil), to.came...)
}

// one fails unless what came was one delivery, signed and the same each time,
// and returns how often it came.
func (to *receiver) one(t *testing.T, secret string) int {
	t.Helper()
	came := to.all()
	if len(came) == 0 {
		t.Fatal("no webhook came")
	}
	want := hex.EncodeToString(mac(sha256.New, secret, came[0].body))
	for i, got := range came {
		if got.id == "" || got.id != came[0].id || got.body != came[0].body || got.signature != want {
			t.Errorf("attempt %d has id %q and %d octets signed %s, the first %q and %d, to be signed %s",
				i+1, got.id, len(got.body), got.signature, came[0].id, len(came[0].body), want)
		}
	}
	return len(came)
}
