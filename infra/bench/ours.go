package main

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"rcpt/infra/bench/closed"
	"rcpt/internal/embedded"
	"rcpt/internal/lists"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/safedial"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// engine is the product's own engine over a closed world, cold: nothing cached,
// storage in a folder of its own.
type engine struct {
	verifier *verify.Verifier
	db       *embedded.DB
	folder   string
}

func newEngine(w *closed.World) (*engine, error) {
	folder, err := os.MkdirTemp("", "rcpt-bench-")
	if err != nil {
		return nil, err
	}
	db, err := embedded.Open(folder, embedded.Options{})
	if err != nil {
		return nil, err
	}
	verifier, err := newVerifier(w, db.Cache(), pace.New(pace.Config{Mode: pace.Off}), time.Now)
	if err != nil {
		return nil, err
	}
	return &engine{folder: folder, db: db, verifier: verifier}, nil
}

// newVerifier joins the parts as package app does.
func newVerifier(w *closed.World, cache store.Table, pacer *pace.Pacer, now func() time.Time) (*verify.Verifier, error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	resolver := mx.New(mx.Config{Servers: []string{w.DNS()}, Now: now})
	guard := safedial.Dialer{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	prober, err := smtpprobe.New(smtpprobe.Config{
		HELO: "probe.rcpt.example", MailFrom: "verify@rcpt.example", Port: w.Port(), Resolver: resolver,
		Dial:  func(ctx context.Context, _ string, to netip.AddrPort) (net.Conn, error) { return guard.DialIP(ctx, to) },
		Pacer: pacer, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return verify.New(verify.Config{
		Lists: lists.NewLive(lists.New()), Router: resolver, Prober: prober, Cache: cache, Secret: []byte("a secret of the bench"),
		Now: now, Log: log,
	}), nil
}

func (e *engine) close() {
	_ = e.db.Close()
	_ = os.RemoveAll(e.folder)
}

// requests streams addresses as requests of one key.
func requests(emails iter.Seq[string]) iter.Seq[verify.Request] {
	policy := verify.DefaultPolicy()
	return func(yield func(verify.Request) bool) {
		for email := range emails {
			if !yield(verify.Request{Scope: "bench", Email: email, Policy: policy}) {
				return
			}
		}
	}
}

// tally counts verdicts against what the world knows to be true, in the words
// "STATUS reason".
type tally struct {
	right, wrong int
	reasons      map[string]int
	example      string // of a wrong one
}

func (t *tally) add(email string, v verdict.Verdict, want verdict.Status) {
	if t.reasons == nil {
		t.reasons = make(map[string]int)
	}
	t.reasons[string(v.Status)+" "+string(v.Reason)]++
	if v.Status == want {
		t.right++
		return
	}
	t.wrong++
	t.example = fmt.Sprintf("%s is %s (%s), want %s", email, v.Status, v.Reason, want)
}
