package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// send has a gateway over b pass one body on, and returns the answer and what
// was held while its function ran.
func send(t *testing.T, b *bodies, body io.Reader) (answer *http.Response, held int64) {
	t.Helper()
	g := gateway{now: time.Now, bodies: b, function: func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		held = b.held.Load()
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, nil
	}}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/v1/jobs", body)
	r.ContentLength = -1 // not told
	g.ServeHTTP(w, r)
	return w.Result(), held
}

func TestLargeBodiesWaitWhileOthersHoldTheMemory(t *testing.T) {
	const others = maxHeld - 1000
	var b bodies
	b.held.Store(others)
	large := strings.Repeat(" ", freeBody+1001)

	answer, _ := send(t, &b, strings.NewReader(large))
	got, err := read(answer)
	if err != nil || gist(got) != "503 unavailable" || answer.Header.Get("Retry-After") != "1" {
		t.Errorf("no room: %v %v, %v, want 503 unavailable with Retry-After", got, answer.Header, err)
	}
	if got := b.held.Load(); got != others {
		t.Errorf("%d octets are held after the refusal, want %d", got, others)
	}
	if answer, _ := send(t, &b, strings.NewReader(large[:freeBody])); answer.StatusCode != http.StatusOK {
		t.Errorf("a small body is answered %d while others hold the memory, want 200", answer.StatusCode)
	}
	answer, held := send(t, &b, strings.NewReader(large[1:]))
	if answer.StatusCode != http.StatusOK || held != maxHeld {
		t.Errorf("what just fits is answered %d with %d octets held, want 200 with %d", answer.StatusCode, held, maxHeld)
	}
}

func TestBodiesGiveBackWhatTheyHeld(t *testing.T) {
	half := strings.Repeat(" ", 2*freeBody)
	for _, c := range []struct {
		claim  string
		body   io.Reader
		status int
	}{
		{"answered", strings.NewReader(half), 200},
		{"cut off", io.MultiReader(strings.NewReader(half), iotest.ErrReader(errors.New("gone"))), 400},
		{"too large", strings.NewReader(strings.Repeat(" ", maxBody+1)), 413},
	} {
		t.Run(c.claim, func(t *testing.T) {
			var b bodies
			answer, _ := send(t, &b, c.body)
			if got := b.held.Load(); answer.StatusCode != c.status || got != 0 {
				t.Errorf("answered %d with %d octets held afterwards, want %d and none", answer.StatusCode, got, c.status)
			}
		})
	}
}
