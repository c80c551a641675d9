package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rcpt/internal/store"
)

func (b *blobs) Delete(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := store.CheckBlobName(name); err != nil {
			return err
		}
	}
	changed := make(map[string]bool)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		dir, err := b.remove(name)
		if err != nil {
			return err
		}
		if dir != "" {
			changed[dir] = true
		}
	}
	for dir := range changed { // once each, and not for every blob
		if err := syncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// remove deletes a blob, and the folders that become empty. It returns the folder
// that has changed; "" if none has.
func (b *blobs) remove(name string) (dir string, err error) {
	unlock, err := b.lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	for _, path := range b.places(name) {
		if file, err := os.Lstat(path); err == nil && file.IsDir() || nothing(err) {
			continue
		}
		if err := os.Remove(path); err != nil {
			return "", fmt.Errorf("delete %s: %w", name, err)
		}
		dir = filepath.Dir(path)
	}
	for len(dir) > len(b.dir) && os.Remove(dir) == nil {
		dir = filepath.Dir(dir)
	}
	return dir, nil
}
