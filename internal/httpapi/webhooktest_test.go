package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"rcpt/internal/embedded"
	"rcpt/internal/notify"
	"rcpt/internal/store"
)

// mailman is the queue of deliveries and a receiver that answers with a status.
type mailman struct {
	book   *notify.Book
	queue  store.Queue
	status int
	header http.Header
	body   string
}

func (m *mailman) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	m.header, m.body = r.Header, string(body)
	return &http.Response{StatusCode: m.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("as told"))}, err
}

// deliver makes the attempts that are due.
func (m *mailman) deliver(t *testing.T) {
	t.Helper()
	all, err := m.queue.Receive(t.Context(), 10, 0, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		var message notify.Message
		if err := json.Unmarshal([]byte(one.Body), &message); err != nil {
			t.Fatal(err)
		}
		if err := m.book.Handle(t.Context(), message); err != nil {
			t.Error(err)
		}
		if err := m.queue.Delete(t.Context(), one.Receipt); err != nil {
			t.Fatal(err)
		}
	}
}

// newMailman is a desk whose deliveries are made by hand.
func newMailman(t *testing.T, status int) (*desk, *mailman) {
	t.Helper()
	m := &mailman{status: status}
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	m.queue = db.Queue("deliveries", embedded.DeadLetters{})
	var d *desk
	d = newDesk(t, func(deps *Deps) {
		m.book = notify.New(notify.Config{
			Table: db.Cache(), Blob: db.Blob(), Queue: m.queue, Transport: m, Now: deps.Now, Log: deps.Log,
			Secrets: func(ctx context.Context, key string) ([]string, error) { return d.book.WebhookSecrets(ctx, key) },
		})
		deps.Deliveries = m.book
	})
	return d, m
}

func TestTestEventIsSentAndSigned(t *testing.T) {
	d, m := newMailman(t, 204)
	made := object(t, d.ask("POST", "/v1/webhooks/test", d.acme, `{"webhook_url":"https://hook.example/x"}`), 202)["delivery"].(map[string]any)
	if made["state"] != "pending" || made["url"] != "https://hook.example/x" || made["next_attempt_at"] != "2026-11-13T12:00:01Z" {
		t.Errorf("promised is %v", made)
	}
	m.deliver(t)
	secrets, err := d.book.WebhookSecrets(t.Context(), idOf(d.acme))
	if err != nil {
		t.Fatal(err)
	}
	hook, err := standardwebhooks.NewWebhook(secrets[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := hook.VerifyIgnoringTimestamp([]byte(m.body), m.header); err != nil || m.header.Get("Webhook-Id") != made["id"] {
		t.Errorf("%v, id %s", err, m.header.Get("Webhook-Id"))
	}
	const want = `{"job_id":"job_test","status":"completed","results":[{"email":"alice@ok.test","status":"VALID","score":96,"reason":"smtp_verified","action":"accept"}],` +
		`"results_url":"","metadata":{},"test":true,"sent_at":"2026-11-13T12:00:01Z"}`
	if m.body != want {
		t.Errorf("sent is\n%s want\n%s", m.body, want)
	}
	listed := object(t, d.ask("GET", "/v1/webhooks/test", d.acme, ""), 200)["deliveries"].([]any)
	if len(listed) != 1 || listed[0].(map[string]any)["state"] != "delivered" {
		t.Errorf("listed are %v", listed)
	}
}

func TestTestEventsGoToTheURLOfTheKey(t *testing.T) {
	d, m := newMailman(t, 500)
	if w := d.ask("POST", "/v1/webhooks/test", d.acme, ""); problemOf(t, w).Field != "webhook_url" || w.Code != 400 {
		t.Errorf("without any URL: %d %s", w.Code, w.Body)
	}
	own := d.create(t, `{"account":"acme","webhook_url":"https://own.example/hook"}`)
	object(t, d.ask("POST", "/v1/webhooks/test", own, ""), 202)
	d.clock = d.clock.Add(time.Second)
	object(t, d.ask("POST", "/v1/webhooks/test", own, `{"webhook_url":"https://other.example/hook"}`), 202)
	m.deliver(t)
	listed := object(t, d.ask("GET", "/v1/webhooks/test", d.acme, ""), 200)["deliveries"].([]any)
	if len(listed) != 2 {
		t.Fatalf("listed are %v", listed)
	}
	for i, url := range []string{"https://other.example/hook", "https://own.example/hook"} { // the latest first
		one := listed[i].(map[string]any)
		attempts := one["attempts"].([]any)
		if one["url"] != url || one["state"] != "pending" || len(attempts) != 1 {
			t.Errorf("delivery %d is %v, want one to %s", i, one, url)
			continue
		}
		if got := attempts[0].(map[string]any); got["status"] != 500.0 || got["error"] != "the status is not 2xx" || got["response"] != "as told" || got["round"] != 1.0 {
			t.Errorf("its attempt is %v", got)
		}
	}
	if others := object(t, d.ask("GET", "/v1/webhooks/test", d.other, ""), 200)["deliveries"].([]any); len(others) != 0 {
		t.Errorf("another account sees %v", others)
	}
}

func TestTestEventsAreNoFlood(t *testing.T) {
	d, _ := newMailman(t, 204)
	const body = `{"webhook_url":"https://hook.example/x"}`
	for range testsPerSecond {
		object(t, d.ask("POST", "/v1/webhooks/test", d.acmeTest, body), 202)
	}
	w := d.ask("POST", "/v1/webhooks/test", d.acmeTest, body)
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" || w.Header().Get("RateLimit-Limit") != "5" {
		t.Errorf("one more: %d %v %s, want 429", w.Code, w.Header(), w.Body)
	}
	object(t, d.ask("POST", "/v1/webhooks/test", d.acme, body), 202) // another key
	d.clock = d.clock.Add(time.Second)
	object(t, d.ask("POST", "/v1/webhooks/test", d.acmeTest, body), 202)
}
