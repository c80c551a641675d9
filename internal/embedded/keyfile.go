package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// keySize is that of an AES-256 key and of an HMAC-SHA256 key, in octets.
const keySize = 32

// Secret returns the 32 octets of the file secret in dir, and makes folder and
// file on first use. It is what keyed hashes of addresses are made with when
// RCPT_SECRET is not set; whoever loses it loses every overlay and suppression
// entry. ErrDamaged when the file is not 32 octets long. The folder need not be
// open.
func Secret(dir string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	return keyFile(filepath.Join(dir, "secret"), rand.Reader)
}

// keyFile reads a key, and makes it first where there is none. Of several
// processes that do so at once, all get the same key.
func keyFile(path string, random io.Reader) ([]byte, error) {
	key, err := readKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createKeyFile(path, random); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return readKeyFile(path)
}

func readKeyFile(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("%w: %s has %d octets instead of %d", ErrDamaged, path, len(key), keySize)
	}
	return key, nil
}

// createKeyFile writes a whole, synced file under another name and then links
// it: unlike a rename, a link never replaces a key that is already in use.
func createKeyFile(path string, random io.Reader) error {
	key := make([]byte, keySize)
	if _, err := io.ReadFull(random, key); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // the link stays; a leftover would be harmless
	if _, err := f.Write(key); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
