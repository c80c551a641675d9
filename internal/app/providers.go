package app

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"rcpt/internal/config"
	"rcpt/internal/httpapi"
	"rcpt/internal/safedial"
	"rcpt/internal/vendors"
)

// Providers builds the handler of functions/providers: the vendor keys of
// customers, verification through them, and what it cost.
func Providers(cfg config.Config, p Ports) (http.Handler, error) {
	p = p.observed()
	p.Lists = Lists(p)
	v := Vendors(cfg, p)
	return following(p, httpapi.New(httpapi.Deps{
		Keys: Keys(p), Notes: Keys(p), Meter: Meter(p),
		Chain: v.Chain, VendorKeys: v.Keys, Ledger: v.Ledger, Catalogs: v.Catalogs, Rests: v.Rests, Gate: Gate(p, v),
		Log: p.Log, Metric: p.Metric, Mark: p.Mark, Now: p.Now,
	}, httpapi.ProvidersRoutes)), nil
}

// ProvidersQueue builds the handler of functions/vendorqueue: it finishes what
// requests to functions/providers did not reach in their time.
func ProvidersQueue(cfg config.Config, p Ports) (func(context.Context, VendorWork) error, error) {
	p = p.observed()
	v := Vendors(cfg, p)
	rests, gate := vendors.NewRests(v.Chain, p.VendorQueue, p.Vault), Gate(p, v)
	return func(ctx context.Context, work VendorWork) error {
		if work.Enrolment != nil {
			return finishEnrolment(ctx, p, gate, *work.Enrolment)
		}
		return rests.Finish(ctx, work.Rest)
	}, nil
}

// VendorParts are what stands between customers and their vendors.
type VendorParts struct {
	Catalogs *vendors.Catalogs
	Keys     *vendors.Book
	Ledger   *vendors.Ledger
	Chain    *vendors.Chain
	Rests    *vendors.Rests // nil without a queue
}

// Vendors joins the parts that ask vendors, unless the ports hold them.
func Vendors(cfg config.Config, p Ports) *VendorParts {
	if p.Vendors != nil {
		return p.Vendors
	}
	p = p.observed()
	client := vendors.NewClient(&http.Client{Transport: wayToVendors(cfg)}, p.Now)
	v := &VendorParts{Catalogs: vendors.NewCatalogs(p.Control, catalog(cfg), p.Now), Ledger: Ledger(p)}
	v.Keys = vendors.NewBook(p.Control, p.Vault, client, v.Catalogs, p.Now)
	v.Chain = vendors.New(vendors.Config{
		Cache: p.Cache, Book: v.Keys, Ledger: v.Ledger, Client: client, Catalog: v.Catalogs,
		Secret: p.Secret, Now: p.Now, Log: p.Log, Observe: vendorCalls(p),
	})
	if p.VendorQueue != nil {
		v.Rests = vendors.NewRests(v.Chain, p.VendorQueue, p.Vault)
	}
	return v
}

// Chain is what verifies through an account's vendor keys.
func Chain(cfg config.Config, p Ports) *vendors.Chain { return Vendors(cfg, p).Chain }

// Ledger is the log of what vendors were asked and what it cost, opened unless
// the ports hold it.
func Ledger(p Ports) *vendors.Ledger {
	if p.Vendors != nil {
		return p.Vendors.Ledger
	}
	return vendors.NewLedger(p.Control, p.Vault, p.Secret, p.Now, rand.Reader)
}

// catalog is the built-in one, as the settings want it reached.
func catalog(cfg config.Config) vendors.Catalog {
	all := vendors.Defaults()
	for i := range all {
		if base := cfg.VendorBase[string(all[i].Name)]; base != "" {
			all[i].Base = base
		}
	}
	return all
}

// wayToVendors reaches public addresses, the networks exempt from that guard,
// and the very loopback ports that the settings name: doubles of vendors. Base
// URLs of the catalog open no further way. It is HTTP/1.1: package vendors gives
// paid questions an empty body, of which that sends nothing.
func wayToVendors(cfg config.Config) http.RoundTripper {
	doubles, direct := make(map[string]bool), net.Dialer{Timeout: vendorConnect}
	for _, base := range cfg.VendorBase {
		if u, err := url.Parse(base); err == nil && loopback(u.Hostname()) {
			doubles[u.Host] = true
		}
	}
	guarded := safedial.Dialer{Allow: cfg.ProbeAllow}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if doubles[address] {
				return direct.DialContext(ctx, network, address)
			}
			return guarded.DialContext(ctx, network, address)
		},
		TLSHandshakeTimeout: vendorConnect, MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost: vendorIdle, IdleConnTimeout: vendorKept,
	}
}

const (
	// vendorConnect bounds connecting; a vendor's own time is in the catalog.
	vendorConnect = 5 * time.Second

	// vendorIdle is as many connections as a vendor is asked over at once, of the
	// vendors that take many: the next address finds one open.
	vendorIdle = 10

	// vendorKept is how long they stay open, well below the minute or more of usual
	// servers: a question that meets their hanging up is not sent again.
	vendorKept = 20 * time.Second
)

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// vendorCalls measures calls. The vendor is no dimension: each would be a metric
// that is paid for.
func vendorCalls(p Ports) func(string, float64, ...string) {
	return func(name string, ms float64, about ...string) {
		p.Metric(name+"_ms", ms, "vendor", about[0], "outcome", about[1])
	}
}
