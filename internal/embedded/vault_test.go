package embedded_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
)

func TestSealedValuesOutliveTheProcess(t *testing.T) {
	dir := t.TempDir()
	db, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	about := map[string]string{"account": "a1"}
	sealed, err := db.Vault().Seal(t.Context(), []byte("secret"), about)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := mustOpen(t, dir, embedded.Options{}).Vault().Open(t.Context(), sealed, about)
	if err != nil || string(got) != "secret" {
		t.Errorf("Open = %q, %v", got, err)
	}
	other := mustOpen(t, t.TempDir(), embedded.Options{})
	if _, err := other.Vault().Open(t.Context(), sealed, about); !errors.Is(err, store.ErrSealed) {
		t.Errorf("Open with another folder's key: got %v, want ErrSealed", err)
	}
}

// The envelope outlives the program, as the codec of items does.
func TestEnvelopeStaysTheSame(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vault.key"), bytes.Repeat([]byte{7}, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	db := mustOpen(t, dir, embedded.Options{Rand: bytes.NewReader(bytes.Repeat([]byte{1, 2, 3, 4}, 14))})
	about := map[string]string{"purpose": "test", "account": "a1"}
	sealed, err := db.Vault().Seal(t.Context(), []byte("secret"), about)
	if err != nil {
		t.Fatal(err)
	}
	const want = "010102030401020304010203046e9665fd454288baa06a83b62911dd19ebd11f8eb886992c8731a04525f5588b2f9bfdefece7a036735c4b80811b9d8e010203040102030401020304a6f5a28bffc1d293a8bf564287bebdbec4e4cbcff5ed"
	if got := hex.EncodeToString(sealed); got != want {
		t.Errorf("sealed: got %s, want %s", got, want)
	}
	if got, err := db.Vault().Open(t.Context(), sealed, about); err != nil || string(got) != "secret" {
		t.Errorf("Open = %q, %v", got, err)
	}
	if _, err := db.Vault().Seal(t.Context(), []byte("secret"), about); err == nil {
		t.Error("Seal without randomness left: got no error")
	}
}

func TestVaultKeyIsNotReplaced(t *testing.T) {
	for claim, spoil := range map[string]func(path string) error{
		"gone":      os.Remove,
		"too short": func(path string) error { return os.Truncate(path, 31) },
		"empty":     func(path string) error { return os.Truncate(path, 0) },
	} {
		t.Run(claim, func(t *testing.T) {
			dir := filled(t)
			if err := spoil(filepath.Join(dir, "vault.key")); err != nil {
				t.Fatal(err)
			}
			if _, err := embedded.Open(dir, embedded.Options{}); !errors.Is(err, embedded.ErrDamaged) {
				t.Errorf("Open: got %v, want ErrDamaged", err)
			}
		})
	}
}

func TestSecretIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	var all sync.WaitGroup
	got := make([][]byte, 16)
	for i := range got {
		all.Go(func() {
			var err error
			if got[i], err = embedded.Secret(dir); err != nil {
				t.Errorf("Secret: %v", err)
			}
		})
	}
	all.Wait()
	for _, secret := range got {
		if len(secret) != 32 || !bytes.Equal(secret, got[0]) {
			t.Errorf("got secrets %x and %x, want the same 32 octets", secret, got[0])
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want one file", entries, err)
	}
	if other, err := embedded.Secret(t.TempDir()); err != nil || bytes.Equal(other, got[0]) {
		t.Errorf("another folder: got %x, %v, want another secret", other, err)
	}
	if err := os.Truncate(filepath.Join(dir, "secret"), 5); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Secret(dir); !errors.Is(err, embedded.ErrDamaged) {
		t.Errorf("short file: got %v, want ErrDamaged", err)
	}
}
