package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rcpt/internal/store"
)

func (b *blobs) List(ctx context.Context, prefix, after string, limit int) (store.BlobPage, error) {
	if err := ctx.Err(); err != nil {
		return store.BlobPage{}, err
	}
	if limit <= 0 || limit > store.MaxBlobPage {
		limit = store.MaxBlobPage
	}
	w := walker{prefix: prefix, after: after}
	if err := w.walk(b.dir, "", ""); err != nil {
		return store.BlobPage{}, fmt.Errorf("list %q: %w", prefix, err)
	}
	slices.Sort(w.names)
	w.names = slices.Compact(w.names) // one that was put aside meanwhile
	page := store.BlobPage{}
	if len(w.names) > limit {
		w.names = w.names[:limit]
		page.Next = w.names[limit-1]
	}
	for _, name := range w.names {
		info, err := b.stat(name)
		if errors.Is(err, store.ErrNotFound) {
			continue // deleted since, or a link to nothing
		}
		if err != nil {
			return store.BlobPage{}, err
		}
		page.Blobs = append(page.Blobs, info)
	}
	return page, nil
}

// walker collects names that begin with prefix and lie behind after.
type walker struct {
	prefix, after string
	names         []string
}

// walk reads a folder: before is the name up to its last segment, piece what is
// known of that.
func (w *walker) walk(dir, before, piece string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted since
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := w.visit(dir, entry, before, piece); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) visit(dir string, entry fs.DirEntry, before, piece string) error {
	path := filepath.Join(dir, entry.Name())
	text, aside := strings.CutPrefix(entry.Name(), asideMark)
	if !aside && strings.HasPrefix(text, ".") {
		return nil
	}
	if more, ok := pieceOf(text); ok && entry.IsDir() {
		return w.walk(path, before, piece+more)
	}
	name := before + piece + show(text)
	switch {
	case entry.IsDir():
		if w.reaches(name + "/") {
			return w.walk(path, name+"/", "")
		}
	case strings.HasPrefix(name, w.prefix) && name > w.after && store.CheckBlobName(name) == nil:
		w.names = append(w.names, name)
	}
	return nil
}

// reaches reports whether names that begin with folder can be asked for.
func (w *walker) reaches(folder string) bool {
	if !strings.HasPrefix(folder, w.prefix) && !strings.HasPrefix(w.prefix, folder) {
		return false
	}
	return folder > w.after || strings.HasPrefix(w.after, folder)
}
