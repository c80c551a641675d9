package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"embed"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

//go:embed conf
var conf embed.FS

// Who is who in the network.
const (
	ours    = "10.25.0.1"
	ours6   = "fd00:25::1"
	control = "10.25.0.99"
	network = "10.25.0.0/24,fd00:25::/64"
)

// settle makes the namespaces habitable: a file system for the servers that
// forgets what they write, and a network in which every server has an address.
func settle(ctx context.Context, root string) error {
	if err := mounts(root); err != nil {
		return err
	}
	if err := furnish(root); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte("verify.rcpt.example")); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	return addresses(ctx, root)
}

// mounts covers the folders that servers write to. Nothing of it is seen
// outside of this mount namespace.
func mounts(root string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts private: %w", err)
	}
	for _, folder := range []string{"srv", "var", "run", "tmp", "dev"} {
		path := filepath.Join(root, folder)
		if err := errors.Join(os.MkdirAll(path, 0o755), syscall.Mount("tmpfs", path, "tmpfs", 0, "mode=0755")); err != nil {
			return fmt.Errorf("mount %s: %w", path, err)
		}
	}
	for _, device := range []string{"null", "zero", "random", "urandom"} {
		path := filepath.Join(root, "dev", device)
		err := errors.Join(os.WriteFile(path, nil, 0o666), syscall.Mount("/dev/"+device, path, "", syscall.MS_BIND, ""))
		if err != nil {
			return fmt.Errorf("bind %s: %w", path, err)
		}
	}
	proc := filepath.Join(root, "proc")
	if err := errors.Join(os.MkdirAll(proc, 0o755), syscall.Mount("proc", proc, "proc", 0, "")); err != nil {
		return fmt.Errorf("mount %s: %w", proc, err)
	}
	return errors.Join(os.Chmod(filepath.Join(root, "tmp"), 0o1777), os.Symlink("../run", filepath.Join(root, "var/run")))
}

// furnish puts the configurations into place and makes what they refer to.
func furnish(root string) error {
	err := fs.WalkDir(conf, "conf", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := conf.ReadFile(path)
		if err != nil {
			return err
		}
		return place(filepath.Join(root, "srv", path), string(text))
	})
	if err != nil {
		return err
	}
	names, err := fs.ReadDir(conf, "conf/etc")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := conf.ReadFile("conf/etc/" + name.Name())
		if err != nil {
			return err
		}
		if err := place(filepath.Join(root, "etc", name.Name()), string(text)); err != nil {
			return err
		}
	}
	return certificate(filepath.Join(root, "srv/tls"))
}

func place(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// folder makes a folder for a user of conf/etc/passwd.
func folder(path string, owner, group int, mode os.FileMode) error {
	return errors.Join(os.MkdirAll(path, 0o755), os.Chown(path, owner, group), os.Chmod(path, mode))
}

// certificate makes the one certificate of all servers, which nobody signed.
func certificate(folder string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "example"}, DNSNames: []string{"example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	keyFile := filepath.Join(folder, "key.pem")
	return errors.Join(
		place(filepath.Join(folder, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))),
		place(keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))),
		os.Chmod(keyFile, 0o600),
	)
}

// addresses gives every server its address, on the loopback interface of this
// network namespace. The routes make all that is not bound to an address of its
// own come from ours, as from another machine.
func addresses(ctx context.Context, root string) error {
	var batch strings.Builder
	batch.WriteString("link set lo up\n")
	add := func(ip, from string) {
		addr := netip.MustParseAddr(ip)
		fmt.Fprintf(&batch, "address add %s dev lo", netip.PrefixFrom(addr, addr.BitLen()))
		if addr.Is6() {
			batch.WriteString(" nodad") // usable at once
		}
		batch.WriteString("\n")
		if ip != from {
			fmt.Fprintf(&batch, "route replace local %s dev lo table local src %s\n", ip, from)
		}
	}
	add(ours, ours)
	add(ours6, ours6)
	add(control, control)
	for _, s := range servers {
		for _, ip := range s.ips {
			if strings.Contains(ip, ":") {
				add(ip, ours6)
			} else {
				add(ip, ours)
			}
		}
	}
	cmd := exec.CommandContext(ctx, "/bin/ip", "-batch", "-")
	cmd.SysProcAttr, cmd.Dir, cmd.Stdin = &syscall.SysProcAttr{Chroot: root}, "/", strings.NewReader(batch.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("set up the network: %w\n%s", err, out)
	}
	return nil
}
