package embedded_test

import (
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

func TestContract(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	open := func(t *testing.T) *embedded.DB {
		return mustOpen(t, t.TempDir(), embedded.Options{Now: clock.Now})
	}
	t.Run("control", func(t *testing.T) {
		storetest.Table(t, func(t *testing.T) store.Table { return open(t).Control() }, clock)
	})
	t.Run("cache", func(t *testing.T) {
		storetest.Table(t, func(t *testing.T) store.Table { return open(t).Cache() }, clock)
	})
	t.Run("vault", func(t *testing.T) {
		storetest.Vault(t, func(t *testing.T) store.Vault { return open(t).Vault() })
	})
}

func mustOpen(t testing.TB, dir string, opts embedded.Options) *embedded.DB {
	t.Helper()
	db, err := embedded.Open(dir, opts)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return db
}
