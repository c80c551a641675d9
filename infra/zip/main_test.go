package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestArchiveDependsOnTheContentOnly(t *testing.T) {
	dir := t.TempDir()
	archives := make([][]byte, 0, 3)
	for i, content := range []string{"one", "one", "two"} {
		executable := filepath.Join(dir, string(rune('a'+i)))
		if err := os.WriteFile(executable, []byte(content), os.FileMode(0o600+i)); err != nil {
			t.Fatal(err)
		}
		if err := pack(executable, executable+".zip"); err != nil {
			t.Fatal(err)
		}
		archive, err := os.ReadFile(executable + ".zip")
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, archive)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("two files of the same content, made at two times: the archives differ")
	}
	if bytes.Equal(archives[0], archives[2]) {
		t.Error("two files of different content: the archives are equal")
	}
}

func TestArchiveHoldsAnExecutableBootstrap(t *testing.T) {
	var archive bytes.Buffer
	if err := write(&archive, []byte("content")); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 1 || r.File[0].Name != "bootstrap" || r.File[0].Mode() != 0o755 {
		t.Fatalf("got %d files, the first %q with mode %v; want one, bootstrap, -rwxr-xr-x", len(r.File), r.File[0].Name, r.File[0].Mode())
	}
	f, err := r.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != "content" {
		t.Errorf("got %q, %v; want the content", got, err)
	}
}
