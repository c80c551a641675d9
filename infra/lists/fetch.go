package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// open returns the files of a package by their path in it, fetched unless the
// folder has the archive. Nothing is unpacked to disk, no script is run.
func open(ctx context.Context, folder string, p pack) (map[string][]byte, error) {
	path := filepath.Join(folder, p.file())
	archive, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if err = fetch(ctx, folder, p); err != nil {
			return nil, err
		}
		archive, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	sum := sha512.Sum512(archive)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != p.Integrity {
		return nil, fmt.Errorf("%s has the digest %s, the lock says %s: remove the file or change the lock", path, got, p.Integrity)
	}
	files, err := unpack(ctx, path, archive, p)
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", path, err)
	}
	return files, nil
}

// fetch asks the package's client, as it is set up on this machine.
func fetch(ctx context.Context, folder string, p pack) error {
	command := exec.CommandContext(ctx, "npm", "pack", "--ignore-scripts", "--silent", p.Name+"@"+p.Version)
	if p.Debian {
		command = exec.CommandContext(ctx, "apt-get", "download", "-qq", p.Name+"="+p.Version)
	}
	command.Dir, command.Stderr = folder, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(command.Args, " "), err)
	}
	return nil
}

func unpack(ctx context.Context, path string, archive []byte, p pack) (map[string][]byte, error) {
	if p.Debian {
		plain, err := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", path).Output()
		if err != nil {
			return nil, err
		}
		return untar(bytes.NewReader(plain), "./")
	}
	plain, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	return untar(plain, "package/")
}

// untar returns the regular files of an archive, the prefix taken off.
func untar(r io.Reader, prefix string) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		files[strings.TrimPrefix(header.Name, prefix)] = data
	}
}
