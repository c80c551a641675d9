// Command test-mta is `make test-mta`: the running product asks mail servers
// that others wrote about mailboxes, and both its verdicts and the servers' own
// logs are looked at. It needs root, Linux and Debian's packages.
//
//	main.go      the two lives of the process, the order of things
//	packages.go  Debian's packages, unpacked into a folder of their own
//	realm.go     namespaces: a network, a file system, processes
//	servers.go   DNS and mail servers: how each is started
//	journal.go   what they log
//	product.go   rcpt as a process, asked over HTTP
//	trial.go     what is claimed, and what came of it
//	verdicts.go  claims about verdicts
//	returns.go   claims about coming back: greylisting, postscreen
//	batches.go   claims about sessions with many recipients
//	manners.go   claims about every session, from the servers' logs
//	control.go   a client without manners
//	conf/        the servers' configurations and the zones
//
// The first life fetches the packages and starts the second one in namespaces
// for network, mounts, processes and host name. In there all is real: a
// resolver (Unbound), an authoritative server (NSD), Postfix in seventeen
// configurations (with postgrey, postscreen, Dovecot), Exim, OpenSMTPD. When
// the second life ends, however it ends, the kernel ends whatever runs in the
// namespaces and takes them down. Nothing is installed on the machine.
//
//	10.25.0.1        where the product comes from, with a reverse name
//	10.25.0.10-59    mail servers; .53 resolver, .54 name server
//	10.25.0.60       nobody
//	10.25.0.99       a client of bad manners, so that the logs can show any
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// inside is the argument of the second life.
const inside = "inside"

func main() {
	runtime.LockOSThread() // the second life ends with the thread that started it
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) == 4 && os.Args[1] == inside {
		err = try(ctx, os.Args[2], os.Args[3])
	} else {
		err = prepare(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "test-mta:", err)
		os.Exit(1)
	}
}

// prepare is the first life.
func prepare(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root, for namespaces of its own and port 25 in them")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	beside := filepath.Dir(self)
	root, err := unpack(ctx, filepath.Join(beside, "mail-servers"))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, inside, root, filepath.Join(beside, "local"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		return fmt.Errorf("namespaces of its own: %w", err)
	}
	return nil
}

// try is the second life: it builds the closed mail internet, starts the
// product in it and puts every claim to the test.
func try(ctx context.Context, root, binary string) error {
	began := time.Now()
	if err := settle(ctx, root); err != nil {
		return err
	}
	j := new(journal)
	if err := startServers(ctx, root, j); err != nil {
		return fmt.Errorf("%w\n%s", err, j)
	}
	p, err := startProduct(ctx, binary, filepath.Join(root, "srv/rcpt"), j)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, j)
	}
	fmt.Printf("%d servers and the product run after %.1f s\n\n", len(servers), time.Since(began).Seconds())

	all := append(verdicts(), batches()...)
	w := &world{journal: j, product: p}
	failed := w.prove(ctx, all)
	if err := p.end(); err != nil {
		fmt.Println("FAIL the product ends in order:", err)
		failed++
	}
	failed += w.prove(ctx, manners())
	fmt.Printf("\n%.1f s\n%d passed, %d failed\n", time.Since(began).Seconds(), w.passed, failed)
	if failed > 0 {
		return errors.New("not as claimed")
	}
	return nil
}
