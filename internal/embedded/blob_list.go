package embedded

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"rcpt/internal/store"
)

// The name of a blob becomes a path that any file system takes and that can be
// read: lists/current.json is lists=/current.json. A folder ends with "=", so
// that a blob "a" and a blob "a/b" do not meet; a piece of a segment too long
// for a file name ends with "+". What is not in plain is %XX, capitals among
// it, because some file systems do not tell them from small letters.
const (
	segmentEnd = "="
	pieceEnd   = "+"
	longest    = 200 // of a piece, in octets: file names end at 255
	plain      = "abcdefghijklmnopqrstuvwxyz0123456789-_."
)

// path returns where the blob lies.
func (b *blobs) path(name string) string {
	parts := []string{b.dir}
	segments := strings.Split(name, "/")
	for i, segment := range segments {
		escaped := escape(segment)
		for len(escaped) > longest {
			parts, escaped = append(parts, escaped[:longest]+pieceEnd), escaped[longest:]
		}
		if i < len(segments)-1 {
			escaped += segmentEnd
		}
		parts = append(parts, escaped)
	}
	return filepath.Join(parts...)
}

func escape(segment string) string {
	var out strings.Builder
	for i := range len(segment) {
		c := segment[i]
		// A piece never begins with a dot: ".." is no file, .new and .key are ours.
		if strings.IndexByte(plain, c) >= 0 && (c != '.' || out.Len()%longest != 0) {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "%%%02x", c)
		}
	}
	return out.String()
}

// unescape is the inverse of escape; ok is false for what escape never made.
func unescape(text string) (segment string, ok bool) {
	before, rest, found := strings.Cut(text, "%")
	out := before
	for found {
		if len(rest) < 2 {
			return "", false
		}
		octet, err := hex.DecodeString(rest[:2])
		if err != nil {
			return "", false
		}
		before, rest, found = strings.Cut(rest[2:], "%")
		out += string(octet) + before
	}
	return out, true
}

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
	page := store.BlobPage{}
	if len(w.names) > limit {
		w.names = w.names[:limit]
		page.Next = w.names[limit-1]
	}
	for _, name := range w.names {
		info, err := b.stat(name)
		if errors.Is(err, store.ErrNotFound) {
			continue // deleted since
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
// known of that, escaped.
func (w *walker) walk(dir, before, piece string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // deleted since
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := w.visit(filepath.Join(dir, entry.Name()), entry.Name(), before, piece); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) visit(path, entry, before, piece string) error {
	if strings.HasPrefix(entry, ".") {
		return nil
	}
	if more, ok := strings.CutSuffix(entry, pieceEnd); ok {
		return w.walk(path, before, piece+more)
	}
	text, folder := strings.CutSuffix(entry, segmentEnd)
	segment, ok := unescape(piece + text)
	name := before + segment
	switch {
	case !ok: // a stranger's file
	case folder && w.reaches(name+"/"):
		return w.walk(path, name+"/", "")
	case !folder && strings.HasPrefix(name, w.prefix) && name > w.after:
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
