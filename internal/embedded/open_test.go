package embedded_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
)

// filled writes to both tables of a folder and closes it.
func filled(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	db, err := embedded.Open(dir, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var batch []store.Item
	for i := range 2000 {
		key := store.Key{Part: fmt.Sprint("p", i%7), Sort: fmt.Sprint(i)}
		batch = append(batch, store.Item{Key: key, Attrs: store.Attrs{"data": strings.Repeat("x", i%300)}})
	}
	large := store.Item{Key: store.Key{Part: "large"}, Attrs: store.Attrs{"data": bytes.Repeat(largeValue, 10_000)}}
	for _, table := range []store.Table{db.Control(), db.Cache()} {
		if err := table.BatchPut(t.Context(), append(batch, large)); err != nil {
			t.Fatal(err)
		}
		// So that the large value, not a list of free pages, ends the file.
		for range 5 {
			if err := table.Put(t.Context(), batch[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

var largeValue = []byte("large value ")

var someKey = store.Key{Part: "p1", Sort: "1"}

func TestBothTablesOutliveTheProcess(t *testing.T) {
	db := mustOpen(t, filled(t), embedded.Options{})
	for name, table := range map[string]store.Table{"control": db.Control(), "cache": db.Cache()} {
		if item, err := table.Get(t.Context(), someKey); err != nil || item.Str("data") != "x" {
			t.Errorf("%s: got %+v, %v", name, item, err)
		}
	}
	if moved := db.CacheMoved(); moved != "" {
		t.Errorf("CacheMoved: got %q, want none", moved)
	}
}

func TestFilesAreClosedToOthers(t *testing.T) {
	dir := filled(t)
	if _, err := embedded.Secret(dir); err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{".": fs.ModeDir | 0o700, "control.db": 0o600, "cache.db": 0o600, "vault.key": 0o600, "secret": 0o600,
		"blob": fs.ModeDir | 0o700, "blob/.new": fs.ModeDir | 0o700, "blob/.key": 0o600}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		mode, known := want[name]
		if !known || info.Mode() != mode {
			t.Errorf("%s: got mode %v, want %v", name, info.Mode(), mode)
		}
		delete(want, name)
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("walk: %v, missing %v", err, want)
	}
}

func TestOnlyOneMayOpenAFolder(t *testing.T) {
	dir := filled(t)
	db := mustOpen(t, dir, embedded.Options{})
	start := time.Now()
	if _, err := embedded.Open(dir, embedded.Options{}); !errors.Is(err, embedded.ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second Open: got %v, want ErrInUse naming the folder", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("second Open took %v, want about a second", took)
	}
	if err := db.Control().Put(t.Context(), store.Item{Key: someKey}); err != nil {
		t.Errorf("the first goes on: %v", err)
	}
}

func TestClosedFolderRefusesCalls(t *testing.T) {
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Control().Put(t.Context(), store.Item{Key: someKey}); err == nil {
		t.Error("Put after Close: got no error")
	}
	if _, err := db.Cache().Get(t.Context(), someKey); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get after Close: got %v, want an error of its own", err)
	}
	if _, err := db.Sweep(t.Context()); err == nil {
		t.Error("Sweep after Close: got no error")
	}
}

// damages are what may happen to a file of several pages.
var damages = map[string]func(data []byte) []byte{
	"other content":            func([]byte) []byte { return bytes.Repeat([]byte("not a table "), 10_000) },
	"only zeros":               func(data []byte) []byte { return make([]byte, len(data)) },
	"a few octets":             func([]byte) []byte { return []byte("x") },
	"cut after the first page": func(data []byte) []byte { return data[:4096] },
	"cut in the middle":        func(data []byte) []byte { return data[:len(data)/2/4096*4096] },
	"cut to eight pages":       func(data []byte) []byte { return data[:8*4096] },
	"cut by one page":          func(data []byte) []byte { return data[:used(data)-4096] },
	"cut within a value": func(data []byte) []byte {
		end := bytes.LastIndex(data, largeValue)
		return data[:end/4096*4096-4*4096]
	},
	"a page that is nowhere": func(data []byte) []byte {
		for at := 2 * 4096; at < used(data); at += 4096 {
			if page := data[at : at+4096]; kind(page) == branchPage {
				binary.LittleEndian.PutUint64(page[16+8:], 1<<30) // the first child
			}
		}
		return data
	},
	"a page in use called free": func(data []byte) []byte {
		for at := 2 * 4096; at < used(data); at += 4096 {
			if page := data[at : at+4096]; kind(page) == freePages && page[10] > 0 {
				binary.LittleEndian.PutUint64(page[16:], root(data)) // the first one listed
			}
		}
		return data
	},
	"both heads lost": func(data []byte) []byte { return overwrite(data, 0, 2*4096) },
	"pages of zeros":  func(data []byte) []byte { return overwrite(data, 2*4096, len(data)/2) },
	"pages of ones": func(data []byte) []byte {
		for i := 2 * 4096; i < len(data)/2; i++ {
			data[i] = 0xff
		}
		return data
	},
	"pages in each other's place": func(data []byte) []byte {
		for at := 2 * 4096; at+2*4096 <= len(data)/2; at += 2 * 4096 {
			one := bytes.Clone(data[at : at+4096])
			copy(data[at:], data[at+4096:at+2*4096])
			copy(data[at+4096:], one)
		}
		return data
	},
}

// Kinds of pages in bbolt's file. A page has a head of 16 octets: its number in
// 8, its kind in 2, the count of its entries in 2, how many pages it goes on.
const (
	branchPage = 0x01
	freePages  = 0x10
)

func kind(page []byte) uint16 { return binary.LittleEndian.Uint16(page[8:]) }

// root returns the number of the page that everything hangs on, from the newer
// head.
func root(data []byte) uint64 {
	one, two := data[16:4096], data[4096+16:8192]
	if binary.LittleEndian.Uint64(two[48:]) > binary.LittleEndian.Uint64(one[48:]) { // transactions so far
		one = two
	}
	return binary.LittleEndian.Uint64(one[16:])
}

// used returns how much of a file bbolt has filled: its page count, in the newer
// of the two heads.
func used(data []byte) int {
	pages := uint64(0)
	for _, head := range [][]byte{data[:4096], data[4096:8192]} {
		pages = max(pages, binary.LittleEndian.Uint64(head[16+40:]))
	}
	return int(pages) * 4096
}

func overwrite(data []byte, from, to int) []byte {
	clear(data[from:to])
	return data
}

func damage(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(data), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedCacheIsStartedAfresh(t *testing.T) {
	for claim, change := range damages {
		t.Run(claim, func(t *testing.T) {
			dir := filled(t)
			damage(t, filepath.Join(dir, "cache.db"), change)
			db, err := embedded.Open(dir, embedded.Options{})
			if err != nil {
				t.Fatalf("Open: %v", err)
			}
			if got, want := db.CacheMoved(), filepath.Join(dir, "cache.db.damaged"); got != want {
				t.Errorf("CacheMoved: got %q, want %q", got, want)
			}
			if _, err := os.Stat(db.CacheMoved()); err != nil {
				t.Errorf("file moved aside: %v", err)
			}
			if _, err := db.Cache().Get(t.Context(), someKey); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("cache: got %v, want ErrNotFound", err)
			}
			if err := db.Cache().Put(t.Context(), store.Item{Key: someKey}); err != nil {
				t.Errorf("cache: %v", err)
			}
			if _, err := db.Control().Get(t.Context(), someKey); err != nil {
				t.Errorf("control: %v", err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if moved := mustOpen(t, dir, embedded.Options{}).CacheMoved(); moved != "" {
				t.Errorf("CacheMoved at the next Open: got %q, want none", moved)
			}
		})
	}
}

func TestDamagedControlIsAnError(t *testing.T) {
	for claim, change := range damages {
		t.Run(claim, func(t *testing.T) {
			dir := filled(t)
			path := filepath.Join(dir, "control.db")
			damage(t, path, change)
			before, _ := os.ReadFile(path)
			if _, err := embedded.Open(dir, embedded.Options{}); !errors.Is(err, embedded.ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Errorf("Open: got %v, want ErrDamaged naming the file", err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, before) {
				t.Error("Open changed the damaged file")
			}
		})
	}
}

// What the system refuses is not damage: nothing may be moved aside for it.
func TestUnreadableCacheIsNotMoved(t *testing.T) {
	dir := filled(t)
	path := filepath.Join(dir, "cache.db")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Open(dir, embedded.Options{}); err == nil || errors.Is(err, embedded.ErrDamaged) {
		t.Errorf("Open: got %v, want the system's error", err)
	}
	if _, err := os.Stat(path + ".damaged"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("moved aside: %v", err)
	}
}

func TestMissingCacheIsMadeAgain(t *testing.T) {
	dir := filled(t)
	if err := os.Remove(filepath.Join(dir, "cache.db")); err != nil {
		t.Fatal(err)
	}
	db := mustOpen(t, dir, embedded.Options{})
	if _, err := db.Cache().Get(t.Context(), someKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("cache: got %v, want ErrNotFound", err)
	}
}
