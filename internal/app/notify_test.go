package app

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/keys"
	"rcpt/internal/notify"
)

// What is posted by one function arrives through another one, signed with the
// secret of the key, over the real transport.
func TestWebhookOfAKeyArrives(t *testing.T) {
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var header http.Header
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	defer server.Close()
	p := Ports{
		Control: db.Control(), Vault: db.Vault(), Blob: db.Blob(), DeliveryQueue: db.Queue("delivery", embedded.DeadLetters{}),
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	key, secrets, err := keys.NewBook(p.Control, p.Vault, p.Now, rand.Reader).Create(t.Context(), keys.Draft{Account: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Config{WebhookAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	draft := notify.Draft{Account: "acme", Key: key.ID, Subject: notify.Test, ID: "test_1", URL: server.URL, Body: []byte(`{"a": "b"}`)}
	if err := Deliveries(cfg, p).Post(t.Context(), draft); err != nil {
		t.Fatal(err)
	}
	orphan := draft
	orphan.Key, orphan.ID = "nosuchid", "test_2"
	if err := Deliveries(cfg, p).Post(t.Context(), orphan); err != nil {
		t.Fatal(err)
	}
	handle, err := Notifier(cfg, p)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := p.DeliveryQueue.Receive(t.Context(), 10, 0, time.Minute)
	if err != nil || len(messages) != 2 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	for _, d := range messages {
		var m notify.Message
		if err := json.Unmarshal([]byte(d.Body), &m); err != nil {
			t.Fatal(err)
		}
		if err := handle(t.Context(), m); err != nil {
			t.Error(err)
		}
	}
	hook, err := standardwebhooks.NewWebhook(secrets.Webhook)
	if err != nil {
		t.Fatal(err)
	}
	if err := hook.Verify(body, header); err != nil || string(body) != string(draft.Body) {
		t.Errorf("%q arrived, %v", body, err)
	}
	for id, want := range map[string]notify.State{draft.ID: notify.Delivered, orphan.ID: notify.Failed} {
		if d, err := Deliveries(cfg, p).Find(t.Context(), "acme", notify.Test, id); err != nil || d.State != want {
			t.Errorf("%s is %s, %v; want %s", id, d.State, err, want)
		}
	}
	p.DeliveryQueue = nil
	if _, err := Notifier(cfg, p); err == nil {
		t.Error("a notifier without a queue")
	}
}
