package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// pipes is a listener over net.Pipe, for servers inside of a synctest bubble.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// start serves h and returns a function that connects to it.
func start(t *testing.T, h http.Handler) func() net.Conn {
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := Server(h)
	ended := make(chan error)
	go func() { ended <- srv.Serve(p) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		time.Sleep(time.Second) // of the bubble: net/http lingers half a second over a connection it refused
	})
	return func() net.Conn {
		near, far := net.Pipe()
		p.conns <- far
		t.Cleanup(func() { _ = near.Close() })
		return near
	}
}

const wholeRequest = "POST /v1/verify HTTP/1.1\r\nHost: api.example.com\r\nAuthorization: Bearer " + liveSecret +
	"\r\nContent-Length: 20\r\n\r\n" + `{"email":"a@b.test"}`

func TestLongestRequestOutlivesTheServersTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil)
		s.oracle.answer = func(ctx context.Context, r verify.Request) verdict.Verdict {
			select {
			case <-ctx.Done():
				return concluded(r, verdict.Unknown, verdict.Cancelled)
			case <-time.After(25 * time.Second):
				return concluded(r, verdict.Unknown, verdict.Deadline)
			}
		}
		conn := start(t, s)()
		// A slow sender takes most of the time it may for head and body first.
		go func() {
			_, _ = io.WriteString(conn, wholeRequest[:20])
			time.Sleep(4 * time.Second)
			_, _ = io.WriteString(conn, wholeRequest[20:len(wholeRequest)-1])
			time.Sleep(25 * time.Second)
			_, _ = io.WriteString(conn, wholeRequest[len(wholeRequest)-1:])
		}()
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || !strings.Contains(string(body), `"reason":"deadline"`) {
			t.Errorf("%s: %v, %s", answer.Status, err, body)
		}
	})
}

func TestIdleAndSlowConnectionsAreClosed(t *testing.T) {
	for _, c := range []struct {
		claim, sent string
		within      time.Duration
	}{
		{"one that sends nothing", "", 6 * time.Second},
		{"one that never ends its head", wholeRequest[:40], 6 * time.Second},
		{"one that never ends its body", wholeRequest[:len(wholeRequest)-1], 31 * time.Second},
	} {
		t.Run(c.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn := start(t, serve(t, nil))()
				began := time.Now()
				go func() { _, _ = io.WriteString(conn, c.sent) }()
				if _, err := io.ReadAll(conn); err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took > c.within {
					t.Errorf("closed after %v, want within %v", took, c.within)
				}
			})
		})
	}
}

func TestHugeHeadIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := start(t, serve(t, nil))()
		go func() {
			_, _ = io.WriteString(conn, "GET /v1/health HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
		}()
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%v, error %v", answer, err)
		}
	})
}

func TestManyConnectionsAtOnceAreAllAnswered(t *testing.T) {
	const many = 300 // two descriptors each stay below common limits
	s := serve(t, func(d *Deps) { d.Log = slog.New(slog.DiscardHandler) })
	var arrived, all sync.WaitGroup
	arrived.Add(many)
	s.oracle.answer = func(_ context.Context, r verify.Request) verdict.Verdict {
		arrived.Done()
		arrived.Wait()
		return concluded(r, verdict.Valid, verdict.SMTPVerified)
	}
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = Server(s)
	srv.Start()
	defer srv.Close()
	client := srv.Client()
	client.Transport.(*http.Transport).MaxIdleConnsPerHost = many
	for range many {
		all.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+"/v1/verify", strings.NewReader(`{"email":"a@b.test"}`))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Authorization", "Bearer "+liveSecret)
			answer, err := client.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			_, err = io.Copy(io.Discard, answer.Body)
			if err := errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode != 200 {
				t.Errorf("status %d, error %v", answer.StatusCode, err)
			}
		})
	}
	all.Wait()
}
