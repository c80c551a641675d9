package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// wanted are the Debian packages whose programs take part. Their versions are
// those of the machine's Debian release.
var wanted = []string{"iproute2", "unbound", "nsd", "postfix", "postgrey", "dovecot-core", "exim4-daemon-light", "opensmtpd"}

// unpack fetches the wanted packages and all that they depend on and lays them
// out as a root file system of their own below folder, which it returns. They
// are unpacked, not installed: no script of theirs runs, so no daemon starts,
// no user appears and mail servers that exclude each other stand side by side.
// A tree that is complete already is used as it is.
func unpack(ctx context.Context, folder string) (string, error) {
	root, mark := filepath.Join(folder, "root"), filepath.Join(folder, "complete")
	contents := strings.Join(wanted, "\n") + "\n" + release()
	if have, err := os.ReadFile(mark); err == nil && string(have) == contents {
		return root, nil
	}
	if err := os.RemoveAll(folder); err != nil {
		return "", err
	}
	archives := filepath.Join(folder, "archives")
	if err := os.MkdirAll(filepath.Join(archives, "partial"), 0o755); err != nil {
		return "", err
	}
	// apt is told that nothing is installed, so that it brings everything.
	status := filepath.Join(folder, "status")
	if err := os.WriteFile(status, nil, 0o644); err != nil {
		return "", err
	}
	if err := download(ctx, archives, status); err != nil {
		return "", err
	}
	if err := extract(ctx, archives, root); err != nil {
		return "", err
	}
	return root, errors.Join(os.RemoveAll(archives), os.WriteFile(mark, []byte(contents), 0o644))
}

// release names the machine's distribution and its version.
func release() string {
	text, _ := os.ReadFile("/etc/os-release") // without it apt's own choice stands
	return string(text)
}

func download(ctx context.Context, archives, status string) error {
	fmt.Println("fetch Debian packages:", strings.Join(wanted, " "))
	refreshed := false
	for _, name := range wanted {
		err := fetch(ctx, name, archives, status)
		if err != nil && !refreshed { // package lists missing or out of date
			refreshed = true
			if err := command(ctx, "apt-get", "update", "-qq"); err != nil {
				return err
			}
			err = fetch(ctx, name, archives, status)
		}
		if err != nil {
			return fmt.Errorf("package %s is not to be had: %w", name, err)
		}
	}
	return nil
}

func fetch(ctx context.Context, name, archives, status string) error {
	return command(ctx, "apt-get", "install", "-qq", "--yes", "--download-only", "--no-install-recommends",
		"-o", "Dir::State::status="+status, "-o", "Dir::Cache::archives="+archives,
		"-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", // the machine's own are of another status
		"-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3", name)
}

func extract(ctx context.Context, archives, root string) error {
	packages, err := filepath.Glob(filepath.Join(archives, "*.deb"))
	if err != nil {
		return err
	}
	for _, file := range packages {
		if err := command(ctx, "dpkg-deb", "--extract", file, root); err != nil {
			return err
		}
	}
	return nil
}

// command runs a program and returns what it wrote if it did not end well.
func command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}
