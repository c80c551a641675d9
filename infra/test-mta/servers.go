package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// server is one daemon of the closed mail internet. Its name is the tag of its
// log lines.
type server struct {
	name    string
	ips     []string
	prepare func(root string, s server) error
	command []string // started below the packages' root, in the foreground
	ready   string   // answers TCP when the server is ready
}

// servers are started in this order: what mail servers ask comes first.
var servers = []server{
	{name: "nsd", ips: []string{"10.25.0.54"}, prepare: dns, command: []string{"/usr/sbin/nsd", "-d", "-c", "/srv/dns/nsd.conf"}, ready: "10.25.0.54:53"},
	{name: "unbound", ips: []string{"10.25.0.53"}, command: []string{"/usr/sbin/unbound", "-d", "-p", "-c", "/srv/dns/unbound.conf"}, ready: "10.25.0.53:53"},
	{name: "postgrey", prepare: greyMemory, ready: "127.0.0.1:10023", command: []string{
		"/usr/sbin/postgrey", "--inet=127.0.0.1:10023", "--user=postgrey", "--group=postgrey", "--dbdir=/srv/postgrey",
		"--delay=4", "--greylist-text=Greylisted for %s seconds"}},
	{name: "postgrey-default", prepare: greyMemory, ready: "127.0.0.1:10024", command: []string{
		"/usr/sbin/postgrey", "--inet=127.0.0.1:10024", "--user=postgrey", "--group=postgrey", "--dbdir=/srv/postgrey-default"}},
	{name: "dovecot", prepare: mailboxOverQuota, ready: "127.0.0.1:12340", command: []string{"/usr/sbin/dovecot", "-F", "-c", "/srv/conf/dovecot/dovecot.conf"}},
	postfix("plain", "10.25.0.10", "fd00:25::10"),
	postfix("grey", "10.25.0.11"),
	postfix("screen", "10.25.0.12"),
	postfix("tls", "10.25.0.13"),
	postfix("strict", "10.25.0.14"),
	postfix("deep", "10.25.0.17"),
	postfix("listed", "10.25.0.18"),
	postfix("grey-default", "10.25.0.19"),
	postfix("quota", "10.25.0.20"),
	postfix("patient", "10.25.0.21"),
	postfix("few", "10.25.0.22"),
	postfix("door", "10.25.0.23"),
	postfix("throttle", "10.25.0.24"),
	postfix("backup", "10.25.0.25"),
	postfix("verified", "10.25.0.26"),
	postfix("crowd", "10.25.0.28"),
	postfix("wary", "10.25.0.27", "fd00:25::27"),
	{name: "exim", ips: []string{"10.25.0.15"}, prepare: eximSpool, command: []string{"/usr/sbin/exim4", "-bdf", "-C", "/srv/conf/exim/exim.conf"}, ready: "10.25.0.15:25"},
	{name: "smtpd", ips: []string{"10.25.0.16"}, prepare: opensmtpdSpool, command: []string{"/usr/sbin/smtpd", "-F", "-f", "/srv/conf/opensmtpd/smtpd.conf"}, ready: "10.25.0.16:25"},
}

// The users and groups of conf/etc.
const (
	postfixUser, postdropGroup         = 101, 100
	postgreyUser                       = 102
	eximUser                           = 103
	nsdUser                            = 107
	vmailUser                          = 110
	opensmtpdQueueUser, opensmtpqGroup = 104, 105
)

func postfix(name string, ips ...string) server {
	return server{
		name: name, ips: ips, prepare: instance, ready: net.JoinHostPort(ips[0], "25"),
		command: []string{"/usr/lib/postfix/sbin/master", "-c", "/srv/" + name, "-d"},
	}
}

