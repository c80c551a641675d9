package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The name of a blob is its path below the folder, and the path of a file that a
// person puts there is its name. Three kinds of names need more:
//
//   - Names that begin with a dot are hidden: ours, and what editors and rsync
//     leave while they write. A blob of such a name has a "%" before it, and so
//     has one that begins with "%" and a dot, however many there are.
//   - A segment too long for a file name is cut into folders that end with "+".
//   - A blob "a" beside a blob "a/b" is put aside: it is the file ".=a".
//
// On a file system that does not tell capitals from small letters, names that
// differ in nothing else are one blob.
const (
	longest   = 250 // of a piece, in octets: with what is added it stays below the 255 of a file name
	pieceEnd  = "+"
	asideMark = ".="
)

// path returns where the blob lies, unless there is a folder.
func (b *blobs) path(name string) string {
	parts := []string{b.dir}
	for segment := range strings.SplitSeq(name, "/") {
		for len(segment) > longest {
			parts, segment = append(parts, hide(segment[:longest])+pieceEnd), segment[longest:]
		}
		parts = append(parts, hide(segment))
	}
	return filepath.Join(parts...)
}

// places returns where the blob may lie; the first one that is a file counts.
func (b *blobs) places(name string) [2]string {
	path := b.path(name)
	return [2]string{path, aside(path)}
}

func aside(path string) string {
	return filepath.Join(filepath.Dir(path), asideMark+filepath.Base(path))
}

// hide writes a piece of a segment so that it does not begin with a dot.
func hide(text string) string {
	if strings.HasPrefix(strings.TrimLeft(text, "%"), ".") {
		return "%" + text
	}
	return text
}

// show is the inverse of hide.
func show(text string) string {
	if shown, marked := strings.CutPrefix(text, "%"); marked && hide(shown) == text {
		return shown
	}
	return text
}

// pieceOf returns the piece of a long segment that a folder stands for; ok is
// false for a folder that a segment ends with.
func pieceOf(folder string) (piece string, ok bool) {
	text, cut := strings.CutSuffix(folder, pieceEnd)
	piece = show(text)
	return piece, cut && len(piece) == longest
}

// room makes the folders of a blob, puts aside what is in their way, and returns
// where the blob is to lie. The caller has the lock.
func (b *blobs) room(name string) (string, error) {
	path := b.path(name)
	steps := strings.Split(strings.TrimPrefix(path, b.dir+string(filepath.Separator)), string(filepath.Separator))
	dir := b.dir
	for _, step := range steps[:len(steps)-1] {
		dir = filepath.Join(dir, step)
		if err := makeFolder(dir); err != nil {
			return "", err
		}
	}
	file, err := os.Stat(path)
	switch {
	case err == nil && file.IsDir():
		return aside(path), nil
	case err == nil:
		return path, nil
	case !nothing(err):
		return "", err
	}
	// While it was put aside its folder went: it stays, lest there be two of it.
	if _, err := os.Stat(aside(path)); err == nil {
		return aside(path), nil
	}
	return path, nil
}

func makeFolder(dir string) error {
	file, err := os.Stat(dir)
	if err == nil && file.IsDir() {
		return nil
	}
	if err == nil { // a reader who misses it here finds it there
		err = os.Rename(dir, aside(dir))
	}
	if err != nil && !nothing(err) {
		return fmt.Errorf("make room: %w", err)
	}
	return os.Mkdir(dir, 0o700)
}
