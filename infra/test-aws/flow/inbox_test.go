package flow

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// inbox is a receiver of webhooks that takes what the library of Standard Webhooks
// verifies with one of the secrets it knows.
type inbox struct {
	url string

	mu      sync.Mutex
	secrets []string
	got     map[string][]delivery // by path
}

type delivery struct {
	id   string // webhook-id
	body []byte
}

// receive starts an inbox.
func receive(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{got: make(map[string][]delivery)}
	server := httptest.NewServer(in)
	t.Cleanup(server.Close)
	in.url = server.URL
	return in
}

func (in *inbox) knows(secret string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.secrets = append(in.secrets, secret)
}

func (in *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, secret := range in.secrets {
		hook, unfit := standardwebhooks.NewWebhook(secret)
		if err == nil && unfit == nil && hook.Verify(body, r.Header) == nil {
			in.got[r.URL.Path] = append(in.got[r.URL.Path], delivery{r.Header.Get("webhook-id"), body})
			return
		}
	}
	http.Error(w, "not signed by a secret of ours", http.StatusUnauthorized)
}

// at returns what came to a path so far.
func (in *inbox) at(path string) []delivery {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.got[path]
}
