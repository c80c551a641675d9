// Package app joins the parts: ports and settings in, one ready part of the
// product out. It is the only place where domain packages meet; the mains of
// functions/ and of infra/local open adapters and start what is built here.
//
// One address, from request to verdict, in four files:
//
//	internal/app/verify.go       this file: the parts and how they join
//	internal/httpapi/verify.go   decode and authorize, call, encode
//	internal/verify/verify.go    the pipeline, straight down
//	internal/verify/decide.go    evidence and policy in, verdict out
package app

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"rcpt/internal/config"
	"rcpt/internal/httpapi"
	"rcpt/internal/keys"
	"rcpt/internal/lists"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/safedial"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verify"
)

// Ports are the adapters a function is given.
type Ports struct {
	Control store.Table // what must not be lost
	Cache   store.Table // what may be dropped at any time
	Vault   store.Vault
	Egress  *pace.Egress // what is known of our own way out; nil: nothing
	Sim     Simulation   // nil: no simulated mail internet
	Log     *slog.Logger //
	Secret  []byte       // keys the hashes of addresses
	Version string       // of the build, for /v1/health
	Now     func() time.Time

	// What functions in one process share, so that each notices at once what
	// another one does. Nil: each has one of its own, as on AWS.
	Book  *keys.Book
	Meter *usage.Meter
}

// Simulation is the mail internet under .test.
type Simulation interface {
	DNS() string
	Owns(host string) bool
	Dial(ctx context.Context, ip netip.Addr) (net.Conn, error)
}

// Verify builds the handler of functions/verify.
func Verify(cfg config.Config, p Ports) (http.Handler, error) {
	verifier, err := verifier(cfg, p)
	if err != nil {
		return nil, err
	}
	simulated, err := testVerifier(p)
	if err != nil {
		return nil, err
	}
	return httpapi.New(httpapi.Deps{
		Keys: Keys(p), Meter: Meter(p), Verifier: verifier, TestVerifier: simulated, Health: health(p), Log: p.Log, Now: p.Now,
	}), nil
}

// Keys is the book of API keys, opened unless the ports hold it.
func Keys(p Ports) *keys.Book {
	if p.Book != nil {
		return p.Book
	}
	return keys.NewBook(p.Control, p.Vault, p.Now, rand.Reader)
}

// Meter is what admits and counts checks, opened unless the ports hold it.
func Meter(p Ports) *usage.Meter {
	if p.Meter != nil {
		return p.Meter
	}
	return usage.NewMeter(p.Control, p.Now, nil)
}

// verifier joins the pipeline: lists, DNS, prober, cache.
func verifier(cfg config.Config, p Ports) (*verify.Verifier, error) {
	resolver := mx.New(resolverConfig(cfg, p))
	way := route{allow: cfg.ProbeAllow, dialer: safedial.Dialer{Allow: cfg.ProbeAllow}, sim: p.Sim, egress: p.Egress}
	prober, err := smtpprobe.New(smtpprobe.Config{
		HELO: cfg.HELO, MailFrom: cfg.MailFrom, Port: uint16(cfg.SMTPPort), Resolver: resolver,
		Dial: way.dial, Closed: way.closed, Log: p.Log,
		Pacer: pace.New(pace.Config{Mode: pace.Mode(cfg.Pacing), Exempt: way.exempt, Table: p.Cache, Now: p.Now}),
	})
	if err != nil {
		return nil, err
	}
	return verify.New(verify.Config{
		Lists: lists.New(), Router: resolver, Prober: prober, Cache: p.Cache, Secret: p.Secret, Now: p.Now, Log: p.Log,
	}), nil
}

func resolverConfig(cfg config.Config, p Ports) mx.Config {
	c := mx.Config{Servers: cfg.DNS, Now: p.Now}
	if p.Sim != nil {
		c.Zones = map[string][]string{"test": {p.Sim.DNS()}}
	}
	return c
}

// route decides how an exchanger is reached: simulated ones by the simulation,
// all others through the guard against private addresses.
type route struct {
	allow  []netip.Prefix
	dialer safedial.Dialer
	sim    Simulation
	egress *pace.Egress
}

func (r *route) simulated(host string) bool { return r.sim != nil && r.sim.Owns(host) }

func (r *route) dial(ctx context.Context, host string, to netip.AddrPort) (net.Conn, error) {
	if r.simulated(host) {
		return r.sim.Dial(ctx, to.Addr())
	}
	return r.dialer.DialIP(ctx, to)
}

// exempt reports hosts that are ours to test with: no reputation is at stake.
func (r *route) exempt(host string, ip netip.Addr) bool {
	if r.simulated(host) {
		return true
	}
	for _, network := range r.allow {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

func (r *route) closed(host string, ip netip.Addr) bool {
	return r.egress != nil && r.egress.Closed() && !r.exempt(host, ip)
}

// health says what /v1/health shows.
func health(p Ports) func(context.Context) httpapi.Health {
	info := lists.New().Info()
	return func(context.Context) httpapi.Health {
		egress := "unchecked"
		if p.Egress != nil {
			egress = p.Egress.State()
		}
		return httpapi.Health{Version: p.Version, Egress: egress, Lists: httpapi.Lists{
			Version: info.Version, Built: info.Built.Format(time.DateOnly), Hosts: info.Hosts,
		}}
	}
}
