package app

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/keys"
	"rcpt/internal/sim/vendordouble"
	"rcpt/internal/vendors"
)

// vendorWorld is functions/providers over a double of the vendors.
type vendorWorld struct {
	ports   Ports
	cfg     config.Config
	double  *vendordouble.Double
	secret  string // of an API key with every scope
	metrics []string
	mu      sync.Mutex
}

func newVendorWorld(t *testing.T) *vendorWorld {
	t.Helper()
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &vendorWorld{double: vendordouble.New(vendordouble.Options{})}
	base, err := w.double.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.double.Close() })
	w.cfg, err = config.Read(func(name string) string {
		if strings.HasPrefix(name, "RCPT_VENDOR_BASE_") {
			return base
		}
		return ""
	}, "host.example")
	if err != nil {
		t.Fatal(err)
	}
	w.ports = Ports{
		Control: db.Control(), Cache: db.Cache(), Vault: db.Vault(), Secret: []byte("0123456789abcdef"), Log: slog.New(slog.DiscardHandler), Now: time.Now,
		VendorQueue: db.Queue("vendor", embedded.DeadLetters{}),
		Metric: func(name string, _ float64, labels ...string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.metrics = append(w.metrics, name+" "+strings.Join(labels, " "))
		},
	}
	_, made, err := Keys(w.ports).Create(t.Context(), keys.Draft{Account: "acme", Scopes: append(keys.AllButAdmin(), keys.Admin)})
	if err != nil {
		t.Fatal(err)
	}
	w.secret = made.API
	return w
}

// Each setting reaches its vendor: what config knows and what vendors know are
// the same names.
func TestSettingsSayWhereVendorsAre(t *testing.T) {
	w := newVendorWorld(t)
	providers, err := Providers(w.cfg, w.ports)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vendors.Defaults() {
		body := `{"provider":"` + string(v.Name) + `","api_key":"good-key-0123456789"}`
		if status, answer := send(providers, "POST", "/v1/email-verifiers/providers", w.secret, body); status != 201 {
			t.Errorf("%s: %d %s", v.Name, status, answer)
		}
	}
	if status, answer := send(providers, "POST", "/v1/email-verifiers/verify", w.secret, `{"email":"ok@a.example"}`); status != 200 || !strings.Contains(answer, `"provider":"millionverifier"`) {
		t.Errorf("%d %s", status, answer)
	}
	if told := strings.Join(w.metrics, "\n"); !strings.Contains(told, "vendor_call_ms vendor millionverifier outcome answered") {
		t.Errorf("measured are\n%s", told)
	}
}

// What an operator writes into the catalog opens no way into our own networks,
// not even to another port beside the double's.
func TestCatalogOpensNoWayInside(t *testing.T) {
	w := newVendorWorld(t)
	reached := false
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer inside.Close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(inside.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	providers, err := Providers(w.cfg, w.ports)
	if err != nil {
		t.Fatal(err)
	}
	for _, base := range []string{inside.URL, "http://[::1]:" + port, "https://localhost:" + port, "https://169.254.169.254", "https://10.0.0.1"} {
		if status, answer := send(providers, "PUT", "/v1/email-verifiers/catalog", w.secret, `{"catalog":[{"provider":"hunter","base_url":"`+base+`"}]}`); status != 200 {
			t.Fatalf("%s: %d %s", base, status, answer)
		}
		status, answer := send(providers, "POST", "/v1/email-verifiers/providers", w.secret, `{"provider":"hunter","api_key":"good-key-0123456789"}`)
		if status != 400 || !strings.Contains(answer, "address is not public") {
			t.Errorf("%s: %d %s", base, status, answer)
		}
	}
	if reached {
		t.Error("the inside was reached")
	}
}

// Functions that share the parts notice at once what another one does.
func TestVendorPartsAreShared(t *testing.T) {
	w := newVendorWorld(t)
	if a, b := Chain(w.cfg, w.ports), Chain(w.cfg, w.ports); a == b {
		t.Error("functions that share nothing share a chain")
	}
	w.ports.Vendors = Vendors(w.cfg, w.ports)
	if Chain(w.cfg, w.ports) != w.ports.Vendors.Chain || Ledger(w.ports) != w.ports.Vendors.Ledger {
		t.Error("the parts of the ports are not used")
	}
}