// instance lays out the configuration and the queue of one Postfix.
func instance(root string, s server) error {
	home := filepath.Join(root, "srv", s.name)
	common, err := conf.ReadFile("conf/postfix/common.cf")
	if err != nil {
		return err
	}
	special, err := conf.ReadFile("conf/postfix/" + s.name + ".cf")
	if err != nil {
		return err
	}
	services := "conf/postfix/master.cf"
	if bytes.Contains(special, []byte("postscreen_")) {
		services = "conf/postfix/master-postscreen.cf"
	}
	master, err := conf.ReadFile(services)
	if err != nil {
		return err
	}
	top := fmt.Sprintf("syslog_name = %s\nmyhostname = mx.%[1]s.example\nqueue_directory = /srv/%[1]s/spool\ndata_directory = /srv/%[1]s/data\ninet_interfaces =", s.name)
	for _, ip := range s.ips {
		top += " " + ip
	}
	err = errors.Join(
		place(filepath.Join(home, "main.cf"), top+"\n"+string(common)+string(special)),
		place(filepath.Join(home, "master.cf"), string(master)),
		folder(filepath.Join(home, "data"), postfixUser, postfixUser, 0o700),
		folder(filepath.Join(home, "spool"), 0, 0, 0o755),
		folder(filepath.Join(home, "spool/pid"), 0, 0, 0o755),
		folder(filepath.Join(home, "spool/public"), postfixUser, postdropGroup, 0o710),
		folder(filepath.Join(home, "spool/maildrop"), postfixUser, postdropGroup, 0o730),
	)
	for _, name := range []string{"active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"} {
		err = errors.Join(err, folder(filepath.Join(home, "spool", name), postfixUser, 0, 0o700))
	}
	return err
}

func dns(root string, _ server) error {
	home := filepath.Join(root, "srv/dns")
	return errors.Join(os.CopyFS(home, os.DirFS(filepath.Join(root, "srv/conf/dns"))), folder(filepath.Join(home, "state"), nsdUser, nsdUser, 0o755))
}

func greyMemory(root string, s server) error {
	return folder(filepath.Join(root, "srv", s.name), postgreyUser, postgreyUser, 0o700)
}

func eximSpool(root string, _ server) error {
	return folder(filepath.Join(root, "srv/exim"), eximUser, eximUser, 0o750)
}

func opensmtpdSpool(root string, _ server) error {
	return errors.Join(
		folder(filepath.Join(root, "var/lib/opensmtpd/empty"), 0, 0, 0o755),
		folder(filepath.Join(root, "var/spool/smtpd"), 0, 0, 0o711),
	)
}

// mailboxOverQuota gives the user "full" a message larger than the quota of
// conf/dovecot.
func mailboxOverQuota(root string, _ server) error {
	mail := filepath.Join(root, "srv/dovecot/mail")
	message := filepath.Join(mail, "full/cur/1.large:2,S")
	err := errors.Join(
		folder(filepath.Join(root, "srv/dovecot/state"), 0, 0, 0o755),
		place(message, "Subject: large\n\n"+string(bytes.Repeat([]byte("x"), 8<<10))),
	)
	for _, path := range []string{mail, mail + "/full", mail + "/full/cur", mail + "/full/new", mail + "/full/tmp"} {
		err = errors.Join(err, folder(path, vmailUser, vmailUser, 0o700))
	}
	return errors.Join(err, os.Chown(message, vmailUser, vmailUser))
}

// startServers starts every server and returns when all of them answer.
func startServers(ctx context.Context, root string, j *journal) error {
	if err := j.listen(filepath.Join(root, "dev/log")); err != nil {
		return err
	}
	for _, s := range servers {
		if s.prepare != nil {
			if err := s.prepare(root, s); err != nil {
				return fmt.Errorf("prepare %s: %w", s.name, err)
			}
		}
		if err := start(ctx, root, s, j); err != nil {
			return fmt.Errorf("start %s: %w", s.name, err)
		}
	}
	for _, s := range servers {
		if err := await(ctx, func() bool { return answers(s.ready) }); err != nil {
			return fmt.Errorf("%s does not answer at %s: %w", s.name, s.ready, err)
		}
	}
	return nil
}

func start(ctx context.Context, root string, s server, j *journal) error {
	cmd := exec.CommandContext(ctx, s.command[0], s.command[1:]...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Setsid: true}
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		return err
	}
	_ = in.Close()
	go j.copy(s.name, out)
	go func() {
		j.add(line{from: s.name, text: fmt.Sprintf("ended: %v", cmd.Wait())})
	}()
	return nil
}

// answers reports whether somebody listens. Servers see the control client, not
// us.
func answers(address string) bool {
	dialer := net.Dialer{Timeout: time.Second}
	if host, _, _ := net.SplitHostPort(address); host != "127.0.0.1" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(control)}
	}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// await returns when the condition holds, or an error when it is not met for
// far longer than it could take.
func await(ctx context.Context, met func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !met() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
