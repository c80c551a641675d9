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
	"rcpt/internal/egress"
	"rcpt/internal/httpapi"
	"rcpt/internal/keys"
	"rcpt/internal/lists"
	"rcpt/internal/lists/refresh"
	"rcpt/internal/lists/tenant"
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
	Blob    store.Blob        // files
	Egress  *egress.Watch     // what is known of our own way out; nil: nothing
	Sim     Simulation        // nil: no simulated mail internet
	Fetch   http.RoundTripper // how topics of Amazon SNS are reached; nil: by public addresses only
	Log     *slog.Logger      //
	Secret  []byte            // keys the hashes of addresses
	Version string            // of the build, for /v1/health
	Now     func() time.Time

	// Jobs carries out the state machine of jobs, ProbeQueue and DeliveryQueue take
	// what is to be probed and what is to be delivered. Nil where the function has
	// nothing to do with them.
	Jobs          store.Workflow
	ProbeQueue    store.Queue
	DeliveryQueue store.Queue

	// VendorQueue takes what requests to vendors did not reach in their time. Nil:
	// it is not finished.
	VendorQueue store.Queue

	// What is told of the work. Each may be nil: then nobody is told.
	Metric func(name string, value float64, labels ...string)                                    // labels are pairs from closed sets; "provider" is a dimension
	Step   func(ctx context.Context, step string) (_ context.Context, end func(notes ...string)) // a step of a trace; notes are pairs, without addresses
	Mark   func(ctx context.Context, name, value string) context.Context                         // log lines of the context carry name and value

	// What functions in one process share, so that each notices at once what
	// another one does. Nil: each has one of its own, as on AWS.
	Book   *keys.Book
	Meter  *usage.Meter
	Tenant *tenant.Book

	// Vendors likewise. Nil: each function has its own.
	Vendors *VendorParts

	// Lists is the table in use, which all parts of a process share. Nil: the
	// built-in one. ListFiles is where a newer one is found; nil: in Blob.
	Lists     *lists.Live
	ListFiles refresh.Files
}

// Simulation is the mail internet under .test.
type Simulation interface {
	DNS() string
	Owns(host string) bool
	Dial(ctx context.Context, ip netip.Addr) (net.Conn, error)
}

// Verify builds the handler of functions/verify.
func Verify(cfg config.Config, p Ports) (http.Handler, error) {
	p = p.observed()
	p.Lists, p.Tenant = Lists(p), Tenant(p)
	verifier, err := verifier(cfg, p)
	if err != nil {
		return nil, err
	}
	simulated, err := testVerifier(p)
	if err != nil {
		return nil, err
	}
	return following(p, httpapi.New(httpapi.Deps{
		Keys: Keys(p), Meter: Meter(p), Verifier: verifier, TestVerifier: simulated,
		Recheck: Rechecks(cfg, p), CheckWebhook: checkWebhook(cfg),
		Health: health(p), ListsInfo: listsInfo(p), Log: p.Log, Metric: p.Metric, Mark: p.Mark, Now: p.Now,
	}, httpapi.VerifyRoutes)), nil
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

// Tenant is the book of the lists that keys keep, opened unless the ports hold
// it.
func Tenant(p Ports) *tenant.Book {
	if p.Tenant != nil {
		return p.Tenant
	}
	return tenant.NewBook(p.Control, p.Now)
}

// verifier joins the pipeline: lists, DNS, prober, cache.
func verifier(cfg config.Config, p Ports) (*verify.Verifier, error) {
	resolver := mx.New(resolverConfig(cfg, p))
	way := route{allow: cfg.ProbeAllow, dialer: safedial.Dialer{Allow: cfg.ProbeAllow}, sim: p.Sim, egress: p.Egress}
	prober, err := smtpprobe.New(smtpprobe.Config{
		HELO: cfg.HELO, MailFrom: cfg.MailFrom, Port: uint16(cfg.SMTPPort), Resolver: resolver,
		Dial: way.dial, Closed: way.closed, Log: p.Log,
		Pacer: pace.New(pace.Config{
			Mode: pace.Mode(cfg.Pacing), Exempt: way.exempt, Table: p.Cache, Now: p.Now, Opened: breakerOpened(p),
		}),
	})
	if err != nil {
		return nil, err
	}
	return verify.New(verify.Config{
		Lists: p.Lists, Tenant: p.Tenant, Overlay: Overlay(p), Router: observedRouter{resolver, p.Step}, Prober: observedProber{prober, p},
		Vendors: PaidVerifiers(cfg, p), Cache: p.Cache, Secret: p.Secret, Now: p.Now, Log: p.Log,
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
	egress *egress.Watch
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
	return func(ctx context.Context) httpapi.Health {
		way := egress.Unchecked
		if p.Egress != nil {
			way = p.Egress.State(ctx)
		}
		return httpapi.Health{Version: p.Version, Egress: string(way), Lists: listsOf(p.Lists.Table(), p.Now())}
	}
}
