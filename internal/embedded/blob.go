package embedded

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"rcpt/internal/store"
)

// Each blob is a file: one line of header, then the content. The header holds
// the version, so that one rename changes both. A Put writes a file of its own
// in .new and renames it under the lock of the folder, which other processes
// heed, too: what was acknowledged is there, what was not is nowhere.
const (
	blobMagic   = "rcpt-blob-1 "
	versionSize = 16 // random octets: no two Puts have the same version
	blobHeader  = len(blobMagic) + 2*versionSize + 1
)

// abandoned is the age from which on a file in .new has no writer any more.
const abandoned = 24 * time.Hour

type blobs struct {
	dir    string
	now    func() time.Time
	random io.Reader
	key    []byte        // signs links
	base   func() string // where links lead; nil: nowhere

	mu sync.Mutex // before the lock of the folder, which blocks a thread each
}

func openBlobs(dir string, opts Options) (*blobs, error) {
	b := &blobs{dir: dir, now: opts.Now, random: opts.Rand, base: opts.BlobURL}
	if err := os.MkdirAll(filepath.Join(dir, ".new"), 0o700); err != nil {
		return nil, fmt.Errorf("create blob folder: %w", err)
	}
	var err error
	if b.key, err = keyFile(filepath.Join(dir, ".key"), rand.Reader); err != nil {
		return nil, err
	}
	return b, b.sweepNew()
}

// sweepNew removes what killed writers left behind.
func (b *blobs) sweepNew() error {
	files, err := os.ReadDir(filepath.Join(b.dir, ".new"))
	if err != nil {
		return fmt.Errorf("read blob folder: %w", err)
	}
	for _, file := range files {
		info, err := file.Info()
		if err == nil && time.Since(info.ModTime()) > abandoned {
			_ = os.Remove(filepath.Join(b.dir, ".new", file.Name())) // the next start tries again
		}
	}
	return nil
}

func (b *blobs) Put(ctx context.Context, name string, r io.Reader, opts ...store.PutOption) (store.BlobInfo, error) {
	if err := errors.Join(ctx.Err(), store.CheckBlobName(name)); err != nil {
		return store.BlobInfo{}, err
	}
	f, err := os.CreateTemp(filepath.Join(b.dir, ".new"), "put-*") // 0600
	if err != nil {
		return store.BlobInfo{}, fmt.Errorf("create blob: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone if it was renamed
	info, err := b.fill(ctx, f, r)
	if err = errors.Join(err, f.Close()); err != nil {
		return store.BlobInfo{}, err
	}
	info.Name = name
	return info, b.commit(name, f.Name(), opts)
}

// fill writes header and content and syncs them.
func (b *blobs) fill(ctx context.Context, f *os.File, r io.Reader) (store.BlobInfo, error) {
	var octets [versionSize]byte
	if _, err := io.ReadFull(b.random, octets[:]); err != nil {
		return store.BlobInfo{}, fmt.Errorf("read randomness: %w", err)
	}
	info := store.BlobInfo{Version: hex.EncodeToString(octets[:]), Modified: b.now().UTC().Truncate(time.Second)}
	if _, err := f.WriteString(blobMagic + info.Version + "\n"); err != nil {
		return info, err
	}
	var err error
	if info.Size, err = io.Copy(f, untilDone{ctx, r}); err != nil {
		return info, err
	}
	return info, errors.Join(os.Chtimes(f.Name(), info.Modified, info.Modified), f.Sync())
}

// untilDone is a reader that ends with its context.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// commit gives the file its name if the conditions hold.
func (b *blobs) commit(name, file string, opts []store.PutOption) error {
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	path := b.path(name)
	for _, o := range opts {
		info, err := b.stat(name)
		absent := errors.Is(err, store.ErrNotFound)
		switch {
		case err != nil && !absent:
			return err
		case o.Once && !absent, o.Match != "" && info.Version != o.Match:
			return fmt.Errorf("put %s: %w", name, store.ErrCondition)
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	if err := os.Rename(file, path); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) { // a new folder is a name in the one above
		if err := syncDir(dir); err != nil || len(dir) <= len(b.dir) {
			return err
		}
	}
}

// lock keeps other writers away, those of other processes, too.
func (b *blobs) lock() (unlock func(), err error) {
	b.mu.Lock()
	f, err := os.OpenFile(filepath.Join(b.dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = flock(f)
	}
	if err != nil {
		b.mu.Unlock()
		return nil, fmt.Errorf("lock blob folder: %w", err)
	}
	return func() {
		_ = f.Close() // which lets go of the lock
		b.mu.Unlock()
	}, nil
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func (b *blobs) Open(ctx context.Context, name string, offset, length int64, unless string) (io.ReadCloser, store.BlobInfo, error) {
	if offset < 0 {
		return nil, store.BlobInfo{}, fmt.Errorf("%w: offset of %d", store.ErrValue, offset)
	}
	if err := errors.Join(ctx.Err(), store.CheckBlobName(name)); err != nil {
		return nil, store.BlobInfo{}, err
	}
	f, info, err := b.open(name)
	if err != nil {
		return nil, store.BlobInfo{}, err
	}
	if unless != "" && unless == info.Version {
		return nil, info, errors.Join(fmt.Errorf("open %s: %w", name, store.ErrUnchanged), f.Close())
	}
	rest := max(info.Size-offset, 0)
	if length >= 0 {
		rest = min(rest, length)
	}
	return &part{Reader: untilDone{ctx, io.NewSectionReader(f, int64(blobHeader)+offset, rest)}, Closer: f}, info, nil
}

// part is what Open returns.
type part struct {
	io.Reader
	io.Closer
}

func (b *blobs) Stat(ctx context.Context, name string) (store.BlobInfo, error) {
	if err := errors.Join(ctx.Err(), store.CheckBlobName(name)); err != nil {
		return store.BlobInfo{}, err
	}
	return b.stat(name)
}

func (b *blobs) stat(name string) (store.BlobInfo, error) {
	f, info, err := b.open(name)
	if err != nil {
		return info, err
	}
	return info, f.Close()
}

// open returns the file of a blob, to be read behind its header.
func (b *blobs) open(name string) (*os.File, store.BlobInfo, error) {
	f, err := os.Open(b.path(name))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, store.BlobInfo{}, fmt.Errorf("open %s: %w", name, store.ErrNotFound)
	}
	if err != nil {
		return nil, store.BlobInfo{}, fmt.Errorf("open %s: %w", name, err)
	}
	file, err := f.Stat()
	header := make([]byte, blobHeader)
	if err == nil {
		_, err = io.ReadFull(io.NewSectionReader(f, 0, int64(blobHeader)), header)
	}
	version, ok := strings.CutPrefix(string(header), blobMagic)
	if err != nil || !ok {
		return nil, store.BlobInfo{}, errors.Join(fmt.Errorf("%w: %s is no blob", ErrDamaged, f.Name()), err, f.Close())
	}
	return f, store.BlobInfo{
		Name: name, Size: file.Size() - int64(blobHeader), Version: version[:2*versionSize],
		Modified: file.ModTime().UTC().Truncate(time.Second),
	}, nil
}

func (b *blobs) Delete(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := store.CheckBlobName(name); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.remove(name); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes a blob, and the folders that become empty.
func (b *blobs) remove(name string) error {
	unlock, err := b.lock()
	if err != nil {
		return err
	}
	defer unlock()
	path := b.path(name)
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	} else if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	dir := filepath.Dir(path)
	for len(dir) > len(b.dir) && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
	return syncDir(dir)
}
