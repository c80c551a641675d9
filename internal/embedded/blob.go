package embedded

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"rcpt/internal/store"
)

// Each blob is a file with its content and nothing else, so that a person puts
// files in and takes them out. A Put writes a file of its own in .new and renames
// it under the lock of the folder, which other processes heed, too: what was
// acknowledged is there, what was not is nowhere. What a person writes in place
// can be read before it is whole.
//
// The version is what the file system tells: which file it is, its size, when
// it was written. A number of a file is given again as soon as it is free, and
// the clock of a file system has ticks of milliseconds; therefore a Put draws the
// fraction of its second at random.

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

// fill writes the content and syncs it.
func (b *blobs) fill(ctx context.Context, f *os.File, r io.Reader) (store.BlobInfo, error) {
	if _, err := io.Copy(f, untilDone{ctx, r}); err != nil {
		return store.BlobInfo{}, err
	}
	var octets [4]byte
	if _, err := io.ReadFull(b.random, octets[:]); err != nil {
		return store.BlobInfo{}, fmt.Errorf("read randomness: %w", err)
	}
	fraction := time.Duration(binary.BigEndian.Uint32(octets[:])) % time.Second
	written := b.now().Truncate(time.Second).Add(fraction)
	if err := errors.Join(os.Chtimes(f.Name(), written, written), f.Sync()); err != nil {
		return store.BlobInfo{}, err
	}
	file, err := f.Stat()
	if err != nil {
		return store.BlobInfo{}, err
	}
	return blobInfo("", file), nil
}

// blobInfo tells of a file as of a blob.
func blobInfo(name string, file fs.FileInfo) store.BlobInfo {
	number := uint64(0)
	if about, ok := file.Sys().(*syscall.Stat_t); ok {
		number = about.Ino
	}
	return store.BlobInfo{
		Name: name, Size: file.Size(), Modified: file.ModTime().UTC().Truncate(time.Second),
		Version: fmt.Sprintf("%x-%x-%x", number, file.ModTime().UnixNano(), file.Size()),
	}
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
	path, err := b.room(name)
	if err != nil {
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
	return &part{Reader: untilDone{ctx, io.NewSectionReader(f, offset, rest)}, Closer: f}, info, nil
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
	for _, path := range b.places(name) {
		file, err := os.Stat(path)
		switch {
		case err == nil && file.Mode().IsRegular():
			return blobInfo(name, file), nil
		case err != nil && !nothing(err):
			return store.BlobInfo{}, fmt.Errorf("look for %s: %w", name, err)
		}
	}
	return store.BlobInfo{}, fmt.Errorf("look for %s: %w", name, store.ErrNotFound)
}

// open returns the file of a blob.
func (b *blobs) open(name string) (*os.File, store.BlobInfo, error) {
	for _, path := range b.places(name) {
		f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe that somebody left there shall not hold us up
		if nothing(err) {
			continue
		}
		if err != nil {
			return nil, store.BlobInfo{}, fmt.Errorf("open %s: %w", name, err)
		}
		file, err := f.Stat()
		if err == nil && file.Mode().IsRegular() {
			return f, blobInfo(name, file), nil
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, store.BlobInfo{}, fmt.Errorf("open %s: %w", name, err)
		}
	}
	return nil, store.BlobInfo{}, fmt.Errorf("open %s: %w", name, store.ErrNotFound)
}

// nothing reports an error that says that there is no file of this path.
func nothing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
