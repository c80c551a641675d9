package main

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/keys"
)

func TestFirstAdminKeyIsShownOnce(t *testing.T) {
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	var said [3]string
	for i := range said {
		var out bytes.Buffer
		if err := first(t.Context(), db.Control(), db.Vault(), i == 2, &out); err != nil {
			t.Fatal(err)
		}
		said[i] = out.String()
	}
	_, secret, found := strings.Cut(said[0], "RCPT_ADMIN_KEY=")
	if !found {
		t.Fatalf("first: got %q, want a key", said[0])
	}
	key, err := keys.NewBook(db.Control(), db.Vault(), time.Now, rand.Reader).Authenticate(t.Context(), strings.TrimSpace(secret))
	if err != nil || !key.May(keys.Admin) {
		t.Errorf("the key shown: got %+v, %v; want one with the scope admin", key, err)
	}
	if strings.Contains(said[1], "RCPT_ADMIN_KEY") {
		t.Errorf("second: got %q, want no key", said[1])
	}
	if !strings.Contains(said[2], "RCPT_ADMIN_KEY") || said[2] == said[0] {
		t.Errorf("again: got %q, want another key", said[2])
	}
}
