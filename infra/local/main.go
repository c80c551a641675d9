// Command local is `make run`: the whole product on one machine, with nothing
// but Go installed. Embedded storage stands for the AWS services, a small
// gateway for API Gateway, and the handlers are those of functions/, fed with
// the same events.
//
//	main.go     settings, adapters, parts, the listener, the end
//	gateway.go  HTTP request -> Lambda event -> HTTP answer
//	bodies.go   how much memory requests may hold before they are known
//	routes.go   which function an event goes to
//	clock.go    what happens by the clock
//	work.go     what queues, the state machine and the drop folder call
//	queue.go    message -> Lambda event -> deleted, or delivered again
//	slots.go    how many calls of a function there are at once
//	drop.go     dropped file -> message, as S3 sends it
//	doubles.go  vendors that are not asked at their own
//	env.go      the keys it makes once, and the file that tells them
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/egress"
	"rcpt/internal/embedded"
	"rcpt/internal/httpapi"
	"rcpt/internal/sim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once; nothing acknowledged is lost
	if err := run(ctx, os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "rcpt:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, getenv func(string) string, out, logs io.Writer) (err error) {
	host, _ := os.Hostname()
	cfg, err := config.Read(getenv, host)
	if err != nil {
		return fmt.Errorf("settings not usable:\n%w", err)
	}
	cfg, endDoubles, err := withDoubles(cfg)
	if err != nil {
		return err
	}
	defer endDoubles()
	m := &machine{cfg: cfg}
	db, err := embedded.Open(cfg.Data, embedded.Options{BlobURL: func() string { return m.url + filesPath }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	log := slog.New(slog.NewJSONHandler(logs, nil))
	if moved := db.CacheMoved(); moved != "" {
		log.Warn("cache was damaged and starts empty", "moved_to", moved)
	}
	ports, closeSim, err := open(cfg, db, log)
	if err != nil {
		return err
	}
	defer closeSim()
	m.db, m.ports = db, ports
	if m.jobs, err = openQueues(&m.ports, db); err != nil {
		return err
	}
	m.ports.Vendors = app.Vendors(cfg, m.ports)
	return m.run(ctx, getenv, out)
}

// machine is one rcpt with its storage.
type machine struct {
	cfg   config.Config
	ports app.Ports
	db    *embedded.DB
	jobs  *embedded.Workflow
	url   string // how the outside sees us; known before anybody asks for it
}

// run joins the functions, listens and serves until ctx ends.
func (m *machine) run(ctx context.Context, getenv func(string) string, out io.Writer) error {
	asked := m.cfg
	if getenv("RCPT_PUBLIC_URL") == "" {
		asked.PublicURL = "" // requests say how they were addressed
	}
	handle, err := functions(asked, m.ports)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", m.cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen on RCPT_ADDR: %w", err)
	}
	m.url = publicURL(m.cfg, getenv, listener)
	env, err := ready(ctx, filepath.Join(m.cfg.Data, "env"), m.url, app.Keys(m.ports))
	if err != nil {
		return err
	}
	work, err := newWork(ctx, m, env)
	if err != nil {
		return err
	}
	welcome(out, m.cfg, env, work.drop.inbox())

	defer begin(ctx, work.run,
		func(ctx context.Context) { sweep(ctx, m.db, m.ports.Log) },
		func(ctx context.Context) { watchEgress(ctx, m.cfg, m.ports) },
		func(ctx context.Context) { refreshLists(ctx, m.cfg, m.ports) })()
	server := httpapi.Server(withFiles(m.db.BlobLinks(), gateway{function: handle, now: time.Now, bodies: new(bodies)}, time.Now))
	server.ErrorLog = slog.NewLogLogger(m.ports.Log.Handler(), slog.LevelWarn) // such as missing descriptors
	return serve(ctx, server, listener)
}

// begin starts what goes on beside requests. The function it returns ends that,
// and waits until nothing is under way.
func begin(ctx context.Context, all ...func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var busy sync.WaitGroup
	for _, one := range all {
		busy.Go(func() { one(ctx) })
	}
	return func() {
		cancel()
		busy.Wait()
	}
}

// serve answers until ctx ends, and then what has been asked by then.
func serve(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	// The longest request may still be answered.
	ending, cancel := context.WithTimeout(context.Background(), 26*time.Second)
	defer cancel()
	if err := server.Shutdown(ending); err != nil {
		return fmt.Errorf("answer requests under way: %w", errors.Join(err, server.Close()))
	}
	return nil
}

// open gathers the ports: embedded storage and, unless switched off, the
// simulated mail internet.
func open(cfg config.Config, db *embedded.DB, log *slog.Logger) (app.Ports, func(), error) {
	secret := []byte(cfg.Secret.Reveal())
	if len(secret) == 0 {
		made, err := embedded.Secret(cfg.Data)
		if err != nil {
			return app.Ports{}, nil, err
		}
		secret = made
	}
	p := app.Ports{
		Control: db.Control(), Cache: db.Cache(), Vault: db.Vault(), Blob: db.Blob(),
		Log: log, Secret: secret, Version: "local", Now: time.Now,
	}
	p.Book, p.Meter, p.Tenant, p.Lists = app.Keys(p), app.Meter(p), app.Tenant(p), app.Lists(p)
	if egressChecked(cfg) {
		p.Egress = egress.NewWatch(p.Cache, p.Now, log)
	}
	if !cfg.Sim {
		return p, func() {}, nil
	}
	world, err := sim.Start(sim.Options{Log: log})
	if err != nil {
		return app.Ports{}, nil, fmt.Errorf("start simulated mail internet: %w", err)
	}
	p.Sim = world
	return p, func() { _ = world.Close() }, nil
}

// publicURL is how the outside reaches us: as set, else where we listen, which
// with port 0 is known only now.
func publicURL(cfg config.Config, getenv func(string) string, l net.Listener) string {
	host, port, _ := net.SplitHostPort(cfg.Addr)
	if port != "0" || getenv("RCPT_PUBLIC_URL") != "" {
		return cfg.PublicURL
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return "http://" + net.JoinHostPort(cmp.Or(host, "localhost"), port)
}

func welcome(out io.Writer, cfg config.Config, env environment, inbox string) {
	file := filepath.Join(cfg.Data, "env")
	if !filepath.IsAbs(file) {
		file = "./" + file // a shell's dot looks elsewhere otherwise
	}
	_, _ = fmt.Fprintf(out, `rcpt listens on %s

  . %s
  curl -s $RCPT_URL/v1/verify -H "Authorization: Bearer $RCPT_KEY" -d '{"email":"alice@ok.test"}'

Lists: make job FILE=list.csv, or put them into %s

`, env.URL, quote(file), inbox)
}
