// Package embedded keeps everything in one folder on one machine: the ports of
// store without AWS, for a laptop or a single server. It is no emulator of AWS;
// it is small, and what it has acknowledged it keeps.
//
//	control.db  what must not be lost: every commit is synced to the disk; the
//	            messages of queues (queue_bucket.go) and the executions of
//	            workflows (workflow_bucket.go) are in it too
//	cache.db    what can be fetched again: written through the kernel, not synced
//	blob/       files, as they are (blob.go); every Put is synced to the disk
//	cache.db.damaged  a cache.db that could not be read, moved aside
//	vault.key   the key that wraps the data keys of sealed values
//	secret      the key of keyed hashes, if the settings give none
//
// A killed process loses nothing, in neither table, because the kernel holds
// what was written. A power failure loses nothing of control.db; of cache.db it
// may set some items back, or ruin it, and then it is started afresh.
//
// Both tables are files of bbolt: a B+tree with one writer, copy on write, and
// readers that never wait for it. Writers that come at the same time share one
// commit (commit.go), because syncing is what costs. Items that have expired are
// absent at once and are removed by Sweep; the space is used again, the files
// never shrink.
package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"rcpt/internal/store"
)

// ErrInUse: another process has the folder open.
var ErrInUse = errors.New("data folder is in use by another process")

// ErrDamaged: a file of the folder is not what was written.
var ErrDamaged = errors.New("file is damaged")

// Options of a DB. The zero value is ready for use.
type Options struct {
	Now  func() time.Time // default time.Now; decides what is expired
	Rand io.Reader        // default crypto/rand.Reader; safe for concurrent use

	// BlobURL says where BlobLinks is served, such as http://localhost/blob. It
	// is asked for each link. Default nil: links cannot be made.
	BlobURL func() string
}

// DB is an open data folder. It is safe for concurrent use.
type DB struct {
	control, cache *table
	vault          *vault
	blob           *blobs
	bells          bells
	cacheMoved     string
}

// Open opens the folder and creates, with no access for others, what is not
// there. It reads both tables once from end to end, about a quarter of a second
// for a million items, so that damage is found here and not in the middle of a
// request.
//
// ErrInUse after a second when another process has the folder. ErrDamaged when
// control.db or vault.key cannot be trusted, or when vault.key is gone although
// control.db is there. A damaged cache.db is no error, see CacheMoved.
func Open(dir string, opts Options) (*DB, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Rand == nil {
		opts.Rand = rand.Reader
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	db := &DB{}
	var err error
	if db.vault, err = openVault(dir, opts.Rand); err != nil {
		return nil, err
	}
	if db.blob, err = openBlobs(filepath.Join(dir, "blob"), opts); err != nil {
		return nil, err
	}
	if db.control, err = openTable(filepath.Join(dir, "control.db"), true, opts.Now); err != nil {
		return nil, err
	}
	if err := db.openCache(filepath.Join(dir, "cache.db"), opts.Now); err != nil {
		return nil, errors.Join(err, db.control.close())
	}
	if err := syncDir(dir); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// openVault makes the key before control.db exists, so that a control.db without
// it is never the work of a crash but of a hand: a new key would leave every
// sealed value unreadable, silently.
func openVault(dir string, random io.Reader) (*vault, error) {
	path := filepath.Join(dir, "vault.key")
	_, err := os.Stat(filepath.Join(dir, "control.db"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for control.db: %w", err)
	}
	read := keyFile
	if err == nil {
		read = func(path string, _ io.Reader) ([]byte, error) { return readKeyFile(path) }
	}
	key, err := read(path, random)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing beside control.db: restore it or remove the whole folder", ErrDamaged, path)
	}
	if err != nil {
		return nil, err
	}
	return newVault(key, random)
}

func (db *DB) openCache(path string, now func() time.Time) error {
	var err error
	db.cache, err = openTable(path, false, now)
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	// One is kept for who wants to look; more would only fill the disk.
	moved := path + ".damaged"
	if err := os.Rename(path, moved); err != nil {
		return fmt.Errorf("move damaged cache aside: %w", err)
	}
	db.cacheMoved = moved
	db.cache, err = openTable(path, false, now)
	return err
}

// Control returns the table of what must not be lost.
func (db *DB) Control() store.Table { return db.control }

// Cache returns the table that may be dropped at any time.
func (db *DB) Cache() store.Table { return db.cache }

// Vault returns the vault under the folder's own key.
func (db *DB) Vault() store.Vault { return db.vault }

// Blob returns the files.
func (db *DB) Blob() store.Blob { return db.blob }

// BlobLinks serves the links of Blob, wherever Options.BlobURL says that it is.
func (db *DB) BlobLinks() http.Handler { return db.blob }

// CacheMoved returns where Open put a cache.db that it found damaged and began
// anew; "" if it did not. It is for the log.
func (db *DB) CacheMoved() string { return db.cacheMoved }

// Close waits for the calls under way and closes the folder. Later calls fail.
func (db *DB) Close() error {
	return errors.Join(db.control.close(), db.cache.close())
}

// syncDir makes the names of new files durable; syncing the files does not.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open data folder: %w", err)
	}
	if err := f.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync data folder: %w", err), f.Close())
	}
	return f.Close()
}
