package embedded_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

// write does what a person does with an editor that writes in place.
func write(t *testing.T, path, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func listed(t *testing.T, blob store.Blob, prefix string) (names []string) {
	t.Helper()
	page, err := blob.List(t.Context(), prefix, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range page.Blobs {
		names = append(names, info.Name)
	}
	return names
}

func TestBlobIsThePlainFileOfItsName(t *testing.T) {
	dir := t.TempDir()
	blob := openBlobs(t, dir, embedded.Options{})
	for _, name := range []string{"results/k7/My List (2).CSV.jsonl", "a", "state/0000001", "x+y/100%.csv", "%2e/=/ü", strings.Repeat("n", 250)} {
		if _, err := blob.Put(t.Context(), name, strings.NewReader("content\n")); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "blob", filepath.FromSlash(name))); err != nil || string(got) != "content\n" {
			t.Errorf("the file %s holds %q, %v", name, got, err)
		}
	}
}

func TestFilePutThereByHandIsABlob(t *testing.T) {
	dir := t.TempDir()
	blob := openBlobs(t, dir, embedded.Options{})
	names := []string{
		"drop/%", "drop/%2e", "drop/%25", "drop/+", "drop/100%.csv", "drop/=a", "drop/List.CSV", "drop/a b.csv", "drop/a+/b=/c", "drop/ä.csv",
		"drop/" + strings.Repeat("x", 250),
	}
	slices.Sort(names)
	for _, name := range names {
		write(t, filepath.Join(dir, "blob", filepath.FromSlash(name)), "by hand")
	}
	if got := listed(t, blob, "drop/"); !slices.Equal(got, names) {
		t.Errorf("List is\n%q, want\n%q", got, names)
	}
	for _, name := range names {
		if got := readBlob(t, blob, name); got != "by hand" {
			t.Errorf("%s holds %q", name, got)
		}
	}
}

func TestVersionChangesWhenAPersonWritesInPlace(t *testing.T) {
	dir := t.TempDir()
	blob := openBlobs(t, dir, embedded.Options{})
	file := filepath.Join(dir, "blob", "drop", "a.csv")
	seen := map[string]bool{}
	look := func() {
		t.Helper()
		info, err := blob.Stat(t.Context(), "drop/a.csv")
		if err != nil || seen[info.Version] {
			t.Errorf("Stat is %+v, %v, after %v", info, err, seen)
		}
		seen[info.Version] = true
	}
	if _, err := blob.Put(t.Context(), "drop/a.csv", strings.NewReader("one")); err != nil {
		t.Fatal(err)
	}
	look()
	write(t, file, "longer")
	look()
	moment := time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.UTC)
	write(t, file, "as lon")
	if err := os.Chtimes(file, moment, moment); err != nil {
		t.Fatal(err)
	}
	look()
	write(t, file+"2", "as lon")
	if err := errors.Join(os.Chtimes(file+"2", moment, moment), os.Rename(file+"2", file)); err != nil {
		t.Fatal(err)
	}
	look()
}

func TestPutsWithinOneTickHaveVersionsOfTheirOwn(t *testing.T) {
	clock := storetest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	blob := openBlobs(t, t.TempDir(), embedded.Options{Now: clock.Now})
	seen := map[string]int{}
	for i := range 100 {
		info, err := blob.Put(t.Context(), "a", strings.NewReader("same"))
		if before, twice := seen[info.Version]; twice || err != nil {
			t.Fatalf("Put %d has the version of Put %d, error %v", i, before, err)
		}
		seen[info.Version] = i
	}
}

func TestWhatIsNoFileIsNoBlob(t *testing.T) {
	dir := t.TempDir()
	blob := openBlobs(t, dir, embedded.Options{})
	drop := filepath.Join(dir, "blob", "drop")
	write(t, filepath.Join(drop, ".list.csv.swp"), "half")
	write(t, filepath.Join(drop, ".new"), "half")
	write(t, filepath.Join(drop, "a\nb"), "no name")
	_ = os.WriteFile(filepath.Join(drop, "M\xfcller"), nil, 0o600) // Latin-1, which not every file system takes
	err := errors.Join(syscall.Mkfifo(filepath.Join(drop, "pipe"), 0o600), os.Symlink("nowhere", filepath.Join(drop, "link")),
		os.Mkdir(filepath.Join(drop, "folder"), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	if got := listed(t, blob, "drop/"); got != nil {
		t.Errorf("List is %q", got)
	}
	for _, name := range []string{"drop/pipe", "drop/link", "drop/folder", "drop/.new", "drop"} {
		if _, _, err := blob.Open(t.Context(), name, 0, -1, ""); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Open %s: %v, want ErrNotFound", name, err)
		}
	}
	if err := blob.Delete(t.Context(), "drop/folder", "drop"); err != nil {
		t.Errorf("Delete of folders: %v", err)
	}
	if _, err := os.Stat(filepath.Join(drop, "folder")); err != nil {
		t.Errorf("the folder is gone: %v", err)
	}
}

func TestBlobBesideAFolderOfItsName(t *testing.T) {
	blob := openBlobs(t, t.TempDir(), embedded.Options{})
	put := func(name, content string) {
		t.Helper()
		if _, err := blob.Put(t.Context(), name, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	put("a", "first")
	before, err := blob.Stat(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	put("a/b", "below")
	if after, err := blob.Stat(t.Context(), "a"); err != nil || after != before {
		t.Errorf("put aside it is %+v, %v, was %+v", after, err, before)
	}
	put("a", "second")
	if err := blob.Delete(t.Context(), "a/b"); err != nil {
		t.Fatal(err)
	}
	put("a", "third")
	if got := readBlob(t, blob, "a"); got != "third" {
		t.Errorf("a holds %q", got)
	}
	if got := listed(t, blob, ""); !slices.Equal(got, []string{"a"}) {
		t.Errorf("List is %q", got)
	}
	if err := blob.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, blob, ""); got != nil {
		t.Errorf("List is %q", got)
	}
}
